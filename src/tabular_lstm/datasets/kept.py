"""Datasets that a run does not read back: what it saved is kept in memory until it is done."""

from typing import Any

from kedro_datasets.pandas import ParquetDataset


class KeptInMemory:
    """Mixin for a dataset: a load after a save gives what was saved, until Kedro releases it."""

    _kept: Any = None

    def load(self) -> Any:
        """Give what was saved, or read the file."""
        return super().load() if self._kept is None else self._kept  # type: ignore[misc]

    def save(self, data: Any) -> None:
        """Write the file."""
        super().save(data)  # type: ignore[misc]
        self._kept = data

    def _release(self) -> None:
        self._kept = None
        super()._release()  # type: ignore[misc]


class RowsDataset(KeptInMemory, ParquetDataset):  # type: ignore[misc]
    """Rows as a Parquet file."""
