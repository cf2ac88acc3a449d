"""Training to the bit alike, early stopping, the log it writes, and predictions."""

import json
import logging
import re
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tabular_lstm.network.build import build
from tabular_lstm.network.fit import predict, train
from tabular_lstm.parameters import Network, Stacked, Training
from tabular_lstm.schema import Schema

SCHEMA = Schema(
    features=["a", "b", "c", "d"],
    steps=2,
    features_per_step=2,
    missing={},
    mean=[0.0] * 4,
    variance=[1.0] * 4,
    label="sick",
    positive_class=1,
    negative_class=0,
)
CONTROL_CHARACTERS = re.compile(r"[\r\x08\x1b]")


def network_of(seed: int = 0, **options: Any) -> keras.Model:
    options = {"units": [3], "bidirectional": False, "dropout": 0.0, **options}
    return build(SCHEMA, Network(stacked=Stacked(**options)), seed)


def training_of(**changed: Any) -> Training:
    values = {"epochs": 3, "batch_size": 16, "learning_rate": 0.05, "validation_fraction": 0.25}
    return Training.model_validate(values | changed)


def rows_of(count: int, positives: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature tells the classes apart; half positive unless said otherwise."""
    rng = np.random.default_rng(0)
    positives = count // 2 if positives is None else positives
    labels = rng.permutation(np.arange(count) < positives).astype(np.float32)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] = 2 * labels - 1 + 0.1 * sequences[:, 0, 0]
    return sequences, labels


def noise(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows that say nothing about their labels: training on them can only overfit."""
    sequences, labels = rows_of(count)
    return np.random.default_rng(1).normal(size=sequences.shape).astype(np.float32), labels


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Training


def test_separable_classes_are_learned_and_the_given_network_is_left_alone() -> None:
    sequences, labels = rows_of(160)
    network = network_of()
    before = [weights.copy() for weights in network.get_weights()]
    candidate, history = train(network, sequences, labels, training_of(epochs=20))

    fresh, fresh_labels = rows_of(161)
    assert roc_auc_score(fresh_labels, predict(candidate, fresh)) > 0.99
    assert history["loss"][-1] < 0.2 < history["loss"][0]

    assert candidate is not network
    assert not network.compiled
    for weights, was in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, was)


def test_two_trainings_give_the_same_bits() -> None:
    sequences, labels = rows_of(50)
    network = network_of(dropout=0.3, normalization="batch")
    first, history = train(network, sequences, labels, training_of())
    keras.utils.set_random_seed(99)
    again, same_history = train(network, sequences, labels, training_of())
    assert_same_weights(first, again)
    assert history == same_history


# Stopping early


@pytest.fixture(scope="module")
def stopped() -> tuple[keras.Model, dict[str, Any]]:
    """A training on noise, which stops soon."""
    return train(network_of(), *noise(), training_of(epochs=200, patience=3))


def test_training_stops_when_the_validation_loss_falls_no_more(
    stopped: tuple[keras.Model, dict[str, Any]],
) -> None:
    losses = stopped[1]["validation_loss"]
    best = stopped[1]["best_epoch"]
    assert len(losses) < 200
    assert len(losses) == best + 3
    assert losses[best - 1] == min(losses)


@pytest.mark.parametrize("epochs_after_the_best", [0, 1])
def test_the_best_epochs_weights_are_restored(
    stopped: tuple[keras.Model, dict[str, Any]], epochs_after_the_best: int
) -> None:
    # The same training cut short: right after the best epoch, and before patience runs out.
    candidate, history = stopped
    best = history["best_epoch"]
    training = training_of(epochs=best + epochs_after_the_best, patience=3)
    short, short_history = train(network_of(), *noise(), training)
    assert short_history["best_epoch"] == best
    assert short_history["validation_loss"] == history["validation_loss"][: training.epochs]
    assert_same_weights(short, candidate)


def test_history_has_numbers_for_each_epoch(stopped: tuple[keras.Model, dict[str, Any]]) -> None:
    history = dict(stopped[1])
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    epochs = history.pop("best_epoch") + 3
    assert set(history) == {"loss", "accuracy", "validation_loss", "validation_accuracy"}
    assert {len(values) for values in history.values()} == {epochs}


def test_without_validation_rows_all_epochs_run_and_the_last_weights_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    training = training_of(epochs=12, patience=1, validation_fraction=0, learning_rate=0.5)
    with caplog.at_level(logging.INFO, "tabular_lstm"):
        _, history = train(network_of(), *noise(), training)
    assert set(history) == {"loss", "accuracy", "best_epoch"}
    assert len(history["loss"]) == len(history["accuracy"]) == history["best_epoch"] == 12
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    (line,) = [line for line in caplog.messages if line.startswith("epoch 12 of")]
    assert f"loss {history['loss'][-1]:.4f}" in line
    assert "validation" not in line


# Few rows


@pytest.mark.parametrize(
    ("rows", "positives", "validation_fraction"),
    [(2, 1, 0.5), (12, 6, 0.05)],
)
def test_nothing_is_kept_back_where_a_class_cannot_be_shared(
    rows: int, positives: int, validation_fraction: float
) -> None:
    training = training_of(epochs=1, validation_fraction=validation_fraction)
    candidate, history = train(network_of(), *rows_of(rows, positives), training)
    assert "validation_loss" not in history
    assert np.isfinite(predict(candidate, rows_of(rows)[0])).all()


@pytest.mark.parametrize(("rows", "positives", "validation_fraction"), [(4, 2, 0.9), (10, 5, 0.9)])
def test_a_large_validation_fraction_of_few_rows_trains(
    rows: int, positives: int, validation_fraction: float
) -> None:
    training = training_of(epochs=1, validation_fraction=validation_fraction)
    _, history = train(network_of(), *rows_of(rows, positives), training)
    assert np.isfinite(history["loss"]).all()


def losses_of_a_constant(positives: int, rows: int, validation_fraction: float) -> list[float]:
    """Validation losses of a network that gives every row 0.9, and shows so what it is given."""
    network = network_of()
    *others, kernel, bias = network.get_weights()
    network.set_weights([*others, 0 * kernel, bias + np.log(9)])
    training = training_of(epochs=1, validation_fraction=validation_fraction, learning_rate=1e-12)
    _, history = train(network, *rows_of(rows, positives), training)
    return history.get("validation_loss", [])


def test_validation_rows_have_the_same_share_of_positives() -> None:
    (loss,) = losses_of_a_constant(positives=48, rows=160, validation_fraction=0.25)
    assert loss == pytest.approx(-0.3 * np.log(0.9) - 0.7 * np.log(0.1), rel=1e-4)


@pytest.mark.parametrize(("positives", "rows"), [(2, 20), (58, 60)])
def test_validation_rows_hold_both_classes_or_there_are_none(positives: int, rows: int) -> None:
    for loss in losses_of_a_constant(positives, rows, validation_fraction=0.1):
        assert -np.log(0.9) + 0.01 < loss < -np.log(0.1) - 0.01


# The log


def test_progress_is_logged_with_the_remaining_time_and_no_control_characters(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "tabular_lstm"):
        _, history = train(network_of(), *rows_of(40), training_of(epochs=3))
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    assert 2 <= len(lines) <= 3
    assert lines[0].startswith("epoch 1 of at most 3: ")
    assert lines[-1].startswith("epoch 3 of at most 3: ")
    assert f"loss {history['loss'][-1]:.4f}" in lines[-1]
    assert f"validation loss {history['validation_loss'][-1]:.4f}" in lines[-1]
    assert f"(best {min(history['validation_loss']):.4f})" in lines[-1]
    assert re.search(r"at most \d+ s left", lines[-1])
    assert any("30 rows, 10 kept back" in line for line in caplog.messages)
    for text in (*capfd.readouterr(), caplog.text):
        assert not CONTROL_CHARACTERS.search(text)


# Predicting


def test_predictions_are_the_models_own() -> None:
    network = network_of(normalization="layer", dropout=0.5)
    sequences, _ = rows_of(30)
    sequences[::3, 1, 0] = np.nan
    sequences[1] = np.nan
    before = sequences.copy()
    probabilities = predict(network, sequences)
    assert probabilities.shape == (30,)
    assert probabilities.dtype == np.float64
    assert ((probabilities > 0) & (probabilities < 1)).all()
    np.testing.assert_allclose(
        probabilities, np.asarray(network(sequences, training=False))[:, 0], rtol=1e-5
    )
    np.testing.assert_array_equal(sequences, before)


def test_many_rows_come_back_in_their_order(stopped: tuple[keras.Model, dict[str, Any]]) -> None:
    sequences, _ = rows_of(30)
    expected = np.tile(predict(stopped[0], sequences), 300)
    probabilities = predict(stopped[0], np.tile(sequences, (300, 1, 1)))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_no_rows_give_no_probabilities() -> None:
    assert predict(network_of(), np.empty((0, 2, 2), np.float32)).shape == (0,)
