"""Drift: what of new rows is not as the reference has it, at one rate of false alarms a run.

Each share of rows, such as those without a value or below an edge, is compared with the
reference's by the signed root of twice the log-likelihood ratio, which is nearly normal also where
rows are few. The threshold is for the largest one of all features and scores: it is exceeded with
the declared rate when the rows of reference and batch are exchanged at random.
"""

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.expected import Estimate
from tabular_lstm.monitoring.reference import Profile
from tabular_lstm.monitoring.watch import Seen, Watch
from tabular_lstm.parameters import Monitoring

RESAMPLES = 2000


class Shift(Frozen):
    """How a feature, or a score, differs from its reference.

    Attributes:
        psi: Population stability index over the cells of the profile.
        ks: Kolmogorov-Smirnov distance at the edges; None of a category.
        missing, outside: Shares of the rows without a value; and outside of the trained range, or
            of an unknown category; in the reference and now.
        statistic: The largest root of a log-likelihood ratio.
        moved: Whether that is beyond the threshold, and the change not small.
        sentence: What changed most.
        counts: Of the rows, as `Profile.counts`.
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
        champion: The run that trained it.
        not_compared: Why nothing was compared; None where it was, and all below holds.
        rows, quarantined_rows: What was read.
        false_alarms: The declared rate a run.
        threshold: That each `Shift.statistic` is compared with.
        smallest_shift: Of the mean of a number, in standard deviations, that would have been seen
            with four chances of five.
        features, scores: By name.
        expected: The performance, without labels; empty where it is not known.
    """

    run_id: str
    champion: str
    not_compared: str | None = None
    rows: NonNegativeInt = 0
    quarantined_rows: NonNegativeInt = 0
    false_alarms: float = 0.0
    threshold: float = 0.0
    smallest_shift: float = 0.0
    features: dict[str, Shift] = {}
    scores: dict[str, Shift] = {}
    expected: dict[str, Estimate] = {}

    @property
    def moved(self) -> dict[str, Shift]:
        """Give what moved, the clearest first."""
        both = self.features | self.scores
        by = sorted(both, key=lambda name: -both[name].statistic)
        return {name: both[name] for name in by if both[name].moved}

    @property
    def alarm(self) -> str | None:
        """Say what moved; None where nothing did."""
        if not self.moved:
            return None
        return "; ".join(f"'{name}': {shift.sentence}" for name, shift in self.moved.items())


def compare(
    watch: Watch, seen: Seen, run_id: str, champion: str, monitoring: Monitoring, quarantined: int
) -> Drift:
    """Compare rows that were counted with the reference; the same rows give the same drift."""
    profiles = watch.profiles
    both = {
        name: (np.array(profile.counts), counts)
        for (name, profile), counts in zip(profiles.items(), seen.counts, strict=True)
        if name not in monitoring.ignore
    }
    threshold = _threshold([(profiles[name], *counts) for name, counts in both.items()], monitoring)
    shifts = {name: _shift(profiles[name], *both[name], threshold, monitoring) for name in both}
    rows = int(seen.counts[0].sum())
    of = next(iter(watch.reference.features.values())).rows
    noise = np.sqrt(0.25 * (1 / max(rows, 1) + 1 / max(of, 1)))
    return Drift(
        run_id=run_id,
        champion=champion,
        rows=rows + quarantined,
        quarantined_rows=quarantined,
        false_alarms=monitoring.false_alarms,
        threshold=threshold,
        smallest_shift=float((threshold + 0.84) * noise / 0.3989),
        features={name: of for name, of in shifts.items() if name in watch.reference.features},
        scores={name: of for name, of in shifts.items() if name in watch.reference.scores},
    )


def parts_of(profile: Profile, counts: np.ndarray) -> np.ndarray:
    """Count the rows of each part that is compared, (…, parts) of (…, cells).

    Of a category, the rows of each cell; of a number those without a value, and of the others those
    below each edge.
    """
    if profile.kind == "category":
        return counts
    return np.concatenate([counts[..., :1], np.cumsum(counts[..., 1:-1], axis=-1)], axis=-1)


def roots(before: np.ndarray, now: np.ndarray, rows: int, new: int) -> np.ndarray:
    """Give the root of twice the log-likelihood ratio of two shares, of 0 where one has no rows."""
    pooled = (before + now) / max(rows + new, 1)
    ratio = sum(
        _entropy_term(part, total * share)
        for part, total, share in (
            (before, rows, pooled),
            (rows - before, rows, 1 - pooled),
            (now, new, pooled),
            (new - now, new, 1 - pooled),
        )
    )
    return np.sqrt(np.maximum(2 * ratio, 0.0))


def _entropy_term(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    some = (found > 0) & (expected > 0)
    return found * np.log(np.where(some, found, 1) / np.where(some, expected, 1))


def _threshold(
    compared: list[tuple[Profile, np.ndarray, np.ndarray]], monitoring: Monitoring
) -> float:
    """Exchange the rows of reference and batch at random, of each feature by itself."""
    draw, highest = np.random.default_rng(0), np.zeros(RESAMPLES)
    for profile, before, now in compared:
        new, pooled = int(now.sum()), before + now
        again = draw.multivariate_hypergeometric(pooled, new, RESAMPLES)
        parts = parts_of(profile, pooled - again), parts_of(profile, again)
        highest = np.maximum(highest, roots(*parts, int(before.sum()), new).max(axis=1))
    return float(np.quantile(highest, 1 - monitoring.false_alarms, method="higher"))


def _shift(
    profile: Profile,
    before: np.ndarray,
    now: np.ndarray,
    threshold: float,
    monitoring: Monitoring,
) -> Shift:
    rows, new = max(int(before.sum()), 1), max(int(now.sum()), 1)
    parts = parts_of(profile, before), parts_of(profile, now)
    by_part = roots(*parts, int(before.sum()), int(now.sum()))
    share, its = now / new, before / rows
    change = float(np.abs(parts[1] / new - parts[0] / rows).max())
    most = int(by_part.argmax())
    some = (np.maximum(share, 0.5 / new), np.maximum(its, 0.5 / rows))
    number = profile.kind != "category"
    outside = [float(c[1] + c[-1]) if number else float(c[-1]) for c in (its, share)]
    return Shift(
        psi=float(((some[0] - some[1]) * np.log(some[0] / some[1])).sum()),
        ks=float(np.abs(parts[1][1:] / new - parts[0][1:] / rows).max()) if number else None,
        missing=(float(its[0]), float(share[0])),
        outside=(outside[0], outside[1]),
        statistic=float(by_part[most]),
        moved=bool(by_part[most] > threshold and change >= monitoring.smallest_change),
        sentence=f"{100 * change:.3g} % of the rows moved",
        counts=tuple(now.tolist()),
    )
