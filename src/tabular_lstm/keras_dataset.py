"""The candidate in the catalog: Kedro's Keras file, and its layers to look at in Kedro-Viz."""

import json
from typing import Any

from kedro_datasets._typing import JSONPreview
from kedro_datasets.tensorflow import TensorFlowModelDataset


class KerasModelDataset(TensorFlowModelDataset):  # type: ignore[misc]
    """A `.keras` file, loaded with safe mode on."""

    def load(self) -> Any:
        """Read the model."""
        # Keras finds a registered class once its module is imported.
        import tabular_lstm.network.build  # noqa: F401, PLC0415

        return super().load()

    def preview(self) -> JSONPreview:
        """List the layers of the newest version, each with the shapes of its weights."""
        model = self.load()
        layers = {
            layer.name: {
                "type": type(layer).__name__,
                "weights": {weight.name: str(tuple(weight.shape)) for weight in layer.weights},
                "parameters": layer.count_params(),
            }
            for layer in model.layers
        }
        return JSONPreview(
            json.dumps(
                {"network": model.name, "parameters": model.count_params(), "layers": layers}
            )
        )
