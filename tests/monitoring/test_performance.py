"""Performance with and without labels, its intervals, and the alarm at any number of looks."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

from tabular_lstm.monitoring.performance import (
    FEWEST,
    Estimate,
    Losses,
    estimates,
    expect,
    losses_of,
    measure,
    sums,
    worse_than_promised,
)
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task

TWO, THREE = Task.of_classes((0, 1)), Task.of_classes((0, 1, 2))
A_NUMBER = Task(kind=NUMBER)
OF_CLASSES = ("log_loss", "roc_auc")
TASKS = {TWO_CLASSES: TWO, CLASSES: THREE, NUMBER: A_NUMBER}


def of_two(rows: int, seed: int, other: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and predictions of which a share is the wrong way round."""
    draw = np.random.default_rng(seed)
    given = expit(draw.normal(-1, 1.5, rows))
    chance = (1 - other) * given + other * (1 - given)
    return (draw.random(rows) < chance).astype(int), given


def test_metrics_are_those_of_scikit_learn() -> None:
    labels, chances = of_two(500, 0)
    draw = np.random.default_rng(0)
    shares, classes = draw.dirichlet([1, 1, 1], 500), draw.integers(0, 3, 500)
    numbers, predicted = draw.normal(size=500), draw.normal(size=500)
    loss = log_loss(labels, chances)
    area = roc_auc_score(classes, shares, multi_class="ovr")
    rmse = root_mean_squared_error(numbers, predicted)
    mae = mean_absolute_error(numbers, predicted)
    for metrics, names, expected in (
        (measure(labels, chances, TWO), OF_CLASSES, (loss, roc_auc_score(labels, chances))),
        (measure(classes, shares, THREE), OF_CLASSES, (log_loss(classes, shares), area)),
        (measure(numbers, predicted, A_NUMBER), ("rmse", "mae"), (rmse, mae)),
    ):
        assert (*metrics,) == names
        assert [metric.value for metric in metrics.values()] == pytest.approx(expected)


def test_intervals_hold_what_many_rows_have() -> None:
    of_many = measure(*of_two(300_000, 1), TWO)
    few = [measure(*of_two(200, seed), TWO) for seed in range(100)]
    for name, true in of_many.items():
        within = [one[name].low < true.value < one[name].high for one in few]
        assert np.mean(within) > 0.88


def test_few_rows_and_rare_classes_are_not_measured_and_a_perfect_ranking_is_not_sure() -> None:
    labels, given = of_two(FEWEST, 0)
    assert measure(labels[1:], given[1:], TWO) == {}
    assert measure(np.zeros(FEWEST, int), given, TWO).keys() == {"log_loss"}
    found = measure((given > 0.3).astype(int), given, TWO)["roc_auc"]
    assert (found.value, found.high) == (1, 1)
    assert found.low < 0.9


def first_alarm(promised: dict[str, Estimate], labels: np.ndarray, given: np.ndarray) -> float:
    """Look at every 20 labels of scorings of 250 rows; inf where no look alarms."""
    losses = losses_of(labels, given, TWO)
    for rows in range(20, len(labels) + 1, 20):
        since = {str(at): Losses.from_rows(losses[at:rows]) for at in range(0, rows, 250)}
        if worse_than_promised(since, promised, 0.05, TWO):
            return rows
    return np.inf


def test_a_champion_that_keeps_its_promise_alarms_at_no_look_and_a_worse_one_soon() -> None:
    first = {other: [] for other in (0.0, 0.3)}
    for seed in range(60):
        promised = measure(*of_two(1000, 3 * seed), TWO)
        for place, (other, found) in enumerate(first.items()):
            found.append(first_alarm(promised, *of_two(1000, 3 * seed + 1 + place, other)))
    kept, worse = (np.isfinite(found) for found in first.values())
    assert kept.sum() <= 6  # of 60 at a rate of 5 %, with a chance of 98 %
    assert worse.all()
    assert np.median(first[0.3]) < 200


def test_an_alarm_says_what_was_measured_and_what_was_promised() -> None:
    promised = {"rmse": Estimate(value=2.0, low=1.8, high=2.2)}
    errors = np.random.default_rng(0).normal(0, 3, 2000)
    losses = {"a": Losses.from_rows(errors**2)}
    measured = f"{np.sqrt((errors**2).mean()):.4g}"
    alarm = f"RMSE {measured} of 2,000 labelled rows; promised was 2 (1.8 to 2.2)"
    assert worse_than_promised(losses, promised, 0.01, A_NUMBER) == alarm
    assert worse_than_promised(losses, {}, 0.01, A_NUMBER) is None
    better = {"a": Losses.from_rows((errors / 2) ** 2)}
    assert worse_than_promised(better, promised, 0.01, A_NUMBER) is None


# Without labels ------------------------------------------------------------------------------


def drawn(task: Task, rows: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions that are right, the surer or narrower the larger the spread, and labels."""
    draw = np.random.default_rng(seed)
    if task.kind == TWO_CLASSES:
        two = expit(draw.normal(-1, spread, rows))
        return two, (draw.random(rows) < two).astype(int)
    if task.kind == CLASSES:
        given = softmax(draw.normal(0, spread, (rows, 3)), axis=1)
        return given, (draw.random((rows, 1)) > given.cumsum(axis=1)).sum(axis=1)
    middle, width = draw.normal(50, 9, rows), np.exp(draw.normal(2 - spread, 0.5, rows))
    ends = np.stack([middle, middle - width, middle + width], axis=1)
    return ends, middle + width * draw.normal(0, 0.6, rows)


def measured(task: Task, predictions: np.ndarray, labels: np.ndarray) -> dict[str, Estimate]:
    return measure(labels, predictions[:, 0] if task.kind == NUMBER else predictions, task)


@pytest.mark.parametrize("kind", TASKS)
def test_the_real_performance_lies_within_the_interval_as_often_as_it_says(kind: str) -> None:
    task, within = TASKS[kind], []
    for seed in range(60):
        evaluated, labels = drawn(task, 300, 1.5, 2 * seed)
        new, later = drawn(task, 100, 1.5, 2 * seed + 1)
        known = estimates(sums(evaluated, task), task)
        promised = measured(task, evaluated, labels)
        expected = expect(promised, known, 300, sums(new, task), task)
        real = measured(task, new, later)
        within += [expected[n].low <= real[n].value <= expected[n].high for n in expected]
    assert np.mean(within) > 0.9


def test_batches_add_up_to_the_mean_entropy_and_the_area_under_weighted_rows() -> None:
    given, _ = drawn(THREE, 1000, 1.5, 0)
    found = estimates(sums(given[:300], THREE) + sums(given[300:], THREE), THREE)
    # Each row as often as it has classes, with its probability as its weight.
    labels, rows = np.tile(np.arange(3), 1000), np.repeat(given, 3, axis=0)
    weights = given.ravel()
    entropy = log_loss(labels, rows, sample_weight=weights)
    areas = [roc_auc_score(labels == c, rows[:, c], sample_weight=weights) for c in range(3)]
    assert found["log_loss"] == pytest.approx(entropy)
    assert found["roc_auc"] == pytest.approx(np.mean(areas), abs=2e-3)


def test_an_error_of_calibration_cancels() -> None:
    right, labels = drawn(TWO, 5000, 1.5, 0)
    new, later = drawn(TWO, 5000, 0.8, 1)
    # Too sure by half: its own entropy says far less than its loss.
    sure, surer = (p**1.5 / (p**1.5 + (1 - p) ** 1.5) for p in (right, new))
    known, promised = estimates(sums(sure, TWO), TWO), measure(labels, sure, TWO)
    assert promised["log_loss"].value - known["log_loss"] > 0.05
    expected = expect(promised, known, 5000, sums(surer, TWO), TWO)
    real = measure(later, surer, TWO)
    off = abs(expected["log_loss"].value - real["log_loss"].value)
    assert off < abs(estimates(sums(surer, TWO), TWO)["log_loss"] - real["log_loss"].value) / 3


@pytest.mark.parametrize("kind", TASKS)
def test_harder_and_easier_rows_are_expected_to_do_as_they_do(kind: str) -> None:
    task = TASKS[kind]
    evaluated, labels = drawn(task, 4000, 1.5, 0)
    promised = measured(task, evaluated, labels)
    known = estimates(sums(evaluated, task), task)
    for spread in (0.8, 2.5):
        new, later = drawn(task, 4000, spread, 1)
        expected = expect(promised, known, len(evaluated), sums(new, task), task)
        real = measured(task, new, later)
        assert expected.keys() == real.keys() == promised.keys()
        for name, estimate in expected.items():
            assert estimate.low < real[name].value < estimate.high
            assert not estimate.low < promised[name].value < estimate.high
    # Of no rows, or without what was promised, nothing is expected.
    for absent in (
        (promised, known, 4000, sums(new[:0], task)),
        ({}, known, 4000, sums(new, task)),
    ):
        assert expect(*absent, task) == {}


def test_few_evaluated_rows_that_are_all_right_do_not_make_an_estimate_sure() -> None:
    within, narrow = [], []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        sure = expit(draw.choice([-5.0, 5.0], 300))
        labels = (draw.random(300) < sure).astype(int)
        known, promised = (
            estimates(sums(sure[:100], TWO), TWO),
            measure(labels[:100], sure[:100], TWO),
        )
        expected = expect(promised, known, 100, sums(sure[100:], TWO), TWO)["log_loss"]
        real = measure(labels[100:], sure[100:], TWO)["log_loss"].value
        within.append(expected.low <= real <= expected.high)
        narrow.append(promised["log_loss"].high - promised["log_loss"].low < 1e-9)
    assert any(narrow)
    assert np.mean(within) > 0.9
    # Sure probabilities, and none, are summed up.
    sure = estimates(sums(np.array([0.0, 1.0, np.nan, 1e-300]), TWO), TWO)
    assert sure == {"log_loss": pytest.approx(0, abs=1e-12), "roc_auc": pytest.approx(1)}
