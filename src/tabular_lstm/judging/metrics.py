"""Metrics of probabilities against labels, and their intervals.

Labels are 0 or 1 and probabilities those of class 1, both of shape (rows,).
"""

from collections.abc import Iterator, Mapping

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.counted import count_groups
from tabular_lstm.judging.unseen import placements, row_losses, unseen_roc_auc, unseen_share

INTERVAL_METRICS = ("accuracy", "roc_auc", "log_loss")
CENTRAL = 0.95
CALIBRATION_BINS = 10
BLOCK_CELLS = 4_000_000
# More rows than that are resampled in so many sets.
SETS = 20_000
Resampled = dict[str, np.ndarray]


class ConfusionMatrix(Frozen):
    """Rows by class and by what they were taken for."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


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


def point_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    decision_threshold: float,
    resampled: Resampled | None = None,
    groups: np.ndarray | None = None,
) -> Metrics:
    """Measure one model on one set of rows, with intervals if it was measured on resamples.

    For `groups` see `bootstrap`.
    """
    # It takes half a second to import, which a decision is read without.
    from sklearn import metrics as sk  # noqa: PLC0415

    decided = probabilities >= decision_threshold
    rows, predicted, observed = calibration_bins(labels, probabilities)
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, decided, labels=[0, 1]).tolist()
    measured = Metrics(
        accuracy=float(np.mean(decided == labels)),
        roc_auc=float(sk.roc_auc_score(labels, probabilities)),
        average_precision=float(sk.average_precision_score(labels, probabilities)),
        log_loss=float(sk.log_loss(labels, probabilities, labels=[0, 1])),
        brier_score=float(np.mean((probabilities - labels) ** 2)),
        expected_calibration_error=float(np.sum(rows * np.abs(predicted - observed)) / len(labels)),
        confusion_matrix=ConfusionMatrix(
            true_negatives=tn, false_positives=fp, false_negatives=fn, true_positives=tp
        ),
        decision_threshold=decision_threshold,
    )
    if not resampled:
        return measured
    intervals = _intervals(measured, labels, probabilities, resampled, groups)
    return measured.model_copy(update={"interval": intervals})


def calibration_bins(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give rows, mean probability and share of positives of each of ten equal-width bins.

    Three arrays of shape (bins that have rows,), by rising probability.
    """
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    filled = rows > 0
    predicted = np.bincount(bins, probabilities, CALIBRATION_BINS)[filled] / rows[filled]
    observed = np.bincount(bins, labels, CALIBRATION_BINS)[filled] / rows[filled]
    return rows[filled], predicted, observed


def bootstrap(
    labels: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    resamples: int,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict[str, Resampled]:
    """Measure every model on the same resamples of the rows, drawn with replacement.

    The difference of two models' arrays is a paired bootstrap of their difference.

    Where rows have groups, whole groups are drawn, so that a resample may have more or fewer rows.
    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.

    Above 20,000 rows it is 20,000 random sets of them, or of their groups, that are drawn, and a
    metric is taken to
    change by the sum of its rows' influence, which accuracy and log loss do exactly and ROC AUC
    nearly: the cost of a resample no longer grows with the rows. Source: Davison and Hinkley,
    "Bootstrap Methods and their Application", 1997, section 2.7; the influence on ROC AUC by the
    placements of DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988.

    Args:
        labels: (rows,).
        probabilities: Of each model, (rows,).
        thresholds: Of each model.
        resamples: How many.
        seed: Of the draws.
        groups: int (rows,), the number of each row's group, from 0 and in the order of the groups'
            first rows. Default: each row is its own.

    Returns:
        For each model and each of `INTERVAL_METRICS`, an array of shape (resamples,). ROC AUC is
        NaN where a resample holds one class only.
    """
    if len(labels) > SETS:
        given = [(p, thresholds[name]) for name, p in probabilities.items()]
        measured = _in_sets(labels, given, resamples, seed, groups)
    else:
        blocks = [
            [_weighted(labels, p, thresholds[name], counts) for name, p in probabilities.items()]
            for counts in _drawn_rows(len(labels), groups, resamples, seed)
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
    groups: np.ndarray | None,
) -> dict[str, tuple[float, float]]:
    """Bound each metric, and not by a point where all rows are right, or ranked rightly."""
    tail = (1 + CENTRAL) / 2
    intervals = {metric: interval(values) for metric, values in resampled.items()}
    constant = np.full(len(labels), 0.5)
    unseen = {"roc_auc": unseen_roc_auc(labels, probabilities, constant, tail, groups)}
    if measured.accuracy in {0, 1}:
        unseen["accuracy"] = unseen_share(count_groups(labels, groups), tail)
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
    for start in range(0, resamples, block):
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
    auc = _weighted_auc(labels, probabilities, counts)
    drawn = counts.sum(axis=1)
    return counts @ hits / drawn, auc, counts @ losses / drawn


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
    count = min(units, SETS)
    points, influences = [], []
    for probabilities, threshold in models:
        hits, losses = _of_rows(labels, probabilities, threshold)
        placed = placements(labels, probabilities)
        shares = np.where(labels == 1, np.mean(labels), np.mean(1 - labels))
        auc = placed[labels == 1].mean()
        points.append([hits.mean(), auc, losses.mean()])
        of_row = hits - hits.mean(), (placed - auc) / shares, losses - losses.mean()
        influences.append([np.bincount(of_row_set, values, count) for values in of_row])
    summed = np.array(influences) / len(labels)
    changes = [summed @ counts.T for counts in _resample_counts(count, resamples, seed)]
    return np.asarray(np.array(points)[:, :, None] + np.concatenate(changes, axis=2))


def _weighted_auc(labels: np.ndarray, probabilities: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """ROC AUC of each resample: the share of pairs ranked right, a tie counting half."""
    order = np.argsort(probabilities, kind="stable")
    first_of_tie = np.flatnonzero(np.r_[True, np.diff(probabilities[order]) > 0])
    weights = counts[:, order]
    positives = np.add.reduceat(weights * labels[order], first_of_tie, axis=1)
    negatives = np.add.reduceat(weights * (1 - labels[order]), first_of_tie, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    right = (positives * (below + negatives / 2)).sum(axis=1)
    return np.where(pairs > 0, right / np.maximum(pairs, 1), np.nan)
