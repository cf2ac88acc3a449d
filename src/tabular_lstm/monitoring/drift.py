"""Drift: how new rows differ from the reference, with one rate of false alarms for each run."""

from collections.abc import Mapping

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.expected import Estimate
from tabular_lstm.monitoring.reference import Profile, Reference, apart
from tabular_lstm.monitoring.shift_sentence import percent, sentence_of
from tabular_lstm.monitoring.threshold import Counts, smallest_shift, threshold_of
from tabular_lstm.monitoring.watch import Seen, Watch
from tabular_lstm.parameters import Monitoring

NAMED = 5
QUARANTINED = "quarantined rows"
# A shift of a number, in standard deviations, that is too small to be mentioned.
SMALL = 0.5


class Shift(Frozen):
    """How a feature, or a score, differs from its reference.

    Attributes:
        psi: Population stability index over the cells of the profile.
        ks: Kolmogorov-Smirnov distance at the edges; None for a category.
        missing: Share of the rows without a value, in the reference and now.
        outside: Share of the rows outside the trained range, or with an unknown category, in the
            reference and now.
        statistic: The largest of `Counts.differences`; 0 if no share moved by `smallest_change`.
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
        expected: The expected performance, without labels; empty if not known.
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
    expected: dict[str, Estimate] = {}
    more_moved: NonNegativeInt = 0

    @property
    def moved(self) -> dict[str, Shift]:
        """Return what moved, the clearest first."""
        every = self.scores | self.features
        if self.quarantine:
            every[apart(QUARANTINED, every)] = self.quarantine
        by = sorted(every, key=lambda name: -every[name].statistic)
        return {name: every[name] for name in by if every[name].moved}

    @property
    def said(self) -> list[str]:
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
        said = self.said
        unsaid = len(said) - NAMED + self.more_moved
        more = [f"and {unsaid} more"] if unsaid > 0 else []
        return "; ".join(said[:NAMED] + more) or None

    @property
    def few_rows(self) -> str | None:
        """Say which shifts so few rows cannot show; None if they can show a shift of `SMALL`."""
        if self.not_compared is not None or (self.smallest_shift or SMALL + 1) <= SMALL:
            return None
        rows = counted(self.compared_rows, "row")
        if self.smallest_shift is None:
            return f"{rows}: too few to tell whether the data moved; no change would have been seen"
        shift = f"a shift of more than {self.smallest_shift:.2g} standard deviations"
        return f"{rows}: only {shift} would have been seen"


def compare(
    watch: Watch,
    seen: Seen,
    run_id: str,
    champion: str,
    monitoring: Monitoring,
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
    every = {
        name: (profile, Counts(profile.kind != "category", np.array(profile.counts), now), moments)
        for (name, profile), now, moments in zip(
            watch.profiles.items(), seen.counts, seen.moments, strict=True
        )
        if name in reference.scores or name not in monitoring.ignore
    }
    each = reference.rows_each if rows_each is None else rows_each
    kept = _in_quarantine(reference, rows, quarantined)
    # With histories each customer has one score.
    alone = reference.scores if watch.schema.history else ()
    compared = [of if name in alone else of.divided(each) for name, (_, of, _) in every.items()]
    compared.append(kept.divided(each))
    threshold = threshold_of(compared, monitoring.false_alarms, smallest)
    shifts = {}
    for (name, (profile, counts, moments)), fewer in zip(every.items(), compared, strict=False):
        differences = fewer.differences(smallest)
        clearest = differences if differences.any() else fewer.differences(0.0)
        said = sentence_of(profile, int(clearest.argmax()), counts.now, moments)
        shifts[name] = _shift(counts, differences, threshold, said)
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
            round(trained / each), round(rows / each), threshold, smallest
        ),
        features=_of(reference.features, shifts),
        scores=_of(reference.scores, shifts),
        quarantine=_quarantine(kept, compared[-1].differences(smallest), threshold),
    )


def _of(profiles: Mapping[str, Profile], shifts: dict[str, Shift]) -> dict[str, Shift]:
    return {name: shifts[name] for name in profiles if name in shifts}


def _in_quarantine(reference: Reference, rows: int, quarantined: int) -> Counts:
    before = [reference.rows - reference.quarantined_rows, reference.quarantined_rows]
    return Counts(False, np.array(before), np.array([rows, quarantined]), rise=True)


def _quarantine(kept: Counts, differences: np.ndarray, threshold: float) -> Shift:
    was, now = kept.before / max(kept.before.sum(), 1), kept.now / max(kept.now.sum(), 1)
    said = f"{percent(now[1])} of the rows, were {percent(was[1])}"
    return _shift(kept, differences, threshold, said)


def _shift(counts: Counts, differences: np.ndarray, threshold: float, sentence: str) -> Shift:
    both = counts.before, counts.now
    was, now = (c / max(c.sum(), 1) for c in both)
    once, again = (np.maximum(c, 0.5) / max(c.sum(), 1) for c in both)
    below = [np.cumsum(c[1:-1]) / max(c[1:].sum(), 1) for c in both]
    ends = [c[1:].sum() - c[2:-1].sum() if counts.ordered else c[-1] for c in both]
    outside = [end / max(c.sum(), 1) for end, c in zip(ends, both, strict=True)]
    largest = float(differences.max())
    return Shift(
        psi=float(((again - once) * np.log(again / once)).sum()),
        ks=float(np.abs(below[1] - below[0]).max(initial=0.0)) if counts.ordered else None,
        missing=(float(was[0]), float(now[0])),
        outside=(float(outside[0]), float(outside[1])),
        statistic=largest,
        moved=largest > threshold,
        sentence=sentence,
        counts=tuple(counts.now.tolist()),
    )
