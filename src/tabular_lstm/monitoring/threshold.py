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
from scipy.special import xlogy

BEYOND = (2, 50)  # the least and the most resamples above the threshold
CELLS = 4_000_000  # drawn in a run, if this gives enough resamples
AT_ONCE = 200_000  # cells
COUNTED = 10**9  # the most rows that NumPy exchanges, see `_exchange`
# So far beyond the threshold, in its deviations, a shift is seen four times out of five. The ranks
# alone would need 0.84; below some edge the shift is now and then clearer (simulated).
FOUR_OF_FIVE = 0.7


@dataclass(frozen=True)
class Counts:
    """The rows of a reference's profile and the new rows, counted in the same cells.

    Attributes:
        ordered: Whether the cells are ordered, except the first cell: the rows without a value.
        before, after: int64 (…, cells).
        rise: Whether only the last cell's share counts. Without an order, this share counts only if
            it rose, because fewer unknown or quarantined rows do no harm.
    """

    ordered: bool
    before: np.ndarray
    after: np.ndarray
    rise: bool = False

    def divided(self, rows_each: float) -> "Counts":
        """Return counts in which `rows_each` rows count as one."""
        if rows_each == 1:
            return self
        # What rounding removes from a cell goes to the next cell.
        sides = (np.cumsum(side, axis=-1) / rows_each for side in (self.before, self.after))
        before, after = (np.diff(np.rint(c), axis=-1, prepend=0).astype(np.int64) for c in sides)
        return replace(self, before=before, after=after)

    def differences(self, smallest: float) -> np.ndarray:
        """Measure how each part of the rows differs from the reference: (…, parts), at least 0.

        Args:
            smallest: Smallest change of a share; a part that changed by less has difference 0.
        """
        before, after = self._parts(self.before), self._parts(self.after)
        rows = np.maximum(self.before.sum(axis=-1, keepdims=True), 1)
        new = np.maximum(self.after.sum(axis=-1, keepdims=True), 1)
        change = after / new - before / rows
        either = slice(None) if self.ordered else slice(-1)
        change[..., either] = np.abs(change[..., either])
        differences = np.where(change >= smallest, _roots(before, after, rows, new), 0.0)
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
        pooled = (self.before + self.after)[..., 1:].astype(float)
        upto = np.cumsum(pooled, axis=-1)
        rank = upto - pooled / 2 - upto[..., -1:] / 2
        share, total = new / (new + rows), np.maximum(new + rows - 1, 1)
        variance = rows * share * (pooled * rank**2).sum(axis=-1, keepdims=True) / total
        of_new = (self.after[..., 1:] * rank).sum(axis=-1, keepdims=True)
        standardized: np.ndarray = of_new / np.sqrt(np.where(variance > 0, variance, 1.0))
        return standardized


def _roots(before: np.ndarray, after: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the root of twice the log-likelihood ratio of two shares; 0 if one has no rows."""

    def likelihood(part: np.ndarray, rows: np.ndarray) -> np.ndarray:
        rest = rows - part
        logs: np.ndarray = xlogy(part, part) + xlogy(rest, rest) - xlogy(rows, rows)
        return logs

    apart = likelihood(before, rows) + likelihood(after, new)
    ratio = apart - likelihood(before + after, rows + new)
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
    cells = sum(len(counts.after) for counts in compared)
    least, most = (math.ceil(beyond / false_alarms) for beyond in BEYOND)
    resamples = max(least, min(most, CELLS // max(cells, 1)))
    draw = np.random.default_rng(np.concatenate([[0], *(counts.after for counts in compared)]))
    highest = np.zeros(resamples)
    for counts in compared:
        step = max(AT_ONCE // len(counts.after), 1)
        for start in range(0, resamples, step):
            batch = highest[start : start + step]
            exchanged = _exchange(counts, len(batch), draw)
            np.maximum(batch, exchanged.differences(smallest).max(axis=-1), out=batch)
    place = math.ceil(resamples - false_alarms * (resamples + 1))
    return float(np.sort(highest)[place])


def _exchange(counts: Counts, times: int, draw: np.random.Generator) -> Counts:
    """Draw new rows from all rows without replacement, `times` times: (times, cells).

    From 10⁹ rows on they are drawn with replacement, which slightly overestimates chance.
    """
    pooled, new = counts.before + counts.after, int(counts.after.sum())
    total = int(pooled.sum())
    if total < COUNTED:
        after = draw.multivariate_hypergeometric(pooled, new, times)
    else:
        fewer = draw.multinomial(min(new, total - new), pooled / total, times)
        after = fewer if new <= total - new else pooled - fewer
    return replace(counts, before=pooled - after, after=after)


def smallest_shift(rows: int, new: int, threshold: float, smallest: float) -> float | None:
    """Return the shift of a normal number that exceeds a threshold about four times out of five.

    Its ranks show it: their standardized sum shifts by sqrt(3 / π) for each standard error of the
    mean. Source: Hodges and Lehmann, "The efficiency of some nonparametric competitors of the
    t-test", Annals of Mathematical Statistics 27, 1956.

    Args:
        rows: Rows of the reference.
        new: Rows of the batch.
        threshold: The threshold of the batch.
        smallest: See `Counts.differences`.

    Returns:
        In standard deviations; None if even rows that are all beyond the reference do not exceed
        the threshold.
    """
    if not new or _roots(np.array(0), np.array(new), np.array(rows), np.array(new)) <= threshold:
        return None
    error = math.sqrt(math.pi / 3 * (1 / rows + 1 / new))
    return max((threshold + FOUR_OF_FIVE) * error, smallest * math.sqrt(2 * math.pi))
