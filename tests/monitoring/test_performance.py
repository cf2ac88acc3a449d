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


def of_two(rows: int, seed: int, other: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    given = expit(draw.normal(-1, 1.5, rows))
    chance = (1 - other) * given + other * (1 - given)
    return (draw.random(rows) < chance).astype(int), given


def test_metrics_are_those_of_scikit_learn() -> None:
    labels, given = of_two(500, 0)
    found = measure(labels, given, TWO)
    assert found["log_loss"].value == pytest.approx(log_loss(labels, given))
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(labels, given))

    draw = np.random.default_rng(0)
    three, classes = draw.dirichlet([1, 1, 1], 500), draw.integers(0, 3, 500)
    found = measure(classes, three, THREE)
    assert found["log_loss"].value == pytest.approx(log_loss(classes, three))
    area = roc_auc_score(classes, three, multi_class="ovr")
    assert found["roc_auc"].value == pytest.approx(area)

    numbers, predicted = draw.normal(size=500), draw.normal(size=500)
    found = measure(numbers, predicted, A_NUMBER)
    assert found["rmse"].value == pytest.approx(root_mean_squared_error(numbers, predicted))
    assert found["mae"].value == pytest.approx(mean_absolute_error(numbers, predicted))


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


def test_an_alarm_says_what_was_found_and_what_was_promised() -> None:
    promised = {"rmse": Estimate(value=2.0, low=1.8, high=2.2)}
    errors = np.random.default_rng(0).normal(0, 3, 2000)
    losses = {"a": Losses.from_rows(errors**2)}
    worse = worse_than_promised(losses, promised, 0.01, A_NUMBER)
    found = f"{np.sqrt((errors**2).mean()):.4g}"
    said = f"RMSE {found} of 2,000 labelled rows; promised was 2 (1.8 to 2.2)"
    assert worse == said
    assert worse_than_promised(losses, {}, 0.01, A_NUMBER) is None
    better = {"a": Losses.from_rows((errors / 2) ** 2)}
    assert worse_than_promised(better, promised, 0.01, A_NUMBER) is None


def test_an_incident_that_is_over_is_no_alarm_and_hides_no_later_one() -> None:
    promised = {"log_loss": Estimate(value=0.45, low=0.4, high=0.5)}
    past = {"a": Losses(6000, 0.8, 0.4), "b": Losses(3000, 0.44, 0.4)}
    assert worse_than_promised({"a": past["a"]}, promised, 0.01, TWO)
    assert worse_than_promised(past, promised, 0.01, TWO) is None
    worse = worse_than_promised(past | {"c": Losses(1500, 0.65, 0.4)}, promised, 0.01, TWO)
    assert str(worse).startswith("log loss 0.650 of 1,500 labelled rows since scoring c; ")


# Without labels ------------------------------------------------------------------------------

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
