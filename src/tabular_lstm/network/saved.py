"""Load a saved network into Keras safely: a file that holds anything else is refused before."""

from typing import Any

from tabular_lstm.network.keras_file import blamed_on, read_keras_file
from tabular_lstm.tensorflow_import import import_tensorflow


def load_network(content: bytes, file: str) -> Any:
    """Load this project's ensemble from the bytes of a `.keras` file.

    Keras' own loader has no part in it: the network is built anew and given the weights that
    `read_keras_file` reads, just as scoring reads them.

    Returns:
        An `LSTMEnsemble`.

    Raises:
        NoNetworkError: See `tabular_lstm.network.keras_file.read_keras_file`.
    """
    saved = read_keras_file(content, file)
    import_tensorflow()
    from tabular_lstm.network.build import LSTMEnsemble  # noqa: PLC0415

    with blamed_on(file):
        network = LSTMEnsemble(**saved.arguments)
        layers: tuple[Any, ...] = (network.embed, *network.recur, network.read_out)
        for layer, of_layer in zip(layers, saved.weights.values(), strict=True):
            layer.set_weights(of_layer)
    return network
