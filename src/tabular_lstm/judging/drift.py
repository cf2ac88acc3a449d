"""Drift since the champion's run: of the champion's results, and of each feature.

Where the champion is no longer what it was, labels or features may mean something else than they
did: a candidate that is better is no good news then.
"""

import math
from itertools import combinations

import numpy as np
from pydantic import NonNegativeInt

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.checks import Champion, DriftCheck
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import START_OVER
from tabular_lstm.judging.intervals import CENTRAL, EPSILON, NORMAL, Ranking
from tabular_lstm.judging.metrics import IN_UNITS, METRICS, WORSE, Metrics, written
from tabular_lstm.parameters import Promotion
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.feature_summary import FeatureSummary
from tabular_lstm.rows.weights import count_by_class

SHOWN = 20
# What each night's rows do by themselves is smaller.
LEAST = 0.05
MUCH = 2.0  # deviations, or doublings of them
SHARE = 0.25  # of the rows
ASK = (
    "What the label or a feature means may have changed, such as {}, "
    "or the world did. Look at the newest rows; if that is meant, "
)


def check_drift(
    judged: Judged,
    champions: list[Champion],
    promotion: Promotion,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Ask that the champion that serves, the first, is neither worse than chance nor has fallen.

    By bounds at `confidence`, its ROC AUC on these rows is clearly below 0.5, of more classes that
    of any two of them among their rows, or clearly more than `max_champion_fall` below that of its
    promotion, unless rows counted by other weights then. Of a number, its R² is clearly below 0, or
    its RMSE clearly above, in deviations of the label then.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name, then = f"the champion {champion.run_id}", champion.promoted_with
    if champion.not_compared is not None:
        unknown = f"not known: {name} did not score these rows ({champion.not_compared})"
        return DriftCheck(passed=True, sentence=unknown)
    measure, measured = judged.measure, judged.metrics[champion.run_id]
    metric, ask = measure.spoken[0], ASK.format(measure.changed)
    sign, now = WORSE[metric], getattr(measured, metric)
    bounds = judged.bounds(champion.run_id, metric, promotion.confidence)
    best = min(bounds, key=lambda bound: sign * bound)
    said = f"{METRICS[metric]} {written(metric, now)} on these rows"
    known = "its decision is gone, which says what it was promoted with"
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        then, known = None, data_summary.other_weights(champion.data)
    floor, least_of_floor, nothing = measure.nothing
    if then is None:
        compared = f"{said}; {known}, so that only whether it is worse than {nothing} was checked"
        least, before, unit = -np.inf, None, 1.0
    else:
        before, unit = getattr(then, metric), getattr(then, "label_deviation", 1.0)
        compared = f"{said}, {written(metric, before)} when it was promoted"
        least = _least_fall(then, metric, now, best, promotion.confidence)
    _, highest = judged.bounds(champion.run_id, floor, promotion.confidence)
    if highest < least_of_floor:
        fault = f"{name} is clearly worse than {nothing}: {compared}. {ask}{START_OVER}"
    elif exchanged := _exchanged(judged, champion.run_id, promotion.confidence):
        fault = f"{name} {exchanged}: {compared}. {ask}{START_OVER}"
    elif least > promotion.max_champion_fall * unit:
        limit, higher = promotion.max_champion_fall, metric in IN_UNITS
        fault = (
            f"{name} has {'become worse' if higher else 'fallen'}: {compared}, clearly more than "
            f"promotion.max_champion_fall = {limit:g} "
            f"{'of the deviations of its labels higher' if higher else 'lower'}. {ask}widen that "
            f"limit, or {START_OVER}"
        )
    else:
        fault = ""
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        promoted_with=before,
        least_fall=None if then is None else least,
        **dict(zip(measure.drifting, (now, best), strict=True)),
    )


def _least_fall(then: Metrics, metric: str, now: float, best: float, confidence: float) -> float:
    """Bound from below by how much a metric became worse, as if the test rows were all others.

    Source: Newcombe, "Interval Estimation for the Difference between Independent Proportions",
    Statistics in Medicine 17, 1998, method 10.
    """
    sign, before = WORSE[metric], getattr(then, metric)
    two_sided = NORMAL.inv_cdf((1 + CENTRAL) / 2)
    worst = max(sign * bound for bound in then.interval[metric])
    below = (worst - sign * before) * NORMAL.inv_cdf(confidence) / two_sided
    return float(sign * now - sign * before - np.hypot(below, best - now))


def _exchanged(judged: Judged, name: str, confidence: float) -> str:
    """Say which two of several classes a model ranks against each other as if exchanged, if any.

    By Wilcoxon's rank sum test of each pair's rows, of which Bonferroni's correction counts both
    directions: a champion that was promoted may know nothing of some two classes.
    Source: Hand and Till, "A Simple Generalisation of the Area Under the ROC Curve for Multiple
    Class Classification Problems", Machine Learning 45, 2001.
    """
    rows, clearest, said = judged.parts.get(name, judged), 0.0, ""
    pairs = [*combinations(np.unique(rows.labels), 2)] if judged.measure.exchangeable else []
    for one, other in pairs:
        two = (rows.labels == one) | (rows.labels == other)
        of, p = rows.part(two), rows.predictions[name][two]
        labels, both = (of.labels == one).astype(int), np.maximum(p[:, one] + p[:, other], EPSILON)
        counts = np.ones(len(labels)) if of.weights is None else of.weights
        area = Ranking.of(labels, p[:, one] / both).roc_auc(counts)
        n, m = count_by_class(labels, of.weights, of.groups)
        z = (area - 0.5) * math.sqrt(12 * n * m / (n + m + 1))
        if z < min(clearest, NORMAL.inv_cdf((1 - confidence) / (2 * len(pairs)))):
            clearest, (a, b) = z, (shown(judged.task.classes[place]) for place in (one, other))
            said = f"tells '{a}' from '{b}' clearly worse than chance (ROC AUC {area:.3f})"
    return said


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
