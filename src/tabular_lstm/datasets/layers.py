"""What Kedro-Viz shows of a network: its layers."""

import json
from typing import Any

from tabular_lstm.datasets.kedro_private import JSONPreview


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
