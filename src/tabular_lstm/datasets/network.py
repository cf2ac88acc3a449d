"""The network in the catalog. Importing this module imports TensorFlow."""

import tempfile
from pathlib import Path
from typing import Any

from kedro.io.core import get_filepath_str

from tabular_lstm.datasets.in_memory import KeptInMemory
from tabular_lstm.errors import DataError
from tabular_lstm.files import read_regular, replace
from tabular_lstm.network.keras_file import refuse_what_unpacks
from tabular_lstm.tensorflow_import import import_tensorflow

import_tensorflow()
from kedro_datasets.tensorflow import TensorFlowModelDataset  # noqa: E402

import tabular_lstm.network.build  # noqa: E402, F401  Keras then finds this project's classes


class NetworkDataset(KeptInMemory, TensorFlowModelDataset):  # type: ignore[misc]
    """A network as a `.keras` file, on a local disk written whole or not at all.

    It is loaded with Keras' safe mode on.
    """

    def load(self) -> Any:
        """Read the file, unless it was saved or loaded before.

        Raises:
            DataError: It would unpack to more than it is.
        """
        if self._kept is None and self._protocol == "file":
            path = Path(get_filepath_str(self._get_load_path(), self._protocol))
            try:
                refuse_what_unpacks(read_regular(path))
            except Exception as error:
                raise DataError(f"{path}: expected a .keras file, not loaded: {error}") from error
        return super().load()

    def save(self, data: Any) -> None:
        """Write the file."""
        if self._protocol != "file":
            super().save(data)
            return
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / path.name
            data.save(whole)
            replace(path, whole.read_bytes())
        self._kept = data
