"""Performance without labels: right where probabilities are, and moved from what was promised."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, roc_auc_score

from tabular_lstm.monitoring.expected import Estimate, estimates, expect, sums
from tabular_lstm.monitoring.performance import measure
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task

TWO, THREE = Task.of_classes(("no", "yes")), Task.of_classes(("a", "b", "c"))
A_NUMBER = Task(kind=NUMBER)
TASKS = {TWO_CLASSES: TWO, CLASSES: THREE, NUMBER: A_NUMBER}


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


def test_nothing_is_expected_of_no_rows_or_without_what_was_promised() -> None:
    given, labels = drawn(TWO, 100, 1.5, 0)
    known, promised = estimates(sums(given, TWO), TWO), measure(labels, given, TWO)
    assert expect(promised, known, 100, sums(given[:0], TWO), TWO) == {}
    assert expect(promised, {}, 0, sums(given, TWO), TWO) == {}
    assert expect({}, known, 100, sums(given, TWO), TWO) == {}


def test_sure_predictions_and_those_that_are_none_are_summed_up() -> None:
    found = estimates(sums(np.array([0.0, 1.0, np.nan, 1e-300]), TWO), TWO)
    assert found["log_loss"] == pytest.approx(0, abs=1e-12)
    assert found["roc_auc"] == pytest.approx(1)


def test_few_evaluated_rows_that_are_all_right_do_not_make_an_estimate_sure() -> None:
    within, narrow = [], []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        sure = expit(draw.choice([-5.0, 5.0], 300))
        labels = (draw.random(300) < sure).astype(int)
        known = estimates(sums(sure[:100], TWO), TWO)
        promised = measure(labels[:100], sure[:100], TWO)
        expected = expect(promised, known, 100, sums(sure[100:], TWO), TWO)["log_loss"]
        within.append(
            expected.low
            <= measure(labels[100:], sure[100:], TWO)["log_loss"].value
            <= expected.high
        )
        narrow.append(promised["log_loss"].high - promised["log_loss"].low < 1e-9)
    assert any(narrow)
    assert np.mean(within) > 0.9
