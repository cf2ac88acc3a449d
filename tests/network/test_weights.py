"""Training counts a row of weight 2 as two rows, in all that is a sum over rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.network.fit import train
from tabular_lstm.network.members import Members
from tabular_lstm.network.outputs import choose_threshold
from tabular_lstm.parameters.hyperparameters import Objective
from tabular_lstm.pipelines.training.nodes import train_network
from tabular_lstm.rows.weights import scaled
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.judged import set_of
from tests.helpers.networks import schema_of
from tests.helpers.trainings import (
    HERE,
    SCHEMA,
    half_told,
    inputs_of,
    network_of,
    rows_of,
    same,
    training_of,
)

objectives = st.sampled_from(
    [
        Objective(kind="accuracy"),
        Objective(kind="f1"),
        Objective.model_validate({"kind": "costs", "costs": {"false_negative": 3.0}}),
        Objective.model_validate({"kind": "costs", "costs": {"false_positive": 7.0}}),
    ]
)
# Label, probability (with ties) and weight of each row.
rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 19), st.integers(0, 3)), min_size=2, max_size=30
).filter(lambda given: any(weight for *_, weight in given))


def arrays(given: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, twentieths, counts = np.array(given).T
    return labels, twentieths / 20, counts


# Threshold and temperature


@given(rows, objectives)
def test_a_threshold_takes_a_weight_for_so_many_rows(
    given: list[tuple[int, int, int]], objective: Objective
) -> None:
    labels, probabilities, counts = arrays(given)
    weighted = choose_threshold(labels, probabilities, objective, counts.astype(float))
    repeated = choose_threshold(labels.repeat(counts), probabilities.repeat(counts), objective)
    assert weighted == repeated


# The loss that is trained on, and the loss on the folds


@pytest.mark.long
@pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])
def test_a_batch_has_loss_and_gradient_of_its_rows_repeated(task: str) -> None:
    sequences, labels = half_told(24)
    counts = np.random.default_rng(1).integers(1, 4, 24)
    schema = SCHEMA if task == TWO_CLASSES else schema_of(task=task)
    network, places = network_of(schema=schema), np.arange(24)
    rows = network, sequences, labels, training_of()
    weighted, plain = (
        Members(inputs_of(*rows, weights), range(2)) for weights in (scaled(counts), None)
    )
    start = plain.weights.copy()

    def first_step(members: Members, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the loss and the mean gradient, which after one step is a tenth of the gradient."""
        members.weights, members.step = start.copy(), 0
        members.mean, members.square = np.zeros_like(start), np.zeros_like(start)
        batches, rates = np.broadcast_to(batch, (1, 2, len(batch))), np.full((1, 2), 0.01)
        given = np.arange(2), batches, rates.astype(np.float32), [places, places]
        return members.train_epoch(*given)[0], members.mean

    by_weight = first_step(weighted, places)
    repeated = first_step(plain, places.repeat(counts))
    alike = first_step(plain, places)
    assert by_weight[0] == pytest.approx(repeated[0], rel=1e-5)
    assert by_weight[0] != pytest.approx(alike[0], rel=1e-3)
    np.testing.assert_allclose(by_weight[1], repeated[1], atol=1e-6)
    assert np.abs(by_weight[1] - alike[1]).max() > 1e-3


# Trainings


def trained(weights: Any, network: Any = None, **changed: Any) -> tuple[Any, dict[str, Any]]:
    """Train as the node does, by these weights."""
    sequences, labels = half_told(64)
    series = None if weights is None else pd.Series(np.asarray(weights, float))
    train_set = set_of(sequences, pd.Series(labels), series, schema=SCHEMA)
    return train_network(
        network or network_of(dropout=0.2),
        train_set,
        training_of(**changed),
        HERE,
    )


def test_weights_that_are_alike_train_to_the_bits_of_none() -> None:
    (without, history), (alike, same_history) = trained(None), trained(np.full(64, 1e20))
    assert history == same_history
    assert same(without.get_weights(), alike.get_weights())


@pytest.mark.long
def test_groups_of_one_row_change_no_bit_and_others_the_folds() -> None:
    sequences, labels = rows_of(64)
    weights = scaled(np.random.default_rng(0).uniform(0.2, 3, 64))
    training = training_of(epochs=3)
    numbers = (None, np.arange(64), np.arange(64) // 4)
    plain, alone, together = (
        train(network_of(), sequences, labels, training, weights, groups)[1] for groups in numbers
    )
    assert plain == alone
    assert plain["validation_loss"] != together["validation_loss"]


def test_temperature_and_threshold_come_from_weighted_logits() -> None:
    sequences, labels = half_told(120)
    weights = scaled(np.where(labels == 1, 8.0, 1.0))
    # A network that hardly trains: what differs are calibration and threshold.
    training = training_of(epochs=1, learning_rate=1e-9)
    _, without = train(network_of(4), sequences, labels, training)
    _, by_weight = train(network_of(4), sequences, labels, training, weights)
    assert by_weight["temperature"] != pytest.approx(without["temperature"], rel=1e-3)
    assert by_weight["decision_threshold"] < without["decision_threshold"]
