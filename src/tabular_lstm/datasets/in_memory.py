"""Datasets that keep a saved value in memory, so that a run does not read its file again.

Kedro's `CachedDataset` does this too, but Kedro-Viz cannot preview it.
"""

from typing import Any

import pandas as pd
from kedro_datasets.pandas import ParquetDataset


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
