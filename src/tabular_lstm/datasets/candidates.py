"""The candidates in the catalog: the network, its file as it is on disk, and those of all runs."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, Version
from kedro.io.core import get_filepath_str
from kedro_datasets.tensorflow import TensorFlowModelDataset

from tabular_lstm.datasets.kedro_private import JSONPreview
from tabular_lstm.datasets.kept import KeptInMemory
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.serving.artifact import Artifact


class _KerasFileDataset(TensorFlowModelDataset):  # type: ignore[misc]
    def load(self) -> Any:
        # Keras finds a registered class once its module is imported.
        import tabular_lstm.network.build  # noqa: F401, PLC0415

        return super().load()

    def save(self, data: Any) -> None:
        if self._protocol != "file":
            super().save(data)
            return
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / path.name
            data.save(whole)
            replace(path, whole.read_bytes())


class NetworkDataset(KeptInMemory, _KerasFileDataset):
    """A network as a `.keras` file, on a local disk written whole or not at all.

    It is loaded with Keras' safe mode on.
    """

    def preview(self) -> JSONPreview:
        """List the layers of the newest version, each with the shapes of its weights."""
        return layers_preview(self.load())


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
    """All versions of a versioned entry: run id → function that loads it.

    Args:
        dataset: That entry's type and filepath.
    """

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


def layers_preview(network: Any) -> JSONPreview:
    """List a network's layers, each with the shapes of its weights."""
    layers = {
        layer.name: {
            "type": type(layer).__name__,
            "weights": {weight.name: str(tuple(weight.shape)) for weight in layer.weights},
            "parameters": layer.count_params(),
        }
        for layer in network.layers
    }
    shown = {"network": network.name, "parameters": network.count_params(), "layers": layers}
    return JSONPreview(json.dumps(shown))
