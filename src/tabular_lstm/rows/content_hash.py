"""A hash of the content of rows, whatever their order and the types of their columns."""

from decimal import Decimal
from hashlib import sha256
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.rows.cells import cell_text, row_slices
from tabular_lstm.rows.fingerprints import EXACT

NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
MISSING = np.uint64(0xD1B54A32D192ED03)  # any number; pandas hashes the number 0 as 0
SECOND = np.uint64(0x9E3779B97F4A7C15)  # any number: rows are hashed twice


class Total:
    """A hash of rows in any order, the sum of their hashes; and `ordered`, of rows in this order.

    A number has the same hash as an integer, a float or a decimal, because a query may give a
    column of integers as floats where a cell is missing.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self.rows, self._sums, self.ordered = 0, np.zeros(2, np.uint64), sha256()

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._names, self.rows = sorted(table.column_names), self.rows + table.num_rows
        hashes = np.zeros(table.num_rows, np.uint64)
        for name, column in zip(table.column_names, table.columns, strict=True):
            name_hash = np.uint64(crc32(name.encode()))
            hashes += pd.util.hash_array(_cell_hashes(column) ^ name_hash)
        row_hashes = (pd.util.hash_array(hashes), pd.util.hash_array(hashes ^ SECOND))
        self._sums += np.array([h.sum(dtype=np.uint64) for h in row_hashes])
        self.ordered.update(row_hashes[0].tobytes())

    def sha256(self) -> str:
        """Hash the columns' names, the number of rows and the sums."""
        return sha256(repr((self._names, self.rows, self._sums.tolist())).encode()).hexdigest()


def sha256_of(*frames: pd.DataFrame, besides: int) -> str:
    """Hash a number, and the rows of frames in any order; a row in another frame counts again."""
    totals = [Total() for _ in frames]
    for frame, total in zip(frames, totals, strict=True):
        for part in row_slices(len(frame)):  # so that no copy of all rows is made
            unnamed = frame.iloc[part].reset_index(drop=True)  # see `Batch.names`
            total.add(pa.Table.from_pandas(unnamed, preserve_index=False))
    content = repr([besides, *(total.sha256() for total in totals)])
    return sha256(content.encode()).hexdigest()


def _cell_hashes(column: pa.ChunkedArray) -> np.ndarray:
    """Hash each cell, uint64 (rows,); `MISSING` where it is missing."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    missing = column.is_null(nan_is_null=True).to_numpy()
    if not any(test(column.type) for test in NUMBERS):
        cells = column.combine_chunks().dictionary_encode()
        values = np.array([*map(str, cells.dictionary.to_pylist()), ""], object)
        hashes = pd.util.hash_array(values, categorize=False)[cells.indices.fill_null(-1)]
        return np.where(missing, MISSING, hashes)
    numbers = column.cast(pa.float64(), safe=False).fill_null(0).to_numpy() + 0.0
    hashes = pd.util.hash_array(numbers)
    inexact = np.abs(numbers) >= EXACT
    if inexact.any():
        texts = np.array([_digits(value) for value in column.filter(inexact).to_pylist()], object)
        hashes[inexact] = pd.util.hash_array(texts)
    return np.where(missing, MISSING, hashes)


def _digits(number: float | Decimal) -> str:
    """Write a number that float64 may not hold; the text is the same for every type."""
    text = cell_text(number)
    return text.rstrip("0").rstrip(".") if "." in text else text
