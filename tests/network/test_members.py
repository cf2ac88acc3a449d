"""Members: AdamW on rows of their own, never on their fold, each until it stops improving."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit
from sklearn.metrics import log_loss

from tabular_lstm.network import members as of_members
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.calibration import fit_temperature
from tabular_lstm.network.fit import train
from tabular_lstm.network.members import Members, train_members
from tabular_lstm.network.plan import plan_training
from tests.helpers.networks import schema_of, sequences_of
from tests.helpers.trainings import (
    folds_of,
    member_logits,
    network_of,
    noise,
    observe,
    rows_of,
    same,
    training_of,
    weights_of,
)


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
    # 0.01 for 32 rows, by the square root of the rows; half a cosine to 0 in the second half.
    highest = 0.01 * math.sqrt(56 / 32)
    falls = keras.optimizers.schedules.CosineDecay(highest, 3)
    optimizer = keras.optimizers.AdamW(highest, 0.3, epsilon=1e-8)
    kernels = {"kernel", "recurrent"}
    optimizer.exclude_from_weight_decay(
        [weight for weight in network.weights if weight.path.split("/")[-1] not in kernels]
    )
    rows, targets = tf.constant(sequences[fitted]), tf.constant(labels[fitted])
    clipped = []
    for epoch, after in enumerate(members.each_epoch):
        optimizer.learning_rate = highest if epoch < 3 else float(falls(epoch - 3))
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


# What is dropped, and what the others change


def test_what_is_dropped_differs_from_step_to_step_and_by_seed() -> None:
    # The same rows at each step: what differs comes of dropping alone.
    sequences, labels = rows_of(64)
    batches = np.broadcast_to(np.arange(56), (1, 2, 56))
    losses = []
    for share, seed in ((0.0, 0), (0.0, 1), (0.4, 0), (0.4, 1)):
        training = training_of(seed=seed)
        members = Members(network_of(dropout=share), sequences, labels, training)
        still = np.zeros(1, np.float32)
        losses.append([members.train_epoch(batches, still) for _ in range(4)])
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
    """Each member's log loss on its fold with these weights, by Keras and scikit-learn.

    Calibrated by one temperature of all members.
    """
    network.set_weights(weights)
    parts = folds_of(labels, network.options.members)
    logits = member_logits(network, sequences)
    held_out = [of_member[part] for of_member, part in zip(logits, parts, strict=True)]
    temperature = fit_temperature(labels[np.concatenate(parts)], np.concatenate(held_out))
    return [
        log_loss(labels[part], expit(of_member / temperature), labels=[0, 1])
        for of_member, part in zip(held_out, parts, strict=True)
    ]


def lowest_until_four_without(losses: np.ndarray) -> int:
    """The epoch of the lowest loss, from 1, before four epochs that are no lower."""
    best = 0
    while (losses[best + 1 : best + 5] < losses[best]).any():
        best += 1 + int((losses[best + 1 : best + 5] < losses[best]).argmax())
    return best + 1


def test_each_member_keeps_the_weights_of_the_epoch_that_was_its_best() -> None:
    sequences, labels = noise()
    training = training_of(epochs=200, patience=4, learning_rate=0.05)
    candidate, history = train(network_of(members=5), sequences, labels, training)
    each_epoch = observe(network_of(members=5), sequences, labels, training)[0].each_epoch
    scratch = network_of(members=5)
    losses = np.array([fold_losses(scratch, w, sequences, labels) for w in each_epoch])
    np.testing.assert_allclose(history["validation_loss"], losses.mean(1), rtol=1e-5)

    judged = (losses + losses.mean(1, keepdims=True)) / 2
    best = [lowest_until_four_without(of_member) for of_member in judged.T]
    assert len(set(best)) > 2
    assert history["best_epochs"] == best
    assert history["best_epoch"] == int(np.median(best))
    assert len(losses) == len(history["loss"]) == max(best) + 4 < 200
    for member, epoch in enumerate(best):
        assert same(weights_of(candidate, member), [w[member] for w in each_epoch[epoch - 1]])
        assert not same(weights_of(candidate, member), [w[member] for w in each_epoch[-1]])


class Scripted:
    """Members whose loss on their folds after each epoch is given."""

    def __init__(self, losses: list[list[float]]) -> None:
        self.losses = losses
        self.epoch, self.kept = 0, np.zeros(len(losses[0]), int)

    def train_epoch(self, batches: np.ndarray, rates: np.ndarray) -> float:
        self.epoch += 1
        return 1.0

    def logits(self, rows_of: list[np.ndarray]) -> list[float]:
        return self.losses[self.epoch - 1]

    def keep(self, improved: np.ndarray) -> None:
        self.kept[improved] = self.epoch


def test_a_member_stops_by_half_its_own_loss_and_half_the_mean_and_never_starts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_members, "fold_losses", lambda *given: np.array(given[2]))
    losses = [
        [1.0, 1.0, 1.0],  # each member's first is its best so far, at 1.0, 1.0, 1.0
        [0.4, 1.6, 1.0],  # the first's, at 0.7
        [1.0, 1.0, 0.7],  # the second's and the third's, at 0.95 and 0.8
        [1.0, 1.0, 1.0],  # none; the first stops after two epochs without progress
        [0.1, 1.4, 1.2],  # none, for the first has stopped; so do the others, and the training
        [0.1, 0.1, 0.1],
    ]
    labels = np.ones(40, np.float32)
    plan = plan_training(3, labels, 4, training_of(epochs=6, patience=2))
    members = Scripted(losses)
    history = train_members(members, plan, labels)
    assert len(history["loss"]) == members.epoch == 5
    np.testing.assert_allclose(history["validation_loss"], np.mean(losses[:5], axis=1))
    assert history["best_epochs"] == members.kept.tolist() == [2, 3, 3]
    assert history["best_epoch"] == 3


def test_a_training_that_progresses_runs_all_its_epochs() -> None:
    _, history = train(network_of(), *rows_of(64), training_of(epochs=8, patience=3))
    assert len(history["loss"]) == 8
    assert history["best_epochs"] == [8, 8]


def test_more_rows_than_are_computed_at_once_have_the_same_logits() -> None:
    sequences, labels = rows_of(61)
    members = Members(network_of(), sequences, labels, training_of())
    rows = [np.arange(40), np.arange(61)]
    in_pieces, at_once = members.logits(rows, at_once=3), members.logits(rows)
    for piecewise, whole in zip(in_pieces, at_once, strict=True):
        np.testing.assert_allclose(piecewise, whole, atol=1e-5)
