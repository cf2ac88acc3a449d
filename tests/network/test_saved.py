"""A saved network is loaded into Keras as it was, or refused before TensorFlow is imported."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.network.saved import load_network
from tests.helpers.networks import (
    NETWORKS,
    assert_same_weights,
    ensemble_of,
    schema_of,
    sequences_of,
)

CALIBRATED: dict[str, Any] = {"training": {"seed": 3}, "temperature": 1.75, "threshold": 0.375}


@pytest.mark.parametrize(
    ("features", "per_step", "names", "options"),
    NETWORKS,
)
def test_a_network_is_loaded_as_keras_itself_loads_it(
    features: int, per_step: int, names: tuple[int, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    schema = schema_of(features, per_step, names=names)
    made = ensemble_of(schema, **options)
    network = LSTMEnsemble.from_config(made.get_config() | CALIBRATED)
    network.set_weights(made.get_weights())
    path = tmp_path / "network.keras"
    network.save(path)
    loaded = load_network(path.read_bytes(), "network.keras")
    by_keras = keras.saving.load_model(path)
    assert type(loaded) is LSTMEnsemble
    assert loaded.get_config() == by_keras.get_config() == network.get_config()
    for other in (by_keras, network):
        assert_same_weights(loaded, other)
    sequences = sequences_of(schema, rows=50, missing=0.2)
    np.testing.assert_array_equal(loaded(sequences), by_keras(sequences))


def test_a_loaded_network_is_trained_on_and_saved_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    ensemble_of(schema_of()).save(path)
    network = load_network(path.read_bytes(), "network.keras")
    network.set_weights([2 * weight for weight in network.get_weights()])
    network.save(path)
    assert_same_weights(load_network(path.read_bytes(), "network.keras"), network)


def test_what_keras_refuses_of_the_arguments_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    network = ensemble_of(schema_of())
    network.name = "a/b"
    network.save(path)
    with pytest.raises(NoNetworkError, match=r"expected a whole \.keras file of this project"):
        load_network(path.read_bytes(), "network.keras")


REFUSE = """
import sys
from tabular_lstm.errors import DataError
from tabular_lstm.network.saved import load_network

try:
    load_network(b"", "empty.keras")
except DataError as error:
    print(error, *sys.modules.keys() & {"tensorflow", "keras"})
"""


def test_a_file_is_refused_before_tensorflow_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSE], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("empty.keras: expected a whole .keras file")
    assert done.stdout.strip().endswith("File is not a zip file")
