"""Measures of classes and of a number, against scikit-learn and by brute force."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.intervals import bounds
from tabular_lstm.judging.model_metrics import fewest_rows
from tabular_lstm.metrics import METRICS, farther_mae, unseen_share
from tabular_lstm.network.outputs import Calibration, decisions
from tabular_lstm.task import Task
from tests.helpers.judged import both, ruled
from tests.helpers.judged_tasks import FOUR, OF_NUMBER, RESAMPLED, classes_of, judge, numbers_of

COSTS = ((0.0, 1.0, 5.0, 1.0), (1.0, 0.0, 1.0, 1.0), (9.0, 1.0, 0.0, 1.0), (1.0, 1.0, 1.0, 0.0))


WEIGHTS = np.random.default_rng(5).uniform(0.2, 3, 200)
WEIGHTS /= WEIGHTS.mean()
BY_WEIGHT = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "by weight"])


@BY_WEIGHT
def test_classes_are_measured_as_scikit_learn_does(weights: np.ndarray | None) -> None:
    labels, p = classes_of()
    of = Evaluation(labels, weights, task=FOUR).with_models(
        ruled({"one": p}, {"one": None}), RESAMPLED
    )
    measured: Any = of.metrics["one"]
    decided, counts = p.argmax(axis=1), {"sample_weight": weights}
    areas = [sk.roc_auc_score(labels == c, p[:, c], **counts) for c in range(4)]
    assert measured.roc_auc == pytest.approx(np.mean(areas))
    assert measured.log_loss == pytest.approx(sk.log_loss(labels, p, **counts))
    assert measured.accuracy == pytest.approx(sk.accuracy_score(labels, decided, **counts))
    squares = np.square(p - np.eye(4)[labels]).sum(axis=1)
    assert measured.brier_score == pytest.approx(np.average(squares, weights=weights))
    np.testing.assert_allclose(
        measured.confusion_matrix, sk.confusion_matrix(labels, decided, **counts)
    )
    assert [*measured.by_class] == ["red", "green", "blue", "4"]
    rates = sk.precision_recall_fscore_support(labels, decided, **counts)
    for place, of_class in enumerate(measured.by_class.values()):
        found = [of_class.precision, of_class.recall, of_class.f1, of_class.roc_auc]
        assert found == pytest.approx([*(rate[place] for rate in rates[:3]), areas[place]])
    for metric, (low, high) in measured.interval.items():
        assert low < getattr(measured, metric) < high


def test_the_area_is_averaged_over_the_classes_that_have_rows_in_each_resample() -> None:
    labels, p = classes_of()
    some = np.flatnonzero(labels != 2)
    judged = judge(FOUR, labels[some], one=p[some])
    measured: Any = judged.metrics["one"]
    areas = [sk.roc_auc_score(labels[some] == c, p[some, c]) for c in (0, 1, 3)]
    assert measured.roc_auc == pytest.approx(np.mean(areas))
    assert measured.by_class["blue"].roc_auc is measured.by_class["blue"].recall is None
    # By brute force: the same draws, measured one by one.
    few, of_few = labels[:12], p[:12]
    resampled = judge(FOUR, few, one=of_few).resampled["one"]
    drawn = np.random.default_rng(RESAMPLED.seed).integers(12, size=(200, 12))
    for place, rows in enumerate(drawn[:40]):
        own, probabilities = few[rows], of_few[rows]
        known = [c for c in np.unique(few) if 0 < np.mean(own == c) < 1]
        areas = [sk.roc_auc_score(own == c, probabilities[:, c]) for c in known]
        assert resampled["roc_auc"][place] == pytest.approx(np.mean(areas))
        loss = -np.log(probabilities[np.arange(12), own]).mean()
        assert resampled["log_loss"][place] == pytest.approx(loss)


@pytest.mark.parametrize("rule", [None, COSTS])
def test_classes_are_decided_as_the_network_decides_and_no_prediction_gains_nothing(
    rule: Any,
) -> None:
    labels, p = classes_of(seed=3, skill=0.5)
    expected = decisions(p, Calibration(costs=rule))
    measured: Any = judge(FOUR, labels, rule, one=p).metrics["one"]
    assert measured.accuracy == pytest.approx(np.mean(expected == labels))
    assert (expected != p.argmax(axis=1)).any() == (rule is not None)
    labels, p = classes_of(seed=3, skill=0.0)
    gaps = np.where(np.arange(200)[:, None] % 7, p, np.nan)
    judged = judge(FOUR, labels, rule, whole=p, gaps=gaps)
    whole, less = (judged.metrics[name] for name in ("whole", "gaps"))
    assert judged.without_prediction == {"whole": 0, "gaps": 29}
    assert less.log_loss > whole.log_loss + 1
    assert less.roc_auc < whole.roc_auc
    assert less.accuracy <= np.mean(np.arange(200) % 7 > 0)
    assert less.brier_score > whole.brier_score


def test_of_classes_that_two_models_rank_rightly_few_rows_do_not_show_them_equal() -> None:
    """At worst the rows that none is of are all of the rarest class, a fourth of the mean."""
    labels = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    rng = np.random.default_rng(0)
    one, other = (np.eye(4)[labels] + rng.uniform(0, 0.4, (100, 4)) for _ in range(2))
    one, other = (p / p.sum(axis=1, keepdims=True) for p in (one, other))
    compared = judge(FOUR, labels, one=one, other=other).compare("one", "other", 0.95)["roc_auc"]
    expected = unseen_share(10, 0.95) / 4
    assert compared.difference == 0
    assert -compared.at_worst == compared.at_best == pytest.approx(expected)


@BY_WEIGHT
@pytest.mark.parametrize("unit", [1.0, 1e9, 1e-9])
def test_a_number_is_measured_as_scikit_learn_does(unit: float, weights: np.ndarray | None) -> None:
    labels, predictions = numbers_of(unit=unit)
    of = Evaluation(labels, weights, task=OF_NUMBER)
    judged = of.with_models(ruled({"one": predictions}, {"one": None}), RESAMPLED)
    measured: Any = judged.metrics["one"]
    given = labels, predictions[:, 0]
    counts = {"sample_weight": weights}
    assert measured.rmse == pytest.approx(sk.root_mean_squared_error(*given, **counts))
    assert measured.mae == pytest.approx(sk.mean_absolute_error(*given, **counts))
    assert measured.r2 == pytest.approx(sk.r2_score(*given, **counts))
    inside = (predictions[:, 1] <= labels) & (labels <= predictions[:, 2])
    assert measured.coverage == pytest.approx(np.average(inside, weights=weights))
    assert measured.width == pytest.approx(1.5 * unit)
    drawn = np.random.default_rng(RESAMPLED.seed).integers(200, size=(200, 200))
    for place, rows in enumerate(drawn[:20]):
        some = labels[rows], predictions[rows, 0]
        counts = {"sample_weight": None if weights is None else weights[rows]}
        found = [judged.resampled["one"][metric][place] for metric in ("rmse", "mae", "r2")]
        expected = (sk.root_mean_squared_error, sk.mean_absolute_error, sk.r2_score)
        assert found == pytest.approx([measure(*some, **counts) for measure in expected])


@BY_WEIGHT
def test_positive_labels_are_measured_by_their_logarithm_too(weights: np.ndarray | None) -> None:
    labels, predictions = numbers_of()
    labels, predictions = np.abs(labels) + 0.1, predictions - 4  # of which some are below 0
    of = Evaluation(labels, weights, task=OF_NUMBER)
    judged = of.with_models(ruled({"one": predictions}, {"one": None}), RESAMPLED)
    measured: Any = judged.metrics["one"]
    given = labels, predictions[:, 0].clip(0)
    expected = sk.root_mean_squared_log_error(*given, sample_weight=weights)
    assert measured.rmsle == pytest.approx(expected)
    low, high = measured.interval["rmsle"]
    assert low < measured.rmsle < high
    labels[0] = 0
    without: Any = judge(OF_NUMBER, labels, one=predictions).metrics["one"]
    assert "rmsle" not in without.model_dump()
    assert [*without.interval] == ["rmse", "mae", "r2"]


def test_a_median_is_compared_by_its_mean_absolute_error_alone() -> None:
    median = Task.of_number(median=True)
    assert median.shown == ["mae", "rmse", "r2", "rmsle"]
    (labels, one), (_, other) = numbers_of(), numbers_of(error=0.6)
    judged = judge(median, labels, one=one, other=other)
    assert [*judged.compare("one", "other", 0.95)] == ["mae"]
    assert Task.model_validate_json(median.model_dump_json()) == median
    assert Task.of_number().model_dump() == {"kind": "number", "classes": ()}  # as before 0.2.0


def test_comparisons_of_a_number_do_not_hang_on_its_unit() -> None:
    (labels, one), (_, other) = numbers_of(), numbers_of(error=0.6)
    compared = judge(OF_NUMBER, labels, one=one, other=other).compare("one", "other", 0.95)
    assert [*compared] == ["rmse", "mae"]
    for unit in (1e-12, 1e12):
        scaled = judge(OF_NUMBER, unit * labels, one=unit * one, other=unit * other)
        for metric, numbers in scaled.compare("one", "other", 0.95).items():
            for name, value in numbers:
                assert value == pytest.approx(unit * getattr(compared[metric], name), rel=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("tail", [2.5, 30])
@pytest.mark.parametrize("rows", [20, 60])
def test_worse_candidates_of_a_number_pass_no_more_often_than_declared(
    rows: int, tail: float
) -> None:
    """The candidate is worse by the tolerance, whatever the tails of the errors are."""
    passed = 0
    for number in range(200):
        rng = np.random.default_rng([number, rows])
        labels = rng.normal(size=rows)
        shared, own, its = rng.standard_t(tail + 1, (3, rows)) * ((tail - 1) / (tail + 1)) ** 0.5
        errors = {"one": (0.52, own), "other": (0.5, its)}
        models = {
            name: labels + by * (0.7**0.5 * shared + 0.3**0.5 * alone)
            for name, (by, alone) in errors.items()
        }
        judged = judge(
            OF_NUMBER, labels, **{n: np.stack([p, p, p], axis=1) for n, p in models.items()}
        )
        compared = judged.compare("one", "other", 0.95)
        passed += not any(metric.is_worse_by(0.02, 1, "at_worst") for metric in compared.values())
    # 5 % declared; three deviations of the share of 200 draws come on top.
    assert passed / 200 < 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_the_bound_of_a_number_holds_one_more_row_as_far_off_as_any() -> None:
    """By brute force: the row that speaks most against the one model, added once more."""
    labels, one = numbers_of(40)
    _, other = numbers_of(40, seed=1, error=0.4)
    other += labels[:, None] - numbers_of(40, seed=1)[0][:, None]

    def differences(rows: np.ndarray) -> list[float]:
        off = [p[rows, 0] - labels[rows] for p in (one, other)]
        rmse, mae = (
            [float(np.mean(np.abs(e) ** power) ** (1 / power)) for e in off] for power in (2, 1)
        )
        return [rmse[0] - rmse[1], mae[0] - mae[1]]

    point = differences(np.arange(40))
    more = np.array([differences(np.append(np.arange(40), row)) for row in range(40)]) - point
    judged = judge(OF_NUMBER, labels, one=one, other=other)
    for place, metric in enumerate(("rmse", "mae")):
        rise, fall = METRICS[metric].farther(judged, one, other)
        assert rise == pytest.approx(more[:, place].max(), rel=0.1)
        assert fall == pytest.approx(more[:, place].min(), rel=0.1)
        values = judged.resampled["one"][metric] - judged.resampled["other"][metric]
        low, high = bounds(values, point[place], 0.95)
        compared = judged.compare("one", "other", 0.95)[metric]
        assert compared.at_worst == pytest.approx(high + rise)
        assert compared.at_best == pytest.approx(low + fall)
    alone = Evaluation(labels, groups=np.arange(40))
    assert farther_mae(alone, one, other) == farther_mae(judged, one, other)


def test_no_model_of_a_number_gains_by_giving_no_prediction() -> None:
    labels, good = numbers_of()
    for p in (good, good * [-3, -5, 2], np.full_like(good, labels.mean())):
        gaps = np.where(np.arange(200)[:, None] % 7, p, np.nan)
        judged = judge(OF_NUMBER, labels, whole=p, gaps=gaps)
        whole, less = (judged.metrics[name] for name in ("whole", "gaps"))
        assert judged.without_prediction["gaps"] == 29
        assert less.rmse > whole.rmse
        assert less.mae > whole.mae
        assert less.r2 < whole.r2
        assert less.coverage <= whole.coverage
    nothing = judge(OF_NUMBER, labels, none=np.full_like(good, np.nan)).metrics["none"]
    assert nothing.rmse >= np.ptp(labels)


def test_a_label_that_is_always_the_same_has_no_spread_to_explain() -> None:
    labels = np.full(30, 7.0)
    right, wrong = np.full((30, 3), 7.0), np.full((30, 3), 8.0)
    judged = judge(OF_NUMBER, labels, right=right, wrong=wrong)
    assert [judged.metrics[name].r2 for name in ("right", "wrong")] == [1, 0]
    assert judged.compare("wrong", "right", 0.95)["rmse"].at_worst == 1
    assert judged.unit("right") == 0


def test_predictions_are_read_from_the_columns_that_they_are_written_to() -> None:
    of_two = both(np.array([0.1, np.nan, 0.3]))
    for task, predictions, columns in (
        (Task.of_classes([0, 1]), of_two, ["m"]),
        (FOUR, classes_of(3)[1], [f"m_{name}" for name in FOUR.classes]),
        (OF_NUMBER, numbers_of(3)[1], ["m", "m_lower", "m_upper"]),
    ):
        table = pd.DataFrame(task.to_columns("m", predictions))
        assert [*table] == columns
        np.testing.assert_array_equal(task.from_columns(table, "m"), predictions)
    by_number = pd.DataFrame({f"m_{place}": p for place, p in enumerate(classes_of(3)[1].T)})
    np.testing.assert_array_equal(FOUR.from_columns(by_number, "m"), classes_of(3)[1])


def test_the_class_with_fewest_rows_is_counted_and_named() -> None:
    labels, groups = np.array([0, 0, 1, 1, 2, 2, 2, 3]), np.arange(8) // 2
    assert fewest_rows(Evaluation(labels), FOUR) == (1, " of class 4")
    # Three groups have rows of the classes 2 and 3, and one each of the others.
    assert fewest_rows(Evaluation(labels, groups=groups), FOUR)[0] == 1
    assert fewest_rows(Evaluation(labels[:7]), FOUR) == (0, " of class 4")
    assert fewest_rows(Evaluation(labels * 1.5), OF_NUMBER) == (8, "")
    assert fewest_rows(Evaluation(labels * 1.5, groups=groups), OF_NUMBER) == (4, "")
