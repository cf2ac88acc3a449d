"""Datasets that keep in memory what a run saved, so that the run need not read the file again."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from kedro_datasets.pandas import ParquetDataset
from pyarrow.parquet import ParquetWriter

from tabular_lstm.datasets.mapped import mapped
from tabular_lstm.errors import DataError

# Rows of a row group of Parquet.
AT_ONCE = 2**20


class KeptInMemory:
    """Mixin for a dataset: what was saved or loaded is kept until Kedro releases it."""

    _kept: Any = None

    def load(self) -> Any:
        """Give what is kept, or read the file."""
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def save(self, data: Any) -> None:
        """Write the file."""
        super().save(data)  # type: ignore[misc]
        self._kept = self._to_keep(data)

    def _read(self) -> Any:
        return super().load()  # type: ignore[misc]

    def _to_keep(self, data: Any) -> Any:
        return data

    def _release(self) -> None:
        self._kept = None
        super()._release()  # type: ignore[misc]


class RowsDataset(KeptInMemory, ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file; where they are many, what is kept of them is on disk too."""

    def save(self, data: pd.DataFrame) -> None:
        """Write the file, many rows with names some at a time."""
        named = isinstance(data.index.dtype, pd.StringDtype)
        super().save(_Named(data) if named and len(data) > AT_ONCE else data)

    def load(self) -> pd.DataFrame:
        """Give the rows as a frame of the caller's own; pandas copies what is changed in it."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)

    def _read(self) -> pd.DataFrame:
        rows: pd.DataFrame = super()._read()
        # Reading does not need a folder that can be written to.
        with suppress(DataError):
            rows = self._to_keep(rows)
        return rows

    def _to_keep(self, data: pd.DataFrame) -> pd.DataFrame:
        if isinstance(data, _Named):
            data = data.rows
        if self._protocol != "file":
            return data
        kept: pd.DataFrame = mapped(data, Path(str(self._filepath)).parent)
        return kept


@dataclass(frozen=True)
class _Named:
    """Rows with names, as what Kedro saves them by: pandas would make Python's texts of them all.

    The file is the same.
    """

    rows: pd.DataFrame

    def to_parquet(self, file: Any, compression: str = "snappy", **save_args: Any) -> None:
        parts = (self.rows[start : start + AT_ONCE] for start in range(0, len(self.rows), AT_ONCE))
        tables = map(pa.Table.from_pandas, parts)
        first = next(tables)
        with ParquetWriter(file, first.schema, compression=compression, **save_args) as writer:
            for table in chain([first], tables):
                writer.write_table(table)
