"""Compute a run's threshold: without drift, differences exceed it only at a declared rate.

A difference is a share of rows that differs from the reference, such as the rows without a value or
below an edge. For a number, it can also be higher or lower ranks. Each difference is measured by a
statistic that is nearly normal if nothing changed, even with few rows: the signed root of twice the
log-likelihood ratio of two shares, and the standardized sum of ranks (Wilcoxon). So one threshold
is enough: if the rows of reference and batch are exchanged at random, the largest statistic of all
features and scores exceeds the threshold at the declared rate. This needs only the counts, and is
exact for any number of rows and any ties. The rows of each feature are exchanged separately, as if
features were independent. If they are not, alarms are rarer (Šidák's inequality).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, xlogy

BEYOND = (2, 50)  # the least and the most resamples above the threshold
CELLS = 4_000_000  # drawn in a run, if this gives enough resamples
AT_ONCE = 200_000  # cells
COUNTED = 10**9  # the most rows that NumPy exchanges, see `_exchange`
CHANCES = 0.8
SHIFTED = 1_000  # batches, to find the smallest shift that is detected
LARGEST = 20.0  # standard deviations: the largest shift that is tried


@dataclass(frozen=True)
class Counts:
    """The rows of a reference's profile and the new rows, counted in the same cells.

    Attributes:
        ordered: Whether the cells are ordered, except the first cell: the rows without a value.
        before, now: int64 (…, cells).
        rise: Whether only the last cell's share counts. Without an order, this share counts only if
            it rose, because fewer unknown or quarantined rows do no harm.
    """

    ordered: bool
    before: np.ndarray
    now: np.ndarray
    rise: bool = False

    def divided(self, by: float) -> "Counts":
        """Return counts in which `by` rows count as one."""
        if by == 1:
            return self
        # What rounding removes from a cell goes to the next cell.
        whole = (np.rint(np.cumsum(c, axis=-1) / by) for c in (self.before, self.now))
        before, now = (np.diff(c, axis=-1, prepend=0).astype(np.int64) for c in whole)
        return replace(self, before=before, now=now)

    def differences(self, smallest: float) -> np.ndarray:
        """Measure how each part of the rows differs from the reference: (…, parts), at least 0.

        Args:
            smallest: Smallest change of a share; a part that changed by less has difference 0.
        """
        before, now = self._parts(self.before), self._parts(self.now)
        rows = np.maximum(self.before.sum(axis=-1, keepdims=True), 1)
        new = np.maximum(self.now.sum(axis=-1, keepdims=True), 1)
        change = now / new - before / rows
        either = slice(None) if self.ordered else slice(-1)
        change[..., either] = np.abs(change[..., either])
        differences = np.where(change >= smallest, _roots(before, now, rows, new), 0.0)
        if not self.ordered:
            return differences
        below = change[..., 1:].max(axis=-1, keepdims=True)
        ranks = np.where(below >= smallest, np.abs(self._ranks(rows, new)), 0.0)
        return np.concatenate([differences, ranks], axis=-1)

    def _parts(self, counts: np.ndarray) -> np.ndarray:
        """Count the rows of each part, (…, parts) of (…, cells).

        Without an order, parts are the cells. Otherwise they are the rows without a value, the rows
        below each edge except the last, and the rows above the last edge.
        """
        if not self.ordered:
            return counts[..., -1:] if self.rise else counts
        below = np.cumsum(counts[..., 1:-2], axis=-1)
        return np.concatenate([counts[..., :1], below, counts[..., -1:]], axis=-1)

    def _ranks(self, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Standardize the sum of the ranks of new rows with a value, (…, 1)."""
        known = (self.before + self.now)[..., 1:].astype(float)
        upto = np.cumsum(known, axis=-1)
        rank = upto - known / 2 - upto[..., -1:] / 2
        share, total = new / (new + rows), np.maximum(new + rows - 1, 1)
        variance = rows * share * (known * rank**2).sum(axis=-1, keepdims=True) / total
        of_new = (self.now[..., 1:] * rank).sum(axis=-1, keepdims=True)
        standardized: np.ndarray = of_new / np.sqrt(np.where(variance > 0, variance, 1.0))
        return standardized


def _roots(before: np.ndarray, now: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the root of twice the log-likelihood ratio of two shares; 0 if one has no rows."""

    def likelihood(part: np.ndarray, of: np.ndarray) -> np.ndarray:
        logs: np.ndarray = xlogy(part, part) + xlogy(of - part, of - part) - xlogy(of, of)
        return logs

    apart = likelihood(before, rows) + likelihood(now, new)
    ratio = apart - likelihood(before + now, rows + new)
    roots: np.ndarray = np.sqrt(np.maximum(2 * ratio, 0.0))
    return roots


def threshold_of(compared: Sequence[Counts], false_alarms: float, smallest: float) -> float:
    """Return the threshold of a run from all counts that it compares.

    Without drift, the actual rows are like one more resample. So their largest difference exceeds
    the threshold at the declared rate, even with few resamples. The same counts give the same
    threshold.

    Args:
        compared: The counts of all features and scores.
        false_alarms: The declared rate.
        smallest: See `Counts.differences`.
    """
    cells = sum(len(counts.now) for counts in compared)
    least, most = (math.ceil(beyond / false_alarms) for beyond in BEYOND)
    resamples = max(least, min(most, CELLS // max(cells, 1)))
    draw = np.random.default_rng(np.concatenate([[0], *(counts.now for counts in compared)]))
    highest = np.zeros(resamples)
    for counts in compared:
        step = max(AT_ONCE // len(counts.now), 1)
        for start in range(0, resamples, step):
            some = highest[start : start + step]
            exchanged = _exchange(counts, len(some), draw)
            np.maximum(some, exchanged.differences(smallest).max(axis=-1), out=some)
    place = math.ceil(resamples - false_alarms * (resamples + 1))
    return float(np.sort(highest)[place])


def _exchange(counts: Counts, times: int, draw: np.random.Generator) -> Counts:
    """Draw new rows from all rows without replacement, `times` times: (times, cells).

    From 10⁹ rows on they are drawn with replacement, which slightly overestimates chance.
    """
    pooled, new = counts.before + counts.now, int(counts.now.sum())
    total = int(pooled.sum())
    if total < COUNTED:
        now = draw.multivariate_hypergeometric(pooled, new, times)
    else:
        fewer = draw.multinomial(min(new, total - new), pooled / total, times)
        now = fewer if new <= total - new else pooled - fewer
    return replace(counts, before=pooled - now, now=now)


def smallest_shift(rows: int, new: int, threshold: float, smallest: float) -> float | None:
    """Return the shift of a normal number that exceeds a threshold four times out of five.

    Args:
        rows: Rows of the reference.
        new: Rows of the batch.
        threshold: The threshold of the batch.
        smallest: See `Counts.differences`.

    Returns:
        In standard deviations; None if no shift is large enough.
    """
    inner, end = ndtri(np.linspace(0, 1, 21)[1:-1]), -ndtri(1 / (rows + 1))
    edges = np.concatenate([[-np.inf, -end], inner[np.abs(inner) < end], [end, np.inf]])

    def seen(shift: float) -> bool:
        draw = np.random.default_rng(0)
        shares = [np.concatenate([[0.0], np.diff(ndtr(edges - by))]) for by in (0.0, shift)]
        before, now = (
            draw.multinomial(*of, SHIFTED) for of in zip((rows, new), shares, strict=True)
        )
        largest = Counts(True, before, now).differences(smallest).max(axis=-1)
        return float(np.mean(largest > threshold)) >= CHANCES

    if not seen(LARGEST):
        return None
    low, high = 0.001, LARGEST
    while high > 1.02 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high
