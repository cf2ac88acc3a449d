"""The metrics of one model on one set of rows: measured, with intervals, stored, and in words.

Each metric is defined in `tabular_lstm.metrics`, with its name, its tolerance and how it is
computed. Labels, predictions and weights have the form described there.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from pydantic import AliasChoices, ConfigDict, Field, model_serializer, model_validator

from tabular_lstm.errors import amount, first_ten, shown
from tabular_lstm.frozen import Frozen, NewerVersionError, unless
from tabular_lstm.judging.intervals import CENTRAL, percentile_interval
from tabular_lstm.metrics import (
    METRICS,
    ArrayPair,
    Labels,
    Resampled,
    Statistic,
    deviation_of,
    mean_of_known,
    ranking,
    row_losses,
)
from tabular_lstm.task import Task

# A decision rule. Two classes: the threshold. More classes: the cost of each decision (column) for
# each actual class (row), or None if all errors cost the same. A number: None.
Rule = float | tuple[tuple[float, ...], ...] | None
# Metrics in the label's unit, in addition to some of `METRICS`.
IN_UNITS = {"width", "label_deviation"}
RATES = ("precision", "recall", "f1")
CALIBRATION_BINS = 10


def metric_text(metric: str, value: float, form: str = ".3f") -> str:
    """Format a metric, or a difference of two, for people to read.

    Examples:
        >>> metric_text("roc_auc", 0.84161), metric_text("accuracy", 0.84161)
        ('0.842', '84.2 %')
        >>> metric_text("r2", -0.0001)
        '0.000'
        >>> metric_text("rmse", 1234567.8), metric_text("rmse", -0.000123456, "+.4f")
        ('1,235,000', '-0.0001235')
    """
    if is_in_units(metric):
        return amount(value, "+" if form[0] == "+" else "")
    if METRICS[metric].in_percent:
        return f"{100 * value:.1f} %"
    return format(value, form if form[0] == "+" else f"z{form}")


def is_in_units(name: str) -> bool:
    """Return whether a metric is in the label's unit, so values of 10^-9 or 10^9 are possible."""
    return name in IN_UNITS or (name in METRICS and METRICS[name].in_units)


class ConfusionMatrix(Frozen):
    """Counts of rows by actual and decided class; sums of weights if weights differ."""

    true_negatives: int | float
    false_positives: int | float
    false_negatives: int | float
    true_positives: int | float

    @property
    def precision(self) -> float | None:
        """Return the share of rows called positive that are positive; None if there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Return the share of positive rows that are called positive; None if there are none."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Return the F1 score; None if no row is positive or called positive."""
        wrong_rows = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + wrong_rows)


class _Metrics(Frozen):
    """Metrics of one model; entries of `METRICS` without a declared field are extra fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        if unknown := {*(self.__pydantic_extra__ or {})} - METRICS.keys():
            raise NewerVersionError(f"no field '{min(unknown)}'")
        return self


class TwoClassesMetrics(_Metrics):
    """The metrics of one model for two classes on one set of rows.

    Attributes:
        accuracy: At the decision threshold, like the confusion matrix.
        log_loss: In nats.
        expected_calibration_error: Average gap between predicted and observed share of positives
            over ten equal-width bins, weighted by number of rows. Source: Naeini, Cooper and
            Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
        decision_threshold: Probability at or above which a row is called positive.
        interval: 95 % interval of accuracy, roc_auc and log_loss; empty if none was computed. An
            interval has a width even if all rows are correct: see `tabular_lstm.judging.intervals`.

    Its JSON also has precision, recall and F1, which are not read back.
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

    @property
    def said_of_decisions(self) -> str:
        """Say how many rows the decision threshold calls positive, and how many correctly."""
        matrix = self.confusion_matrix
        rightly, wrongly = matrix.true_positives, matrix.false_positives
        beginning = f"From a probability of {self.decision_threshold:.3f} on, it calls"
        positive = f"{rightly + matrix.false_negatives:.6g} rows are positive"
        if matrix.precision is None or matrix.recall is None:
            return f"{beginning} no row positive; {positive}"
        return (
            f"{beginning} {rightly + wrongly:.6g} rows positive, {rightly:.6g} of them correctly "
            f"(precision {100 * matrix.precision:.1f} %); {positive} (recall "
            f"{100 * matrix.recall:.1f} %; F1 {matrix.f1:.3f})"
        )

    @model_validator(mode="before")
    @classmethod
    def _without_rates(cls, fields: Any) -> Any:
        return (
            {n: v for n, v in fields.items() if n not in RATES} if type(fields) is dict else fields
        )

    @model_serializer(mode="wrap")
    def _with_rates(self, write: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return write(self) | {name: getattr(self.confusion_matrix, name) for name in RATES}


class ClassRates(Frozen):
    """Precision, recall and F1 of a class, and its ROC AUC against all others; None for 0 / 0."""

    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None


class ClassesMetrics(_Metrics):
    """The metrics of one model for several classes on one set of rows.

    Attributes:
        accuracy: Computed from the decisions, like the confusion matrix.
        roc_auc: Mean over the classes that have rows, each against all others.
        log_loss: In nats.
        brier_score: Sum over the classes of the squared differences, from 0 to 2. Source: Brier,
            "Verification of Forecasts Expressed in Terms of Probability", 1950.
        expected_calibration_error: Computed from the probability of the decided class.
        confusion_matrix: Counts of rows by actual class (outer) and decided class (inner); sums of
            weights if weights differ.
        by_class: The rates of each class, by its value as text, in the order of the classes.
        interval: 95 % interval of accuracy, roc_auc and log_loss; empty where none was computed.
    """

    accuracy: float
    roc_auc: float
    log_loss: float
    brier_score: float
    expected_calibration_error: float
    confusion_matrix: list[list[int | float]]
    by_class: dict[str, ClassRates]
    interval: dict[str, tuple[float, float]] = {}

    @property
    def said_of_decisions(self) -> str:
        """Say what share of each class's rows is found, for the first ten classes."""
        shares = [
            f"{shown(name)} {'no row' if rates.recall is None else f'{100 * rates.recall:.1f} %'}"
            f"{'' if rates.precision is None else f' (precision {100 * rates.precision:.1f} %)'}"
            for name, rates in self.by_class.items()
        ]
        return f"It finds these shares of each class's rows: {first_ten(shares)}"


class NumberMetrics(_Metrics):
    """The metrics of one regression model on one set of rows.

    Attributes:
        rmse, mae, width: In the label's unit; `width` is the mean width of the intervals.
        r2: 1 - mean squared error / variance of the label. If the variance is 0, it is 1 without
            errors, else 0.
        coverage: Share of labels within their interval.
        label_deviation: Standard deviation of the label.
        interval: 95 % interval of rmse, mae and r2; empty where none was computed.
    """

    rmse: float
    mae: float
    r2: float
    coverage: float
    width: float
    label_deviation: float
    interval: dict[str, tuple[float, float]] = {}

    @property
    def said_of_decisions(self) -> str:
        """Say how many labels the intervals contain, and how wide they are."""
        return (
            f"{100 * self.coverage:.1f} % of the labels are within its intervals, which are "
            f"{metric_text('width', self.width)} wide on average"
        )


Metrics = TwoClassesMetrics | ClassesMetrics | NumberMetrics


def label_counts(measured: Metrics) -> np.ndarray:
    """Count the rows of each class, (classes,), or sum their weights; (0,) for a number."""
    matrix = getattr(measured, "confusion_matrix", [])
    if isinstance(matrix, ConfusionMatrix):
        negatives = matrix.true_negatives + matrix.false_positives
        return np.array([negatives, matrix.true_positives + matrix.false_negatives])
    return np.array([sum(row) for row in matrix])


# Measuring ----------------------------------------------------------------------------------------


def fill_missing(labels: np.ndarray, predictions: np.ndarray, rule: Rule, task: Task) -> ArrayPair:
    """Return predictions without gaps, and decisions by the rule, int (rows,).

    A missing prediction, NaN, is replaced by a wrong one, so that models do not benefit from it.
    For a number, its error is the labels' range or the model's largest error, whichever is larger.
    """
    is_missing = np.isnan(predictions).any(axis=1)
    if not task.classes:
        errors = np.abs(predictions[~is_missing, 0] - labels[~is_missing])
        wrong_number = labels + max(np.ptp(labels), errors.max(initial=0.0))
        wrong = np.stack([wrong_number, wrong_number, 2 * wrong_number - labels], axis=1)
        return np.where(is_missing[:, None], wrong, predictions), np.zeros(len(labels), int)
    wrong = 1.0 - np.eye(len(task.classes))[labels]
    filled = np.where(is_missing[:, None], wrong, predictions)
    if isinstance(rule, float):
        return filled, (filled[:, 1] >= rule).astype(int)
    decided = filled.argmax(1) if rule is None else (filled @ np.array(rule)).argmin(1)
    return filled, np.where(is_missing, wrong.argmax(1), decided)


def statistics(
    rows: Labels, predictions: np.ndarray, decided: np.ndarray, task: Task
) -> dict[str, Statistic]:
    """Return the functions that measure a model on resamples, by metric."""
    are_positive = not task.classes and (rows.labels > 0).all()
    return {
        name: metric.statistic(rows, predictions, decided)
        for name, metric in task.metrics.items()
        if are_positive or not metric.for_positive
    }


def with_intervals(
    measured: Metrics, rows: Labels, predictions: np.ndarray, resampled: Resampled
) -> Metrics:
    """Add intervals to the metrics; an interval has a width even if all rows are correct."""
    intervals = {}
    for name in sorted(resampled, key=[*type(measured).model_fields, *resampled].index):
        low, high = percentile_interval(resampled[name])
        point = getattr(measured, name)
        margin = METRICS[name].margin(point, rows, predictions, (1 + CENTRAL) / 2)
        if margin is not None:
            low, high = max(min(low, point - margin), 0.0), min(max(high, point + margin), 1.0)
        intervals[name] = low, high
    return measured.model_copy(update={"interval": intervals})


def fewest_rows(rows: Labels, task: Task) -> tuple[int, str]:
    """Count the effective rows, or groups, of the rarest class; return words to follow the count.

    For a number, count all rows or groups; the words are empty.
    """
    if not task.classes:
        return int(rows.count), ""
    counts = [int(rows.part(rows.labels == place).count) for place in range(len(task.classes))]
    return min(counts), f" of class {task.classes[counts.index(min(counts))]}"


def measure_model(
    rows: Labels, predictions: np.ndarray, decided: np.ndarray, rule: Any, task: Task
) -> Metrics:
    """Measure one model on one set of rows, without intervals.

    Args:
        rows: Labels and weights.
        predictions: Predictions without gaps.
        decided: The decided class of each row, int (rows,).
        rule: The decision threshold, for two classes.
        task: What is predicted.
    """
    labels, weights = rows.labels, rows.weights
    measured: Metrics
    if not task.classes:
        measured = number_metrics(labels, predictions, weights)
    elif task.has_threshold:
        measured = point_metrics(labels, predictions[:, 1], rule, weights)
    else:
        measured = class_metrics(labels, predictions, decided, task.classes, weights)
    once = np.ones((1, len(labels))) if weights is None else weights[None]
    others = {
        name: float(statistic(once, once)[0])
        for name, statistic in statistics(rows, predictions, decided, task).items()
        if name not in type(measured).model_fields
    }
    return measured.model_copy(update=others)


def point_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    decision_threshold: float,
    weights: np.ndarray | None = None,
) -> TwoClassesMetrics:
    """Measure one model for two classes on one set of rows, without intervals."""
    # The import takes half a second, and reading a decision does not need it.
    from sklearn import metrics as sk  # noqa: PLC0415

    decided = probabilities >= decision_threshold
    counts = {"sample_weight": weights}
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, decided, labels=[0, 1], **counts).tolist()
    return TwoClassesMetrics(
        accuracy=float(np.average(decided == labels, weights=weights)),
        roc_auc=float(sk.roc_auc_score(labels, probabilities, **counts)),
        average_precision=float(sk.average_precision_score(labels, probabilities, **counts)),
        log_loss=float(sk.log_loss(labels, probabilities, labels=[0, 1], **counts)),
        brier_score=float(np.average((probabilities - labels) ** 2, weights=weights)),
        expected_calibration_error=_calibration_error(labels, probabilities, weights),
        confusion_matrix=ConfusionMatrix(
            true_negatives=tn, false_positives=fp, false_negatives=fn, true_positives=tp
        ),
        decision_threshold=decision_threshold,
    )


def class_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    decided: np.ndarray,
    classes: Sequence[object],
    weights: np.ndarray | None = None,
) -> ClassesMetrics:
    """Measure one model for several classes, (rows, classes), and its decisions, int (rows,)."""
    rows, count = np.arange(len(labels)), len(classes)
    matrix = np.bincount(labels * count + decided, weights, count**2).reshape(count, count)
    actual, called = matrix.sum(axis=1), matrix.sum(axis=0)
    counts = np.ones(len(labels)) if weights is None else weights
    areas = [ranking(labels == c, probabilities[:, c])(counts) for c in range(count)]
    is_correct, errors = decided == labels, probabilities - np.eye(count)[labels]
    return ClassesMetrics(
        accuracy=float(np.average(is_correct, weights=weights)),
        roc_auc=float(mean_of_known(np.array(areas))),
        log_loss=float(np.average(row_losses(labels, probabilities), weights=weights)),
        brier_score=float(np.average((errors**2).sum(axis=1), weights=weights)),
        expected_calibration_error=_calibration_error(
            is_correct, probabilities[rows, decided], weights
        ),
        confusion_matrix=matrix.tolist(),
        by_class={
            str(name): ClassRates(
                precision=_ratio(float(matrix[c, c]), float(called[c])),
                recall=_ratio(float(matrix[c, c]), float(actual[c])),
                f1=_ratio(2 * float(matrix[c, c]), float(called[c] + actual[c])),
                roc_auc=None if np.isnan(areas[c]) else areas[c],
            )
            for c, name in enumerate(classes)
        },
    )


def number_metrics(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> NumberMetrics:
    """Measure a regression model, (rows, 3): prediction, lower and upper end of its interval."""
    predicted, lower, upper = predictions.T
    error = float(np.average((predicted - labels) ** 2, weights=weights))
    deviation = deviation_of(labels, weights)
    return NumberMetrics(
        rmse=error**0.5,
        mae=float(np.average(np.abs(predicted - labels), weights=weights)),
        r2=1 - error / deviation**2 if deviation else float(error == 0),
        coverage=float(np.average((lower <= labels) & (labels <= upper), weights=weights)),
        width=float(np.average(upper - lower, weights=weights)),
        label_deviation=deviation,
    )


def _calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None
) -> float:
    rows, predicted, observed = calibration_bins(labels, probabilities, weights)
    return float(np.sum(rows * np.abs(predicted - observed)) / rows.sum())


def calibration_bins(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows (or weight), mean probability and share of positives in ten equal-width bins.

    These are three arrays of shape (non-empty bins,), in order of increasing probability.
    """
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, weights, CALIBRATION_BINS)
    filled = rows > 0
    counts = 1 if weights is None else weights
    predicted = np.bincount(bins, counts * probabilities, CALIBRATION_BINS)[filled] / rows[filled]
    observed = np.bincount(bins, counts * labels, CALIBRATION_BINS)[filled] / rows[filled]
    return rows[filled], predicted, observed


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


class Baselines(Frozen):
    """The baselines' decision thresholds (two classes) and predictions for the evaluated rows.

    `losses` are out-of-fold losses on the train rows, see `judging.baseline_fits`.
    """

    thresholds: dict[str, float] = {}
    losses: dict[str, float] = unless({})
    predictions: dict[str, list[float] | list[list[float]]] = Field(
        validation_alias=AliasChoices("predictions", "probabilities")  # the former name
    )
