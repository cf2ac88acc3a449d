"""Metrics against hand and scikit-learn, and bootstrap intervals."""

import numpy as np
import pytest

from tabular_lstm.judging.metrics import ConfusionMatrix, point_metrics

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.6, 0.4, 0.5, 0.9])


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


@pytest.mark.parametrize(("threshold", "positives"), [(0.1, 5), (0.6, 2), (0.95, 0)])
def test_a_row_on_the_threshold_is_positive(threshold: float, positives: int) -> None:
    matrix = point_metrics(LABELS, PROBABILITIES, threshold).confusion_matrix
    assert matrix.false_positives + matrix.true_positives == positives


# Calibration


@pytest.mark.parametrize(
    ("labels", "probabilities", "error"),
    [
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
