"""The network in the catalog. TensorFlow, whose import takes seconds, waits until one is loaded."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from tabular_lstm.datasets.in_memory import KeptInMemory
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.network.keras_file import refuse_what_unpacks
from tabular_lstm.tensorflow_import import import_tensorflow


class NetworkFileDataset(AbstractVersionedDataset[Any, Any]):
    """A Keras model as a `.keras` file, written whole or not at all.

    It is loaded with Keras' safe mode on. Kedro's own `tensorflow.TensorFlowModelDataset` imports
    TensorFlow with the catalog, before the data are checked.
    """

    def __init__(
        self, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(PurePosixPath(filepath), version)
        self.metadata = metadata

    def load(self) -> Any:
        """Read the file.

        Raises:
            DataError: It would unpack to more than it is.
        """
        path = Path(self._get_load_path())
        try:
            refuse_what_unpacks(path.read_bytes())
        except Exception as error:
            raise DataError(f"{path}: expected a .keras file, not loaded: {error}") from error
        import_tensorflow()
        import keras  # noqa: PLC0415

        import tabular_lstm.network.build  # noqa: F401, PLC0415  Keras then finds its classes

        return keras.models.load_model(path)

    def save(self, data: Any) -> None:
        """Write the file."""
        path = Path(self._get_save_path())
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / path.name
            data.save(whole)
            replace(path, whole.read_bytes())

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except DatasetError:  # no version yet
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


class NetworkDataset(KeptInMemory, NetworkFileDataset):
    """The network of a run, which need not read its file again."""
