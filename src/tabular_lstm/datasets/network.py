"""The network in the catalog. Importing this module imports TensorFlow."""

import tempfile
from pathlib import Path
from typing import Any

from kedro.io.core import get_filepath_str

from tabular_lstm.datasets.kept import KeptInMemory
from tabular_lstm.files import replace
from tabular_lstm.quiet import import_tensorflow

import_tensorflow()
from kedro_datasets.tensorflow import TensorFlowModelDataset  # noqa: E402


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
