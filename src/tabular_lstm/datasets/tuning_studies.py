"""The catalog's database of tuning studies; a trial is added when it ends."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class StudyDatabase(AbstractDataset[None, Path]):
    """A SQLite file of Optuna; `load` gives its path, which a search opens."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Give the path; the file need not exist yet."""
        return self.path

    def save(self, data: None) -> NoReturn:
        """Refuse: only a search writes the file, through Optuna."""
        raise DatasetError(f"{self.path}: only a tuning writes it, by Optuna.")

    def _exists(self) -> bool:
        return True  # a search creates a missing file

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path}
