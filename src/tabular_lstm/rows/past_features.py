"""Past features: what a customer's earlier rows say about a row, as numbers of the row itself.

They come from rows with an earlier time, and from labels that are known by then. The bits of a row
do not depend on later rows, on unknown labels or on other customers.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np

from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.schema import HistoryLayout, Schema

# In a recent mean, the weight halves after so many values, and so many values count.
HALF_LIFE, RECENT = 2, 8


@dataclass(frozen=True, eq=False)
class Past:
    """For each of n histories, the earlier values of a column: those that end at place `end`.

    Attributes:
        values: Without NaN, by customer and then by time, float64 (values,).
        times: Their times, float64 (values,).
        rank: How many values of the same customer come before each, int64 (values,).
        count: How many earlier values each history has, int64 (n,).
        end: The place after the last of them, int64 (n,).
    """

    values: np.ndarray
    times: np.ndarray
    rank: np.ndarray
    count: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, histories: Histories, values: np.ndarray, end: np.ndarray) -> "Past":
        """Take each customer's values, (rows of the table,), before place `end`, (n,)."""
        has_value = ~np.isnan(values)
        before = np.append(0, np.cumsum(has_value))
        customer = histories.customer[has_value]
        places, is_first = np.arange(len(customer)), np.diff(customer, prepend=-1) != 0
        rank = places - np.maximum.accumulate(np.where(is_first, places, 0))
        start = np.searchsorted(customer, histories.customer[histories.own])
        ends = before[end]
        times = histories.time[has_value]
        return cls(values[has_value], times, rank, np.maximum(ends - start, 0), ends)

    def lag(self, place: int, column: np.ndarray | None = None) -> np.ndarray:
        """Give the value so many values before, 1 for the last; NaN if there is none: (n,)."""
        column = self.values if column is None else column
        places = np.where(self.count >= place, self.end - place, -1)
        return np.asarray(np.append(column, np.nan)[places])

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


CHANGE = "{}, less the one before"


def past_features(histories: Histories, schema: Schema) -> dict[str, np.ndarray]:
    """Give the past features of the histories' own rows, by name: float64 (histories,) each.

    They are made of the columns of numbers that change within a customer: in these histories, or,
    once there is `schema.row`, in those that it was learned from.
    """
    past_of: dict[str, np.ndarray] = {}
    labels, now = cast(HistoryLayout, schema.history).labels, histories.time[histories.own]
    for name in schema.columns:
        if name not in schema.features or name in schema.categories:
            continue
        change = CHANGE.format(name)
        if schema.row is None or change in schema.row.features:
            values = histories.table[:, schema.features.index(name)].astype(float)
            past, own = Past.of(histories, values, histories.last), values[histories.own]
            changes = (np.diff(past.values, prepend=0) != 0) & (past.rank > 0)
            if schema.row is not None or changes.any():
                past_of[change] = own - past.lag(1)
                past_of[f"{name}, less the mean before"] = own - past.mean
                past_of[f"{name}, recent mean"] = past.recent_mean
    for name in labels:
        values = histories.table[:, schema.features.index(name)].astype(float)
        past = Past.of(histories, values, histories.known)
        if name == labels[0]:
            past_of[f"{name}, count"] = past.count.astype(float)
            past_of[f"{name}, since the last"] = now - past.lag(1, past.times)
        past_of[f"{name}, mean"] = past.mean
        past_of[f"{name}, recent mean"] = past.recent_mean
        for place in (1, 2):
            past_of[f"{name}, {place} before"] = past.lag(place)
        if schema.task.has_threshold:
            positives = Past.of(histories, np.where(values == 1, 1, np.nan), histories.known)
            past_of[f"{name}, since the last 1"] = now - positives.lag(1, positives.times)
    return past_of


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
