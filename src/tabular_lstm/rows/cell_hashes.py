"""Cells of rows as hashes, by which rows of one value are found, part by part of the rows."""

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.dates import days, is_dates
from tabular_lstm.rows.fingerprints import in_parts
from tabular_lstm.rows.sequences import amounts

# From so many rows a column's range and the chance of equal values are taken.
THINNED = 30_000
# Numbers of more values are rounded, to so many steps of their range.
MANY, STEPS = 100, 64
LEFT_OUT = 60

At = slice | np.ndarray
Taken = tuple[np.ndarray, np.ndarray]


class CellHashes:
    """The cells of rows as hashes, uint64, each column by itself or several joined.

    Args:
        rows: The rows, whose numbers and dates are read.
        columns: Which columns are names or dates, and what means "not measured".
    """

    def __init__(self, rows: pd.DataFrame, columns: Columns) -> None:
        self.rows, self.columns = rows, columns
        self._thinned = slice(None, None, max(1, len(rows) // THINNED))
        self._steps: dict[str, float] = {}

    def numbers(self, name: str, at: At) -> np.ndarray | None:
        """Give a column's numbers, float64, of dates the days; None where it holds names."""
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
        """Hash cells of each row together; 0 where one is missing, unless that is a value."""
        total = np.zeros(len(self.rows.index[at]), np.uint64)
        known = np.ones(len(total), bool)
        for name in names:
            hashes = self._hashed(name, at, rounded)
            known &= missing | (hashes != 0)
            total += _of_column(name, hashes)
        return np.where(known, total, np.uint64(0))

    def all_but_one(self, names: Sequence[str], at: At, rounded: bool) -> list[np.ndarray]:
        """Hash all of these cells of each row, then all but each one; missing is a value.

        Of more than 60 columns none is left out.
        """
        if len(names) > LEFT_OUT:
            return [self.joined(names, at, rounded, missing=True)]
        each = [_of_column(name, self._hashed(name, at, rounded)) for name in names]
        total = np.asarray(np.sum(each, axis=0, dtype=np.uint64))
        return [total, *(total - hashes for hashes in each)]

    def taken(self, hashes: Callable[[slice], Sequence[np.ndarray]], most: int) -> list[Taken]:
        """Take about so many rows, all of a value or none, once for each of several hashes.

        Where few values have most rows, at most four times as many.

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
        """Take rows by the hash of cells together, see `joined` and `taken`."""
        return self.taken(lambda at: [self.joined(names, at, rounded, missing)], most)[0]

    def chances(self, names: Sequence[str], rounded: bool = False) -> dict[str, float]:
        """Give for each column the chance that any two rows have one value."""
        found = {}
        for name in names:
            groups = pd.factorize(self._hashed(name, self._thinned, rounded))[0]
            sizes, count = np.bincount(groups).astype(float), max(len(groups), 2)
            same = (sizes * (sizes - 1)).sum() / (count * (count - 1))
            found[name] = float(max(same, 1 / count**2))
        return found

    def step(self, name: str) -> float:
        """Give what a number of many values is rounded to; 0 leaves it."""
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
        """Tell whether a column holds numbers that are not whole, and no dates."""
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
            hashes[-1] = 0  # of code -1: missing
            return np.asarray(hashes[codes])
        if rounded and (step := self.step(name)):
            numbers = np.floor(numbers / step)
        return np.where(np.isnan(numbers), np.uint64(0), pd.util.hash_array(numbers + 0.0))


def _of_column(name: str, hashes: np.ndarray) -> np.ndarray:
    """Hash again with the column's name, so that one value in two columns is two."""
    return np.asarray(pd.util.hash_array(hashes ^ np.uint64(crc32(name.encode()))))
