"""Datasets that keep a saved value in memory, so that a run does not read its file again.

Kedro's `CachedDataset` does this too, but Kedro-Viz cannot preview it.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
from kedro_datasets.pandas import ParquetDataset
from pyarrow import parquet


class KeptInMemory:
    """Mixin that keeps a saved or loaded value until Kedro releases the dataset."""

    _in_memory: Any = None

    def load(self) -> Any:
        """Return the kept value, or read the file."""
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


class RowsFileDataset(ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file, as written by pandas' `to_parquet`."""

    def save(self, data: Any) -> None:
        """Write the file without creating a Python string for each row's name if the index is text.

        Arrow asks a pandas column for an attribute that it lacks. pandas then looks up the
        attribute's name in the index, and the index keeps all its names as Python strings.
        """
        if isinstance(data.index.dtype, pd.StringDtype):
            schema = pa.Schema.from_pandas(data)
            table = pa.Table.from_pandas(data.reset_index(names=schema.names[-1]), schema)
            table = table.replace_schema_metadata(schema.metadata)
            data = SimpleNamespace(to_parquet=partial(parquet.write_table, table))
        super().save(data)


class RowsDataset(KeptInMemory, RowsFileDataset):
    """Rows as a Parquet file."""

    def load(self) -> pd.DataFrame:
        """Return the rows as a new frame; pandas copies a column when it is changed."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)
