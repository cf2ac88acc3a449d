"""Groups of members: who is in them, what couples their members, and how they merge."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.network.fit import train
from tabular_lstm.network.member_groups import Task, Trained, merge, split, train_group
from tabular_lstm.network.plan import plan_training
from tabular_lstm.network.stopping import fold_losses
from tests.helpers.trainings import (
    half_told,
    member_logits,
    network_of,
    same,
    training_of,
    weights_of,
)


@pytest.mark.parametrize("members", [1, 2, 7, 8])
@pytest.mark.parametrize("groups", [1, 2, 3, 8, 20])
def test_each_member_is_in_one_group_and_groups_are_even(members: int, groups: int) -> None:
    parts = split(members, groups)
    assert [number for part in parts for number in part] == list(range(members))
    sizes = [len(part) for part in parts]
    assert len(parts) == min(members, groups)
    assert max(sizes) - min(sizes) <= 1


def test_a_member_is_stopped_by_the_mean_over_its_group() -> None:
    """Nothing else couples members: without early stopping and dropout groups change no weight."""
    network = network_of(members=4)
    rows = half_told(120)
    whole, history = train(network, *rows, training_of(epochs=1))
    halves, of_halves = train(network, *rows, training_of(epochs=1, groups=2))
    for one, other in zip(whole.get_weights(), halves.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    logits = member_logits(whole, rows[0])
    assert history["loss"] == pytest.approx(of_halves["loss"], rel=1e-6)
    assert history["best_epochs"] == of_halves["best_epochs"]
    # The losses on the folds are calibrated by each group's own temperature.
    sequences, labels = rows
    plan = plan_training(4, labels, sequences[0].size, training_of(epochs=1))
    for parts, trained in (([range(4)], history), ([range(2), range(2, 4)], of_halves)):
        losses = [
            fold_losses(labels, few, [logits[n][few.held_out[n - part.start]] for n in part])
            for part, few in ((part, plan.of_members(part)) for part in parts)
        ]
        assert trained["validation_loss"] == [pytest.approx(np.mean(losses), rel=1e-5)]
    assert history["validation_loss"][0] != pytest.approx(of_halves["validation_loss"][0], rel=1e-4)


def test_groups_have_dropout_of_their_own_and_the_first_that_of_all() -> None:
    network = network_of(members=4, dropout=0.5)
    twins = [weight[[0, 1, 0, 1]] for weight in network.get_weights()]
    network.set_weights(twins)
    candidate, _ = train(network, *half_told(64), training_of(epochs=1, groups=2))
    assert not same(weights_of(candidate, 0), weights_of(candidate, 2))


def test_a_group_drops_the_features_of_its_kinds() -> None:
    def trained(feature_dropout: list[float]) -> list[np.ndarray]:
        kinds: dict[str, Any] = {"frequency_scale": [0.1, 1.0], "feature_dropout": feature_dropout}
        network = network_of(members=2, **kinds)
        training = training_of(epochs=1, groups=2)
        task = Task(
            network.get_config(), network.get_weights(), *half_told(64), training, None, None
        )
        groups = [train_group(task, numbers) for numbers in split(4, 2)]
        return [group.weights[1] for group in groups]

    none, of_second = trained([0.0, 0.0]), trained([0.0, 0.5])
    np.testing.assert_array_equal(of_second[0], none[0])
    for member in range(2):
        assert (of_second[1][member] != none[1][member]).any()


def test_the_same_groups_give_the_same_bits_in_whatever_order_they_are_done() -> None:
    def backwards(function, shared, parts):  # type: ignore[no-untyped-def]
        for place, part in reversed(list(enumerate(parts))):
            yield place, function(shared, part)

    network, rows = network_of(members=4, dropout=0.3), half_told(120)
    training = training_of(groups=3, epochs=2)
    one, history = train(network, *rows, training)
    other, same_history = train(network, *rows, training, workers=backwards)
    assert same(one.get_weights(), other.get_weights())
    assert history == same_history


def test_an_epoch_has_the_mean_of_the_members_that_still_trained() -> None:
    def of(members: int, losses: list[float]) -> Trained:
        weights = [np.full((members, 2), losses[0])]
        history = {
            "loss": losses,
            "validation_loss": losses,
            "kept_loss": losses,
            "best_epoch": len(losses),
            "best_epochs": [len(losses)] * members,
        }
        rows = [np.arange(3)] * members
        return Trained(weights, history, rows, [np.zeros(3)] * members)

    merged = merge([of(1, [1.0, 0.5, 0.2]), of(3, [2.0])])
    assert merged.history["loss"] == pytest.approx([1.75, 0.5, 0.2])
    # A member that has stopped keeps what it has.
    assert merged.history["kept_loss"] == pytest.approx([1.75, 1.625, 1.55])
    assert merged.history["best_epochs"] == [3, 1, 1, 1]
    assert merged.history["best_epoch"] == 1
    assert merged.weights[0].tolist() == [[1, 1], [2, 2], [2, 2], [2, 2]]
    assert len(merged.logits) == len(merged.held_out) == 4
