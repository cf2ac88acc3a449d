"""What scoring reads of a saved network gives Keras' own answer, without importing Keras."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.keras_file import NoNetworkError
from tabular_lstm.network.score import FEW, score
from tabular_lstm.network.scorer import Scorer, read_scorer
from tabular_lstm.rows.schema import Schema
from tests.helpers.networks import ensemble_of, schema_of, sequences_of

CALIBRATED: dict[str, Any] = {"temperature": 0.6, "threshold": 0.375}


def saved(path: Path, schema: Schema, **options: Any) -> Scorer:
    """Write a network with a calibration, and read its file for scoring."""
    made = ensemble_of(schema, **options)
    network = LSTMEnsemble.from_config(made.get_config() | CALIBRATED)
    network.set_weights([2 * weight for weight in made.get_weights()])
    network.save(path)
    return read_scorer(path.read_bytes(), path.name)


@pytest.mark.parametrize("rows", [40, FEW + 1], ids=["few", "many"])
@pytest.mark.parametrize("units", [[4], [4, 3], [3, 1, 2]], ids=str)
@pytest.mark.parametrize(
    "layout",
    [
        {"features": 4},
        {"features": 4, "names": (0, 1, 2, 3)},
        {"features": 7, "names": (1, 4)},
        {"features": 5, "features_per_step": 3, "names": (4,)},
        {"features": 1, "features_per_step": 4},
        {"features": 150, "features_per_step": 40, "names": (3, 149)},
    ],
    ids=lambda layout: "-".join(map(str, layout.values())),
)
def test_a_file_scores_as_keras_that_loads_the_same_file(
    layout: dict[str, Any], units: list[int], rows: int, tmp_path: Path
) -> None:
    schema, path = schema_of(**layout), tmp_path / "network.keras"
    scorer = saved(path, schema, units=units, members=3)
    sequences = sequences_of(schema, rows, missing=0.2)
    expected = keras.saving.load_model(path)(sequences).numpy()[:, 0]
    assert np.ptp(expected) > 0.005
    np.testing.assert_allclose(score(scorer, sequences), expected, rtol=0, atol=1e-6)


def test_a_file_holds_what_the_network_does(tmp_path: Path) -> None:
    schema, path = schema_of(5, names=(1, 4)), tmp_path / "network.keras"
    scorer = saved(path, schema, units=[4, 3], members=3)
    network = keras.saving.load_model(path)
    assert scorer.schema == network.schema == schema
    assert scorer.options == network.options
    assert (scorer.temperature, scorer.threshold) == (0.6, 0.375)
    of_network = Scorer.of(network)
    assert [*map(len, of_network.recur)] == [*map(len, scorer.recur)] == [3, 3]
    layers = [(one.embed, *one.recur, one.read_out) for one in (scorer, of_network)]
    for read, copied in zip(*layers, strict=True):
        for one, other in zip(read, copied, strict=True):
            np.testing.assert_array_equal(one, other)
            for weight in (one, other):
                assert weight.dtype == np.float32
                assert not weight.flags.writeable


def test_a_scorer_is_a_copy() -> None:
    network = ensemble_of(schema_of())
    scorer, sequences = Scorer.of(network), sequences_of(schema_of())
    before = score(scorer, sequences)
    network.set_weights([2 * weight for weight in network.get_weights()])
    network.temperature = 3.0
    np.testing.assert_array_equal(score(scorer, sequences), before)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(NoNetworkError, match="got 'Sequential'"):
        read_scorer(path.read_bytes(), path.name)


SCORE = """
import sys
from pathlib import Path

import numpy as np

from tabular_lstm.network.score import score, score_changed
from tabular_lstm.network.scorer import read_scorer

scorer = read_scorer(Path(sys.argv[1]).read_bytes(), "network.keras")
sequences = np.ones((2000, 2, 2), np.float32)
score(scorer, sequences), list(score_changed(scorer, sequences, [(0, np.zeros((1, 2000)))]))
print(*{module.partition(".")[0] for module in sys.modules})
"""


def test_scoring_imports_neither_tensorflow_nor_pandas(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    saved(path, schema_of())
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(path)], check=True, capture_output=True, text=True
    )
    imported = {*done.stdout.split()}
    assert {"numpy", "h5py"} <= imported
    assert not imported & {"tensorflow", "keras", "pandas", "sklearn", "kedro"}
