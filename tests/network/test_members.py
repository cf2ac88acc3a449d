"""Members: AdamW on rows of their own, never on their fold."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tabular_lstm.network.members import Members
from tabular_lstm.network.plan import Plan
from tabular_lstm.task import NUMBER
from tests.helpers.networks import prepared, schema_of, sequences_of
from tests.helpers.trainings import (
    SCHEMA,
    folds_of,
    inputs_of,
    network_of,
    observe,
    rows_of,
    same,
    training_of,
)


def test_the_steps_are_those_of_adamw_on_each_members_rows() -> None:
    schema = schema_of(5, names=(1,))
    sequences = sequences_of(schema, rows=64, missing=0.1)
    # Rows of each category, of an unknown one and of none: one with less than a twentieth of the
    # rows takes small steps.
    counts = np.array([40, 16, 5, 2, 1])
    sequences[:, 0, 1] = np.repeat([0, 1, 2, 3, np.nan], counts)
    share = (counts / (counts + 64 / 20))[:, None]
    labels = (np.arange(64) % 2).astype(np.float32)
    network = network_of(schema=schema, members=3, units=[4, 3])
    network.set_weights([4 * weight for weight in network.get_weights()])
    # All 56 rows of a member at each step, so that their order does not count.
    training = training_of(epochs=6, batch_size=56, learning_rate=0.01, weight_decay=0.3)
    members, _ = observe(network, sequences, labels, training)

    fitted = [np.setdiff1d(np.arange(64), part) for part in folds_of(labels, 3)]
    # 0.01 for 32 rows, by the square root of the rows; in the last four epochs it falls to 0.
    highest = 0.01 * math.sqrt(56 / 32)
    optimizer = keras.optimizers.AdamW(highest, 0.3, epsilon=1e-8)
    kernels = {"kernel", "recurrent"}
    optimizer.exclude_from_weight_decay(
        [weight for weight in network.weights if weight.path.split("/")[-1] not in kernels]
    )
    rows = tf.constant(prepared(network.embed, sequences[fitted]))
    targets = tf.constant(labels[fitted])
    clipped = []
    for epoch, after in enumerate(members.each_epoch):
        optimizer.learning_rate = highest * min(1, (6 - epoch) / 4)
        with tf.GradientTape() as tape:
            logits = network.member_outputs(rows)[..., 0]
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(tf.reduce_mean(entropy, 1))
        values = [weight.value for weight in network.weights]
        gradients = [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, values)]
        norms = np.sqrt(sum((g.reshape(3, -1) ** 2).sum(1) for g in gradients))
        clipped.append(norms > 1)
        shrink = 1 / np.maximum(norms, 1)
        vectors = network.embed.vectors
        before = vectors.numpy()
        optimizer.apply_gradients(
            [
                (tf.constant(g * shrink.reshape(3, *[1] * (g.ndim - 1))), weight)
                for g, weight in zip(gradients, network.weights, strict=True)
            ]
        )
        vectors.assign(before + share * (vectors.numpy() - before))
        for measured, expected in zip(after, network.get_weights(), strict=True):
            np.testing.assert_allclose(measured, expected, atol=2e-5)
    assert 0 < np.mean(clipped) < 1


# What is dropped, and what the others change


@pytest.mark.long
@pytest.mark.parametrize("most", [3, 1])
def test_a_member_trained_alone_is_the_same_as_in_a_group(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With thousands of features, each member of a group has a graph of its own."""
    monkeypatch.setattr(
        "tabular_lstm.network.members.TOGETHER_SLOTS", 4 * most
    )  # of the four features
    alone, _ = observe(network_of(members=1), *rows_of(64), training_of())
    group, _ = observe(network_of(members=3), *rows_of(64), training_of())
    assert group.network.options.count == most
    for one, three in zip(alone.each_epoch, group.each_epoch, strict=True):
        for weight, grouped in zip(one, three, strict=True):
            np.testing.assert_allclose(grouped[0], weight[0], atol=1e-5)


# Folds


@pytest.mark.long
@pytest.mark.parametrize(("poisoned", "member"), [("features", 0), ("labels", 2)])
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
    assert history.losses["validation_loss"] != clean.losses["validation_loss"]
    for was, now in zip(before.each_epoch, after.each_epoch, strict=True):
        changed = [
            not same([weight[other] for weight in was], [weight[other] for weight in now])
            for other in range(3)
        ]
        assert changed == [other != member for other in range(3)]


# What is computed of them


def test_a_category_that_no_row_has_is_the_mean_by_weight_of_the_others() -> None:
    schema = SCHEMA.model_copy(update={"categories": {"a": ["x", "y", "z"]}})
    rng = np.random.default_rng(0)
    sequences, labels = rows_of(20)
    sequences[:, 0, 0] = rng.integers(0, 2, 20)
    counts = rng.integers(1, 4, 20)
    vectors = []
    for weights, times in ((None, counts), (counts.astype(float), 1)):
        rows, of_rows = sequences.repeat(times, 0), labels.repeat(times)
        inputs = inputs_of(network_of(schema=schema), rows, of_rows, training_of(), weights)
        members = Members(inputs, range(2))
        fold = np.zeros(len(rows), np.uint8)  # which neither member leaves out
        vectors.append(members.in_shape(members.weights))
        members.average_unseen_categories(
            vectors[-1], Plan(fold, [0, 0], [1, 1], [], 1, 1, 1, 1, rate=0.1, seed=0)
        )
    for one, other in zip(*vectors, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 0.0, 0.15), (2.0, 0.29, 0.31)])
def test_less_is_dropped_the_less_of_a_number_is_left_to_explain(
    noise: float, least: float, most: float
) -> None:
    sequences, _ = rows_of(400)
    rng = np.random.default_rng(0)
    targets = (sequences[:, 0, 1] + noise * rng.normal(size=400)).astype(np.float32)
    network = network_of(schema=schema_of(task=NUMBER), dropout=0.3)
    members, _ = observe(network, sequences, targets, training_of(epochs=40), targets > 0)
    assert least <= float(members.network.read_out.dropout) <= most
    of_classes, _ = observe(network_of(dropout=0.3), *rows_of(64), training_of())
    assert of_classes.network.read_out.dropout == 0.3
