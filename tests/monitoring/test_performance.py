"""Performance with labels, its intervals, and the alarm at any number of looks."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

from tabular_lstm.monitoring.performance import (
    FEWEST,
    Estimate,
    losses_of,
    measure,
    worse_than_promised,
)
from tabular_lstm.task import NUMBER, Task
from tests.helpers.judged import both

TWO, THREE = Task.of_classes((0, 1)), Task.of_classes((0, 1, 2))
A_NUMBER = Task(kind=NUMBER)
OF_CLASSES = ("log_loss", "roc_auc")


def of_two(rows: int, seed: int, other: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and predictions of which a share is the wrong way round."""
    draw = np.random.default_rng(seed)
    given = expit(draw.normal(-1, 1.5, rows))
    chance = (1 - other) * given + other * (1 - given)
    return (draw.random(rows) < chance).astype(int), both(given)


def test_metrics_are_those_of_scikit_learn() -> None:
    labels, chances = of_two(500, 0)
    draw = np.random.default_rng(0)
    shares, classes = draw.dirichlet([1, 1, 1], 500), draw.integers(0, 3, 500)
    numbers, predicted = draw.normal(size=500), draw.normal(size=500)
    loss, area_of_two = log_loss(labels, chances), roc_auc_score(labels, chances[:, 1])
    area = roc_auc_score(classes, shares, multi_class="ovr")
    rmse = root_mean_squared_error(numbers, predicted)
    mae = mean_absolute_error(numbers, predicted)
    for metrics, names, expected in (
        (measure(labels, chances, TWO), OF_CLASSES, (loss, area_of_two)),
        (measure(classes, shares, THREE), OF_CLASSES, (log_loss(classes, shares), area)),
        (measure(numbers, predicted[:, None], A_NUMBER), ("rmse", "mae"), (rmse, mae)),
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
    found = measure((given[:, 1] > 0.3).astype(int), given, TWO)["roc_auc"]
    assert (found.value, found.high) == (1, 1)
    assert found.low < 0.9


def first_alarm(promised: dict[str, Estimate], labels: np.ndarray, given: np.ndarray) -> float:
    """Look at every 20 labels of scorings of 250 rows; inf where no look alarms."""
    losses = losses_of(labels, given, TWO)
    for rows in range(20, len(labels) + 1, 20):
        since = {str(at): losses[at:rows] for at in range(0, rows, 250)}
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
    losses = {"a": errors**2}
    measured = f"{np.sqrt((errors**2).mean()):.4g}"
    alarm = f"RMSE {measured} on 2,000 labelled rows; promised: 2 (1.8 to 2.2)"
    assert worse_than_promised(losses, promised, 0.01, A_NUMBER) == alarm
    assert worse_than_promised(losses, {}, 0.01, A_NUMBER) is None
    better = {"a": (errors / 2) ** 2}
    assert worse_than_promised(better, promised, 0.01, A_NUMBER) is None
    # A median promised its MAE alone.
    of_median = {"mae": Estimate(value=1.5, low=1.4, high=1.6)}
    alarm = f"MAE {np.abs(errors).mean():.4g} on 2,000 labelled rows; promised: 1.5 (1.4 to 1.6)"
    assert worse_than_promised(losses, of_median, 0.01, A_NUMBER) == alarm
    assert worse_than_promised(better, of_median, 0.01, A_NUMBER) is None


def test_an_incident_that_is_over_is_no_alarm_and_hides_no_later_one() -> None:
    promised = {"log_loss": Estimate(value=0.45, low=0.4, high=0.5)}
    past = {"a": 0.8 + 0.4 * np.resize([-1, 1], 6000), "b": 0.44 + 0.4 * np.resize([-1, 1], 3000)}
    assert worse_than_promised({"a": past["a"]}, promised, 0.01, TWO)
    assert worse_than_promised(past, promised, 0.01, TWO) is None
    worse = worse_than_promised(
        past | {"c": 0.65 + 0.4 * np.resize([-1, 1], 1500)}, promised, 0.01, TWO
    )
    assert str(worse).startswith("log loss 0.650 on 1,500 labelled rows since scoring c; ")
