"""Some rows of a table that passes by, drawn evenly."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

# Rows that are drawn at least: fewer of many columns.
ROWS, LEAST, CELLS = 4000, 500, 2**18


class EvenRows:
    """Every n-th row, where n grows with the rows: all of a small table.

    Attributes:
        passed: Rows that have passed.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        """Take rows of these columns."""
        self.passed = 0
        self._columns = columns
        self._most = 2 * max(LEAST, min(ROWS, CELLS // len(columns)))
        self._step = 1
        self._kept: list[pa.Table] = []
        self._names: list[int | str] = []

    def add(self, batch: pa.RecordBatch, file: str, above: int) -> None:
        """Take some of the next rows, see `rows_of`."""
        places = np.arange(-self.passed % self._step, batch.num_rows, self._step)
        self.passed += batch.num_rows
        rows = pa.Table.from_batches([batch.select(self._columns)])
        self._kept.append(rows.take(pa.array(places)))
        self._names += row_names(places + above, file)
        while len(self._names) > self._most:
            self._step *= 2
            rows = pa.concat_tables(self._kept)
            self._kept = [rows.take(pa.array(np.arange(0, rows.num_rows, 2)))]
            self._names = self._names[::2]

    def rows(self) -> pd.DataFrame:
        """Give the rows of text cells, with the index `row`."""
        rows: pd.DataFrame = pa.concat_tables(self._kept).to_pandas()
        rows.index = pd.Index(self._names, name="row")
        return rows


def rows_of(batch: pa.RecordBatch, file: str, above: int) -> pd.DataFrame:
    """Give rows as a run reads them: text cells, with the index `row`.

    Args:
        batch: Of text cells.
        file: Name of the file in its folder; "" for a lone one.
        above: Rows of this file that come before.
    """
    rows: pd.DataFrame = batch.to_pandas()
    rows.index = pd.Index(row_names(np.arange(len(rows)) + above, file), name="row")
    return rows


def row_names(places: np.ndarray, file: str) -> list[int] | list[str]:
    """Name rows of a file, from 1 on."""
    numbers: list[int] = (places + 1).tolist()
    return [f"{file}:{number}" for number in numbers] if file else numbers
