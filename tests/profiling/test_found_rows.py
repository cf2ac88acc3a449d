"""Rows that belong together, or are one customer's over time: what is proposed, what is asked."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.profiling.found_rows import with_found_rows
from tabular_lstm.profiling.proposal import Proposal, parameters_text, propose
from tabular_lstm.runs.new_environment import profile_files
from tests.helpers.project import ROOT
from tests.helpers.visits import event_log

# Groups

COUNT = 60
TABLE: dict[str, list[Any]] = {
    "patient": [f"P{x // 2}" for x in range(COUNT)],
    "seen": [f"{1 + x // 3:02}.11.2026" for x in range(COUNT)],
    "size": [x // 3 + 0.5 for x in range(COUNT)],
    "ward": ["north", "south", "west"] * 20,
    "age": [20 + x % 45 for x in range(COUNT)],
}
SICK: dict[str, list[Any]] = {"sick": [0, 0, 1] * 20}


def test_a_possible_leak_is_asked_about_before_a_group_with_three_ways_out() -> None:
    rng = np.random.default_rng(0)
    rate = rng.choice(np.arange(35), 1_400)
    rows = pd.DataFrame(
        {
            "size": rng.normal(50, 9, 1_400).round(2),
            "age": rng.integers(20, 70, 1_400),
            "status": np.where(rng.random(1_400) < 0.9, "open", "closed"),
            "sub_grade": [f"{'ABCDEFG'[n // 5]}{n % 5 + 1}" for n in rate],
            "rate": (5 + rate * 0.7 + rng.normal(0, 0.05, 1_400)).round(3),
        }
    )
    left = pd.DataFrame({**rows, "left": ["yes"] * 100 + ["no"] * 1_300}).drop(columns="sub_grade")
    left.loc[:89, "status"], left.loc[90:, "status"] = "closed", "open"
    first = next(iter(proposed(left, "left")[0].unsure))
    assert first.startswith("possible leak: status (")
    assert (
        "name it under ignore; if before, under known_in_time; if rows with the same value" in first
    )
    clean = proposed(left.drop(columns="status"), "left")[0]
    assert not any(doubt.startswith("possible leak") for doubt in clean.unsure)


def test_rows_that_belong_together_are_asked_about_with_both_ways_out() -> None:
    """Four rows of each of 400 visits, whose labels agree; the column may be ignored."""
    rng = np.random.default_rng(0)
    visit = np.repeat(np.arange(400), 4)
    sick = (rng.random(400) < 0.5)[visit] ^ (rng.random(1_600) < 0.1)
    order = rng.permutation(1_600)
    cells = {
        "visit_no": [f"V{7 * x % 4001}" for x in visit[order]],
        "pulse": (rng.normal(70, 9, 1_600) + 4 * sick).round(2)[order],
        "sick": sick.astype(int)[order],
    }
    proposal, history, _ = proposed(pd.DataFrame(cells))
    assert (history, proposal.choices["visit_no"].role) == (None, "ignore")
    first = next(iter(proposal.unsure))
    assert first.startswith("rows with the same 'visit_no' (400 values, 1,600 rows) mostly have ")
    assert first.endswith(
        "Name the column: columns.group: visit_no. Or, if the rows are independent: leave it"
    )
    # A column without a name is none.
    unnamed = pd.DataFrame(cells).rename(columns={"visit_no": "Unnamed: 0"})
    assert not any("Unnamed" in doubt for doubt in proposed(unnamed)[0].unsure)


def proposed(
    rows: pd.DataFrame, label: str | None = "sick"
) -> tuple[Proposal, dict[str, Any] | None, list[str]]:
    """What is proposed for rows with this label: the block that is written, what is asked."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.to_csv(file, index=False)
        _, table, first_rows = profile_files(file, "rows.csv")
    proposal = with_found_rows(table, propose(table, label), first_rows)
    columns = yaml.safe_load(parameters_text(proposal))["columns"]
    assert ColumnsOptions.model_validate(columns) == proposal.columns()
    asked = [doubt for doubt in proposal.unsure if doubt.startswith("history: ")]
    return proposal, columns.get("history"), asked


def with_label(cells: dict[str, Any], seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    count = len(next(iter(cells.values())))
    size = rng.normal(50, 9, count).round(2)
    return pd.DataFrame({**cells, "size": size, "sick": rng.integers(0, 2, count)})


def visits(
    of: str = "unit", order: str = "seen", dates: bool = True, rows: int = 8
) -> pd.DataFrame:
    """Rows of customers one after the other, in order, at times that are hardly ever the same.

    Each has its own first day, some two rows, others more.
    """
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, rows, 40, endpoint=True)
    day = np.concatenate(
        [rng.integers(0, 400) + np.cumsum(rng.integers(1, 60, size)) for size in sizes]
    )
    seen = pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D")
    customer = [f"c{number}" for number in np.repeat(np.arange(40), sizes)]
    return with_label({of: customer, order: seen.strftime("%d.%m.%Y") if dates else day}, 1)


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        # In blocks, whatever the customer is called.
        (visits(), "seen"),
        (visits(order="visit_day", dates=False), "visit_day"),
        # The newest first.
        (visits()[::-1], "seen"),
        # In the order of time, or in none, where it is called as a person.
        (visits("patient", "day", dates=False).sort_values("day"), "day"),
        (
            visits("client_id", "week", dates=False)
            .assign(week=lambda of: of.groupby("client_id").cumcount())
            .sample(frac=1, random_state=0),
            "week",
        ),
    ],
)
def test_a_history_is_proposed_with_rows_and_times_between_them(
    rows: pd.DataFrame, order: str
) -> None:
    customer = rows.columns[0]
    proposal, history, asked = proposed(rows)
    assert history == {"of": customer, "order": order, "steps": 20}
    assert proposal.columns().group == customer
    assert [*proposal.named("number")] == ["size"]
    assert proposal.columns().dates == ({} if order != "seen" else {"seen": "%d.%m.%Y"})
    (said,) = asked
    assert f"the earlier rows of its {customer}. If" in said
    median = rows.groupby(customer).size().median()
    assert proposal.choices[customer].why == f"40 values, of 2 to 8 rows, median {median:g}"
    if order == "seen":
        days = pd.to_datetime(rows["seen"], format="%d.%m.%Y")
        gaps = days.groupby(rows["unit"]).diff().dt.days.abs()
        assert proposal.choices["seen"].why == (
            f"days to the next row, median: {gaps.median():g}; written as %d.%m.%Y"
        )


# Which rows are predicted, and when their labels are known


def days_of(history: dict[str, Any] | None) -> int:
    assert history is not None
    return int(history["known_after"].removesuffix(" days"))


def begins(proposal: Proposal, *starts: str) -> list[bool]:
    return [any(said.startswith(f"{start}: ") for said in proposal.unsure) for start in starts]


@pytest.mark.parametrize("seed", range(3))
def test_the_kind_of_rows_with_labels_is_predicted_after_the_longest_delay(seed: int) -> None:
    rows = event_log(seed=seed)
    proposal, history, _ = proposed(rows, "cancelled")
    assert history is not None
    assert history["predict"] == {"event": "order"}
    assert 60 <= days_of(history) <= 75
    assert [*proposal.named("categorical")] == ["event"]
    assert begins(proposal, "predict", "known_after") == [True, False]
    assert any(said.startswith("predict: only rows of event: order") for said in proposal.unsure)
    # One delay for all labels; and the same rows in another order, without kinds.
    fixed = event_log((30, 30), seed=seed).sample(frac=1, random_state=seed)
    assert days_of(proposed(fixed, "cancelled")[1]) in (30, 31)
    orders = fixed[fixed["event"] == "order"].drop(columns="event")
    proposal, history, _ = proposed(orders, "cancelled")
    assert days_of(history) in (30, 31)
    assert begins(proposal, "predict", "known_after") == [False, False]


def test_kinds_may_be_several_and_numbers_and_some_labels_never_come() -> None:
    rows = event_log()
    rng = np.random.default_rng(1)
    kinds = {"call": 9, "order": 1, "return": 7}
    is_split = (rows["event"] == "order") & (rng.random(len(rows)) < 0.5)
    never = rows["cancelled"].where(rng.random(len(rows)) > 0.02, "")
    rows = rows.assign(event=rows["event"].map(kinds).mask(is_split, 3), cancelled=never)
    _, history, _ = proposed(rows, "cancelled")
    assert history is not None
    assert history["predict"] == {"event": [1, 3]}
    assert 60 <= days_of(history) <= 110


def test_where_the_rows_do_not_tell_it_is_asked() -> None:
    """All labels are known, a third never comes, they came at once, or only a few are late."""
    rows = event_log()
    orders = rows[rows["event"] == "order"].drop(columns="event")
    rng = np.random.default_rng(1)
    labels = rng.choice(["no", "yes"], len(orders))
    seldom = np.where(rng.random(len(orders)) < 0.3, "", orders["cancelled"])
    at_random = np.where(rng.random(len(orders)) < 0.03, "", labels)
    few = np.where(np.arange(len(orders)) > len(orders) - 12, "", labels)
    for cells in (labels, seldom, at_random, few):
        proposal, history, _ = proposed(orders.assign(cancelled=cells), "cancelled")
        assert history is not None
        assert {*history} == {"of", "order", "steps"}
        assert begins(proposal, "predict", "known_after") == [False, True]
        assert "\n    # known_after: # the longest time until" in parameters_text(proposal)


def test_no_kind_is_proposed_that_others_explain_as_well() -> None:
    rows = event_log()
    orders = rows[rows["event"] == "order"].drop(columns="event")
    is_known = (orders["cancelled"] != "").to_numpy()
    rng = np.random.default_rng(1)
    few = np.arange(len(orders)) < 15
    shop = rng.integers(100, 130, len(orders)).astype(str)
    is_closed = shop == "100"
    states = {
        "status": np.where(is_known, "closed", "open"),  # new rows are open
        "stage": np.where(is_known, "", "b"),  # the labelled rows have no value
        "type": np.where(few, "b", "a"),  # too few rows
        "shop": shop,  # too many values
    }
    for name, cells in states.items():
        without = {"type": few, "shop": is_closed}.get(name, np.zeros(len(orders), bool))
        labels = orders["cancelled"].mask(without, "")
        _, history, _ = proposed(orders.assign(**{name: cells}, cancelled=labels), "cancelled")
        assert history is not None
        assert "predict" not in history, name
    # What only orders have names no other kind.
    paid = np.where(rows["event"] == "order", "card", "")
    bare = rows.assign(paid=paid).drop(columns="event")
    assert "predict" not in (proposed(bare, "cancelled")[1] or {})
    # Some labelled rows are of no kind.
    lacking = rows["event"].mask(rng.random(len(rows)) < 0.01, "")
    assert "predict" not in (proposed(rows.assign(event=lacking), "cancelled")[1] or {})


def test_of_several_columns_the_one_that_tells_the_most_counts() -> None:
    rows = event_log()
    way = np.where(rows["event"] == "return", "back", "out")
    for names in (["way", *rows], [*rows, "way"]):
        _, history, _ = proposed(rows.assign(way=way)[names], "cancelled")
        assert history is not None
        assert history["predict"] == {"event": "order"}
    # A state that comes with the label tells which rows have one, but not which to predict.
    state = np.where(rows["event"] != "order", "done", "open")
    state = np.where(rows["cancelled"] != "", "settled", state)
    _, history, _ = proposed(rows.assign(state=state), "cancelled")
    assert history is not None
    assert history["predict"] == {"event": "order"}


def test_a_time_far_in_the_future_is_no_delay_of_the_labels() -> None:
    rows = event_log()
    rows.loc[100, "day"] = "2099-12-31"
    proposal, history, _ = proposed(rows, "cancelled")
    assert "known_after" not in (history or {})
    assert begins(proposal, "predict", "known_after") == [True, True]


def test_many_codes_of_any_name_are_asked_about_with_the_whole_block() -> None:
    """At times of a second no two rows agree by chance, and a contract is no person or thing."""
    rows = event_log().rename(columns={"customer": "contract"})
    seconds = np.random.default_rng(1).integers(0, 86_400, len(rows))
    rows["day"] = (pd.to_datetime(rows["day"]) + pd.to_timedelta(seconds, "s")).astype(str)
    proposal, history, (said,) = proposed(rows, "cancelled")
    assert history is None
    assert proposal.choices["contract"].role == "categorical"
    block = said.partition("write history: ")[2].partition(", and name neither")[0]
    written = yaml.safe_load(block)
    assert 60 <= days_of(written) <= 75
    written.pop("known_after")
    assert written == {"of": "contract", "order": "day", "predict": {"event": ["order"]}}
    # A few codes are grades, and words are no codes.
    few = [f"{grade}{n}" for grade in "ABCDEFGHIJ" for n in range(1, 7)]
    words = [a + b + c for a in "abcdef" for b in "ghijkl" for c in "mnopqr"]
    some = rows[::4]
    for values, count in ((few, 0), (words, 0), ([f"{word}1" for word in words], 1)):
        codes = np.random.default_rng(2).choice(values, len(some))
        assert len(proposed(some.assign(contract=codes), "cancelled")[2]) == count


def test_rows_of_one_time_are_counted() -> None:
    rows = event_log()
    count = rows.duplicated(["customer", "day"], keep=False).mean()
    (said,) = [
        said
        for said, names in proposed(rows, "cancelled")[0].unsure.items()
        if names == ["day"] and "the other's past" in said
    ]
    assert said.startswith(
        f"{count:.1%} of the rows have the same time as another row of their customer"
    )
    assert said.endswith("name both: order: [day, that column]")
    once = rows.drop_duplicates(["customer", "day"])
    assert not any("the other's past" in said for said in proposed(once, "cancelled")[0].unsure)


def test_visits_on_one_day_an_odd_date_and_a_shuffled_file_are_no_objection() -> None:
    rng = np.random.default_rng(0)
    rows = visits("patient", rows=20).sample(frac=1, random_state=0, ignore_index=True)
    moments = pd.to_datetime(rows["seen"], format="%d.%m.%Y")
    again = rows.sample(frac=0.068, random_state=1).assign(size=1.5)
    one_day = pd.concat([rows, again]).sample(frac=1, random_state=2)
    seconds = pd.to_timedelta(rng.integers(0, 86_400, len(rows)), "s")
    stamped = rows.assign(seen=(moments + seconds).dt.strftime("%Y-%m-%d %H:%M:%S"))
    odd = rows.copy()
    odd.loc[7, "seen"] = "soon"
    for table in (one_day, stamped, odd):
        proposal, history, _ = proposed(table)
        assert history is not None
        assert (history["of"], history["order"]) == ("patient", "seen")
    (doubt,) = [said for said, names in proposal.unsure.items() if names == ["seen"]]
    assert doubt.startswith("cells that are not dates: 1, such as 'soon'")


def test_a_history_in_two_formats_of_dates_is_found_with_their_shares() -> None:
    rows = visits("customer_no")
    iso = pd.to_datetime(rows["seen"], format="%d.%m.%Y").dt.strftime("%Y-%m-%d")
    is_new = np.arange(len(rows)) % 20 < 13
    for form, other, forms in (
        ("%d.%m.%Y", "", "ISO 8601 in {:.1%} and %d.%m.%Y in {:.1%}"),
        ("%d/%m/%Y", "", "ISO 8601 in {:.1%} and %d/%m/%Y in {:.1%}"),
        ("%d/%m/%Y", "%d/%m/%Y and %m/%d/%Y", ""),
    ):
        days = pd.to_datetime(rows["seen"], format="%d.%m.%Y")
        if other:  # no day is above 12
            days -= pd.to_timedelta((days.dt.day - 1) // 12 * 12, "D")
            iso = days.dt.strftime("%Y-%m-%d")
        seen = iso.where(is_new, days.dt.strftime(form))
        proposal, history, _ = proposed(rows.assign(seen=seen))
        assert history == {"of": "customer_no", "order": "seen", "steps": 20}
        assert proposal.columns().dates == {"seen": [None, form]}
        assert f'    seen: [null, "{form}"] # ' in parameters_text(proposal)
        shares = is_new.mean(), 1 - is_new.mean()
        assert proposal.choices["seen"].why.endswith(forms.format(*shares))
        asked = [said for said in proposal.unsure if said.startswith("dates: ")]
        assert asked == ([f"dates: {other} fit the same cells; which is it?"] if other else [])


def test_steps_are_as_many_as_nine_of_ten_have() -> None:
    _, history, _ = proposed(visits(rows=60))
    assert history is not None
    assert 45 < history["steps"] < 60
    assert (proposed(visits(rows=400))[1] or {})["steps"] == 200


TIME, PANEL = np.divmod(np.arange(300), 20)  # each of 20 values at each of 15 times, by time
SISTERS = [sorted(np.random.default_rng(n).choice(20, 3, replace=False)) for n in range(250)]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        # Of a panel in the order of time, unless it is called as a person, places may be years.
        ({"seed": PANEL + 101, "year": 2000 + TIME}, "history: {of: seed, order: year}"),
        # A number that each file gives anew.
        ({"id": PANEL + 101, "year": 2000 + TIME}, "history: {of: id, order: year}"),
        # Three of each family, the youngest first.
        (
            {"family": np.arange(750) // 3, "age": np.concatenate(SISTERS)},
            "history: {of: family, order: age}",
        ),
    ],
)
def test_what_may_be_chance_is_asked(cells: dict[str, Any], line: str) -> None:
    _, history, asked = proposed(with_label(cells, 1))
    assert history is None
    (said,) = asked
    assert line in said


def test_where_rows_repeat_by_chance_or_at_one_time_there_is_neither() -> None:
    rng = np.random.default_rng(2)
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.permutation(20_000)[:400], "D")
    rows = with_label(
        {
            "patient": [f"P{number:03}" for number in range(400)],
            "ward": rng.choice([f"w{number}" for number in range(30)], 400),
            "household": np.arange(400) // 3,
            "born": born.strftime("%Y-%m-%d"),
            "seen": pd.date_range("2025-01-01", periods=400).strftime("%Y-%m-%d"),
            "age": rng.integers(20, 90, 400),
        },
        2,
    )
    # A patient has one row, a ward and a day are chance, persons have birthdays of their own.
    for left_out in (["household", "born"], ["seen"], ["seen", "patient"]):
        _, history, asked = proposed(rows.drop(columns=left_out))
        assert (history, asked) == (None, [])
    # Two rows of one time are no history, as of an order's lines.
    lines = visits("customer")
    assert proposed(pd.concat([lines, lines.assign(size=1.5)]))[1] is None


@pytest.mark.parametrize("name", ["diabetes", "italy_power_demand"])
def test_shipped_tables_of_single_rows_have_no_histories(name: str) -> None:
    rows = pd.read_csv(ROOT / f"data/01_raw/{name}.csv", dtype="str", keep_default_na=False)
    _, history, asked = proposed(rows, None)
    assert (history, asked) == (None, [])
