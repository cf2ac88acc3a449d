"""Metrics against hand and scikit-learn, and bootstrap intervals."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from tabular_lstm.judging.metrics import ConfusionMatrix, Metrics, calibration_bins, point_metrics

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.6, 0.4, 0.5, 0.9])
THRESHOLD = {"one": 0.5}


def noisy(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities that say something about them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=rows)
    return labels, np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.25, rows), 0.01, 0.99)


def counts_of(measured: Metrics) -> list[int]:
    """The confusion matrix, row by row."""
    return list(measured.confusion_matrix.model_dump().values())


# Points


def test_point_metrics_by_hand() -> None:
    measured = point_metrics(LABELS, PROBABILITIES, 0.5)
    # Of the six pairs of a positive and a negative, 0.4 and 0.5 rank below 0.6.
    assert measured.roc_auc == pytest.approx(4 / 6)
    assert measured.accuracy == pytest.approx(3 / 5)
    # Positives found at ranks 1, 3 and 4.
    assert measured.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert measured.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.5, 0.9]).mean())
    assert measured.brier_score == pytest.approx((0.01 + 0.36 + 0.36 + 0.25 + 0.01) / 5)
    # Every row is alone in its bin.
    assert measured.expected_calibration_error == pytest.approx((0.1 + 0.6 + 0.6 + 0.5 + 0.1) / 5)
    assert measured.confusion_matrix == ConfusionMatrix(
        true_negatives=1, false_positives=1, false_negatives=1, true_positives=2
    )
    assert measured.decision_threshold == 0.5


def test_point_metrics_agree_with_scikit_learn() -> None:
    labels, probabilities = noisy()
    measured = point_metrics(labels, probabilities, 0.4)
    decided = probabilities >= 0.4
    assert measured.accuracy == pytest.approx(sk.accuracy_score(labels, decided))
    assert measured.brier_score == pytest.approx(sk.brier_score_loss(labels, probabilities))
    assert measured.log_loss == pytest.approx(sk.log_loss(labels, probabilities))
    assert measured.roc_auc == pytest.approx(sk.roc_auc_score(labels, probabilities))
    assert counts_of(measured) == [*sk.confusion_matrix(labels, decided).ravel()]


@pytest.mark.parametrize(
    ("threshold", "positives"), [(0.1, 5), (0.5, 3), (0.51, 2), (0.6, 2), (0.95, 0)]
)
def test_a_row_on_the_threshold_is_positive(threshold: float, positives: int) -> None:
    matrix = point_metrics(LABELS, PROBABILITIES, threshold).confusion_matrix
    assert matrix.false_positives + matrix.true_positives == positives


def test_what_is_no_number_comes_back_from_json_as_no_number() -> None:
    """Of a resample with one class alone, or of rows without a second class."""
    unknown = point_metrics(LABELS, PROBABILITIES, 0.5).model_copy(
        update={"roc_auc": np.nan, "interval": {"roc_auc": (np.nan, np.nan)}}
    )
    for back in (
        Metrics.model_validate(json.loads(json.dumps(unknown.model_dump(mode="json")))),
        Metrics.model_validate_json(unknown.model_dump_json()),
    ):
        assert np.isnan([back.roc_auc, *back.interval["roc_auc"]]).all()
        assert back.log_loss == unknown.log_loss


# Calibration


# Other metrics need both classes.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:No positive class found")
@pytest.mark.parametrize(
    ("labels", "probabilities", "error"),
    [
        ([1], [1.0], 0.0),
        ([0], [1.0], 1.0),
        ([0, 1], [0.0, 1.0], 0.0),
        ([0, 1, 1, 1], [0.75, 0.75, 0.75, 0.75], 0.0),
        ([0, 0, 1, 1], [0.75, 0.75, 0.75, 0.75], 0.25),
        # 0.95 and 1.0 share the last bin: mean 0.975, half of its rows positive.
        ([1, 0], [0.95, 1.0], 0.475),
        # A bin of three rows, off by 0.36 - 1 / 3, and one of a single row, off by 0.9.
        ([0, 0, 1, 1], [0.34, 0.36, 0.38, 0.1], (3 * (0.36 - 1 / 3) + 0.9) / 4),
    ],
)
def test_calibration_error_by_hand(
    labels: list[int], probabilities: list[float], error: float
) -> None:
    measured = point_metrics(np.array(labels), np.array(probabilities), 0.5)
    assert measured.expected_calibration_error == pytest.approx(error)


def test_calibration_bins_leave_empty_bins_out() -> None:
    rows, predicted, observed = calibration_bins(np.array([0, 1, 1]), np.array([0.02, 0.04, 1.0]))
    assert rows.tolist() == [2, 1]
    assert predicted == pytest.approx([0.03, 1.0])
    assert observed == pytest.approx([0.5, 1.0])
