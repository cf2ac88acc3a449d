"""What happened before each row of an event log: counts, sums, means and times, strictly earlier.

Rows of a customer at the same time are not earlier than each other. All of it is of whole columns
at once, by running sums over the rows in the order of their customer and time.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

SPAN = 4096.0  # more days than any log has, so that a customer's keys lie apart from the next one's


@dataclass(frozen=True, eq=False)
class Past:
    """Rows that are sorted by customer and time.

    Attributes:
        customer: Numbers of the customers, int (rows,), not falling.
        day: Times in days from 0 to `SPAN`, float64 (rows,), not falling within a customer.
    """

    customer: np.ndarray
    day: np.ndarray

    @cached_property
    def key(self) -> np.ndarray:
        """One number that sorts the rows as they are: float64 (rows,)."""
        key: np.ndarray = self.customer * SPAN + self.day
        return key

    @cached_property
    def end(self) -> np.ndarray:
        """The place behind each row's last earlier row: int (rows,)."""
        return np.searchsorted(self.key, self.key)

    def start(self, days: float) -> np.ndarray:
        """Give the place of each row's first row of this many days: int (rows,)."""
        first = self.customer * SPAN
        place: np.ndarray = np.searchsorted(self.key, np.maximum(self.key - days, first))
        return place

    def sum(self, values: np.ndarray, days: float = SPAN) -> np.ndarray:
        """Sum earlier values of the last days, those that are NaN left out: float64 (rows,)."""
        running = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values.astype(float)))])
        total: np.ndarray = running[self.end] - running[self.start(days)]
        return total

    def count(self, values: np.ndarray, days: float = SPAN) -> np.ndarray:
        """Count earlier rows where a mask is true, or a number is not NaN: float64 (rows,)."""
        mask = values if values.dtype == bool else ~np.isnan(values)
        return self.sum(mask, days)

    def mean(self, values: np.ndarray, days: float = SPAN) -> np.ndarray:
        """Average earlier values of the last days, NaN where there is none: float64 (rows,)."""
        counts = self.count(values, days)
        sums = self.sum(values, days)
        return ratio(sums, counts)

    def place(self, mask: np.ndarray, before: int = 1) -> np.ndarray:
        """Give the place of the last earlier row with the mask, -1 if there is none: int (rows,).

        With `before` 2 that of the last but one, and so on.
        """
        places: np.ndarray = np.flatnonzero(mask)
        number = np.searchsorted(places, self.end) - before
        found = np.where(number >= 0, places[np.maximum(number, 0)] if len(places) else -1, -1)
        places_or_none: np.ndarray = np.where(found >= self.start(SPAN), found, -1)
        return places_or_none

    def since(self, mask: np.ndarray) -> np.ndarray:
        """Give the days since the last row with the mask, NaN if there is none: float64 (rows,)."""
        place = self.place(mask)
        return np.where(place >= 0, self.day - self.day[place], np.nan)

    def last(self, values: np.ndarray, before: int = 1) -> np.ndarray:
        """Give the last earlier value that is not NaN, NaN if there is none: float64 (rows,)."""
        place = self.place(~np.isnan(values), before)
        return np.where(place >= 0, values[place], np.nan)

    def decayed(self, values: np.ndarray, half_life: float) -> np.ndarray:
        """Sum earlier values, each half as much after each half-life: float64 (rows,)."""
        weights: np.ndarray = 2 ** (self.day / half_life)
        weighted = pd.Series(np.nan_to_num(values.astype(float)) * weights)
        running = weighted.groupby(self.customer).cumsum().to_numpy()
        place = self.end - 1
        has_past = place >= self.start(SPAN)
        sums: np.ndarray = np.where(has_past, running[place] / weights, 0.0)
        return sums

    def decayed_mean(self, values: np.ndarray, half_life: float) -> np.ndarray:
        """Average earlier values with such weights, NaN where there is none: float64 (rows,)."""
        weights = self.decayed(~np.isnan(values), half_life)
        sums = self.decayed(values, half_life)
        return ratio(sums, weights)


def ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Divide, NaN where a count is 0: float64 (rows,)."""
    result: np.ndarray = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return result
