"""Metrics of probabilities against labels, and the names of models and metrics that people see.

Labels are 0 or 1 and probabilities those of class 1, both of shape (rows,). So are the rows'
weights where the rows do not count alike: a row of weight 2 counts as two rows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import model_serializer, model_validator

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.intervals import (
    CENTRAL,
    Resampled,
    interval,
    unseen_roc_auc,
    unseen_share,
)
from tabular_lstm.rows.weights import count_rows

CANDIDATE = "candidate"
# By the name that predictions have for it; a champion's is its run id there.
MODELS = {
    CANDIDATE: "candidate",
    "champion": "champion",
    "logistic_regression": "logistic regression",
    "hist_gradient_boosting": "gradient boosting",
    "majority_class": "majority class",
}
METRICS = {"log_loss": "log loss", "roc_auc": "ROC AUC", "accuracy": "accuracy"}
RATES = ("precision", "recall", "f1")
CALIBRATION_BINS = 10


class ConfusionMatrix(Frozen):
    """Rows by class and by what they were taken for; sums of weights where these differ."""

    true_negatives: int | float
    false_positives: int | float
    false_negatives: int | float
    true_positives: int | float

    @property
    def precision(self) -> float | None:
        """Of the rows taken for positive, the share that are; None where there are none."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Of the positive rows, the share taken for positive; None where there are none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; None where no row is positive or taken for it."""
        wrong = self.false_positives + self.false_negatives
        return _share(2 * self.true_positives, 2 * self.true_positives + wrong)


class Metrics(Frozen):
    """One model measured on one set of rows.

    Attributes:
        accuracy: At the decision threshold, like the confusion matrix.
        log_loss: In nats.
        expected_calibration_error: Average gap between predicted and observed share of positives
            over ten equal-width bins, weighted by their rows. Source: Naeini, Cooper and
            Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
        decision_threshold: Probability from which a row is called positive.
        interval: 95 % interval of accuracy, roc_auc and log_loss; empty where none was computed.
            No point where all rows are right: see `tabular_lstm.judging.intervals`.

    As JSON it has precision, recall and F1 too, which are not read.
    """

    accuracy: float
    roc_auc: float
    average_precision: float
    log_loss: float
    brier_score: float
    expected_calibration_error: float
    confusion_matrix: ConfusionMatrix
    decision_threshold: float
    interval: dict[str, tuple[float, float]] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_rates(cls, given: Any) -> Any:
        return {n: v for n, v in given.items() if n not in RATES} if type(given) is dict else given

    @model_serializer(mode="wrap")
    def _with_rates(self, write: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return write(self) | {name: getattr(self.confusion_matrix, name) for name in RATES}


def point_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    decision_threshold: float,
    resampled: Resampled | None = None,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Metrics:
    """Measure one model on one set of rows, with intervals if it was measured on resamples."""
    # It takes half a second to import, which a decision is read without.
    from sklearn import metrics as sk  # noqa: PLC0415

    decided = probabilities >= decision_threshold
    rows, predicted, observed = calibration_bins(labels, probabilities, weights)
    counts = {"sample_weight": weights}
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, decided, labels=[0, 1], **counts).tolist()
    measured = Metrics(
        accuracy=float(np.average(decided == labels, weights=weights)),
        roc_auc=float(sk.roc_auc_score(labels, probabilities, **counts)),
        average_precision=float(sk.average_precision_score(labels, probabilities, **counts)),
        log_loss=float(sk.log_loss(labels, probabilities, labels=[0, 1], **counts)),
        brier_score=float(np.average((probabilities - labels) ** 2, weights=weights)),
        expected_calibration_error=float(np.sum(rows * np.abs(predicted - observed)) / rows.sum()),
        confusion_matrix=ConfusionMatrix(
            true_negatives=tn, false_positives=fp, false_negatives=fn, true_positives=tp
        ),
        decision_threshold=decision_threshold,
    )
    if not resampled:
        return measured
    intervals = _intervals(measured, labels, probabilities, resampled, weights, groups)
    return measured.model_copy(update={"interval": intervals})


def calibration_bins(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give rows, or their weight, mean probability and share of positives in ten equal-width bins.

    Three arrays of shape (bins that have rows,), by rising probability.
    """
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, weights, CALIBRATION_BINS)
    filled = rows > 0
    counts = 1 if weights is None else weights
    predicted = np.bincount(bins, counts * probabilities, CALIBRATION_BINS)[filled] / rows[filled]
    observed = np.bincount(bins, counts * labels, CALIBRATION_BINS)[filled] / rows[filled]
    return rows[filled], predicted, observed


def _intervals(
    measured: Metrics,
    labels: np.ndarray,
    probabilities: np.ndarray,
    resampled: Resampled,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
) -> dict[str, tuple[float, float]]:
    """Bound each metric, and not by a point where all rows are right, or ranked rightly."""
    tail = (1 + CENTRAL) / 2
    intervals = {metric: interval(values) for metric, values in resampled.items()}
    constant = np.full(len(labels), 0.5)
    unseen = {"roc_auc": unseen_roc_auc(labels, probabilities, constant, tail, weights, groups)}
    if measured.accuracy in {0, 1}:
        unseen["accuracy"] = unseen_share(count_rows(labels, weights, groups), tail)
    for metric, off in unseen.items():
        (low, high), point = intervals[metric], getattr(measured, metric)
        intervals[metric] = max(min(low, point - off), 0.0), min(max(high, point + off), 1.0)
    return intervals


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


class Baselines(Frozen):
    """The baselines' decision thresholds, and their probabilities of the evaluated rows."""

    thresholds: dict[str, float]
    probabilities: dict[str, list[float]]
