"""Past features: what a customer's earlier rows say about a row, as numbers of the row itself.

They come from rows with an earlier time, and from labels that are known by then. The bits of a row
do not depend on later rows, on unknown labels or on other customers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import inf
from typing import NamedTuple, cast

import numpy as np

from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.schema import HistoryLayout, Schema

# In a recent mean, the weight halves after so many values, and so many values count.
HALF_LIFE, RECENT = 2, 8
# The half-lives of counts, sums and means are these quantiles of the gaps between rows.
GAPS = (0.25, 0.5, 0.9)
# A column with more categories has no features of each.
MOST_CATEGORIES = 50
# A weight below this is 0, so that no float32 is too small for some processors.
LEAST_WEIGHT = 1e-9


class Running(NamedTuple):
    """What a customer's values up to each one come to: float64 (values, half-lives).

    Attributes:
        weight: How many values there are, each counted half as much after each half-life.
        mean: Their mean, weighted in the same way.
        spread: Their standard deviation, likewise.
    """

    weight: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class Past:
    """For each of n histories, the earlier values of a column, computed when they are asked for.

    Attributes:
        histories: The n histories.
        half_lives: In the unit of the times; with an infinite one, all values count alike.
        slot: The column's place in the table. Default: none, each row has the value 0.
        only: The value that alone counts, such as a category. Default: all but missing ones.
        known: Whether a value counts only once the label of its row is known. Default: no.
    """

    histories: Histories
    half_lives: np.ndarray
    slot: int | None = None
    only: float | None = None
    known: bool = False

    @cached_property
    def column(self) -> np.ndarray:
        """The column's values, float64 (rows of the table,)."""
        table = self.histories.table
        return np.zeros(len(table)) if self.slot is None else table[:, self.slot].astype(float)

    @cached_property
    def own(self) -> np.ndarray:
        """The value of each history's own row, float64 (n,)."""
        return np.asarray(self.column[self.histories.own])

    @cached_property
    def has_value(self) -> np.ndarray:
        """Which rows of the table have a value that counts: bool (rows of the table,)."""
        has_value = ~np.isnan(self.column) if self.only is None else self.column == self.only
        return np.asarray(has_value)

    @cached_property
    def values(self) -> np.ndarray:
        """The values that count, by customer and then by time: float64 (values,)."""
        return np.asarray(self.column[self.has_value])

    @cached_property
    def rank(self) -> np.ndarray:
        """How many values of the same customer come before each: int64 (values,)."""
        customer = self.histories.customer[self.has_value]
        return np.asarray(np.arange(len(customer)) - np.searchsorted(customer, customer))

    @cached_property
    def end(self) -> np.ndarray:
        """The place after each history's last earlier value, int64 (n,)."""
        bound = self.histories.known if self.known else self.histories.last
        return np.asarray(np.append(0, np.cumsum(self.has_value))[bound])

    @cached_property
    def count(self) -> np.ndarray:
        """How many earlier values each history has, int64 (n,)."""
        customer, own = self.histories.customer, self.histories.customer[self.histories.own]
        return np.asarray(np.maximum(self.end - np.searchsorted(customer[self.has_value], own), 0))

    @property
    def changes(self) -> bool:
        """Whether some customer has several values."""
        return bool(((np.diff(self.values, prepend=0) != 0) & (self.rank > 0)).any())

    @cached_property
    def running(self) -> Running:
        """What the values up to each one come to.

        One pass goes from all customers' first values to their second ones and so on, so that a
        value costs the same however many come before it. Weights only ever shrink: unlike sums of
        `exp(time)`, they cannot overflow.

        Source: West, "Updating Mean and Variance Estimates: An Improved Method", 1979.
        """
        values = np.repeat(self.values[:, None], len(self.half_lives), 1)
        times = self.histories.time[self.has_value]
        kept = faded(np.diff(times, prepend=0)[:, None], self.half_lives)
        weight, mean, squares = np.ones_like(values), values.copy(), np.zeros_like(values)
        by_rank = np.argsort(self.rank, kind="stable")
        _, *later = np.split(by_rank, np.cumsum(np.bincount(self.rank))[:-1])
        for places in later:
            before, kept_now = places - 1, kept[places]
            weight[places] += weight[before] * kept_now
            change = values[places] - mean[before]
            mean[places] = mean[before] + change / weight[places]
            squares[places] = squares[before] * kept_now + change * (values[places] - mean[places])
        return Running(weight, mean, np.sqrt(squares / weight))

    def lag(self, place: int, column: np.ndarray | None = None) -> np.ndarray:
        """Return the value so many values before, 1 for the last; NaN if there is none: (n,)."""
        column = self.values if column is None else column
        places = np.where(self.count >= place, self.end - place, -1)
        return np.asarray(np.append(column, np.nan)[places])

    def recent_mean(self) -> np.ndarray:
        """Return the mean of the last earlier values, weighted by `HALF_LIFE`, likewise."""
        lags = np.stack([self.lag(place) for place in range(1, RECENT + 1)])
        weights = 0.5 ** (np.arange(RECENT) / HALF_LIFE)[:, None] * ~np.isnan(lags)
        total = weights.sum(0)
        return np.asarray((weights * np.nan_to_num(lags)).sum(0) / np.where(total, total, np.nan))

    def since_last(self) -> np.ndarray:
        """Return the time since the last earlier value, NaN if there is none, likewise."""
        time, own = self.histories.time, self.histories.own
        return np.asarray(time[own] - self.lag(1, time[self.has_value]))

    def since_same(self) -> np.ndarray:
        """Return the time since the last earlier row with the own row's category, likewise."""
        histories, codes = self.histories, np.nan_to_num(self.column, nan=-1).astype(np.int64) + 1
        group = histories.customer * (codes.max(initial=0) + 1) + codes
        order = np.argsort(group, kind="stable")
        own_group = group[histories.own]
        places = group[order] * len(group) + order
        last = order[np.searchsorted(places, own_group * len(group) + histories.last) - 1]
        is_earlier = (group[last] == own_group) & (last < histories.last)
        return np.where(is_earlier, histories.time[histories.own] - histories.time[last], np.nan)

    def weights(self, half_life: int) -> np.ndarray:
        """Count the earlier values, each half as much after a half-life, by the place of it."""
        left = faded(self.since_last(), self.half_lives[half_life])
        return np.asarray(np.nan_to_num(self.lag(1, self.running.weight[:, half_life]) * left))

    def mean(self, half_life: int) -> np.ndarray:
        """Average the earlier values, weighted in the same way; NaN if there is none."""
        return self.lag(1, self.running.mean[:, half_life])

    def sum(self, half_life: int) -> np.ndarray:
        """Add up the earlier values, weighted in the same way."""
        return np.asarray(np.nan_to_num(self.mean(half_life)) * self.weights(half_life))

    def deviation(self, half_life: int) -> np.ndarray:
        """Return how many standard deviations the own value is above the mean.

        NaN if the earlier values are all the same, or differ by no more than rounding.
        """
        spread, mean = self.lag(1, self.running.spread[:, half_life]), self.mean(half_life)
        # What differed has faded to less than a float32 can divide by.
        differs = spread > LEAST_WEIGHT * np.maximum(np.abs(self.own), np.abs(mean))
        return np.asarray((self.own - mean) / np.where(differs, spread, np.nan))


def faded(times: np.ndarray, half_life: np.ndarray) -> np.ndarray:
    """Return what is left of a weight of 1 after a time."""
    left = np.exp2(-np.maximum(times, 0) / half_life)
    return np.asarray(np.where(left < LEAST_WEIGHT, 0, left))


def half_lives_of(gaps: np.ndarray) -> tuple[float, ...]:
    """Return the `HistoryLayout.half_lives`: the quantiles `GAPS`.

    Args:
        gaps: The time between a customer's rows, NaN where there is no earlier row; rows that only
            a second column orders have 0, which tells nothing.
    """
    gaps = gaps[gaps > 0]
    half_lives = np.quantile(gaps, GAPS, method="nearest") if gaps.size else gaps
    return tuple(dict.fromkeys(float(f"{half_life:.3g}") for half_life in half_lives))


Candidates = dict[str, Callable[[], np.ndarray]]


def candidates(histories: Histories, schema: Schema) -> list[Candidates]:
    """Name the past features that histories' own rows may have, each with what computes it.

    Numbers and categories that do not change within a customer have none: in these histories or,
    once there is `schema.row`, in those that it was learned from.

    Returns:
        The features of all rows, of each number, of each column of categories, of each category and
        of each feature that holds the label.
    """
    layout = cast(HistoryLayout, schema.history)
    unit = " days" if layout.dates else ""
    texts = (f" (half-life {time:g}{unit})" for time in layout.half_lives)
    periods = ["", *(text.replace(" 1 days", " 1 day") for text in texts)]
    half_lives = np.array([inf, *layout.half_lives])

    def by_period(name: str, compute: Callable[[int], np.ndarray]) -> Candidates:
        return {f"{name}{period}": partial(compute, place) for place, period in enumerate(periods)}

    def amounts(name: str, past: Past) -> Candidates:
        means = by_period(f"{name}, mean", past.mean)
        # The sum of values less their origin says nothing.
        has_origin = past.slot is not None and schema.features[past.slot] in schema.origin
        return means if has_origin else means | by_period(f"{name}, sum", past.sum)

    def of_number(name: str, past: Past) -> Candidates:
        return {
            f"{name}, less the one before": lambda: past.own - past.lag(1),
            f"{name}, less the mean before": lambda: past.own - past.mean(0),
            f"{name}, recent mean": past.recent_mean,
            **by_period(f"{name}, deviation from the mean before", past.deviation),
            f"{name}, earlier, the last": partial(past.lag, 1),
            **amounts(f"{name}, earlier", past),
        }

    def of_label(name: str, past: Past) -> Candidates:
        made = amounts(name, past) | {
            f"{name}, recent mean": past.recent_mean,
            f"{name}, 1 before": partial(past.lag, 1),
            f"{name}, 2 before": partial(past.lag, 2),
            f"{name}, since the last": past.since_last,
            **by_period(f"{name}, count", past.weights),
        }
        if schema.task.has_threshold:
            made[f"{name}, since the last 1"] = replace(past, only=1).since_last
        return made

    def of_category(name: str, past: Past) -> Candidates:
        since_last = {f"{name}, earlier, since the last": past.since_last}
        return by_period(f"{name}, earlier, count", past.weights) | since_last

    everything = Past(histories, half_lives)
    made = [by_period("rows, earlier, count", everything.weights)]
    for name in schema.columns:
        if name not in schema.features:
            continue
        past = replace(everything, slot=schema.features.index(name))
        if schema.row is None and not past.changes:
            continue
        if name not in schema.categories:
            made.append(of_number(name, past))
            continue
        made.append({f"{name}, since the same": past.since_same})
        if len(schema.categories[name]) <= MOST_CATEGORIES:
            made += [
                of_category(f"{name}: {category}", replace(past, only=float(code)))
                for code, category in enumerate(schema.categories[name])
            ]
    for name in layout.labels:
        known = replace(everything, slot=schema.features.index(name), known=True)
        made.append(of_label(name, known))
    return made


def past_features(histories: Histories, schema: Schema) -> dict[str, np.ndarray]:
    """Return the past features of `schema.row`, by name: float64 (histories,) each."""
    compute = {n: of_name for some in candidates(histories, schema) for n, of_name in some.items()}
    past = [n for n in cast(Schema, schema.row).features if n not in schema.features]
    return {name: compute[name]() for name in past}


def as_rows(histories: Histories, schema: Schema) -> np.ndarray:
    """Lay the histories' own rows out with their past features, by `schema.row`.

    Returns:
        float32 (histories, steps, features_per_step), NaN where missing.
    """
    row_schema, past = cast(Schema, schema.row), past_features(histories, schema)
    own_rows = histories.table[histories.own]
    slots = np.zeros((len(own_rows), row_schema.steps * row_schema.features_per_step), np.float32)
    for slot, name in enumerate(row_schema.features):
        slots[:, slot] = past[name] if name in past else own_rows[:, schema.features.index(name)]
    return slots.reshape(len(own_rows), row_schema.steps, row_schema.features_per_step)
