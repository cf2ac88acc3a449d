"""Training to the same bits, a history, calibration and threshold, the log, predictions."""

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from tabular_lstm.network import plan
from tabular_lstm.network.fit import predict, train
from tabular_lstm.network.member_training import DivergedError
from tabular_lstm.network.members import Members
from tabular_lstm.network.outputs import choose_threshold
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tests.helpers.networks import assert_same_weights, schema_of, sequences_of
from tests.helpers.trainings import (
    folds_of,
    half_told,
    member_logits,
    network_of,
    rows_of,
    same,
    training_of,
)

# What is learned


def test_separable_classes_are_learned_and_the_given_network_is_left_alone() -> None:
    sequences, labels = rows_of(160)
    given_sequences, given_labels = sequences.copy(), labels.copy()
    network = network_of(dropout=0.3)
    before = [weights.copy() for weights in network.get_weights()]
    configuration = network.get_config()
    candidate, history = train(network, sequences, labels, training_of(epochs=20))

    fresh, fresh_labels = rows_of(161)
    assert roc_auc_score(fresh_labels, predict(candidate, fresh)[:, 1]) > 0.99
    called = predict(candidate, fresh)[:, 1] >= candidate.calibration.threshold
    assert (called == fresh_labels).mean() > 0.97
    assert history["loss"][-1] < 0.4 < history["loss"][0]

    assert candidate is not network
    assert not same(candidate.get_weights(), before)
    assert same(network.get_weights(), before)
    assert network.get_config() == configuration
    np.testing.assert_array_equal(sequences, given_sequences)
    np.testing.assert_array_equal(labels, given_labels)


# The same bits


@pytest.mark.long
def test_two_trainings_give_the_same_bits_and_another_seed_gives_others() -> None:
    schema = schema_of(5, names=(1, 3))
    sequences = sequences_of(schema, rows=300, missing=0.1)
    labels = (np.random.default_rng(3).random(300) < 0.4).astype(np.float32)
    network = network_of(schema=schema, units=[4, 3], dropout=0.3)
    first, history = train(network, sequences, labels, training_of(batch_size=64))
    keras.utils.set_random_seed(99)
    again, same_history = train(network, sequences, labels, training_of(batch_size=64))
    assert_same_weights(first, again)
    assert history == same_history == json.loads(json.dumps(history, allow_nan=False))
    assert len(history["loss"]) == len(history["validation_loss"]) == 3
    assert history["temperature"] == first.calibration.temperature
    assert history["decision_threshold"] == first.calibration.threshold
    assert TrainingOptions.model_validate(first.training) == training_of(batch_size=64)
    np.testing.assert_array_equal(predict(first, sequences), predict(again, sequences))

    other, other_history = train(network, sequences, labels, training_of(batch_size=64, seed=1))
    assert history["loss"] != other_history["loss"]
    for one, another in zip(first.get_weights(), other.get_weights(), strict=True):
        assert not one.size or (one != another).any()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("changed", [{"learning_rate": 1e30}, {"weight_decay": 1e300}])
def test_a_training_that_diverges_gives_no_candidate(changed: dict[str, float]) -> None:
    training = training_of(epochs=50, **changed)
    hint = r"expected a finite loss, got .*nan.*Lower training.learning_rate = .* or training.wei"
    with pytest.raises(DivergedError, match=hint) as failed:
        train(network_of(), *rows_of(40), training)
    assert len(failed.value.losses) < 50


# Calibration


@pytest.mark.parametrize(
    ("members", "objective"),
    [
        (1, {"kind": "accuracy"}),
        (3, {"kind": "costs", "costs": {"false_positive": 1.0, "false_negative": 4.0}}),
        (10, {"kind": "f1"}),
    ],
)
def test_temperature_and_threshold_come_from_the_out_of_fold_logits(
    members: int, objective: dict[str, Any]
) -> None:
    sequences, labels = half_told(200)
    training = training_of(epochs=12, learning_rate=0.03, objective=objective)
    candidate, _ = train(network_of(members=members), sequences, labels, training)

    logits = member_logits(candidate, sequences)
    unseen = np.full(logits.shape, np.nan)
    for member, part in enumerate(folds_of(labels, members)):
        unseen[member, part] = logits[member, part]
    told = ~np.isnan(unseen).all(0)
    assert told.sum() == 25 * min(members, 8)
    out_of_fold, known = np.nanmean(unseen[:, told], 0), labels[told]

    grid = np.geomspace(0.2, 5, 4001)
    positives = known.sum()
    sure = np.where(known, (positives + 1) / (positives + 2), 1 / (told.sum() - positives + 2))
    losses = [(np.logaddexp(0, z) - sure * z).mean() for z in (out_of_fold / t for t in grid)]
    assert candidate.calibration.temperature == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    expected = choose_threshold(
        known, expit(out_of_fold / candidate.calibration.temperature), training.objective
    )
    assert candidate.calibration.threshold == pytest.approx(expected, abs=1e-5)

    probabilities = expit(logits.mean(0) / candidate.calibration.temperature)
    np.testing.assert_allclose(predict(candidate, sequences)[:, 1], probabilities, atol=1e-6)
    in_sample = choose_threshold(labels, probabilities, training.objective)
    assert candidate.calibration.threshold != pytest.approx(in_sample, abs=1e-5)


# Kinds


def striped(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class changes sixteen times along the first feature."""
    rng = np.random.default_rng(5)
    sequences = rng.uniform(-1.7, 1.7, (rows, 2, 2)).astype(np.float32)
    return sequences, (np.floor(sequences[:, 0, 0] * 5) % 2).astype(np.float32)


def test_the_candidate_gives_the_blend_and_says_what_the_rows_asked_for() -> None:
    sequences, labels = half_told(300)
    candidate, history = train(
        network_of(members=3, frequency_scale=[0.1, 1.0]), sequences, labels, training_of(epochs=10)
    )
    shares = [kind["share"] for kind in history["kinds"]]
    assert min(shares) > 0
    assert candidate.options.frequency_scale == [0.1, 1.0]
    assert candidate.options.count == 6
    smooth, sharp = (f"{100 * share:.0f} %" for share in shares)
    assert history["asked_for"] == (
        f"Smooth relations count for {smooth} and sharp ones for {sharp}"
    )
    mean = member_logits(candidate, sequences).mean(0)
    expected = expit(mean / history["temperature"])
    np.testing.assert_allclose(predict(candidate, sequences)[:, 1], expected, atol=1e-5)
    by_itself = min(kind["log_loss"] for kind in history["kinds"])
    assert history["out_of_fold_log_loss"] < by_itself + 1e-3


def test_a_kind_that_the_rows_do_not_ask_for_is_not_in_the_candidate() -> None:
    rows, training = striped(800), training_of(epochs=60, batch_size=32, patience=6)
    options: dict[str, Any] = {"members": 2, "units": [8], "frequencies": 6, "dimensions": 6}
    network = network_of(**options, frequency_scale=[0.01, 1.0])
    candidate, history = train(network, *rows, training)
    smooth, sharp = history["kinds"]
    assert (smooth["share"], sharp["share"]) == (0.0, 1.0)
    assert sharp["log_loss"] < 0.5 < smooth["log_loss"]
    assert candidate.options.frequency_scale == [1.0]
    # What is said of members is said of those that the candidate has.
    assert candidate.get_weights()[0].shape[0] == len(history["best_epochs"]) == 2
    assert history["best_epoch"] == int(np.median(history["best_epochs"]))
    assert candidate.options.feature_dropout == [0.2]


@pytest.mark.long
def test_a_long_table_has_four_members_of_each_kind_and_the_worse_kind_soon_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained_counts = []
    train_epoch = Members.train_epoch

    def noted(members: Members, places: np.ndarray, *arguments: Any) -> Any:
        trained_counts.append(len(places))
        return train_epoch(members, places, *arguments)

    monkeypatch.setattr(Members, "train_epoch", noted)
    rows, network = rows_of(600), network_of(members=5, frequency_scale=[0.1, 30.0])
    train(network, *rows, training_of(epochs=6))
    assert trained_counts == [10] * 6
    trained_counts.clear()
    monkeypatch.setattr(plan, "LONG_ROWS", 599)
    monkeypatch.setattr(plan, "TRIAL_STEPS", 64)  # two epochs
    candidate, _ = train(network, *rows, training_of(epochs=6))
    assert trained_counts == [8, 8, 4, 4, 4, 4]
    assert candidate.options.members == 4
    assert network.options.members == 5
    trained_counts.clear()
    train(network, *rows, training_of(epochs=6, groups=3))
    assert trained_counts == [2] * 6 + [3] * 12


# What is left in the temporary folder

KILLED = """
import os, signal
from tabular_lstm.network.fit import train
from tabular_lstm.network.members import Members
from tests.helpers.trainings import network_of, rows_of, training_of

Members.train_epoch = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
train(network_of(), *rows_of(60), training_of())
"""


@pytest.mark.long
def test_a_training_that_is_killed_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
        capture_output=True,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(tmp_path.iterdir()) == []


# What is left in the process


@pytest.mark.long
def test_a_training_leaves_no_graph_in_memory() -> None:
    def graphs() -> int:
        gc.collect()
        return sum(type(one).__name__ == "FuncGraph" for one in gc.get_objects())

    train(network_of(), *rows_of(40), training_of(epochs=1))
    before = graphs()
    train(network_of(), *rows_of(40), training_of(epochs=1))
    assert graphs() <= before
