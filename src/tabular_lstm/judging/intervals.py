"""Intervals: how far a metric on the test rows may be off by chance.

A bootstrap draws resamples of the rows. Source: Efron and Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 13. For what it cannot account for, see `tabular_lstm.metrics`.
"""

from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np
from threadpoolctl import threadpool_limits

from tabular_lstm.metrics import EQUAL, Resampled, Statistic
from tabular_lstm.progress import progress

CENTRAL = 0.95
NORMAL = NormalDist()
BLOCK_CELLS = 1_000_000  # counts in a block of resamples, 8 MB; larger blocks do not fit the cache
# If few rows skew a difference by more than this, its bound is the outermost bootstrap value.
MOST_SHIFTED = 0.1


def bootstrap(
    statistics: Mapping[str, Mapping[str, Statistic]],
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
    order of their first rows. Default: each row is its own group.

    Returns:
        For each model and each of its metrics, an array of shape (resamples,).
    """
    blocks: list[dict[str, Resampled]] = []
    # Use one thread: on busy cores, several wait for each other, and sums differ in the last bits.
    with threadpool_limits(1):
        for draw_counts in _draws(rows, groups, resamples, seed):
            counts = draw_counts * (1.0 if weights is None else weights)
            # Small numbers are gathered faster; no row is drawn 256 times.
            gathered = draw_counts.astype(np.uint8) if weights is None else counts
            blocks.append(
                {
                    model: {metric: statistic(counts, gathered) for metric, statistic in of.items()}
                    for model, of in statistics.items()
                }
            )
    return {
        model: {metric: np.concatenate([block[model][metric] for block in blocks]) for metric in of}
        for model, of in statistics.items()
    }


def _draws(rows: int, groups: np.ndarray | None, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, with whole groups: (resamples of a block, rows)."""
    units = rows if groups is None else int(groups.max()) + 1
    rng, block = np.random.default_rng(seed), max(1, BLOCK_CELLS // rows)
    for start in progress(range(0, resamples, block), f"{resamples:,} resamples, parts"):
        size = min(block, resamples - start)
        drawn_units = rng.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(drawn_units.ravel(), minlength=size * units).reshape(size, units)
        yield counts if groups is None or units == rows else counts[:, groups]


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the middle 95 % of bootstrap values (the percentile interval)."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def bounds(values: np.ndarray, point: float, confidence: float) -> tuple[float, float]:
    """Return a lower and an upper bound from bootstrap values, each at `confidence`.

    The bounds are bias-corrected and accelerated percentiles (Efron, "Better Bootstrap Confidence
    Intervals", Journal of the American Statistical Association 82, 1987); the acceleration comes
    from the values' skewness. Plain percentiles are too narrow if a few rows have large losses; see
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
