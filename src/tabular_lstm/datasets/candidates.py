"""What runs left: the candidate's file of this run, and the versions of any entry by run id."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, DatasetError, Version

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
        return Artifact.read(Path(self._get_load_path()))

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
        """List the versions, oldest first.

        Each function raises a DataError where its version cannot be read, for whatever reason.
        """
        runs = self._entry().list_versions(full_path=False)
        return {run: partial(self._read, run) for run in sorted(runs)}

    def _read(self, run: str) -> Any:
        try:
            return self._entry(run).load()
        except DatasetError as error:
            raise DataError(str(error.__cause__ or error)) from error

    def save(self, data: None) -> None:
        """Refuse: the versions are another entry's."""
        raise DataError(f"{self._dataset['filepath']} is read only here.")

    def _entry(self, run: str | None = None) -> Any:
        return AbstractDataset.from_config("version", self._dataset, load_version=run)

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._dataset}
