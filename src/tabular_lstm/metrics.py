"""The metrics, each an entry of `METRICS`, and how they are computed.

Labels are class numbers, int (rows,), or float (rows,). Predictions are float64: the probability of
each class, (rows, classes), or, for a number, the prediction and the lower and upper end of its
interval, (rows, 3). Weights are (rows,): a row of weight 2 counts as two rows.

A bootstrap cannot account for kinds of rows that are missing from the test rows: if two models rank
all test rows perfectly, each in its own order, all bootstrap values are equal. So bounds are
widened if too few rows distinguish two models. If a kind of rows does not occur in n rows, its
share of all rows is, at confidence c, at most 1 - (1 - c) ** (1 / n), about 3 / n at 0.95: the rule
of three.
Source: Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983.
With weights or groups, n is the effective number of rows. For a number, the error on kinds of rows
that are missing from the test rows has no limit, so bounds are widened as if one more row had the
largest error among the test rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EPSILON = float(np.finfo(float).eps)
EQUAL = 1e-12
ArrayPair = tuple[np.ndarray, np.ndarray]
# Computes a model's metric on resamples, (resamples,), from each row's count in each resample,
# (resamples, rows). It gets the counts twice: as float, and in the type that is gathered fastest.
Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
Resampled = dict[str, np.ndarray]  # metrics on resamples, (resamples,), by name


@dataclass(frozen=True)
class Labels:
    """The rows on which models are measured: labels, weights of mean 1, groups; (rows,) each."""

    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def count(self) -> float:
        """Number of effective rows, or of groups, see `effective_rows`."""
        if self.groups is None:
            return effective_rows(len(self.labels), self.weights)
        weights = None if self.weights is None else np.bincount(self.groups, self.weights)
        return effective_rows(len(np.unique(self.groups)), weights)

    def part(self, counts: np.ndarray) -> "Labels":
        """Return the rows where `counts`, bool (rows,), is true; groups are renumbered."""
        groups = None if self.groups is None else self.groups[counts]
        if groups is not None:  # in the order of their first rows
            _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
            groups = np.argsort(np.argsort(first))[codes]
        weights = None if self.weights is None else self.weights[counts]
        return Labels(self.labels[counts], weights, groups)


def effective_rows(rows: int, weights: np.ndarray | None) -> float:
    """Return how many rows of equal weight would give a mean of the same variance.

    Kish's effective sample size, (Σw)² / Σw². Source: Kish, "Survey Sampling", 1965.

    Examples:
        >>> effective_rows(4, None), effective_rows(4, np.array([2, 2, 2, 2]))
        (4, 4.0)
        >>> effective_rows(4, np.array([9, 1, 1, 1])).__round__(2)
        1.71
    """
    if weights is None or not weights.any():
        return 0 if weights is not None else rows
    # Rounded, so that 4 rows are not counted as 3.9999.
    return float(np.round(weights.sum() ** 2 / np.square(weights).sum(), 6))


# Classes ------------------------------------------------------------------------------------------


def ranking(labels: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], float]:
    """Sort the rows once, for the ROC AUC on many resamples.

    Returns:
        A function that takes how much each row counts, (rows,), and returns the share of correctly
        ranked pairs. A tie counts half; the result is NaN if there is no pair.
    """
    positives, negatives = (
        places[np.argsort(probabilities[places], kind="stable")]
        for places in (np.flatnonzero(labels == 1), np.flatnonzero(labels != 1))
    )
    # For each positive row, the negative rows with a lower, and with a lower or equal probability.
    below, up_to = (
        np.searchsorted(probabilities[negatives], probabilities[positives], side)
        for side in ("left", "right")
    )

    def area(counts: np.ndarray) -> float:
        summed = np.cumsum(counts.take(negatives))
        ranked = np.append(np.zeros(1, summed.dtype), summed)
        positive_counts = counts.take(positives).astype(float)
        twice_correct_pairs = positive_counts @ (ranked.take(below) + ranked.take(up_to))
        pairs = positive_counts.sum() * float(ranked[-1])
        return float(twice_correct_pairs / (2 * pairs)) if pairs else np.nan

    return area


def each_against_others(labels: np.ndarray, probabilities: np.ndarray) -> list[ArrayPair]:
    """Return the labels, 0 or 1, and the probabilities of each class that has rows.

    With two classes, the positive one is enough.
    """
    classes = [1] if probabilities.shape[1] == 2 else np.unique(labels)
    return [((labels == place).astype(int), probabilities[:, place]) for place in classes]


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Average the known values over the first axis; NaN if all are NaN."""
    is_known = ~np.isnan(values)
    count = is_known.sum(axis=0)
    return np.where(count, np.where(is_known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def roc_auc(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the ROC AUC; with more than two classes, the mean over classes that have rows."""
    areas = [ranking(*pair) for pair in each_against_others(rows.labels, predictions)]
    return lambda counts, gathered: mean_of_known(
        np.array([[area(resample) for resample in gathered] for area in areas])
    )


def row_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the log loss of each row, in nats."""
    of_label = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(of_label, EPSILON, None)))


def log_loss(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the mean log loss."""
    return _mean_of(row_losses(rows.labels, predictions))


def accuracy(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the share of rows whose class is decided correctly."""
    return _mean_of((decided == rows.labels).astype(float))


def _mean_of(values: np.ndarray) -> Statistic:
    return lambda counts, gathered: counts @ values / counts.sum(axis=1)


def unseen_share(rows: float, confidence: float) -> float:
    """Return the largest plausible share of a kind of rows that does not occur in `rows` rows."""
    return float(1 - (1 - confidence) ** (1 / max(rows, 1)))


def unseen_of_all_or_none(
    share: float, rows: Labels, predictions: np.ndarray, confidence: float
) -> float | None:
    """Bound the error of a share of rows that is 0 or 1; None for any other share."""
    return unseen_share(rows.count, confidence) if share in {0, 1} else None


def unseen_of_ranking(
    area: float, rows: Labels, predictions: np.ndarray, confidence: float
) -> float:
    """Bound the error of a ROC AUC by comparing it with constant predictions."""
    return unseen_roc_auc(rows, predictions, np.full_like(predictions, 0.5), confidence)


def unseen_roc_auc(
    rows: Labels, predictions: np.ndarray, other_predictions: np.ndarray, confidence: float
) -> float:
    """Bound the error of a difference of two ROC AUCs if few rows distinguish the models.

    At least log2(1 / (1 - confidence)) rows must distinguish the models, 4.3 at 0.95: by chance,
    that many rows all favor the same model with probability 1 - confidence. With fewer, up to
    `unseen_share` of the smaller class may be ranked correctly by one model and wrongly by the
    other. The bound is 0 if enough rows distinguish the models, or if both rank all rows equally.
    """
    pairs = zip(
        each_against_others(rows.labels, predictions),
        each_against_others(rows.labels, other_predictions),
        strict=True,
    )
    unseen = [_unseen_of_class(rows, *pair, other, confidence) for pair, (_, other) in pairs]
    # At worst, all missing kinds belong to one class; its metric is one of several in the mean.
    return max(unseen) / len(unseen)


def _unseen_of_class(
    rows: Labels, labels: np.ndarray, p: np.ndarray, other: np.ndarray, confidence: float
) -> float:
    """Bound the error for one class against all others."""
    if (
        np.array_equal(p, other)
        or np.ptp(p) == np.ptp(other) == 0
        or _telling_rows(rows, labels, p, other) >= np.log2(1 / (1 - confidence))
    ):
        return 0.0
    smaller_class = min(rows.part(labels == label).count for label in (0, 1))
    return unseen_share(smaller_class, confidence)


def unseen_log_loss(
    rows: Labels, predictions: np.ndarray, other_predictions: np.ndarray, confidence: float
) -> float:
    """Bound the error of a difference of two log losses if all rows have the same difference.

    On other rows, one model may be wrong with the highest certainty that either model has on these
    rows. The bound is 0 if the rows' differences vary, or if the probabilities are the same.
    """
    losses, other_losses = (row_losses(rows.labels, p) for p in (predictions, other_predictions))
    varies = np.ptp(losses - other_losses) > np.sqrt(EPSILON)
    if np.array_equal(predictions, other_predictions) or varies:
        return 0.0
    surest = float(min(predictions.min(), other_predictions.min()))
    return unseen_share(rows.count, confidence) * float(-np.log(max(surest, EPSILON)))


def placements(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the share of the other class's rows against which each row is ranked correctly.

    A tie counts half; the mean over a class is the ROC AUC. Source: DeLong, DeLong and
    Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves", Biometrics 44, 1988.
    """
    placed = np.empty(len(labels))
    for label in (0, 1):
        class_probabilities = probabilities[labels == label]
        other_probabilities = probabilities[labels != label]
        order = np.argsort(other_probabilities, kind="stable")
        counts = (
            np.ones(len(other_probabilities), int) if weights is None else weights[labels != label]
        )
        other_probabilities = other_probabilities[order]
        up_to = np.concatenate([[0], np.cumsum(counts[order])])
        below = sum(
            up_to[np.searchsorted(other_probabilities, class_probabilities, side)]
            for side in ("left", "right")
        )
        share = below / (2 * up_to[-1] or 1)
        placed[labels == label] = share if label else 1 - share
    return placed


def _telling_rows(rows: Labels, labels: np.ndarray, p: np.ndarray, other: np.ndarray) -> float:
    """Count the rows, or groups, that contribute to the variance of a difference of ROC AUCs.

    The count is Kish's effective sample size of the squared influences.
    """
    difference = placements(labels, p, rows.weights) - placements(labels, other, rows.weights)
    for label in np.unique(labels):
        in_class = labels == label
        counts = None if rows.weights is None else rows.weights[in_class]
        difference[in_class] -= np.average(difference[in_class], weights=counts)
        difference[in_class] /= in_class.sum()
        if counts is not None:
            difference[in_class] *= counts / counts.mean()
    if rows.groups is not None:
        difference = np.bincount(rows.groups, difference)
    squares = difference**2
    total = float(squares.sum())
    return total**2 / float((squares**2).sum()) if total > EPSILON**2 else 0.0


# Numbers ------------------------------------------------------------------------------------------


def deviation_of(labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the standard deviation of the labels; exactly 0 if all are equal."""
    if np.ptp(labels) == 0:
        return 0.0
    mean = np.average(labels, weights=weights)
    return float(np.average((labels - mean) ** 2, weights=weights) ** 0.5)


def _standardized_errors(rows: Labels, predictions: np.ndarray) -> tuple[np.ndarray, float]:
    """Return scaled errors and their unit: squares of large numbers lose precision."""
    unit = deviation_of(rows.labels, rows.weights) or 1.0
    return (predictions[:, 0] - rows.labels) / unit, unit


def rmse(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the root mean squared error."""
    errors, unit = _standardized_errors(rows, predictions)
    return lambda counts, gathered: unit * np.sqrt(_mean_of(errors**2)(counts, gathered))


def mae(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the mean absolute error."""
    errors, unit = _standardized_errors(rows, predictions)
    return lambda counts, gathered: unit * _mean_of(np.abs(errors))(counts, gathered)


def rmsle(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute the RMSE of log(1 + number); a prediction below 0 counts as 0."""
    errors = np.log1p(predictions[:, 0].clip(0)) - np.log1p(rows.labels)
    return lambda counts, gathered: np.sqrt(_mean_of(errors**2)(counts, gathered))


def r2(rows: Labels, predictions: np.ndarray, decided: np.ndarray) -> Statistic:
    """Compute R², the explained share of variance; NaN where a resample's labels are equal."""
    errors, unit = _standardized_errors(rows, predictions)
    labels = (rows.labels - np.average(rows.labels, weights=rows.weights)) / unit
    is_constant = np.ptp(rows.labels) == 0

    def statistic(counts: np.ndarray, gathered: np.ndarray) -> np.ndarray:
        error = _mean_of(errors**2)(counts, gathered)
        mean = _mean_of(labels)(counts, gathered)
        variance = _mean_of(labels**2)(counts, gathered) - mean**2
        varies = variance > EQUAL
        otherwise = (error == 0).astype(float) if is_constant else np.nan
        return np.where(varies, 1 - error / np.where(varies, variance, 1), otherwise)

    return statistic


def farther_mae(
    rows: Labels, predictions: np.ndarray, other_predictions: np.ndarray
) -> tuple[float, float]:
    """Return by how much one more row with the largest error can raise or lower a difference."""
    errors = (np.abs(p[:, 0] - rows.labels) for p in (predictions, other_predictions))
    return _farther(rows, *errors)


def farther_rmse(
    rows: Labels, predictions: np.ndarray, other_predictions: np.ndarray
) -> tuple[float, float]:
    """Do the same as `farther_mae` for two RMSEs, in a first-order approximation."""
    squares = [(p[:, 0] - rows.labels) ** 2 for p in (predictions, other_predictions)]
    means = [np.average(square, weights=rows.weights) ** 0.5 for square in squares]
    return _farther(rows, *(s / (2 * mean or 1) for s, mean in zip(squares, means, strict=True)))


def _farther(rows: Labels, losses: np.ndarray, other_losses: np.ndarray) -> tuple[float, float]:
    gaps = losses - other_losses
    gaps -= np.average(gaps, weights=rows.weights)
    if rows.weights is not None:
        gaps *= rows.weights
    if rows.groups is not None:
        gaps = np.bincount(rows.groups, gaps)
    return float(gaps.max() / (len(gaps) + 1)), float(gaps.min() / (len(gaps) + 1))


# Metrics ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """A metric that is measured with an interval.

    Attributes:
        words: Its name in sentences.
        worse: 1 if a larger value is worse, else -1.
        statistic: Makes the function that measures a model on resamples, from the rows, the
            predictions and the decisions. A resample with each row once gives the metric on the
            rows themselves, if the task's metrics have no field for it.
        explained: What it means, for the report.
        unit: What follows its name in a table header.
        for_numbers: Whether it is for numbers. Default: for classes, two or more.
        for_positive: Whether it is measured only where all labels are above 0. Default: no.
        tolerance: By how much a candidate may be worse than a champion or the linear baseline, in
            the metric itself or, for a number, in standard deviations of the label. By this metric,
            the candidate must also be better than the simplest baseline. None: the gate does not
            compare the metric. If given, `conf/base/parameters_promotion.yml` has the same number.
        in_units: Whether it is in the label's unit, so values of 10^-9 or 10^9 are possible.
        in_percent: Whether it is written in percent.
        unseen: Bounds, at a given confidence, the error in the difference of two models that comes
            from kinds of rows missing from the test rows. Default: no such error.
        farther: Returns by how much one more row with the largest error can raise or lower a
            difference. Default: not at all.
        margin: Bounds the same error as `unseen`, for one model's metric from 0 to 1; None if there
            is no such error.
    """

    words: str
    worse: int
    statistic: Callable[[Labels, np.ndarray, np.ndarray], Statistic]
    explained: str = ""
    unit: str = ""
    for_numbers: bool = False
    for_positive: bool = False
    tolerance: float | None = None
    in_units: bool = False
    in_percent: bool = False
    unseen: Callable[[Labels, np.ndarray, np.ndarray, float], float] = lambda *_: 0.0
    farther: Callable[[Labels, np.ndarray, np.ndarray], tuple[float, float]] = lambda *_: (0.0, 0.0)
    margin: Callable[[float, Labels, np.ndarray, float], float | None] = lambda *_: None


METRICS: dict[str, Metric] = {
    "log_loss": Metric(
        "log loss",
        worse=1,
        statistic=log_loss,
        explained="How far the probabilities are from the truth. Confident errors count most; 0 is "
        "perfect.",
        unit=", nats",
        tolerance=0.02,
        unseen=unseen_log_loss,
    ),
    "roc_auc": Metric(
        "ROC AUC",
        worse=-1,
        statistic=roc_auc,
        explained=": 0.5 is chance, 1 is perfect.",
        tolerance=0.02,
        unseen=unseen_roc_auc,
        margin=unseen_of_ranking,
    ),
    "accuracy": Metric(
        "accuracy",
        worse=-1,
        statistic=accuracy,
        explained="The share of rows whose class is predicted correctly.",
        unit=", %",
        in_percent=True,
        margin=unseen_of_all_or_none,
    ),
    "rmse": Metric(
        "RMSE",
        for_numbers=True,
        worse=1,
        statistic=rmse,
        explained="The root of the mean squared error, in the label's unit. Large errors count "
        "most; 0 is perfect.",
        tolerance=0.02,
        in_units=True,
        farther=farther_rmse,
    ),
    "mae": Metric(
        "MAE",
        for_numbers=True,
        worse=1,
        statistic=mae,
        explained="The mean error of a prediction, in the label's unit: 0 is perfect.",
        tolerance=0.02,
        in_units=True,
        farther=farther_mae,
    ),
    "r2": Metric(
        "R²",
        for_numbers=True,
        worse=-1,
        statistic=r2,
        explained="The share of the label's variance that is predicted: 0 is no better than the "
        "mean, 1 is perfect.",
    ),
    "rmsle": Metric(
        "RMSLE",
        for_numbers=True,
        for_positive=True,
        worse=1,
        statistic=rmsle,
        explained="The root of the mean squared error of log(1 + label). Errors count by the "
        "factor by which a prediction is off; 0 is perfect.",
    ),
}
