"""Hashes of cells, to find rows with equal values, for a part of the rows at a time."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.dates import days, is_dates
from tabular_lstm.rows.fingerprints import in_parts
from tabular_lstm.rows.sequences import amounts

# A column's range and the chance of equal values are estimated from about this many rows.
THINNED = 30_000
# A column of more than MANY distinct numbers is rounded to STEPS steps of its range.
MANY, STEPS = 100, 64
LEFT_OUT = 60

At = slice | np.ndarray
Taken = tuple[np.ndarray, np.ndarray]


class CellHashes:
    """Hashes of the cells of rows, uint64: of one column, or of several columns together.

    Args:
        rows: The rows; their numbers and dates are already read.
        columns: Which columns are categories or dates, and what means "not measured".
    """

    def __init__(self, rows: pd.DataFrame, columns: Columns) -> None:
        self.rows, self.columns = rows, columns
        self._thinned = slice(None, None, max(1, len(rows) // THINNED))
        self._steps: dict[str, float] = {}

    def numbers(self, name: str, at: At) -> np.ndarray | None:
        """Give a column's numbers as float64, dates as days; None if it holds categories."""
        cells = self.rows[name].iloc[at]
        if name in self.columns.categorical:
            return None
        if name not in self.columns.dates and is_dates(cells):
            return days(pd.to_datetime(cells).to_numpy("datetime64[us]"))
        if name not in self.columns.dates and not pd.api.types.is_numeric_dtype(cells):
            return None
        return amounts(cells, self.columns)

    def joined(
        self, names: Sequence[str], at: At, rounded: bool = False, missing: bool = False
    ) -> np.ndarray:
        """Hash several cells of each row together; 0 if a cell is missing and not `missing`."""
        total = np.zeros(len(self.rows.index[at]), np.uint64)
        known = np.ones(len(total), bool)
        for name in names:
            hashes = self._hashed(name, at, rounded)
            known &= missing | (hashes != 0)
            total += _of_column(name, hashes)
        return np.where(known, total, np.uint64(0))

    def all_but_one(self, names: Sequence[str], at: At, rounded: bool) -> list[np.ndarray]:
        """Hash all these cells of each row, then all but the first, all but the second, and so on.

        A missing cell counts as a value. With more than 60 columns only all cells are hashed.
        """
        if len(names) > LEFT_OUT:
            return [self.joined(names, at, rounded, missing=True)]
        each = [_of_column(name, self._hashed(name, at, rounded)) for name in names]
        total = np.asarray(np.sum(each, axis=0, dtype=np.uint64))
        return [total, *(total - hashes for hashes in each)]

    def taken(self, hashes: Callable[[slice], Sequence[np.ndarray]], most: int) -> list[Taken]:
        """For each of several hashes, sample about `most` rows: of each value all rows, or none.

        If few values have most of the rows, a sample has up to four times as many rows.

        Returns:
            The places of the rows, int64, and their hashes.
        """
        count = len(self.rows)
        below = np.uint64(min(most / max(count, 1), 1.0) * (2**64 - 2**11))
        kept: list[list[Taken]] = []
        for at in in_parts(count):
            places = np.arange(at.start, at.stop)
            for number, of_rows in enumerate(hashes(at)):
                drawn = np.where(of_rows == 0, pd.util.hash_array(places), of_rows)
                kept += [[]] if len(kept) == number else []
                room = 4 * most - sum(len(part) for part, _ in kept[number])
                few = np.flatnonzero((drawn <= below) | (count <= most))[:room]
                kept[number].append((places[few], of_rows[few]))
        return [
            (np.concatenate([rows for rows, _ in parts]), np.concatenate([of for _, of in parts]))
            for parts in kept
        ]

    def taken_of(
        self, names: Sequence[str], most: int, rounded: bool = False, missing: bool = False
    ) -> Taken:
        """Sample rows by the hash of several cells together, see `joined` and `taken`."""
        return self.taken(lambda at: [self.joined(names, at, rounded, missing)], most)[0]

    def chances(self, names: Sequence[str], rounded: bool = False) -> dict[str, float]:
        """Give for each column the chance that two rows have the same value."""
        found = {}
        for name in names:
            groups = pd.factorize(self._hashed(name, self._thinned, rounded))[0]
            sizes, count = np.bincount(groups).astype(float), max(len(groups), 2)
            same = (sizes * (sizes - 1)).sum() / (count * (count - 1))
            found[name] = float(max(same, 1 / count**2))
        return found

    def step(self, name: str) -> float:
        """Give the step that a column of many distinct numbers is rounded to; 0 is no rounding."""
        if name not in self._steps:
            numbers = self.numbers(name, self._thinned)
            known = np.empty(0) if numbers is None else numbers[~np.isnan(numbers)]
            many = len(np.unique(known)) > MANY
            low, high = np.quantile(known, [0.05, 0.95]) if many else (0.0, 0.0)
            self._steps[name] = float(high - low) / STEPS
        return self._steps[name]

    def holds_dates(self, name: str) -> bool:
        """Tell whether a column holds dates."""
        return name in self.columns.dates or is_dates(self.rows[name])

    def has_fractions(self, name: str) -> bool:
        """Tell whether a column holds numbers with fractions; dates do not count."""
        if self.holds_dates(name):
            return False
        numbers = self.numbers(name, self._thinned)
        return numbers is not None and bool((numbers % 1 > 0).any())

    def _hashed(self, name: str, at: At, rounded: bool) -> np.ndarray:
        numbers = self.numbers(name, at)
        if numbers is None:
            codes, distinct = pd.factorize(self.rows[name].iloc[at])
            texts = np.array([*map(str, distinct), ""], object)
            hashes = pd.util.hash_array(texts, categorize=False)
            hashes[-1] = 0  # a missing cell has the code -1
            return np.asarray(hashes[codes])
        if rounded and (step := self.step(name)):
            numbers = np.floor(numbers / step)
        return np.where(np.isnan(numbers), np.uint64(0), pd.util.hash_array(numbers + 0.0))


def _of_column(name: str, hashes: np.ndarray) -> np.ndarray:
    """Hash again with the column's name: equal values in two columns then have different hashes."""
    return np.asarray(pd.util.hash_array(hashes ^ np.uint64(crc32(name.encode()))))
