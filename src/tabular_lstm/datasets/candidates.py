"""The candidates' files in the catalog: that of this run, and those of all runs by run id."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, Version

from tabular_lstm.errors import DataError
from tabular_lstm.serving.artifact import Artifact


class ArtifactDataset(AbstractVersionedDataset[None, Artifact]):
    """A `.keras` file as an `Artifact`, read only: the entry that has its network writes it."""

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def load(self) -> Artifact:
        """Read the file."""
        path = Path(self._get_load_path())
        return Artifact(path.read_bytes(), str(path))

    def save(self, data: None) -> None:
        """Refuse: the file is another entry's."""
        raise DataError(f"{self._filepath} is read only here.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


class VersionsDataset(AbstractDataset[None, dict[str, Callable[[], Any]]]):
    """All versions of the versioned entry `dataset`: run id → function that loads it."""

    def __init__(self, dataset: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._dataset = {**dataset, "versioned": True}
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Any]]:
        """List the versions, oldest first."""
        runs = self._entry().list_versions(full_path=False)
        return {run: self._entry(run).load for run in sorted(runs)}

    def save(self, data: None) -> None:
        """Refuse: the versions are another entry's."""
        raise DataError(f"{self._dataset['filepath']} is read only here.")

    def _entry(self, run: str | None = None) -> Any:
        return AbstractDataset.from_config("version", self._dataset, load_version=run)

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._dataset}
