"""The tutorial's network: all its epochs, the same bits, its log, and no trace in an ensemble."""

import json
import logging
from typing import Any

import keras
import numpy as np
import pytest

from tabular_lstm.network.build import LSTMEnsemble, build
from tabular_lstm.network.fit import predict, train
from tabular_lstm.parameters import Network
from tests.helpers.networks import assert_same_weights
from tests.helpers.trainings import (
    CONTROL_CHARACTERS,
    SCHEMA,
    network_of,
    rows_of,
    same,
    training_of,
)

TUTORIAL = {"epochs": 4, "patience": 1, "objective": {"kind": "f1"}}


@pytest.fixture(scope="module")
def tutorial() -> tuple[keras.Model, keras.Model, dict[str, Any], list[LSTMEnsemble]]:
    """The tutorial's network, trained; its history; an ensemble trained before it, and after."""
    rows, network = rows_of(40), build(SCHEMA, Network(kind="tutorial"), 0)
    before, _ = train(network_of(dropout=0.3), *rows, training_of())
    candidate, history = train(network, *rows, training_of(**TUTORIAL))
    after, _ = train(network_of(dropout=0.3), *rows, training_of())
    return network, candidate, history, [before, after]


def test_tutorial_trains_all_its_epochs_and_is_left_alone(
    tutorial: tuple[keras.Model, keras.Model, dict[str, Any], list[LSTMEnsemble]],
) -> None:
    network, candidate, history, _ = tutorial
    assert history == {"loss": history["loss"], "best_epoch": 4, "decision_threshold": 0.5}
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    assert len(set(history["loss"])) == 4
    assert candidate is not network
    assert not network.compiled
    assert_same_weights(network, build(SCHEMA, Network(kind="tutorial"), 0))
    assert not same(network.get_weights(), candidate.get_weights())


def test_tutorial_trains_to_the_same_bits_and_logs_alike(
    tutorial: tuple[keras.Model, keras.Model, dict[str, Any], list[LSTMEnsemble]],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    network, candidate, history, _ = tutorial
    keras.utils.set_random_seed(99)
    with caplog.at_level(logging.INFO, "tabular_lstm"):
        again, same_history = train(network, *rows_of(40), training_of(**TUTORIAL))
    assert_same_weights(again, candidate)
    assert same_history == history
    assert caplog.messages[0] == "Training on 40 rows, 16 a step, for 4 epochs"
    assert caplog.messages[-1] == "Trained for 4 epochs"
    for text in (*capfd.readouterr(), caplog.text):
        assert not CONTROL_CHARACTERS.search(text)


def test_tutorials_predictions_are_the_models_own_in_their_order(
    tutorial: tuple[keras.Model, keras.Model, dict[str, Any], list[LSTMEnsemble]],
) -> None:
    candidate, sequences = tutorial[1], rows_of(40)[0]
    probabilities = predict(candidate, np.tile(sequences, (150, 1, 1)))
    assert probabilities.dtype == np.float64
    own = np.asarray(candidate(sequences, training=False))[:, 0]
    np.testing.assert_allclose(probabilities, np.tile(own, 150), rtol=1e-5)
    assert predict(candidate, sequences[:0]).shape == (0,)


def test_an_ensemble_has_the_same_bits_after_a_tutorial_was_trained(
    tutorial: tuple[keras.Model, keras.Model, dict[str, Any], list[LSTMEnsemble]],
) -> None:
    before, after = tutorial[3]
    assert_same_weights(before, after)
