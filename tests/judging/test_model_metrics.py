"""Metrics of two classes by hand and by weight, and how numbers are written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.judging.model_metrics import (
    ConfusionMatrix,
    Metrics,
    calibration_bins,
    metric_text,
    point_metrics,
)

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = np.array([0.1, 0.6, 0.4, 0.5, 0.9])


def test_point_metrics_by_hand() -> None:
    measured = point_metrics(LABELS, PROBABILITIES, 0.5)
    # Of the six pairs of a positive and a negative, 0.4 and 0.5 rank below 0.6.
    assert measured.roc_auc == pytest.approx(4 / 6)
    assert measured.accuracy == pytest.approx(3 / 5)
    # Positives found at ranks 1, 3 and 4.
    assert measured.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert measured.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.5, 0.9]).mean())
    assert measured.brier_score == pytest.approx((0.01 + 0.36 + 0.36 + 0.25 + 0.01) / 5)
    assert measured.confusion_matrix == ConfusionMatrix(
        true_negatives=1, false_positives=1, false_negatives=1, true_positives=2
    )
    assert measured.decision_threshold == 0.5
    # A row on the threshold is positive.
    for threshold, positives in ((0.1, 5), (0.6, 2), (0.95, 0)):
        matrix = point_metrics(LABELS, PROBABILITIES, threshold).confusion_matrix
        assert matrix.false_positives + matrix.true_positives == positives


@pytest.mark.parametrize(
    ("labels", "probabilities", "error"),
    [
        (LABELS, PROBABILITIES, (0.1 + 0.6 + 0.6 + 0.5 + 0.1) / 5),
        ([0, 1, 1, 1], [0.75, 0.75, 0.75, 0.75], 0.0),
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


# Label, probability (with ties) and weight of each row.
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(0, 3)), min_size=4, max_size=30
).filter(lambda rows: {label for label, _, weight in rows if weight} == {0, 1})


def numbers(measured: Metrics) -> list[float]:
    matrix = measured.confusion_matrix.model_dump()
    points = measured.model_dump(exclude={"confusion_matrix", "interval"})
    return [np.nan if value is None else value for value in (*points.values(), *matrix.values())]


@settings(max_examples=30)
@given(ROWS)
def test_each_metric_takes_a_weight_for_so_many_rows(rows: list[tuple[int, int, int]]) -> None:
    labels, tenths, counts = np.array(rows).T
    p = tenths / 10
    weighted = point_metrics(labels, p, 0.5, weights=counts.astype(float))
    repeated = point_metrics(labels.repeat(counts), p.repeat(counts), 0.5)
    np.testing.assert_allclose(numbers(weighted), numbers(repeated), rtol=1e-9, atol=1e-12)
    bins = calibration_bins(labels, p, counts)
    expected = calibration_bins(labels.repeat(counts), p.repeat(counts))
    np.testing.assert_allclose(bins, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1,235,000"), (0.00012345, "0.0001234"), (1.5e-9, "1.5e-09"), (-2e15, "-2e+15")],
)
def test_metrics_in_the_labels_unit_have_four_digits(value: float, text: str) -> None:
    assert metric_text("rmse", value) == text
    assert metric_text("mae", value, "+.3f") == (text if value < 0 else f"+{text}")
