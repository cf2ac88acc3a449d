"""What outputs mean, of each task: losses, calibration, predictions, decisions."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax
from scipy.stats import expon, lognorm, norm, uniform
from sklearn.metrics import log_loss, mean_pinball_loss

from tabular_lstm.network.fit import fingerprint_network, train
from tabular_lstm.network.outputs import (
    QUANTILES,
    RATES,
    Calibration,
    decisions,
    outputs_of,
    residual_quantiles,
)
from tabular_lstm.parameters.hyperparameters import Objective, TrainingOptions
from tabular_lstm.rows.schema import Target
from tabular_lstm.task import CLASSES, NUMBER, Task
from tests.helpers.networks import schema_of, sequences_of
from tests.helpers.trainings import network_of, same, training_of

THREE, NUMBERS = schema_of(task=CLASSES), schema_of(task=NUMBER)
OF_THREE, OF_NUMBER = outputs_of(THREE.task), outputs_of(NUMBERS.task)


def logits_of(rows: int, classes: int, times: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn by logits, and those logits so many times too large."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (rows, classes))
    drawn = (softmax(logits, 1).cumsum(1) < rng.random((rows, 1))).sum(1)
    return np.minimum(drawn, classes - 1), times * logits


# Classes


def test_the_loss_of_classes_is_their_cross_entropy_in_training_and_out_of_fold() -> None:
    labels, logits = logits_of(50, 3)
    expected = -log_softmax(logits, 1)[np.arange(50), labels]
    np.testing.assert_allclose(OF_THREE.losses(labels.astype(np.float32), logits), expected)
    given = tf.constant(labels[None], tf.float32), tf.constant(logits[None], tf.float32)
    in_training = OF_THREE.tensor_losses(tf, *given)
    np.testing.assert_allclose(in_training, expected[None], rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 40])
@pytest.mark.parametrize("times", [0.5, 3.0])
def test_the_temperature_of_classes_undoes_overconfidence(classes: int, times: float) -> None:
    labels, logits = logits_of(6000, classes, times)
    assert OF_THREE.fit_temperature(labels, logits) == pytest.approx(times, rel=0.1)
    counts = np.random.default_rng(0).integers(1, 3, 6000)
    weighted = OF_THREE.fit_temperature(labels, logits, counts.astype(float))
    repeated = OF_THREE.fit_temperature(labels.repeat(counts), logits.repeat(counts, 0))
    assert weighted == pytest.approx(repeated, rel=1e-4)


def test_few_rows_that_are_told_apart_do_not_make_a_class_sure() -> None:
    logits = 20 * np.eye(3)[[0, 1, 2, 0]]
    temperature = OF_THREE.fit_temperature(np.array([0, 1, 2, 0]), logits)
    assert softmax(logits / temperature, 1).max() < 0.99


COSTS = ((0, 1, 1), (1, 0, 1), (20, 20, 0))


def test_the_decision_is_that_of_the_lowest_expected_cost() -> None:
    labels, logits = logits_of(400, 3)
    objective = Objective.model_validate({"kind": "costs", "costs": COSTS})
    probabilities = softmax(logits, 1)
    cheap, plain = (
        decisions(probabilities, OF_THREE.calibration(labels, logits, 1.0, training, None, NUMBERS))
        for training in (TrainingOptions(objective=objective), TrainingOptions())
    )
    np.testing.assert_array_equal(plain, probabilities.argmax(1))
    for row, decided in zip(probabilities[:50], cheap[:50], strict=True):
        expected = [sum(row[a] * COSTS[a][d] for a in range(3)) for d in range(3)]
        assert decided == np.argmin(expected)
    costs = np.array(COSTS)
    assert costs[labels, cheap].sum() < costs[labels, plain].sum()


# A number


def skewed(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standardized labels whose quantiles are known by the outputs, but for their distances."""
    rng = np.random.default_rng(seed)
    start, spread = rng.normal(size=rows), np.exp(rng.normal(-1, 0.5, rows))
    quantiles = np.log(2) + 0.6 * (-np.log1p(-QUANTILES) - np.log(2))
    outputs = start[:, None] + spread[:, None] * quantiles
    return (start + spread * rng.exponential(size=rows)).astype(np.float32), outputs


@pytest.mark.parametrize("rows", [20, 200])
def test_intervals_hold_their_rate_of_new_labels_or_more_where_rows_are_few(rows: int) -> None:
    for rate in (0.5, 0.8, 0.9, 0.99):
        held = []
        for seed in range(60):
            targets, outputs = skewed(rows + 300, seed)
            calibration = OF_NUMBER.calibration(
                targets[:rows], outputs[:rows], 1.0, TrainingOptions(), None, NUMBERS
            )
            predicted = OF_NUMBER.predictions(outputs[rows:], NUMBERS, calibration, rate)
            mean, deviation = NUMBERS.target.mean, NUMBERS.target.deviation  # type: ignore[union-attr]
            labels = mean + deviation * targets[rows:]
            held.append(((predicted[:, 1] <= labels) & (labels <= predicted[:, 2])).mean())
        assert np.mean(held) > rate - 0.015
        if rate < 0.99:
            assert np.mean(held) < rate + (0.06 if rows == 20 else 0.03)


def test_a_residual_of_weight_two_counts_as_two_and_wider_rates_are_wider() -> None:
    ratios = np.random.default_rng(0).exponential(size=3000)
    counts = np.random.default_rng(1).integers(1, 4, 3000)
    weighted = residual_quantiles(ratios, counts.astype(float))
    np.testing.assert_allclose(weighted, residual_quantiles(ratios.repeat(counts)), rtol=0.02)
    assert (np.diff(weighted) >= 0).all()
    # Rows beside one that outweighs them all, which no member left out, are rows still.
    few = residual_quantiles(ratios[:30])
    np.testing.assert_allclose(residual_quantiles(ratios[:30], np.full(30, 6e-8)), few)
    # With it they tell what one row does: the widest is as many times enlarged.
    heavy = residual_quantiles(ratios[:30], np.where(np.arange(30) == 7, 1e9, 1.0))
    widest = residual_quantiles(ratios[:30].max(keepdims=True))
    assert (ratios[7] <= np.array(heavy)).all()
    assert (np.array(heavy) < 1.001 * np.array(widest)).all()
    alone = np.array(residual_quantiles(np.array([1.0])))
    assert alone[RATES <= 0.5] == 1
    assert alone[-1] > 3


def test_the_loss_of_a_number_is_lowest_at_the_quantiles_in_training_and_out_of_fold() -> None:
    targets = np.random.default_rng(0).exponential(size=4000).astype(np.float32)
    quantiles = np.quantile(targets, QUANTILES)
    lowest = OF_NUMBER.losses(targets, np.tile(quantiles, (4000, 1))).mean()
    pinball = [
        mean_pinball_loss(targets, np.full(4000, quantile), alpha=rate)
        for rate, quantile in zip(QUANTILES, quantiles, strict=True)
    ]
    assert lowest == pytest.approx(2 * np.mean(pinball), rel=1e-4)
    for place in range(5):
        for step in (-0.05, 0.05):
            moved = np.tile(quantiles + step * (np.arange(5) == place), (4000, 1))
            assert OF_NUMBER.losses(targets, moved).mean() > lowest
    given = tf.constant(targets[None]), tf.constant(moved[None], tf.float32)
    in_training = OF_NUMBER.tensor_losses(tf, *given)
    np.testing.assert_allclose(in_training[0], OF_NUMBER.losses(targets, moved), atol=1e-5)


def test_the_prediction_is_the_mean_of_the_distribution_and_within_its_interval() -> None:
    for distribution in (expon(), norm(1, 2), lognorm(0.7), uniform()):
        outputs = distribution.ppf(QUANTILES)[None]
        given = OF_NUMBER.predictions(outputs, NUMBERS, Calibration(), 0.5)
        ((predicted, lower, upper),) = (given - 20) / 4
        assert predicted == pytest.approx(distribution.mean(), abs=0.02 * distribution.std())
        assert lower < predicted < upper


def test_an_outlier_counts_in_training_as_if_it_were_ten_deviations_away() -> None:
    outputs = np.zeros((3, 5))
    near, far = (OF_NUMBER.losses(np.array([0, 1, y], np.float32), outputs) for y in (10, 1e8))
    np.testing.assert_array_equal(near, far)


# All tasks


def rows_of_task(task: Task, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows, some cells of which are missing, whose first feature tells the label."""
    schema = schema_of(task=task.kind, names=(3,))
    sequences = sequences_of(schema, rows, missing=0.1)
    told = np.nan_to_num(sequences[:, 0, 0], nan=1.0)
    rank = told.argsort(kind="stable").argsort(kind="stable")
    return sequences, 18 + 2 * told if task.kind == NUMBER else rank * len(task.classes) // rows


@pytest.mark.long
@pytest.mark.parametrize("task", [THREE.task, NUMBERS.task], ids=[CLASSES, NUMBER])
def test_a_training_has_the_same_bits_twice_and_learns(task: Task) -> None:
    sequences, labels = rows_of_task(task, 240)
    schema = schema_of(task=task.kind, names=(3,))
    options: dict[str, Any] = {"frequency_scale": [0.1, 1.0], "dropout": 0.2}
    network, training = network_of(schema=schema, **options), training_of(epochs=25)
    weights = np.linspace(0.5, 1.5, 240)
    groups = np.arange(240) // 3
    first, history = train(network, sequences, labels, training, weights, groups)
    again, same_history = train(network, sequences, labels, training, weights, groups)
    assert same(first.get_weights(), again.get_weights())
    assert history == same_history
    assert fingerprint_network(first) == fingerprint_network(again)
    given = outputs_of(task).predictions(np.asarray(first(sequences)), schema, Calibration(), None)
    if task.kind == NUMBER:
        assert "temperature" not in history
        assert history["out_of_fold_quantile_loss"] < 0.2
        assert first.calibration.coverage == 0.9
        assert np.corrcoef(given[:, 0], labels)[0, 1] > 0.9
    else:
        assert history["out_of_fold_log_loss"] < 0.6
        np.testing.assert_allclose(np.asarray(first(sequences)).sum(1), 1, rtol=1e-5)


def test_forty_classes_are_learned_each_with_its_share_in_each_fold() -> None:
    task = Task.of_classes(list(range(40)))
    schema = schema_of(task=CLASSES).model_copy(update={"classes": task.classes})
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 16)
    sequences = rng.normal(size=(640, 2, 2)).astype(np.float32)
    sequences[:, 0, 0] += labels / 10
    network = network_of(schema=schema)
    candidate, history = train(network, sequences, labels, training_of(epochs=8, learning_rate=0.1))
    assert history["out_of_fold_log_loss"] < np.log(40) - 0.1
    probabilities = np.asarray(candidate(sequences))
    assert probabilities.shape == (640, 40)
    assert log_loss(labels, probabilities) < np.log(40)


def numbers_of(**target: Any) -> Any:
    """A schema whose label is learned as said."""
    given = {"mean": 1.0, "deviation": 1.5, **target}
    return NUMBERS.model_copy(update={"target": Target.model_validate(given)})


@pytest.mark.parametrize("too_low", [0.0, 0.5, 10.0])
def test_the_mean_of_an_asinh_is_that_of_its_quantiles_and_of_the_labels(too_low: float) -> None:
    targets, outputs = skewed(4000)
    schema = numbers_of(mean=3, deviation=0.3, asinh=50.0, bounds=(0, 1e9))
    target = schema.target
    outputs = outputs - too_low
    calibration = OF_NUMBER.calibration(targets, outputs, 1.0, TrainingOptions(), None, schema)
    predicted, lower, upper = OF_NUMBER.predictions(outputs, schema, calibration, None).T
    labels = target.in_own_unit(targets.astype(np.float64))
    assert 0.5 <= calibration.factor <= 2
    if too_low < 1:
        assert predicted.mean() == pytest.approx(labels.mean(), rel=1e-6)
    else:
        assert calibration.factor == 2
    plain = target.in_own_unit(np.sort(outputs, 1)) @ [0.185, 0, 0.63, 0, 0.185]
    np.testing.assert_allclose(predicted, calibration.factor * plain)
    assert (lower <= predicted).all()
    assert (predicted <= upper).all()
    # Weights count as rows do.
    counts = np.random.default_rng(1).integers(1, 3, 4000)
    weighted, repeated = (
        OF_NUMBER.calibration(t, z, 1.0, TrainingOptions(), w, schema).factor
        for t, z, w in (
            (targets, outputs, counts.astype(float)),
            (targets.repeat(counts), outputs.repeat(counts, 0), None),
        )
    )
    assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("target", [{}, {"asinh": 5.0, "bounds": (-1e9, 1e9)}, {"median": True}])
def test_labels_below_0_a_scale_of_their_own_and_a_median_have_no_factor(target: Any) -> None:
    targets, outputs = skewed(2000)
    schema = numbers_of(**target)
    calibration = OF_NUMBER.calibration(targets, outputs, 1.0, TrainingOptions(), None, schema)
    assert calibration.factor == 1
    assert "factor" not in calibration.model_dump()  # fingerprints of before hold
    predicted = OF_NUMBER.predictions(outputs, schema, calibration, None)
    middle = schema.target.in_own_unit(np.sort(outputs, 1)[:, 2])
    assert np.array_equal(predicted[:, 0], middle) == bool(target.get("median"))


@pytest.mark.parametrize("asinh", [None, 3.0])
def test_no_prediction_and_no_end_is_beyond_the_bounds(asinh: float | None) -> None:
    _, outputs = skewed(500)
    outputs[:50] *= 40
    schema = numbers_of(asinh=asinh, bounds=(0.5, 6.0))
    predicted = OF_NUMBER.predictions(outputs, schema, Calibration(factor=2), 0.99)
    assert (predicted.min(), predicted.max()) == (0.5, 6)
    assert (predicted[:, 1] <= predicted[:, 0]).all()
    assert (predicted[:, 0] <= predicted[:, 2]).all()
    open_end = numbers_of(asinh=None, bounds=(0.5, None))
    assert OF_NUMBER.predictions(outputs, open_end, Calibration(), 0.99).max() > 100
