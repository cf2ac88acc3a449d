"""Intervals: how far a metric on the test rows may be off, by chance and because rows are few.

A bootstrap draws resamples of the rows. Source: Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13. A bootstrap does not see kinds of rows that are missing from the test
rows: if two models rank all test rows perfectly, each in its own order, all bootstrap values are
equal. So bounds are widened if too few rows distinguish two models. If a kind of rows does not
occur in n rows, its share of all rows is, at confidence c, at most 1 - (1 - c) ** (1 / n), about 3
/ n at 0.95: the rule of three. Source: Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is
Everything All Right?", JAMA 249, 1983. With weights or groups, n is the number of `count_rows`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from tabular_lstm.progress import progress
from tabular_lstm.rows.labelled_set import count_by_class, count_rows

CENTRAL = 0.95
NORMAL = NormalDist()
BLOCK_CELLS = 1_000_000  # Counts of a block's resamples, 8 MB: larger blocks do not fit the cache.
EPSILON = float(np.finfo(float).eps)
EQUAL = 1e-12
# If few rows skew a difference by more than this, its bound is the outermost bootstrap value.
MOST_SHIFTED = 0.1
Resampled = dict[str, np.ndarray]
# A function from each row's count in each resample, (resamples, rows), to each metric,
# (resamples,). It gets the counts twice: as float, and in the type that is gathered fastest.
Statistics = Callable[[np.ndarray, np.ndarray], Resampled]


@dataclass(frozen=True)
class Rows:
    """Rows that models are measured on: labels, weights of mean 1, groups; (rows,) each."""

    labels: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def count(self) -> float:
        """Number of effective rows, or groups, see `count_rows`."""
        return count_rows(self.labels, self.weights, self.groups)

    def part(self, counts: np.ndarray) -> "Rows":
        """Return the rows where `counts`, bool (rows,), is true."""
        return Rows(
            self.labels[counts],
            None if self.weights is None else self.weights[counts],
            None if self.groups is None else pd.factorize(self.groups[counts])[0],
        )


@dataclass(frozen=True)
class Ranking:
    """The rows in the order of a model's probabilities, for ROC AUC on many resamples.

    Attributes:
        positives, negatives: Places of the rows of the class, by rising probability.
        below, up_to: For each positive row, the number of negative rows with a lower probability,
            and with a lower or equal one.
    """

    positives: np.ndarray
    negatives: np.ndarray
    below: np.ndarray
    up_to: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray) -> Self:
        """Sort the rows."""
        positives, negatives = (
            places[np.argsort(probabilities[places], kind="stable")]
            for places in (np.flatnonzero(labels == 1), np.flatnonzero(labels != 1))
        )
        positive_probabilities = probabilities[positives]
        negative_probabilities = probabilities[negatives]
        below, up_to = (
            np.searchsorted(negative_probabilities, positive_probabilities, side)
            for side in ("left", "right")
        )
        return cls(positives, negatives, below, up_to)

    def roc_auc(self, counts: np.ndarray) -> float:
        """Return the share of pairs ranked correctly; a tie counts half; NaN if there is no pair.

        Args:
            counts: (rows,), how much each row counts.
        """
        summed = np.cumsum(counts.take(self.negatives))
        ranked = np.append(np.zeros(1, summed.dtype), summed)
        positive_counts = counts.take(self.positives).astype(float)
        twice_correct_pairs = positive_counts @ (ranked.take(self.below) + ranked.take(self.up_to))
        pairs = positive_counts.sum() * float(ranked[-1])
        return float(twice_correct_pairs / (2 * pairs)) if pairs else np.nan


def bootstrap(
    statistics: Mapping[str, Statistics],
    rows: int,
    resamples: int,
    seed: int,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, Resampled]:
    """Measure every model on the same resamples of the rows, drawn with replacement.

    The difference of two models' arrays is a paired bootstrap of their difference. Each row is
    equally likely to be drawn; a drawn row counts by its weight.

    If rows have groups, whole groups are drawn, so the number of rows varies between resamples.
    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.

    Weights (rows,) are above 0. Default: all equal. Groups, int (rows,), are numbered from 0 in the
    order of their first rows. Default: each row is a group.

    Returns:
        For each model and each metric that its statistics give, an array of shape (resamples,).
    """
    model_blocks: dict[str, list[Resampled]] = {name: [] for name in statistics}
    # One thread: on busy cores several wait for each other, and their sums differ in the last bits.
    with threadpool_limits(1):
        for draw_counts in _draws(rows, groups, resamples, seed):
            counts = draw_counts * (1.0 if weights is None else weights)
            # Small numbers are gathered faster; no row is drawn 256 times.
            gathered = draw_counts.astype(np.uint8) if weights is None else counts
            for name, measure in statistics.items():
                model_blocks[name].append(measure(counts, gathered))
    return {
        name: {metric: np.concatenate([b[metric] for b in blocks]) for metric in blocks[0]}
        for name, blocks in model_blocks.items()
    }


def _draws(rows: int, groups: np.ndarray | None, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, a group's rows together: (resamples of a block, rows)."""
    units = rows if groups is None else int(groups.max()) + 1
    rng, block = np.random.default_rng(seed), max(1, BLOCK_CELLS // rows)
    for start in progress(range(0, resamples, block), f"{resamples:,} resamples, parts"):
        size = min(block, resamples - start)
        drawn_units = rng.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(drawn_units.ravel(), minlength=size * units).reshape(size, units)
        yield counts if groups is None or units == rows else counts[:, groups]


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the middle 95 % of bootstrap values (the percentile interval)."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Average the known values over the first axis; NaN if all are NaN."""
    is_known = ~np.isnan(values)
    count = is_known.sum(axis=0)
    return np.where(count, np.where(is_known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def bounds(values: np.ndarray, point: float, confidence: float) -> tuple[float, float]:
    """Return a lower and an upper bound from bootstrap values, each at `confidence`.

    The bounds are bias-corrected and accelerated percentiles (Efron, "Better Bootstrap Confidence
    Intervals", Journal of the American Statistical Association 82, 1987); the acceleration comes
    from the values' skewness. Plain percentiles are too narrow if a few rows lose much, see
    `benchmarks/gate.py`.
    """
    if not len(values):
        return np.nan, np.nan
    deviation = values.std()
    if deviation < EQUAL:
        return point, point
    near = np.abs(values - point) < EQUAL
    below = np.mean((values < point) & ~near) + np.mean(near) / 2
    bias = NORMAL.inv_cdf(float(np.clip(below, 1 / len(values), 1 - 1 / len(values))))
    acceleration = float(np.mean((values - values.mean()) ** 3) / deviation**3) / 6

    def quantile(share: float) -> float:
        shifted = bias + NORMAL.inv_cdf(share)
        level = NORMAL.cdf(bias + shifted / max(1 - acceleration * shifted, MOST_SHIFTED))
        return float(np.quantile(values, level))

    return quantile(1 - confidence), quantile(confidence)


def unseen_share(rows: float, confidence: float) -> float:
    """Return the largest plausible share of a kind of rows that does not occur in `rows` rows."""
    return float(1 - (1 - confidence) ** (1 / max(rows, 1)))


def unseen_roc_auc(
    rows: Rows, predictions: np.ndarray, other_predictions: np.ndarray, confidence: float
) -> float:
    """Bound the error of a difference of two ROC AUCs if few rows distinguish the models.

    At least log2(1 / (1 - confidence)) rows must distinguish the models, 4.3 at 0.95. By chance, so
    many rows all favor the same model with probability 1 - confidence. With fewer, up to
    `unseen_share` of the smaller class may be ranked correctly by one model and wrongly by the
    other. The bound is 0 if enough rows distinguish the models, or if both rank all rows equally.
    """
    if (
        np.array_equal(predictions, other_predictions)
        or np.ptp(predictions) == np.ptp(other_predictions) == 0
    ):
        return 0.0
    enough = np.log2(1 / (1 - confidence))
    if _telling_rows(rows, predictions, other_predictions) >= enough:
        return 0.0
    rarer_class = min(count_by_class(rows.labels, rows.weights, rows.groups))
    return unseen_share(rarer_class, confidence)


def unseen_log_loss(
    rows: Rows, predictions: np.ndarray, other_predictions: np.ndarray, confidence: float
) -> float:
    """Bound the error of a difference of two log losses if all rows have the same difference.

    On other rows, one model may be wrong with the highest certainty of the two models on these
    rows. The bound is 0 if the rows' differences vary, or if the probabilities are the same.
    """
    losses, other_losses = (row_losses(rows.labels, p) for p in (predictions, other_predictions))
    varies = np.ptp(losses - other_losses) > np.sqrt(EPSILON)
    if np.array_equal(predictions, other_predictions) or varies:
        return 0.0
    surest = min(
        float(p.min() if p.ndim > 1 else np.minimum(p, 1 - p).min())
        for p in (predictions, other_predictions)
    )
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


def row_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the log loss of each row, in nats; probabilities are of class 1, or of each class."""
    class_probabilities = (
        probabilities[np.arange(len(labels)), labels]
        if probabilities.ndim > 1
        else np.where(labels == 1, probabilities, 1 - probabilities)
    )
    losses: np.ndarray = -np.log(np.clip(class_probabilities, EPSILON, None))
    return losses


def _telling_rows(rows: Rows, predictions: np.ndarray, other_predictions: np.ndarray) -> float:
    """Count the rows, or groups, that contribute to the variance of a difference of ROC AUCs.

    The count is Kish's effective sample size of the squared influences.
    """
    placed, other_placed = (
        placements(rows.labels, p, rows.weights) for p in (predictions, other_predictions)
    )
    difference = placed - other_placed
    for label in np.unique(rows.labels):
        in_class = rows.labels == label
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
