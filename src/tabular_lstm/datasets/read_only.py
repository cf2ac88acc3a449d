"""The base of datasets that a run reads and never saves."""

from typing import Any

from kedro.io import AbstractDataset

from tabular_lstm.errors import DataError


class ReadOnlyDataset(AbstractDataset[Any, Any]):
    """A file, folder or table that is read only, given by its path or name."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path, self.metadata = filepath, metadata

    def save(self, data: Any) -> None:
        """Refuse to save."""
        raise DataError(f"{self._path} is read-only here.")

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path}
