"""Datasets that keep a saved value in memory, so that the run need not read its file again.

Kedro's `CachedDataset` does this too, but Kedro-Viz cannot preview it.
"""

from typing import Any

import pandas as pd
from kedro_datasets.pandas import ParquetDataset


class KeptInMemory:
    """Mixin for a dataset: the saved or loaded value is kept until Kedro releases the dataset."""

    _kept: Any = None

    def load(self) -> Any:
        """Give the kept value, or read the file."""
        if self._kept is None:
            self._kept = super().load()  # type: ignore[misc]
        return self._kept

    def save(self, data: Any) -> None:
        """Write the file."""
        super().save(data)  # type: ignore[misc]
        self._kept = data

    def _release(self) -> None:
        self._kept = None
        super()._release()  # type: ignore[misc]


class RowsDataset(KeptInMemory, ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file."""

    def load(self) -> pd.DataFrame:
        """Give the rows as a new frame; pandas copies a column when it is changed."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)
