"""Past features: what a customer's earlier rows say about a row, as numbers of the row itself.

They come from rows with an earlier time, and from labels that are known by then. The bits of a row
do not depend on later rows, on unknown labels or on other customers.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, cached_property, partial
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
    """For each of n histories, the earlier values of a column: those that end at place `end`.

    Attributes:
        values: Without NaN, by customer and then by time, float64 (values,).
        times: Their times, float64 (values,).
        rank: How many values of the same customer come before each, int64 (values,).
        count: How many earlier values each history has, int64 (n,).
        end: The place after the last of them, int64 (n,).
        now: The time of each history's own row, float64 (n,).
        half_lives: In the unit of the times; with an infinite one, all values count alike.
    """

    values: np.ndarray
    times: np.ndarray
    rank: np.ndarray
    count: np.ndarray
    end: np.ndarray
    now: np.ndarray
    half_lives: np.ndarray

    @classmethod
    def of(
        cls, histories: Histories, values: np.ndarray, end: np.ndarray, half_lives: np.ndarray
    ) -> "Past":
        """Take each customer's values, (rows of the table,), before place `end`, (n,)."""
        has_value = ~np.isnan(values)
        before = np.append(0, np.cumsum(has_value))
        customer = histories.customer[has_value]
        places, is_first = np.arange(len(customer)), np.diff(customer, prepend=-1) != 0
        rank = places - np.maximum.accumulate(np.where(is_first, places, 0))
        start = np.searchsorted(customer, histories.customer[histories.own])
        ends = before[end]
        times, now = histories.time[has_value], histories.time[histories.own]
        count = np.maximum(ends - start, 0)
        return cls(values[has_value], times, rank, count, ends, now, half_lives)

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
        kept = faded(np.diff(self.times, prepend=0)[:, None], self.half_lives)
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
        """Give the value so many values before, 1 for the last; NaN if there is none: (n,)."""
        column = self.values if column is None else column
        places = np.where(self.count >= place, self.end - place, -1)
        return np.asarray(np.append(column, np.nan)[places])

    def recent_mean(self) -> np.ndarray:
        """Give the mean of the last earlier values, weighted by `HALF_LIFE`, likewise."""
        lags = np.stack([self.lag(place) for place in range(1, RECENT + 1)])
        weights = 0.5 ** (np.arange(RECENT) / HALF_LIFE)[:, None] * ~np.isnan(lags)
        total = weights.sum(0)
        return np.asarray((weights * np.nan_to_num(lags)).sum(0) / np.where(total, total, np.nan))

    def since_last(self) -> np.ndarray:
        """Give the time since the last earlier value, NaN if there is none, likewise."""
        return np.asarray(self.now - self.lag(1, self.times))

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

    def deviation(self, half_life: int, own: np.ndarray) -> np.ndarray:
        """Give how many standard deviations the own values, (n,), are above the mean.

        NaN if the earlier values are all the same.
        """
        spread = self.lag(1, self.running.spread[:, half_life])
        return np.asarray((own - self.mean(half_life)) / np.where(spread > 0, spread, np.nan))


def faded(times: np.ndarray, half_life: np.ndarray) -> np.ndarray:
    """Give what is left of a weight of 1 after a time."""
    left = np.exp2(-np.maximum(times, 0) / half_life)
    return np.asarray(np.where(left < LEAST_WEIGHT, 0, left))


def half_lives_of(gaps: np.ndarray) -> tuple[float, ...]:
    """Give the `HistoryLayout.half_lives`: the quantiles `GAPS`, but at least one unit of time.

    Args:
        gaps: The time between a customer's rows, NaN where there is no earlier row.
    """
    gaps = gaps[~np.isnan(gaps)]
    half_lives = np.quantile(gaps, GAPS, method="nearest").clip(1) if gaps.size else gaps
    return tuple(dict.fromkeys(float(f"{half_life:.3g}") for half_life in half_lives))


def since_same(histories: Histories, codes: np.ndarray) -> np.ndarray:
    """Give the time since the last earlier row with the own row's category; NaN if there is none.

    Args:
        histories: n histories.
        codes: The category of each row of the table, (rows of the table,).
    """
    codes = np.nan_to_num(codes, nan=-1).astype(np.int64) + 1
    group = histories.customer * (codes.max(initial=0) + 1) + codes
    order = np.argsort(group, kind="stable")
    own_group = group[histories.own]
    places = group[order] * len(group) + order
    last = order[np.searchsorted(places, own_group * len(group) + histories.last) - 1]
    is_earlier = (group[last] == own_group) & (last < histories.last)
    return np.where(is_earlier, histories.time[histories.own] - histories.time[last], np.nan)


class Candidates:
    """The past features that histories' own rows may have, each computed when it is asked for.

    Numbers and categories that do not change within a customer have none: in these histories or,
    once there is `schema.row`, in those that it was learned from.

    Attributes:
        compute: By name, what computes the feature: float64 (histories,).
        rank: By name, of a feature of one category: how many of the column's categories are more
            frequent. Default: 0.
    """

    def __init__(self, histories: Histories, schema: Schema) -> None:
        self.histories, self.schema = histories, schema
        self.layout = layout = cast(HistoryLayout, schema.history)
        self.compute: dict[str, Callable[[], np.ndarray]] = {}
        self.rank: Counter[str] = Counter()
        unit = " days" if layout.dates else ""
        self.periods = ["", *(f" (half-life {time:g}{unit})" for time in layout.half_lives)]
        self._add_counts("rows, earlier", self._past(np.zeros(len(histories.table))))
        for name in schema.columns:
            if name in schema.features:
                values = self._values(name)
                past = self._past(values)
                if schema.row is None and not past().changes:
                    continue
                if name in schema.categories:
                    self._add_categories(name, values)
                else:
                    self._add_number(name, values[histories.own], past)
        for name in layout.labels:
            self._add_label(name)

    def _values(self, name: str) -> np.ndarray:
        return self.histories.table[:, self.schema.features.index(name)].astype(float)

    def _past(self, values: np.ndarray, known: bool = False) -> Callable[[], Past]:
        end = self.histories.known if known else self.histories.last
        half_lives = np.array([inf, *self.layout.half_lives])
        return cache(partial(Past.of, self.histories, values, end, half_lives))

    def _add(
        self, name: str, past: Callable[[], Past], what: Callable[..., np.ndarray], *places: int
    ) -> None:
        self.compute[name] = lambda: what(past(), *places)

    def _add_counts(self, earlier: str, past: Callable[[], Past]) -> None:
        for place, period in enumerate(self.periods):
            self._add(f"{earlier}, count{period}", past, Past.weights, place)

    def _add_amounts(self, earlier: str, past: Callable[[], Past], has_sum: bool = True) -> None:
        for place, period in enumerate(self.periods):
            self._add(f"{earlier}, mean{period}", past, Past.mean, place)
            if has_sum:
                self._add(f"{earlier}, sum{period}", past, Past.sum, place)

    def _add_number(self, name: str, own: np.ndarray, past: Callable[[], Past]) -> None:
        self._add(f"{name}, less the one before", past, lambda past: own - past.lag(1))
        self._add(f"{name}, less the mean before", past, lambda past: own - past.mean(0))
        self._add(f"{name}, recent mean", past, Past.recent_mean)
        for place, period in enumerate(self.periods):
            deviation = partial(Past.deviation, own=own)
            self._add(f"{name}, deviation from the mean before{period}", past, deviation, place)
        # Of values less their origin, the sum says nothing.
        self._add_amounts(f"{name}, earlier", past, has_sum=name not in self.schema.origin)

    def _add_categories(self, name: str, codes: np.ndarray) -> None:
        self.compute[f"{name}, since the same"] = lambda: since_same(self.histories, codes)
        categories = self.schema.categories[name]
        if len(categories) > MOST_CATEGORIES:
            return
        counts = np.bincount(codes[~np.isnan(codes)].astype(int), minlength=len(categories))
        for rank, code in enumerate(np.argsort(-counts[: len(categories)], kind="stable")):
            before, earlier = [*self.compute], f"{name} {categories[code]}, earlier"
            past = self._past(np.where(codes == code, 1.0, np.nan))
            self._add_counts(earlier, past)
            self._add(f"{earlier}, since the last", past, Past.since_last)
            self.rank.update(dict.fromkeys(self.compute.keys() - before, rank))

    def _add_label(self, name: str) -> None:
        values = self._values(name)
        past = self._past(values, known=True)
        self._add_amounts(name, past, has_sum=name not in self.schema.origin)
        self._add(f"{name}, recent mean", past, Past.recent_mean)
        for place in (1, 2):
            self._add(f"{name}, {place} before", past, Past.lag, place)
        if name == self.layout.labels[0]:
            self._add_counts(name, past)
            self._add(f"{name}, since the last", past, Past.since_last)
        if self.schema.task.has_threshold:
            positives = self._past(np.where(values == 1, 1, np.nan), known=True)
            self._add(f"{name}, since the last 1", positives, Past.since_last)


def past_features(
    histories: Histories, schema: Schema, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Give past features of the histories' own rows, by name: float64 (histories,) each.

    Args:
        histories: n histories.
        schema: A schema with a layout of histories.
        names: Which ones, see `Candidates`. Default: those of `schema.row`.
    """
    names = cast(Schema, schema.row).features if names is None else names
    compute = Candidates(histories, schema).compute
    return {name: compute[name]() for name in names if name in compute}


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
