"""Datasets that keep a saved value in memory, so that a run does not read its file again.

Kedro's `CachedDataset` does this too, but Kedro-Viz cannot preview it.
"""

from typing import Any

import pandas as pd
import pyarrow as pa
from kedro_datasets.pandas import ParquetDataset
from pyarrow import parquet


class KeptInMemory:
    """Mixin for a dataset: the saved or loaded value is kept until Kedro releases the dataset."""

    _in_memory: Any = None

    def load(self) -> Any:
        """Give the kept value, or read the file."""
        if self._in_memory is None:
            self._in_memory = super().load()  # type: ignore[misc]
        return self._in_memory

    def save(self, data: Any) -> None:
        """Write the file."""
        super().save(data)  # type: ignore[misc]
        self._in_memory = data

    def _release(self) -> None:
        self._in_memory = None
        super()._release()  # type: ignore[misc]


class RowsDataset(KeptInMemory, ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file."""

    def load(self) -> pd.DataFrame:
        """Give the rows as a new frame; pandas copies a column when it is changed."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)

    def save(self, data: pd.DataFrame) -> None:
        """Write the same file as `to_parquet` of pandas.

        If the index is text, `to_parquet` makes a Python string of each name, and memory keeps it.
        """
        super().save(_Named(data) if isinstance(data.index.dtype, pd.StringDtype) else data)
        self._in_memory = data


class _Named:
    """Rows whose index is text."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows

    def to_parquet(self, file: Any, **options: Any) -> None:
        like = pa.Table.from_pandas(self._rows[:1]).schema
        table = pa.Table.from_pandas(self._rows.reset_index(drop=True), preserve_index=False)
        table = table.append_column(like.names[-1], pa.array(self._rows.index.array))
        parquet.write_table(table.replace_schema_metadata(like.metadata), file, **options)
