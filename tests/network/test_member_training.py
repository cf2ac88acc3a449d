"""Members train until each stops, in groups wherever there is room, and groups merge."""

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.fit import train
from tabular_lstm.network.member_training import (
    Trained,
    fold_losses,
    merge,
    split,
    train_group,
)
from tabular_lstm.network.outputs import OUTPUTS, outputs_of
from tabular_lstm.network.plan import Plan, TrainingInputs, plan_training
from tabular_lstm.rows.schema import HistoryLayout
from tabular_lstm.rows.timeline import Roles, histories
from tabular_lstm.task import TWO_CLASSES
from tests.helpers.trainings import (
    SCHEMA,
    folds_of,
    half_told,
    member_logits,
    network_of,
    noise,
    observe,
    rows_of,
    same,
    training_of,
    weights_of,
)

TWO = outputs_of(SCHEMA.task)
LABELS = (np.random.default_rng(0).random(80) < 0.4).astype(np.float32)


# The loss on the folds


def plan_of(members: int, kinds: int = 1) -> Plan:
    return plan_training(members, LABELS, 4, training_of(epochs=2, patience=5), kinds=kinds)


def told(plan: Plan, noise: float, size: float = 1.0) -> list[np.ndarray]:
    """Logits of each member's fold that tell the labels, but for noise, and are of some size."""
    rng = np.random.default_rng(1)
    return [
        size * (2 * LABELS[rows] - 1 + noise * rng.normal(size=len(rows)))[:, None]
        for rows in plan.held_out
    ]


def test_each_kind_has_a_temperature_of_its_own() -> None:
    plan = plan_of(8, kinds=2)
    logits = told(plan, noise=2.0)
    larger = [z * (0.5 if kind else 1.0) for z, kind in zip(logits, plan.kind, strict=True)]
    losses = [fold_losses(TWO, LABELS, plan, each) for each in (logits, larger)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    as_one = fold_losses(TWO, LABELS, replace(plan, kind=[0] * 8), larger)
    assert np.abs(as_one - losses[0]).max() > 0.01


# Stopping early


def losses_by_keras(
    network: LSTMEnsemble, weights: list[np.ndarray], sequences: np.ndarray, labels: np.ndarray
) -> list[float]:
    """Each member's log loss on its fold with these weights, by Keras and scikit-learn.

    Calibrated by one temperature of all members.
    """
    network.set_weights(weights)
    parts = folds_of(labels, network.options.members)
    logits = member_logits(network, sequences)
    held_out = [of_member[part] for of_member, part in zip(logits, parts, strict=True)]
    outputs = np.concatenate(held_out)[:, None]
    temperature = OUTPUTS[TWO_CLASSES].fit_temperature(labels[np.concatenate(parts)], outputs)
    return [
        log_loss(labels[part], expit(of_member / temperature), labels=[0, 1])
        for of_member, part in zip(held_out, parts, strict=True)
    ]


def best_and_last(losses: np.ndarray) -> tuple[int, int]:
    """The epoch of the lowest loss, from 1, and the last one.

    Four epochs that are no lower are followed by three tenths as many as there were, or by four.
    """
    best = [int(losses[: epoch + 1].argmin()) for epoch in range(len(losses))]
    falls = next(epoch for epoch in range(len(losses)) if epoch - best[epoch] >= 4) + 1
    last = falls + max(4, math.ceil(0.3 * falls))
    return int(losses[:last].argmin()) + 1, last


def test_each_member_keeps_the_weights_of_the_epoch_that_was_its_best() -> None:
    sequences, labels = noise()
    training = training_of(epochs=200, patience=4, learning_rate=0.05)
    candidate, history = train(network_of(8, members=5), sequences, labels, training)
    each_epoch = observe(network_of(8, members=5), sequences, labels, training)[0].each_epoch
    scratch = network_of(8, members=5)
    losses = np.array([losses_by_keras(scratch, w, sequences, labels) for w in each_epoch])
    np.testing.assert_allclose(history["validation_loss"], losses.mean(1), rtol=1e-5)

    judged = (losses + losses.mean(1, keepdims=True)) / 2
    best, last = zip(*map(best_and_last, judged.T), strict=True)
    assert len(set(best)) > 2
    assert history["best_epochs"] == [*best]
    assert history["best_epoch"] == int(np.median(best))
    assert len(losses) == len(history["loss"]) == max(last) < 200
    for member, epoch in enumerate(best):
        assert same(weights_of(candidate, member), [w[member] for w in each_epoch[epoch - 1]])
    assert not same(candidate.get_weights(), each_epoch[-1])


def test_what_is_learned_perfectly_does_not_take_all_epochs() -> None:
    """The losses go on falling, ever less, and that is no reason to wait."""
    history = train(network_of(members=3), *rows_of(160), training_of(epochs=200))[1]
    losses = history["validation_loss"]
    assert len(losses) < 60
    assert min(losses) < 0.05 * np.log(2)


# Groups of members


def test_a_member_is_stopped_by_the_mean_over_its_group() -> None:
    """Nothing else couples members: without early stopping and dropout groups change no weight."""
    network, once = network_of(members=4), {"epochs": 1, "learning_rate": 0.1}
    rows = half_told(120)
    whole, history = train(network, *rows, training_of(**once))
    halves, of_halves = train(network, *rows, training_of(**once, groups=2))
    for one, other in zip(whole.get_weights(), halves.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    logits = member_logits(whole, rows[0])
    assert history["loss"] == pytest.approx(of_halves["loss"], rel=1e-6)
    assert history["best_epochs"] == of_halves["best_epochs"]
    # The losses on the folds are calibrated by each group's own temperature.
    sequences, labels = rows
    plan = plan_training(4, labels, sequences[0].size, training_of(**once))
    for parts, trained in (([range(4)], history), ([range(2), range(2, 4)], of_halves)):
        losses = [
            fold_losses(
                TWO, labels, few, [logits[n][few.held_out[n - part.start], None] for n in part]
            )
            for part, few in ((part, plan.of_members(part)) for part in parts)
        ]
        assert trained["validation_loss"] == [pytest.approx(np.mean(losses), rel=1e-5)]
    assert history["validation_loss"][0] != pytest.approx(of_halves["validation_loss"][0], rel=1e-4)


def test_a_group_drops_the_features_of_its_kinds() -> None:
    def trained(feature_dropout: list[float]) -> list[np.ndarray]:
        kinds: dict[str, Any] = {"frequency_scale": [0.1, 1.0], "feature_dropout": feature_dropout}
        network = network_of(members=2, **kinds)
        (sequences, labels), training = half_told(64), training_of(epochs=1)
        plan = plan_training(4, labels, 4, training, kinds=2)
        of_network = network.get_config(), network.get_weights()
        inputs = TrainingInputs(*of_network, sequences, labels, training, None, plan)
        groups = [train_group(inputs, numbers) for numbers in split(4, 2)]
        return [group.weights[1] for group in groups]

    none, of_second = trained([0.0, 0.0]), trained([0.0, 0.5])
    np.testing.assert_allclose(of_second[0], none[0], atol=1e-5)
    for member in range(2):
        assert np.abs(of_second[1][member] - none[1][member]).max() > 1e-3


@pytest.mark.long
def test_groups_of_histories_give_the_same_bits_on_workers_which_get_them_pickled() -> None:
    def elsewhere(function, shared, parts):  # type: ignore[no-untyped-def]
        sent = pickle.dumps(shared)
        assert len(sent) < rows.dense().nbytes  # each row once, and not in each history
        for place, part in reversed(list(enumerate(parts))):  # in whatever order they are done
            yield place, function(pickle.loads(sent), part)

    layout = HistoryLayout(of="who", order="at", steps=20, dates=False, gap="gap")
    of_steps = {"features": ["a", "gap"], "steps": 1, "mean": [0.0] * 2, "variance": [1.0] * 2}
    schema = SCHEMA.model_copy(update={**of_steps, "history": layout})
    rng = np.random.default_rng(0)
    roles = Roles(pd.Series(rng.integers(0, 9, 400)).astype(str), rng.random(400))
    rows = histories(roles, rng.normal(size=(400, 1, 2)).astype(np.float32), schema)
    labels = (rows.rows(rows.own)[:, 0, 0] > 0).astype(np.float32)
    network = network_of(schema=schema, members=2, dropout=0.3)
    training = training_of(groups=2, epochs=2)
    one, history = train(network, rows, labels, training)
    other, same_history = train(network, rows, labels, training, workers=elsewhere)
    assert same(one.get_weights(), other.get_weights())
    assert history == same_history


def test_a_group_that_has_stopped_keeps_its_last_losses_in_the_means() -> None:
    def of(members: int, losses: list[float]) -> Trained:
        weights, logits = [np.full((members, 2), losses[0])], [np.zeros(3)] * members
        return Trained(weights, logits, [len(losses)] * members, {"loss": losses})

    merged = merge([of(1, [1.0, 0.5, 0.2]), of(3, [2.0])])
    assert merged.losses["loss"] == pytest.approx([1.75, 1.625, 1.55])
    assert merged.best_epochs == [3, 1, 1, 1]
    assert merged.weights[0].tolist() == [[1, 1], [2, 2], [2, 2], [2, 2]]
    assert len(merged.outputs) == 4
