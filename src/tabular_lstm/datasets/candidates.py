"""The candidate in the catalog: Kedro's Keras file, and its layers to look at in Kedro-Viz."""

import tempfile
from pathlib import Path
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets._typing import JSONPreview
from kedro_datasets.tensorflow import TensorFlowModelDataset

from tabular_lstm.files import replace
from tabular_lstm.serving.artifact import layers_preview


class KerasModelDataset(TensorFlowModelDataset):  # type: ignore[misc]
    """A `.keras` file, written whole or not at all and loaded with safe mode on."""

    def load(self) -> Any:
        """Read the model."""
        # Keras finds a registered class once its module is imported.
        import tabular_lstm.network.build  # noqa: F401, PLC0415

        return super().load()

    def save(self, data: Any) -> None:
        """Write the model; on a local disk the file is there at once or not at all."""
        if self._protocol != "file":
            super().save(data)
            return
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / path.name
            data.save(whole)
            replace(path, whole.read_bytes())

    def preview(self) -> JSONPreview:
        """List the layers of the newest version, each with the shapes of its weights."""
        return layers_preview(self.load())
