"""Drift since the champion's run: of the champion's results, and of each feature.

Where the champion is no longer what it was, labels or features may mean something else than they
did: a candidate that is better is no good news then.
"""

import math

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.checks import Champion, DriftCheck
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import START_OVER
from tabular_lstm.judging.intervals import CENTRAL, NORMAL
from tabular_lstm.judging.metrics import METRICS, Metrics
from tabular_lstm.parameters import Promotion
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.feature_summary import FeatureSummary

SHOWN = 20
# What each night's rows do by themselves is smaller.
LEAST = 0.05
MUCH = 2.0  # deviations, or doublings of them
SHARE = 0.25  # of the rows
ASK = (
    "What the label or a feature means may have changed, such as classes swapped or another unit, "
    "or the world did. Look at the newest rows; if that is meant, "
)


def check_drift(
    judged: Judged,
    champions: list[Champion],
    promotion: Promotion,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Ask that the champion that serves, the first, is neither worse than chance nor has fallen.

    By bounds at `confidence`, its ROC AUC on these rows is clearly below 0.5, or clearly more than
    `max_champion_fall` below that of its promotion, unless rows counted by other weights then.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name, then = f"the champion {champion.run_id}", champion.promoted_with
    if champion.not_compared is not None:
        unknown = f"not known: {name} did not score these rows ({champion.not_compared})"
        return DriftCheck(passed=True, sentence=unknown)
    now = judged.metrics[champion.run_id].roc_auc
    _, highest = judged.roc_auc_bounds(champion.run_id, promotion.confidence)
    roc_auc = f"{METRICS['roc_auc']} {now:.3f} on these rows"
    known = "its decision is gone, which says what it was promoted with"
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        then, known = None, data_summary.other_weights(champion.data)
    if then is None:
        compared = f"{roc_auc}; {known}, so that only whether it is worse than chance was checked"
    else:
        compared = f"{roc_auc}, {then.roc_auc:.3f} when it was promoted"
    least = -np.inf if then is None else _least_fall(then, now, highest, promotion.confidence)
    if highest < 0.5:
        fault = f"{name} is clearly worse than chance: {compared}. {ASK}{START_OVER}"
    elif least > promotion.max_champion_fall:
        fault = (
            f"{name} has fallen: {compared}, clearly more than promotion.max_champion_fall = "
            f"{promotion.max_champion_fall:g} lower. {ASK}widen that limit, or {START_OVER}"
        )
    else:
        fault = ""
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        roc_auc=now,
        highest=highest,
        promoted_with=then and then.roc_auc,
        least_fall=None if then is None else least,
    )


def _least_fall(then: Metrics, now: float, highest: float, confidence: float) -> float:
    """Bound from below by how much ROC AUC fell, as if the test rows were all others.

    Source: Newcombe, "Interval Estimation for the Difference between Independent Proportions",
    Statistics in Medicine 17, 1998, method 10.
    """
    two_sided = NORMAL.inv_cdf((1 + CENTRAL) / 2)
    below = (then.roc_auc - then.interval["roc_auc"][0]) * NORMAL.inv_cdf(confidence) / two_sided
    return float(then.roc_auc - now - np.hypot(below, highest - now))


class FeatureChange(Frozen):
    """A feature's summaries in the champion's run and in this one, which are not the same."""

    name: str
    then: FeatureSummary
    now: FeatureSummary

    @property
    def shift(self) -> float | None:
        """How far the mean moved, in the champion's deviations; infinite where it had none."""
        then, now = self.then, self.now
        if then.kind != now.kind or then.mean is None or now.mean is None:
            return None
        moved = now.mean - then.mean
        return moved / then.deviation if then.deviation else math.copysign(math.inf, moved or 1)

    @property
    def spread(self) -> float | None:
        """By what the deviation was multiplied; None where one is 0 or unknown."""
        if self.then.kind == self.now.kind and self.then.deviation and self.now.deviation:
            return self.now.deviation / self.then.deviation
        return None

    @property
    def levels(self) -> dict[str, float]:
        """By how much at least the share of each level rose, the largest change first."""
        then, now = self.then.levels, self.now.levels
        names = dict.fromkeys([*then, *now])
        rise = {name: now.get(name, 0.0) - then.get(name, 0.0) for name in names}
        # What is below the recorded shares may have been anything up to the smallest of them.
        for run, sign in ((self.then, 1), (self.now, -1)):
            least = 0.0 if run.knows_all_levels else min(run.levels.values(), default=0.0)
            for name in names:
                if name not in run.levels:
                    rise[name] = sign * max(0.0, sign * rise[name] - least)
        return dict(sorted(rise.items(), key=lambda level: -abs(level[1])))

    @property
    def missing(self) -> float:
        """By how much the share of the rows without a value rose."""
        return self.now.missing - self.then.missing

    @property
    def sizes(self) -> dict[str, float]:
        """How much each part changed: as deviations, doublings of them, or shares of the rows."""
        return {
            "mean": abs(self.shift or 0.0),
            "deviation": abs(math.log2(self.spread)) if self.spread else 0.0,
            "missing": abs(self.missing),
            "levels": max(map(abs, self.levels.values()), default=0.0),
        }

    @property
    def size(self) -> float:
        """How much it changed in the part that changed most."""
        if self.then.kind != self.now.kind or (self.then.mean is None) != (self.now.mean is None):
            return math.inf
        return max(self.sizes.values())

    @property
    def is_much(self) -> bool:
        """Tell whether it looks as if the feature meant something else, or came in another unit."""
        sizes = self.sizes
        return self.size >= MUCH or max(sizes["missing"], sizes["levels"]) >= SHARE

    @property
    def description(self) -> str:
        """Name what changed most."""
        if self.then.kind != self.now.kind:
            return f"a {self.then.kind} before, a {self.now.kind} now"
        if self.size == math.inf:
            return "did not vary before" if self.shift else "had no value before, or has none now"
        sizes = self.sizes
        most = max(sizes, key=sizes.__getitem__)
        if most == "mean":
            return f"its mean moved by {self.shift or 0.0:+.1f} of its deviations"
        if most == "deviation":
            return f"its deviation is {self.spread:.2g} times as large"
        if most == "missing":
            return f"{100 * self.missing:+.0f} points of missing cells"
        level, rise = next(iter(self.levels.items()))
        return f"level {shown(level, 60)!r}: {100 * rise:+.0f} points"


class DataChanges(Frozen):
    """What changed since the champion's run, feature by feature.

    Attributes:
        compared, changed: Features that both runs recorded, and those that are not the same.
        most: The at most twenty that changed most, by a twentieth of a deviation or of the rows.
    """

    compared: NonNegativeInt
    changed: NonNegativeInt
    most: list[FeatureChange]

    @property
    def much(self) -> list[FeatureChange]:
        """Give those that look as if they meant something else than in the champion's run."""
        return [change for change in self.most if change.is_much]


def changes_of(then: dict[str, FeatureSummary], now: dict[str, FeatureSummary]) -> DataChanges:
    """Compare the features that both runs have."""
    both = [name for name in now if name in then]
    changed = [
        FeatureChange(name=name, then=then[name], now=now[name])
        for name in both
        if then[name] != now[name]
    ]
    most = sorted(changed, key=lambda change: -change.size)[:SHOWN]
    most = [change for change in most if change.size >= LEAST]
    return DataChanges(compared=len(both), changed=len(changed), most=most)
