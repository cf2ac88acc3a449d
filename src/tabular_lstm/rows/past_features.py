"""Past features: what a customer's earlier rows say about a row, as numbers of the row itself.

They come from rows with an earlier time, and from labels that are known by then. The bits of a row
do not depend on later rows, on unknown labels or on other customers.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import NamedTuple, cast

import numpy as np

from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.schema import HistoryLayout, Schema

# In a recent mean, the weight halves after so many values, and so many values count.
HALF_LIFE, RECENT = 2, 8
# The half-lives of counts, sums and means are these quantiles of the gaps between rows.
GAPS = (0.25, 0.5, 0.9)
# A column with more categories has no counts of each.
MOST_CATEGORIES = 50
# What is left of a count becomes 0 below this, so that no float32 is too small for some processors.
LEAST = 1e-9


class Running(NamedTuple):
    """What earlier values come to at each value, itself included: float64 (values, half-lives).

    Attributes:
        count: How many values there are, each counted half as much after each half-life.
        mean: Their mean, weighted in the same way.
        spread: Their standard deviation, likewise.
    """

    count: np.ndarray
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
        half_lives: In the unit of the times.
    """

    values: np.ndarray
    times: np.ndarray
    rank: np.ndarray
    count: np.ndarray
    end: np.ndarray
    now: np.ndarray
    half_lives: tuple[float, ...]

    @classmethod
    def of(
        cls,
        histories: Histories,
        values: np.ndarray,
        end: np.ndarray,
        half_lives: tuple[float, ...] = (),
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

    def lag(self, place: int, column: np.ndarray | None = None) -> np.ndarray:
        """Give the value so many values before, 1 for the last; NaN if there is none: (n,)."""
        column = self.values if column is None else column
        places = np.where(self.count >= place, self.end - place, -1)
        return np.asarray(np.append(column, np.nan)[places])

    @property
    def changes(self) -> bool:
        """Whether some customer has several values."""
        return bool(((np.diff(self.values, prepend=0) != 0) & (self.rank > 0)).any())

    @property
    def mean(self) -> np.ndarray:
        """The mean of the earlier values, NaN if there is none, float64 (n,).

        Running sums take log2(longest past) passes over all values, so that a sum's bits depend on
        its own past alone. Each customer's first value is subtracted, so that sums stay exact.

        Source: Hillis and Steele, "Data Parallel Algorithms", 1986.
        """
        first = self.values[np.arange(len(self.values)) - self.rank]
        sums, shift = self.values - first, 1
        while shift <= self.rank.max(initial=0):
            sums[shift:] += np.where(self.rank[shift:] >= shift, sums[:-shift], 0)
            shift *= 2
        return np.asarray(self.lag(1, first) + self.lag(1, sums) / np.maximum(self.count, 1))

    @property
    def recent_mean(self) -> np.ndarray:
        """The mean of the last earlier values, weighted by `HALF_LIFE`, likewise."""
        lags = np.stack([self.lag(place) for place in range(1, RECENT + 1)])
        weights = 0.5 ** (np.arange(RECENT) / HALF_LIFE)[:, None] * ~np.isnan(lags)
        total = weights.sum(0)
        return np.asarray((weights * np.nan_to_num(lags)).sum(0) / np.where(total, total, np.nan))

    @cached_property
    def since_last(self) -> np.ndarray:
        """The time since the last earlier value, NaN if there is none, likewise."""
        return self.now - self.lag(1, self.times)

    @cached_property
    def running(self) -> Running:
        """What the values up to each one come to.

        One pass goes from each customer's first values to the second ones and so on, so that a
        value costs the same however many come before it. Weights only ever shrink: unlike sums of
        `exp(time)`, they cannot overflow.

        Source: West, "Updating Mean and Variance Estimates: An Improved Method", 1979.
        """
        values = np.repeat(self.values[:, None], len(self.half_lives), 1)
        kept = halved(np.diff(self.times, prepend=0)[:, None], np.array(self.half_lives))
        count, mean, squares = np.ones_like(values), values.copy(), np.zeros_like(values)
        by_rank = np.argsort(self.rank, kind="stable")
        _, *later = np.split(by_rank, np.cumsum(np.bincount(self.rank))[:-1])
        for places in later:
            before, kept_now = places - 1, kept[places]
            count[places] += count[before] * kept_now
            change = values[places] - mean[before]
            mean[places] = mean[before] + change / count[places]
            squares[places] = squares[before] * kept_now + change * (values[places] - mean[places])
        return Running(count, mean, np.sqrt(squares / count))

    def recent_count(self, place: int) -> np.ndarray:
        """Count the earlier values, one that is a half-life ago by half; the half-life's place."""
        left = halved(self.since_last, self.half_lives[place])
        return np.nan_to_num(self.lag(1, self.running.count[:, place]) * left)

    def weighted_mean(self, place: int) -> np.ndarray:
        """Average the earlier values, weighted in the same way; NaN if there is none."""
        return self.lag(1, self.running.mean[:, place])

    def recent_sum(self, place: int) -> np.ndarray:
        """Add up the earlier values, weighted in the same way."""
        return np.nan_to_num(self.weighted_mean(place)) * self.recent_count(place)

    def deviation(self, own: np.ndarray, place: int) -> np.ndarray:
        """Give how many standard deviations the own values, (n,), are above the weighted mean.

        NaN if the earlier values are all the same.
        """
        spread = self.lag(1, self.running.spread[:, place])
        return np.asarray((own - self.weighted_mean(place)) / np.where(spread > 0, spread, np.nan))


def halved(times: np.ndarray, half_life: np.ndarray | float) -> np.ndarray:
    """Give what is left of 1 after a time: 0 in place of a number that is almost 0."""
    left = np.exp2(-np.maximum(times, 0) / half_life)
    return np.where(left < LEAST, 0, left)


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
    codes = np.nan_to_num(codes, nan=-1).astype(np.int64)
    group = histories.customer * (codes.max(initial=0) + 2) + codes + 1
    order = np.argsort(group, kind="stable")
    sorted_places = group[order] * len(group) + order
    own_group = group[histories.own]
    found = np.searchsorted(sorted_places, own_group * len(group) + histories.last) - 1
    last = order[found]  # of a row without one, any row of another group
    has_one = (found >= 0) & (group[last] == own_group)
    return np.where(has_one, histories.time[histories.own] - histories.time[last], np.nan)


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
        self.layout = cast(HistoryLayout, schema.history)
        self.compute: dict[str, Callable[[], np.ndarray]] = {}
        self.rank: Counter[str] = Counter()
        unit = " days" if self.layout.dates else ""
        self.periods = [f" (half-life {time:g}{unit})" for time in self.layout.half_lives]
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
        for name in self.layout.labels:
            self._add_label(name)
        self._add_counts("rows", self._past(np.zeros(len(histories.table))))

    def _values(self, name: str) -> np.ndarray:
        return self.histories.table[:, self.schema.features.index(name)].astype(float)

    def _past(self, values: np.ndarray, known: bool = False) -> Callable[[], Past]:
        end = self.histories.known if known else self.histories.last
        return cache(partial(Past.of, self.histories, values, end, self.layout.half_lives))

    def _add_counts(self, name: str, past: Callable[[], Past]) -> None:
        for place, period in enumerate(self.periods):
            self.compute[f"{name}, recent{period}"] = lambda h=place: past().recent_count(h)

    def _add_amounts(self, name: str, past: Callable[[], Past]) -> None:
        for place, period in enumerate(self.periods):
            self.compute[f"{name}, recent mean{period}"] = lambda h=place: past().weighted_mean(h)
            if name not in self.schema.origin:  # otherwise the values here are not what adds up
                self.compute[f"{name}, recent sum{period}"] = lambda h=place: past().recent_sum(h)

    def _add_number(self, name: str, own: np.ndarray, past: Callable[[], Past]) -> None:
        self.compute[f"{name}, less the one before"] = lambda: own - past().lag(1)
        self.compute[f"{name}, less the mean before"] = lambda: own - past().mean
        self.compute[f"{name}, recent mean"] = lambda: past().recent_mean
        self._add_amounts(name, past)
        for place, period in enumerate(self.periods):
            deviation = f"{name}, deviation from the recent mean{period}"
            self.compute[deviation] = lambda h=place: past().deviation(own, h)

    def _add_categories(self, name: str, codes: np.ndarray) -> None:
        if not self.periods:  # as before version 0.2.0
            return
        self.compute[f"{name}, since the same"] = lambda: since_same(self.histories, codes)
        categories = self.schema.categories[name]
        if len(categories) > MOST_CATEGORIES:
            return
        counts = np.bincount(codes[~np.isnan(codes)].astype(int), minlength=len(categories))
        for rank, code in enumerate(np.argsort(-counts[: len(categories)], kind="stable")):
            before, kind = [*self.compute], f"{name} {categories[code]}"
            past = self._past(np.where(codes == code, 1.0, np.nan))
            self._add_counts(kind, past)
            self.compute[f"{kind}, since the last"] = lambda p=past: p().since_last
            self.rank.update(dict.fromkeys(self.compute.keys() - before, rank))

    def _add_label(self, name: str) -> None:
        label, values = self.layout.labels[0], self._values(name)
        past = self._past(values, known=True)
        if name == label:
            self.compute[f"{name}, count"] = lambda: past().count.astype(float)
            self.compute[f"{name}, since the last"] = lambda: past().since_last
        self.compute[f"{name}, mean"] = lambda: past().mean
        self.compute[f"{name}, recent mean"] = lambda: past().recent_mean
        for place in (1, 2):
            self.compute[f"{name}, {place} before"] = lambda n=place: past().lag(n)
        if self.schema.task.has_threshold:
            positives = self._past(np.where(values == 1, 1, np.nan), known=True)
            self.compute[f"{name}, since the last 1"] = lambda: positives().since_last
        self._add_amounts(name, past)


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
