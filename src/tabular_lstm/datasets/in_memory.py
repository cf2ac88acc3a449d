"""Datasets that keep in memory what a run saved, so that the run need not read the file again.

Kedro's `CachedDataset` does so too, but Kedro-Viz has no preview of one.
"""

from typing import Any

import pandas as pd
from kedro_datasets.pandas import ParquetDataset


class KeptInMemory:
    """Mixin for a dataset: what was saved or loaded is kept until Kedro releases it."""

    _kept: Any = None

    def load(self) -> Any:
        """Give what is kept, or read the file."""
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
        """Give the rows as a frame of the caller's own; pandas copies what is changed in it."""
        rows: pd.DataFrame = super().load()
        return rows.copy(deep=False)
