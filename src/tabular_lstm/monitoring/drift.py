"""Drift: how new rows differ from the reference, with one rate of false alarms for each run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import NonNegativeInt
from scipy.special import xlogy

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.reference import Profile, Seen, Watch, apart, one_of
from tabular_lstm.parameters.runs import MonitoringOptions

# Threshold ----------------------------------------------------------------------------------------
# Compute a run's threshold: without drift, differences exceed it only at a declared rate.
#
# A difference is a share of rows that differs from the reference, such as the rows without a
# value or below an edge. For a number, it can also be higher or lower ranks. Each difference is
# measured by a statistic that is nearly normal if nothing changed, even with few rows: the signed
# root of twice the log-likelihood ratio of two shares, and the standardized sum of ranks
# (Wilcoxon). So one threshold is enough: if the rows of reference and batch are exchanged at
# random, the largest statistic of all features and scores exceeds the threshold at the declared
# rate. This needs only the counts, and is exact for any number of rows and any ties. The rows of
# each feature are exchanged separately, as if features were independent. If they are not, alarms
# are rarer (Šidák's inequality).

BEYOND = (2, 50)  # the least and the most resamples above the threshold
CELLS = 4_000_000  # drawn in a run, if this gives enough resamples
AT_ONCE = 200_000  # cells
COUNTED = 9 * 10**8  # rows that are exchanged at most: NumPy takes fewer than 10⁹
# So far beyond the threshold, in its deviations, a shift is seen four times out of five. The ranks
# alone would need 0.84; below some edge the shift is now and then clearer (simulated).
FOUR_OF_FIVE = 0.7


@dataclass(frozen=True)
class CellCounts:
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

    def divided(self, rows_each: float) -> "CellCounts":
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
        return np.asarray(of_new / np.sqrt(np.where(variance > 0, variance, 1.0)))


def _roots(before: np.ndarray, after: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the root of twice the log-likelihood ratio of two shares; 0 if one has no rows."""

    def likelihood(part: np.ndarray, rows: np.ndarray) -> np.ndarray:
        rest = rows - part
        return np.asarray(xlogy(part, part) + xlogy(rest, rest) - xlogy(rows, rows))

    apart = likelihood(before, rows) + likelihood(after, new)
    ratio = apart - likelihood(before + after, rows + new)
    return np.asarray(np.sqrt(np.maximum(2 * ratio, 0.0)))


def threshold_of(compared: Sequence[CellCounts], false_alarms: float, smallest: float) -> float:
    """Return the threshold of a run from all counts that it compares.

    Without drift, the actual rows are like one more resample. So their largest difference exceeds
    the threshold at the declared rate, even with few resamples. The same counts give the same
    threshold.

    Args:
        compared: The counts of all features and scores.
        false_alarms: The declared rate.
        smallest: See `CellCounts.differences`.
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
    return float(np.sort(highest)[math.ceil(resamples - false_alarms * (resamples + 1))])


def _exchange(counts: CellCounts, times: int, draw: np.random.Generator) -> CellCounts:
    """Draw new rows from all rows without replacement, `times` times: (times, cells).

    If there are more than `COUNTED` rows, several count as one.
    """
    counts = counts.divided(max(1.0, (counts.before + counts.after).sum() / COUNTED))
    pooled = counts.before + counts.after
    after = draw.multivariate_hypergeometric(pooled, counts.after.sum(), times)
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
        smallest: See `CellCounts.differences`.

    Returns:
        In standard deviations; None if even rows that are all beyond the reference do not exceed
        the threshold.
    """
    if not new or _roots(np.array(0), np.array(new), np.array(rows), np.array(new)) <= threshold:
        return None
    error = math.sqrt(math.pi / 3 * (1 / rows + 1 / new))
    return max((threshold + FOUR_OF_FIVE) * error, smallest * math.sqrt(2 * math.pi))


# Drift --------------------------------------------------------------------------------------------

NAMED = 5
QUARANTINED = "quarantined rows"
NO_VALUE = "have no value"
SMALL = 0.5  # a shift of a number, in standard deviations, that is too small to be mentioned


class Shift(Frozen):
    """How a feature, or a score, differs from its reference.

    Attributes:
        psi: Population stability index over the cells of the profile.
        ks: Kolmogorov-Smirnov distance at the edges; None for a category.
        missing: Share of the rows without a value, in the reference and now.
        outside: Share of the rows outside the trained range, or with an unknown category, in the
            reference and now.
        statistic: The largest of `CellCounts.differences`; 0 if no share moved by
            `smallest_change`.
        moved: Whether the statistic exceeds the threshold.
        sentence: What differs, and by how much.
        counts: Counts of the new rows, as in `Profile.counts`.
    """

    psi: float
    ks: float | None
    missing: tuple[float, float]
    outside: tuple[float, float]
    statistic: float
    moved: bool
    sentence: str
    counts: tuple[NonNegativeInt, ...]


class Drift(Frozen):
    """The comparison of rows with a champion's reference.

    Attributes:
        run_id: The run whose rows these are.
        champion: The run that trained the champion.
        not_compared: Why nothing was compared; None if rows were compared. Only in that case the
            attributes below are set.
        rows, quarantined_rows: How many rows were read, and how many of them were quarantined.
        compared_rows: How many of the rows were compared.
        false_alarms: The declared rate for each run.
        threshold: The value with which each `Shift.statistic` is compared.
        smallest_shift: The smallest shift of a number, in standard deviations, that is detected
            four times out of five; None if the rows are too few to detect any.
        features, scores: The shifts by name.
        quarantine: The shift of the share of quarantined rows; only a rise counts.
        expected: A field of earlier versions, kept for the hash of decisions.
        more_moved: How many features and scores moved, but are not kept here.
    """

    run_id: str
    champion: str
    not_compared: str | None = None
    rows: NonNegativeInt = 0
    quarantined_rows: NonNegativeInt = 0
    compared_rows: NonNegativeInt = 0
    false_alarms: float = 0.0
    threshold: float = 0.0
    smallest_shift: float | None = 0.0
    features: dict[str, Shift] = {}
    scores: dict[str, Shift] = {}
    quarantine: Shift | None = None
    expected: dict[str, Any] = {}
    more_moved: NonNegativeInt = 0

    @property
    def moved(self) -> dict[str, Shift]:
        """Return what moved, the clearest first."""
        shifts = self.scores | self.features
        if self.quarantine:
            shifts[apart(QUARANTINED, shifts)] = self.quarantine
        clearest = sorted(shifts.items(), key=lambda item: -item[1].statistic)
        return {name: shift for name, shift in clearest if shift.moved}

    @property
    def sentences(self) -> list[str]:
        """Describe each shift that moved, the clearest first."""
        return [
            f"'{shown(name)}': {shift.sentence}"
            if name in self.features
            else f"{shown(name)}: {shift.sentence}"
            for name, shift in self.moved.items()
        ]

    @property
    def alarm(self) -> str | None:
        """Say in one line what moved, the five clearest; None if nothing moved."""
        sentences = self.sentences
        left_out = len(sentences) - NAMED + self.more_moved
        end = [f"and {left_out} more"] if left_out > 0 else []
        return "; ".join(sentences[:NAMED] + end) or None

    @property
    def few_rows(self) -> str | None:
        """Say which shifts so few rows cannot show; None if they can show a shift of `SMALL`."""
        if self.not_compared is not None or (self.smallest_shift or SMALL + 1) <= SMALL:
            return None
        rows = counted(self.compared_rows, "row")
        if self.smallest_shift is None:
            return f"{rows}: too few to tell whether the data moved; no change would have been seen"
        return (
            f"{rows}: only a shift of more than {self.smallest_shift:.2g} standard deviations "
            "would have been seen"
        )


def compare(
    watch: Watch,
    seen: Seen,
    run_id: str,
    champion: str,
    monitoring: MonitoringOptions,
    quarantined: int,
    rows_each: float | None = None,
) -> Drift:
    """Compare counted rows with the reference; the same rows give the same drift.

    Rows of a group are similar, so `rows_each` rows count as one.

    Args:
        watch: Holds the reference of the champion.
        seen: Counts of the rows.
        run_id: The run of the rows.
        champion: The run that trained the champion.
        monitoring: The rate of false alarms, and the columns to ignore.
        quarantined: How many quarantined rows came with these rows.
        rows_each: How many rows count as one. Default: as in the reference.
    """
    reference, smallest = watch.reference, monitoring.smallest_change
    rows = int(seen.counts[0].sum())
    rows_each = reference.rows_each if rows_each is None else rows_each
    places = {
        name: place
        for place, name in enumerate(watch.profiles)
        if name in reference.scores or name not in monitoring.ignore
    }
    pairs = {
        name: CellCounts(
            ordered=watch.profiles[name].kind != "category",
            before=np.array(watch.profiles[name].counts),
            after=seen.counts[place],
        )
        for name, place in places.items()
    }
    # With histories each customer has one score.
    single = reference.scores if watch.schema.history else ()
    compared = {n: pair if n in single else pair.divided(rows_each) for n, pair in pairs.items()}
    read_before = [reference.rows - reference.quarantined_rows, reference.quarantined_rows]
    quarantine = CellCounts(False, np.array(read_before), np.array([rows, quarantined]), rise=True)
    fewer = quarantine.divided(rows_each)
    threshold = threshold_of([*compared.values(), fewer], monitoring.false_alarms, smallest)
    shifts = {}
    for name, pair in pairs.items():
        differences = compared[name].differences(smallest)
        clearest = differences if differences.any() else compared[name].differences(0.0)
        moments = seen.moments[places[name]]
        sentence = sentence_of(watch.profiles[name], int(clearest.argmax()), pair.after, moments)
        shifts[name] = _shift(pair, differences, threshold, sentence)
    trained = next(iter(reference.features.values())).rows
    return Drift(
        run_id=run_id,
        champion=champion,
        rows=rows + quarantined,
        quarantined_rows=quarantined,
        compared_rows=rows,
        false_alarms=monitoring.false_alarms,
        threshold=threshold,
        smallest_shift=smallest_shift(
            round(trained / rows_each), round(rows / rows_each), threshold, smallest
        ),
        features={name: shifts[name] for name in reference.features if name in shifts},
        scores={name: shifts[name] for name in reference.scores},
        quarantine=_quarantine_shift(quarantine, fewer.differences(smallest), threshold),
    )


def _quarantine_shift(counts: CellCounts, differences: np.ndarray, threshold: float) -> Shift:
    before, after = (side / max(side.sum(), 1) for side in (counts.before, counts.after))
    sentence = f"{as_percent(after[1])} of the rows, previously {as_percent(before[1])}"
    return _shift(counts, differences, threshold, sentence)


def _shift(counts: CellCounts, differences: np.ndarray, threshold: float, sentence: str) -> Shift:
    sides = counts.before, counts.after
    before, after = (side / max(side.sum(), 1) for side in sides)
    # For PSI, an empty cell has half a row.
    some_before, some_now = (np.maximum(side, 0.5) / max(side.sum(), 1) for side in sides)
    below_before, below_now = (np.cumsum(side[1:-1]) / max(side[1:].sum(), 1) for side in sides)
    is_outside = np.zeros(len(before), bool)
    is_outside[[1, -1] if counts.ordered else [-1]] = True
    largest = float(differences.max())
    return Shift(
        psi=float(((some_now - some_before) * np.log(some_now / some_before)).sum()),
        ks=float(np.abs(below_now - below_before).max(initial=0.0)) if counts.ordered else None,
        missing=(float(before[0]), float(after[0])),
        outside=(float(before[is_outside].sum()), float(after[is_outside].sum())),
        statistic=largest,
        moved=largest > threshold,
        sentence=sentence,
        counts=tuple(counts.after.tolist()),
    )


# The sentence of a shift ---------------------------------------------------------------------


def sentence_of(profile: Profile, part: int, counts: np.ndarray, moments: np.ndarray) -> str:
    """Say what differs most from a profile: a share of the rows, or the mean.

    Args:
        profile: The reference of the feature or score.
        part: The place of the clearest of `CellCounts.differences`.
        counts: Counts of the new rows, as in `Profile.counts`.
        moments: Moments of the new rows, a row of `Seen.moments`.
    """
    before, after = (side / max(side.sum(), 1) for side in (np.array(profile.counts), counts))
    if not np.any(after != before):
        return "as in the reference"
    if profile.kind == "category":
        cell = int((after - before).argmax())
        return _shares_in_words(_category_words(profile, cell), after[cell], before[cell])
    if profile.mean is None or not moments[0]:
        return _shares_in_words(NO_VALUE, after[0], before[0])
    unit, distance = profile.deviation or 1.0, moments[1] / moments[0]
    center = profile.mean / unit
    # Where a mean is 0, its last bits are not shown.
    means = unit * round(center + distance, 9), unit * round(center, 9)
    mean = "mean {}, previously {}".format(*_unlike(*means, writer_of(profile)))
    above = len(profile.edges)  # the parts end with the rows above the last edge, and the ranks
    if profile.kind == "score" or part > above:
        return mean
    if part == above:
        _, highest = _unlike(profile.edges[0], profile.edges[-1], writer_of(profile))
        rows, share, share_before = f"are above {highest}", after[-1], before[-1]
    else:
        rows = f"are below {writer_of(profile)(profile.edges[part - 1])}"
        share, share_before = (side[1 : part + 1].sum() for side in (after, before))
    # Where values are missing now, or were, the other shares change too.
    if part == 0 or 2 * abs(after[0] - before[0]) > abs(share - share_before):
        rows, share, share_before = NO_VALUE, after[0], before[0]
    return f"{_shares_in_words(rows, share, share_before)} ({mean})"


def _category_words(profile: Profile, cell: int) -> str:
    """Say what the rows of a cell of `Profile.counts` are."""
    if cell == 0:
        return NO_VALUE
    if cell == len(profile.counts) - 1:
        return "have a category that the champion was not trained with"
    return f"are {one_of(profile.categories[cell - 1])}"


def _shares_in_words(rows: str, after: float, before: float) -> str:
    share, share_before = _unlike(after, before, as_percent)
    return f"{share} {rows}, previously {share_before}"


def _unlike(after: float, before: float, write: Callable[..., str]) -> tuple[str, str]:
    """Write two values with enough digits to differ."""
    digits = next((n for n in range(3, 8) if write(after, n) != write(before, n)), 3)
    return write(after, digits), write(before, digits)


def writer_of(profile: Profile) -> Callable[..., str]:
    """Return the function that writes a value of a column: a day, or a number."""
    return day if profile.kind == "date" else short_number


def short_number(value: float, digits: int = 3) -> str:
    """Write a number with three digits, or with all digits before the point.

    Examples:
        >>> short_number(2077.3), short_number(41.234), short_number(0.00041)
        ('2077', '41.2', '0.00041')
    """
    is_long = 10**digits <= abs(value) < 1e15
    return f"{value:.0f}" if is_long else f"{value:.{digits}g}"


def as_percent(share: float, digits: int = 3) -> str:
    """Write a share, such as 0.0526 as '5.26 %'."""
    return f"{100 * share:.{digits}g} %"


def day(days: float, digits: int = 3) -> str:
    """Write days since 1970-01-01 as a date; `digits` do not count."""
    return str(np.datetime64(round(days), "D"))
