"""Training to the bit alike, folds that a member never sees, the log it writes, predictions."""

import json
import logging
import re
import time
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from tabular_lstm.network.build import LSTMEnsemble, build
from tabular_lstm.network.calibration import choose_threshold
from tabular_lstm.network.fit import predict, train
from tabular_lstm.network.members import Members, train_members
from tabular_lstm.network.plan import batch_size, epochs, plan_training, stratified_folds
from tabular_lstm.parameters import Ensemble, Network, Training
from tabular_lstm.rows.schema import Schema
from tests.helpers.networks import assert_same_weights, schema_of, sequences_of

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


def network_of(seed: int = 0, schema: Schema = SCHEMA, **options: Any) -> LSTMEnsemble:
    small = {"members": 2, "units": [4], "dimensions": 3, "frequencies": 2}
    quiet = {"dropout": 0.0}
    ensemble = Ensemble.model_validate({**small, **quiet, **options})
    return build(schema, Network(ensemble=ensemble), seed)


def training_of(**changed: Any) -> Training:
    return Training.model_validate(
        {"epochs": 3, "batch_size": 16, "learning_rate": 0.02, **changed}
    )


def rows_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature tells the classes apart; half positive."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(count) < count // 2).astype(np.float32)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] = 2 * labels - 1 + 0.1 * sequences[:, 0, 0]
    return sequences, labels


def noise(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows that say nothing about their labels: training on them can only overfit."""
    sequences, labels = rows_of(count)
    return np.random.default_rng(1).normal(size=sequences.shape).astype(np.float32), labels


def folds_of(labels: np.ndarray, members: int, seed: int = 0) -> list[np.ndarray]:
    """The rows that each member leaves out."""
    folds = min(8, len(labels))
    fold = stratified_folds(labels, folds, seed)
    return [np.flatnonzero(fold == member % folds) for member in range(members)]


def member_logits(network: LSTMEnsemble, sequences: np.ndarray) -> np.ndarray:
    """Each member's logit of each row, (k, rows)."""
    return network.member_logits(sequences[None]).numpy().astype(np.float64)


def weights_of(network: LSTMEnsemble, member: int) -> list[np.ndarray]:
    return [weight[member] for weight in network.get_weights()]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


class Observed(Members):
    """Members that note what they are trained on and the weights after each epoch."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.batches: list[np.ndarray] = []
        self.each_epoch: list[list[np.ndarray]] = []

    def train_epoch(self, batches: np.ndarray) -> float:
        loss = super().train_epoch(batches)
        self.batches.append(batches)
        self.each_epoch.append(self.present_weights())
        return loss


def observe(
    network: LSTMEnsemble,
    sequences: np.ndarray,
    labels: np.ndarray,
    training: Training,
    planned_for: np.ndarray | None = None,
) -> tuple[Observed, dict[str, Any]]:
    """Train members as `train` does, and look on; with the folds of other labels, if given."""
    members = Observed(network, sequences, labels, training)
    planned = labels if planned_for is None else planned_for
    plan = plan_training(network.options.members, planned, training)
    return members, train_members(members, plan, labels)


# What is learned


def test_separable_classes_are_learned_and_the_given_network_is_left_alone() -> None:
    sequences, labels = rows_of(160)
    given_sequences, given_labels = sequences.copy(), labels.copy()
    network = network_of(dropout=0.3)
    before = [weights.copy() for weights in network.get_weights()]
    configuration = network.get_config()
    candidate, history = train(network, sequences, labels, training_of(epochs=20))

    fresh, fresh_labels = rows_of(161)
    assert roc_auc_score(fresh_labels, predict(candidate, fresh)) > 0.99
    called = predict(candidate, fresh) >= candidate.threshold
    assert (called == fresh_labels).mean() > 0.97
    assert history["loss"][-1] < 0.4 < history["loss"][0]

    assert candidate is not network
    assert not same(candidate.get_weights(), before)
    assert same(network.get_weights(), before)
    assert network.get_config() == configuration
    np.testing.assert_array_equal(sequences, given_sequences)
    np.testing.assert_array_equal(labels, given_labels)


def test_categories_and_missing_values_are_learned_from() -> None:
    schema = schema_of(4, names=(2,))
    sequences = sequences_of(schema, rows=160, missing=0.3)
    for step, place, value in ((1, 0, 1.0), (0, 1, np.nan)):
        told = np.isnan(sequences) if np.isnan(value) else sequences == value
        labels = told[:, step, place].astype(np.float32)
        candidate, _ = train(network_of(schema=schema), sequences, labels, training_of(epochs=25))
        assert roc_auc_score(labels, predict(candidate, sequences)) > 0.99


def test_the_steps_are_those_of_adamw_on_each_members_rows() -> None:
    schema = schema_of(5, names=(1,))
    sequences = sequences_of(schema, rows=64, missing=0.1)
    labels = (np.arange(64) % 2).astype(np.float32)
    network = network_of(schema=schema, members=3, units=[4, 3])
    network.set_weights([4 * weight for weight in network.get_weights()])
    # All 56 rows of a member at each step, so that their order does not count.
    training = training_of(epochs=6, batch_size=56, learning_rate=0.01, weight_decay=0.3)
    members, _ = observe(network, sequences, labels, training)

    fitted = [np.setdiff1d(np.arange(64), part) for part in folds_of(labels, 3)]
    optimizer = keras.optimizers.AdamW(0.01, 0.3, epsilon=1e-8)
    kernels = {"kernel", "recurrent"}
    optimizer.exclude_from_weight_decay(
        [weight for weight in network.weights if weight.path.split("/")[-1] not in kernels]
    )
    rows, targets = tf.constant(sequences[fitted]), tf.constant(labels[fitted])
    clipped = []
    for after in members.each_epoch:
        with tf.GradientTape() as tape:
            logits = network.member_logits(rows)
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(tf.reduce_mean(entropy, 1))
        values = [weight.value for weight in network.weights]
        gradients = [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, values)]
        norms = np.sqrt(sum((g.reshape(3, -1) ** 2).sum(1) for g in gradients))
        clipped.append(norms > 1)
        shrink = 1 / np.maximum(norms, 1)
        optimizer.apply_gradients(
            [
                (tf.constant(g * shrink.reshape(3, *[1] * (g.ndim - 1))), weight)
                for g, weight in zip(gradients, network.weights, strict=True)
            ]
        )
        for measured, expected in zip(after, network.get_weights(), strict=True):
            np.testing.assert_allclose(measured, expected, atol=2e-5)
    assert 0 < np.mean(clipped) < 1


def test_each_batch_is_of_the_declared_size_and_no_row_comes_twice_in_an_epoch() -> None:
    sequences, labels = rows_of(61)
    training = training_of(epochs=4, batch_size=13)
    batches = observe(network_of(members=3), sequences, labels, training)[0].batches
    held_out = folds_of(labels, 3)
    for epoch in batches:
        assert epoch.shape == (53 // 13, 3, 13)
        for member in range(3):
            rows = epoch[:, member].ravel()
            assert len(np.unique(rows)) == rows.size
            assert not np.isin(rows, held_out[member]).any()
    for member in range(3):
        passed = np.unique([epoch[:, member] for epoch in batches])
        np.testing.assert_array_equal(passed, np.setdiff1d(np.arange(61), held_out[member]))
    orders = {epoch[:, member].tobytes() for epoch in batches for member in range(3)}
    assert len(orders) == 12


# The same bits


@pytest.mark.parametrize("names", [(), (1, 3)])
def test_two_trainings_give_the_same_bits_and_another_seed_gives_others(
    names: tuple[int, ...],
) -> None:
    schema = schema_of(5, names=names)
    sequences = sequences_of(schema, rows=300, missing=0.1)
    labels = (np.random.default_rng(3).random(300) < 0.4).astype(np.float32)
    network = network_of(schema=schema, units=[4, 3], dropout=0.3)
    first, history = train(network, sequences, labels, training_of(batch_size=64))
    keras.utils.set_random_seed(99)
    again, same_history = train(network, sequences, labels, training_of(batch_size=64))
    assert_same_weights(first, again)
    assert history == same_history
    np.testing.assert_array_equal(predict(first, sequences), predict(again, sequences))

    other, other_history = train(network, sequences, labels, training_of(batch_size=64, seed=1))
    assert history["loss"] != other_history["loss"]
    for one, another in zip(first.get_weights(), other.get_weights(), strict=True):
        assert not one.size or (one != another).any()


def test_what_is_dropped_differs_from_step_to_step_and_by_seed() -> None:
    # The same rows at each step: what differs comes of dropping alone.
    sequences, labels = rows_of(64)
    batches = np.broadcast_to(np.arange(56), (1, 2, 56))
    losses = []
    for share, seed in ((0.0, 0), (0.0, 1), (0.4, 0), (0.4, 1)):
        training = training_of(learning_rate=1e-12, seed=seed)
        members = Members(network_of(dropout=share), sequences, labels, training)
        losses.append([members.train_epoch(batches) for _ in range(4)])
    without, without_too, with_some, with_other = losses
    np.testing.assert_allclose([without, without_too], without[0], rtol=1e-5)
    assert len({round(loss, 5) for loss in [without[0], *with_some, *with_other]}) == 9


def test_a_member_trained_alone_is_the_same_as_in_a_group() -> None:
    sequences, labels = rows_of(64)
    alone, _ = observe(network_of(members=1), sequences, labels, training_of())
    group, _ = observe(network_of(members=3), sequences, labels, training_of())
    for one, three in zip(alone.each_epoch, group.each_epoch, strict=True):
        for weight, grouped in zip(one, three, strict=True):
            np.testing.assert_allclose(grouped[0], weight[0], atol=1e-5)


# Folds


@given(st.integers(1, 60), st.floats(0, 1), st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_folds_are_of_one_size_and_have_one_share_of_each_class(
    rows: int, share: float, folds: int, seed: int
) -> None:
    labels = (np.random.default_rng(seed).random(rows) < share).astype(np.float32)
    fold = stratified_folds(labels, folds, seed)
    assert fold.shape == (rows,)
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    for label in (0, 1):
        assert np.ptp(np.bincount(fold[labels == label], minlength=folds)) <= 1
    np.testing.assert_array_equal(stratified_folds(labels, folds, seed), fold)


def test_folds_are_random_by_the_seed() -> None:
    labels = np.zeros(400, np.float32)
    one, other = stratified_folds(labels, 8, 0), stratified_folds(labels, 8, 1)
    assert 0.05 < (one == other).mean() < 0.25
    assert 0.05 < (one == np.arange(400) % 8).mean() < 0.25
    assert 0.05 < (one[1:] == one[:-1]).mean() < 0.25


@pytest.mark.parametrize("poisoned", ["features", "labels"])
@pytest.mark.parametrize("member", [0, 2])
def test_a_member_never_learns_from_its_fold(poisoned: str, member: int) -> None:
    sequences, labels = rows_of(64)
    held_out = folds_of(labels, 3)[member]
    planned_for, training = labels.copy(), training_of(patience=3)
    network = network_of(members=3, dropout=0.2)
    before, clean = observe(network, sequences, labels, training)
    if poisoned == "features":
        sequences[held_out] = 1e6
    else:
        labels[held_out] = 1 - labels[held_out]
    after, history = observe(network, sequences, labels, training, planned_for)
    assert history["validation_loss"] != clean["validation_loss"]
    for was, now in zip(before.each_epoch, after.each_epoch, strict=True):
        changed = [
            not same([weight[other] for weight in was], [weight[other] for weight in now])
            for other in range(3)
        ]
        assert changed == [other != member for other in range(3)]


@pytest.mark.parametrize(
    ("rows", "members", "size"),
    [(2, 1, 16), (2, 3, None), (3, 2, 1), (7, 2, 16), (9, 10, 4), (12, 17, None), (40, 1, 500)],
)
def test_few_rows_and_any_number_of_members_train(rows: int, members: int, size: int) -> None:
    sequences, labels = rows_of(rows)
    network = network_of(members=members)
    candidate, history = train(network, sequences, labels, training_of(epochs=2, batch_size=size))
    assert len(history["best_epochs"]) == members
    assert np.isfinite([*history["loss"], *history["validation_loss"]]).all()
    assert 0 <= history["decision_threshold"] <= 1
    probabilities = predict(candidate, sequences)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    before = network.get_weights()
    for member in range(members):
        assert not same([w[member] for w in before], weights_of(candidate, member))


def test_members_beyond_the_folds_leave_the_first_folds_out_again() -> None:
    sequences, labels = rows_of(40)
    network = network_of(members=9)
    weights = [weight.copy() for weight in network.get_weights()]
    before, _ = observe(network, sequences, labels, training_of())
    assert all((a[8] != a[0]).any() for a in weights[:2])
    sequences[folds_of(labels, 1)[0]] = 1e6
    after, _ = observe(network, sequences, labels, training_of())
    for was, now in zip(before.each_epoch, after.each_epoch, strict=True):
        unchanged = [
            member
            for member in range(9)
            if same([weight[member] for weight in was], [weight[member] for weight in now])
        ]
        assert unchanged == [0, 8]


# Stopping early


def fold_losses(
    network: LSTMEnsemble, weights: list[np.ndarray], sequences: np.ndarray, labels: np.ndarray
) -> list[float]:
    """Each member's log loss on its fold with these weights, by Keras and scikit-learn."""
    network.set_weights(weights)
    parts = folds_of(labels, network.options.members)
    logits = member_logits(network, sequences)
    return [
        log_loss(labels[part], expit(of_member[part]), labels=[0, 1])
        for of_member, part in zip(logits, parts, strict=True)
    ]


def test_each_member_keeps_the_weights_of_the_epoch_that_was_its_best() -> None:
    sequences, labels = noise()
    training = training_of(epochs=200, patience=4, learning_rate=0.05)
    candidate, history = train(network_of(members=5), sequences, labels, training)
    each_epoch = observe(network_of(members=5), sequences, labels, training)[0].each_epoch
    scratch = network_of(members=5)
    losses = np.array([fold_losses(scratch, w, sequences, labels) for w in each_epoch])
    np.testing.assert_allclose(history["validation_loss"], losses.mean(1), rtol=1e-5)

    # None of these members has a lower loss after it stopped; the next test is of one that has.
    judged = (losses + losses.mean(1, keepdims=True)) / 2
    best = (judged.argmin(0) + 1).tolist()
    assert len(set(best)) > 2
    assert history["best_epochs"] == best
    assert history["best_epoch"] == int(np.median(best))
    assert len(losses) == len(history["loss"]) == max(best) + 4 < 200
    for member, epoch in enumerate(best):
        assert same(weights_of(candidate, member), [w[member] for w in each_epoch[epoch - 1]])
        assert not same(weights_of(candidate, member), [w[member] for w in each_epoch[-1]])


class Scripted:
    """Members whose loss on their folds after each epoch is given; all labels are 1."""

    def __init__(self, losses: list[list[float]]) -> None:
        self.losses = losses
        self.epoch, self.kept = 0, np.zeros(len(losses[0]), int)

    def train_epoch(self, batches: np.ndarray) -> float:
        self.epoch += 1
        return 1.0

    def logits(self, rows_of: list[np.ndarray]) -> list[np.ndarray]:
        losses = zip(self.losses[self.epoch - 1], rows_of, strict=True)
        return [np.full(len(rows), -np.log(np.expm1(loss))) for loss, rows in losses]

    def keep(self, improved: np.ndarray) -> None:
        self.kept[improved] = self.epoch


def test_a_member_stops_by_half_its_own_loss_and_half_the_mean_and_never_starts_again() -> None:
    losses = [
        [1.0, 1.0, 1.0],  # each member's first is its best so far, at 1.0, 1.0, 1.0
        [0.4, 1.6, 1.0],  # the first's, at 0.7
        [1.0, 1.0, 0.7],  # the second's and the third's, at 0.95 and 0.8
        [1.0, 1.0, 1.0],  # none; the first stops after two epochs without progress
        [0.1, 1.4, 1.2],  # none, for the first has stopped; so do the others, and the training
        [0.1, 0.1, 0.1],
    ]
    labels = np.ones(40, np.float32)
    plan = plan_training(3, labels, training_of(epochs=6, patience=2))
    members = Scripted(losses)
    history = train_members(members, plan, labels)
    assert len(history["loss"]) == members.epoch == 5
    np.testing.assert_allclose(history["validation_loss"], np.mean(losses[:5], axis=1))
    assert history["best_epochs"] == members.kept.tolist() == [2, 3, 3]
    assert history["best_epoch"] == 3


def test_a_training_that_progresses_runs_all_its_epochs() -> None:
    _, history = train(network_of(), *rows_of(64), training_of(epochs=8, patience=1))
    assert len(history["loss"]) == 8
    assert history["best_epochs"] == [8, 8]


def test_history_has_numbers_for_each_epoch_and_the_candidate_tells_the_same() -> None:
    training = training_of(patience=2, objective={"kind": "f1"})
    candidate, history = train(network_of(), *rows_of(64), training)
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    assert set(history) == {
        "loss",
        "validation_loss",
        "best_epoch",
        "best_epochs",
        "temperature",
        "decision_threshold",
    }
    assert len(history["loss"]) == len(history["validation_loss"]) == 3
    assert history["temperature"] == candidate.temperature
    assert history["decision_threshold"] == candidate.threshold
    assert Training.model_validate(candidate.training) == training


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_training_that_diverges_ends_with_a_loss_that_says_so() -> None:
    training = training_of(epochs=50, learning_rate=1e30)
    candidate, history = train(network_of(), *rows_of(40), training)
    assert len(history["loss"]) < 50
    assert not np.isfinite(history["loss"][-1])
    assert all(np.isfinite(weight).all() for weight in candidate.get_weights())


def test_more_rows_than_are_computed_at_once_have_the_same_logits() -> None:
    sequences, labels = rows_of(61)
    members = Members(network_of(), sequences, labels, training_of())
    rows = [np.arange(40), np.arange(61)]
    in_pieces, at_once = members.logits(rows, at_once=3), members.logits(rows)
    for piecewise, whole in zip(in_pieces, at_once, strict=True):
        np.testing.assert_allclose(piecewise, whole, atol=1e-5)


# Calibration


def half_told(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first feature tells the odds of being positive, a third of them."""
    rng = np.random.default_rng(4)
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    odds = expit(2 * sequences[:, 0, 0] - 1)
    return sequences, (rng.random(count) < odds).astype(np.float32)


@pytest.mark.parametrize("members", [1, 3, 10])
@pytest.mark.parametrize(
    "objective",
    [
        {"kind": "accuracy"},
        {"kind": "f1"},
        {"kind": "costs", "costs": {"false_positive": 1.0, "false_negative": 4.0}},
    ],
    ids=lambda objective: objective["kind"],
)
def test_temperature_and_threshold_come_from_the_out_of_fold_logits(
    members: int, objective: dict[str, Any]
) -> None:
    sequences, labels = half_told(200)
    training = training_of(epochs=12, objective=objective)
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
    assert candidate.temperature == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    expected = choose_threshold(
        known, expit(out_of_fold / candidate.temperature), training.objective
    )
    assert candidate.threshold == pytest.approx(expected, abs=1e-5)

    probabilities = expit(logits.mean(0) / candidate.temperature)
    np.testing.assert_allclose(predict(candidate, sequences), probabilities, atol=1e-6)
    in_sample = choose_threshold(labels, probabilities, training.objective)
    assert candidate.threshold != pytest.approx(in_sample, abs=1e-5)


def test_costlier_misses_lower_the_threshold() -> None:
    thresholds = []
    for cost in (0.1, 10.0):
        costs = {"false_positive": 1.0, "false_negative": cost}
        training = training_of(epochs=12, objective={"kind": "costs", "costs": costs})
        candidate, _ = train(network_of(members=8), *half_told(200), training)
        thresholds.append(candidate.threshold)
    assert thresholds[0] > 0.65
    assert thresholds[1] < 0.35


# What is chosen by the number of rows


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_more_rows_have_larger_batches_and_fewer_epochs(one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert 32 <= batch_size(few) <= batch_size(many)
    assert batch_size(many) & (batch_size(many) - 1) == 0
    assert 200 >= epochs(few) >= epochs(many) >= 12


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"epochs": None, "batch_size": None, "learning_rate": 0.1},
            "Training 3 members, each on 66 of 76 rows; 32 rows a step, 2 steps an epoch, "
            "200 epochs at most, 12 without progress",
        ),
        (
            {"epochs": 2, "batch_size": 500, "patience": 7},
            "Training 3 members, each on 66 of 76 rows; 66 rows a step, 1 steps an epoch, "
            "2 epochs at most, 7 without progress",
        ),
        (
            {"epochs": 2, "batch_size": 7},
            "Training 3 members, each on 66 of 76 rows; 7 rows a step, 9 steps an epoch, "
            "2 epochs at most, 3 without progress",
        ),
    ],
)
def test_the_log_says_what_was_chosen(
    changed: dict[str, Any], line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "tabular_lstm"):
        _, history = train(network_of(members=3), *noise(76), training_of(**changed))
    assert caplog.messages[0] == line
    ran, best = len(history["loss"]), history["best_epochs"]
    assert caplog.messages[-1] == f"Trained for {ran} epochs; each member keeps its best, {best}"
    if changed["epochs"] is None:
        assert ran == max(best) + 12 < 200


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
    assert f"on the members' folds {history['validation_loss'][-1]:.4f}" in lines[-1]
    assert f"(best {min(history['validation_loss']):.4f})" in lines[-1]
    assert "left" not in lines[0]
    assert re.search(r"at most \d+ s left", lines[-1])
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    for text in (*capfd.readouterr(), caplog.text):
        assert not CONTROL_CHARACTERS.search(text)


def test_a_line_is_logged_at_most_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    train(network_of(), *rows_of(40), training_of(epochs=1))
    start = time.monotonic()
    with caplog.at_level(logging.INFO, "tabular_lstm"):
        train(network_of(), *rows_of(40), training_of(epochs=60))
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    assert 2 <= len(lines) <= 3 + time.monotonic() - start


# The tutorial's network

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
    assert f"epoch 4 of at most 4: loss {history['loss'][-1]:.4f}" in caplog.messages[-2]
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


# Predicting


def test_predictions_are_the_models_own() -> None:
    sequences, labels = half_told(60)
    candidate, _ = train(network_of(dropout=0.5), sequences, labels, training_of())
    assert candidate.temperature != 1
    sequences[::3, 1, 0] = np.nan
    sequences[1] = np.nan
    before = sequences.copy()
    probabilities = predict(candidate, sequences)
    assert probabilities.shape == (60,)
    assert probabilities.dtype == np.float64
    assert ((probabilities > 0) & (probabilities < 1)).all()
    np.testing.assert_allclose(probabilities, candidate(sequences)[:, 0], atol=1e-6)
    np.testing.assert_allclose(
        probabilities, candidate.predict(sequences, verbose=0)[:, 0], atol=1e-6
    )
    np.testing.assert_array_equal(sequences, before)
    assert predict(candidate, sequences[:0]).shape == (0,)
