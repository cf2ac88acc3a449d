"""The database of a tuning's studies in the catalog: the trials are added to it as they end."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class StudyDatabase(AbstractDataset[None, Path]):
    """A SQLite file of Optuna's; loading gives the path, where a search opens it."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Give the path; the file need not be there yet."""
        return self.path

    def save(self, data: None) -> NoReturn:
        """Refuse: a search writes by Optuna."""
        raise DatasetError(f"{self.path}: only a tuning writes it, by Optuna.")

    def _exists(self) -> bool:
        return True  # a search makes the file where there is none

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path}
