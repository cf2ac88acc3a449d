"""Metrics of probabilities against labels, and their intervals.

Labels are 0 or 1 and probabilities those of class 1, both of shape (rows,). So are the rows'
weights where the rows do not count alike: a row of weight 2 counts as two rows.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import model_serializer, model_validator

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.counted import count_groups, count_rows
from tabular_lstm.judging.decided import RATES, ConfusionMatrix
from tabular_lstm.judging.unseen import placements, row_losses, unseen_roc_auc, unseen_share
from tabular_lstm.progress import progress

INTERVAL_METRICS = ("accuracy", "roc_auc", "log_loss")
CENTRAL = 0.95
CALIBRATION_BINS = 10
BLOCK_CELLS = 4_000_000
# More rows than that are resampled in so many sets.
SETS = 20_000
Resampled = dict[str, np.ndarray]


class Metrics(Frozen):
    """One model measured on one set of rows.

    Attributes:
        accuracy: At the decision threshold, like the confusion matrix.
        average_precision: Area under the curve of precision against recall.
        log_loss: In nats.
        brier_score: Mean squared error of the probabilities.
        expected_calibration_error: Average gap between predicted and observed share of positives
            over ten equal-width bins, weighted by their rows. Source: Naeini, Cooper and
            Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
        decision_threshold: Probability from which a row is called positive.
        interval: 95 % interval of accuracy, roc_auc and log_loss; empty where none was computed.
            No point where all rows are right: see `tabular_lstm.judging.unseen`.

    As JSON it has the confusion matrix's precision, recall and F1 too, which are not read.
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
    """Measure one model on one set of rows, with intervals if it was measured on resamples.

    For `weights` and `groups` see `bootstrap`.
    """
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
    """Give rows, mean probability and share of positives of each of ten equal-width bins.

    With weights, their sum in place of the rows. Three arrays of shape (bins that have rows,), by
    rising probability.
    """
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, weights, CALIBRATION_BINS)
    filled = rows > 0
    counts = 1 if weights is None else weights
    predicted = np.bincount(bins, counts * probabilities, CALIBRATION_BINS)[filled] / rows[filled]
    observed = np.bincount(bins, counts * labels, CALIBRATION_BINS)[filled] / rows[filled]
    return rows[filled], predicted, observed


def bootstrap(
    labels: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    resamples: int,
    seed: int,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, Resampled]:
    """Measure every model on the same resamples of the rows, drawn with replacement.

    The difference of two models' arrays is a paired bootstrap of their difference. Rows are drawn
    whatever their weights; a row that is drawn counts by its weight.

    Where rows have groups, whole groups are drawn, so that a resample may have more or fewer rows.
    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.

    Above 20,000 rows it is 20,000 random sets of them, or of their groups, that are drawn, and a
    metric is taken to change by the sum of its rows' influence, which accuracy and log loss do
    exactly, or with weights or groups nearly, and ROC AUC nearly: the cost of a resample no longer
    grows with the rows. Source: there, section 2.7; the influence on ROC AUC by the placements of
    DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988.

    Args:
        labels: (rows,).
        probabilities: Of each model, (rows,).
        thresholds: Of each model.
        resamples: How many.
        seed: Of the draws.
        weights: (rows,), above 0, how much each row counts. Default: all count alike.
        groups: int (rows,), the number of each row's group, from 0 and in the order of the groups'
            first rows. Default: each row is its own.

    Returns:
        For each model and each of `INTERVAL_METRICS`, an array of shape (resamples,). ROC AUC is
        NaN where a resample holds one class only.
    """
    if len(labels) > SETS:
        given = [(p, thresholds[name]) for name, p in probabilities.items()]
        measured = _in_sets(labels, given, resamples, seed, weights, groups)
    else:
        blocks = [
            [_weighted(labels, p, thresholds[name], counts) for name, p in probabilities.items()]
            for drawn in _drawn_rows(len(labels), groups, resamples, seed)
            for counts in [drawn if weights is None else drawn * weights]
        ]
        # (models, metrics, resamples)
        measured = np.concatenate(blocks, axis=2)
    return {
        name: dict(zip(INTERVAL_METRICS, values, strict=True))
        for name, values in zip(probabilities, measured, strict=True)
    }


def interval(values: np.ndarray) -> tuple[float, float]:
    """Bound the middle 95 % of bootstrap values (the percentile interval)."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


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


def _resample_counts(
    rows: int, resamples: int, seed: int, cells: int | None = None
) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, (resamples of a block, rows), in bounded memory.

    `cells` is what a resample is made to afterwards. Default: as many as rows.
    """
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_CELLS // (cells or rows))
    for start in progress(range(0, resamples, block), f"{resamples:,} resamples, parts"):
        size = min(block, resamples - start)
        drawn = rng.integers(rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows)


def _drawn_rows(
    rows: int, groups: np.ndarray | None, resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, with all rows of its group as often."""
    if groups is None or int(groups.max()) + 1 == rows:
        yield from _resample_counts(rows, resamples, seed)
        return
    for counts in _resample_counts(int(groups.max()) + 1, resamples, seed, rows):
        yield counts[:, groups]


def _weighted(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, counts: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Give each of `INTERVAL_METRICS` on each resample."""
    hits, losses = _of_rows(labels, probabilities, threshold)
    auc, rows = weighted_auc(labels, probabilities, counts), counts.sum(axis=1)
    return counts @ hits / rows, auc, counts @ losses / rows


def _of_rows(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give each row's hit, whose mean is the accuracy, and its log loss."""
    return (probabilities >= threshold) == labels, row_losses(labels, probabilities)


def _in_sets(
    labels: np.ndarray,
    models: list[tuple[np.ndarray, float]],
    resamples: int,
    seed: int,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
) -> np.ndarray:
    """Measure models, probabilities and threshold of each, on resamples of sets of rows.

    Returns:
        (models, metrics, resamples).
    """
    units = count_groups(labels, groups)
    # Random sets, because rows in an order of their own would make sets alike.
    sets = np.arange(units)
    if units > SETS:
        sets = np.random.default_rng([seed, 1]).permutation(units) % SETS
    of_row_set = sets if groups is None else sets[groups]
    drawn = min(units, SETS)
    points, influences = [], []
    positive = labels == 1
    # To a mean of 1, so that a row's influence is that of one of so many rows.
    counts = None if weights is None else weights / weights.mean()
    shares = np.where(positive, _mean(labels, counts), _mean(1 - labels, counts))
    for probabilities, threshold in models:
        hits, losses = _of_rows(labels, probabilities, threshold)
        placed = placements(labels, probabilities, counts)
        auc = _mean(placed[positive], None if counts is None else counts[positive])
        hit, loss = _mean(hits, counts), _mean(losses, counts)
        points.append([hit, auc, loss])
        of_row = hits - hit, (placed - auc) / shares, losses - loss
        if counts is not None:
            of_row = tuple(counts * values for values in of_row)
        influences.append([np.bincount(of_row_set, values, drawn) for values in of_row])
    summed = np.array(influences) / len(labels)
    changes = [summed @ times.T for times in _resample_counts(drawn, resamples, seed)]
    return np.asarray(np.array(points)[:, :, None] + np.concatenate(changes, axis=2))


def _mean(values: np.ndarray, counts: np.ndarray | None) -> float:
    return float(np.average(values, weights=counts))


def weighted_auc(labels: np.ndarray, probabilities: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give ROC AUC by how much each row counts, for each row of `counts`, (resamples, rows).

    The share of pairs ranked right, a tie counting half; NaN where there is no pair.
    """
    order = np.argsort(probabilities, kind="stable")
    first_of_tie = np.flatnonzero(np.r_[True, np.diff(probabilities[order]) > 0])
    weights = counts[:, order]
    positives = np.add.reduceat(weights * labels[order], first_of_tie, axis=1)
    negatives = np.add.reduceat(weights * (1 - labels[order]), first_of_tie, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return np.where(pairs > 0, right / np.where(pairs > 0, pairs, 1), np.nan)
