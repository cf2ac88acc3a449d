"""How each feature changed since the champion's run: the features that changed most first."""

import math

from pydantic import NonNegativeInt

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.rows.data_summary import FeatureSummary

SHOWN = 20
# What each night's rows do by themselves is smaller.
LEAST = 0.05
MUCH = 2.0  # deviations, or doublings of them
SHARE = 0.25  # of the rows
NAME = 60  # letters of a level


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
        """By how much the share of each level rose, the largest change first.

        Of a level that is not among the recorded ones of a run, at least by how much.
        """
        names = dict.fromkeys([*self.then.levels, *self.now.levels])
        rise = {name: _share(self.now, name) - _share(self.then, name) for name in names}
        # What is below the recorded shares may have been anything up to the smallest of them.
        for run, sign in ((self.then, 1), (self.now, -1)):
            least = 0.0 if run.knows_all_levels else min(run.levels.values(), default=0.0)
            for name in names:
                if name not in run.levels:
                    rise[name] = sign * max(0.0, sign * rise[name] - least)
        return dict(sorted(rise.items(), key=lambda level: -abs(level[1])))

    @property
    def new_levels(self) -> list[str]:
        """Levels that the champion's run surely did not have."""
        known = self.then.kind == "category" and self.then.knows_all_levels
        return [name for name in self.now.levels if name not in self.then.levels] if known else []

    @property
    def levels_gone(self) -> list[str]:
        """Levels that this run surely does not have."""
        known = self.now.kind == "category" and self.now.knows_all_levels
        return [name for name in self.then.levels if name not in self.now.levels] if known else []

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
    def said(self) -> str:
        """Say in some words what changed most."""
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
        return f"level {shown(level, NAME)!r}: {100 * rise:+.0f} points"


class DataChanges(Frozen):
    """What changed since the champion's run, feature by feature.

    Attributes:
        compared: Features that both runs recorded.
        changed: Those of them that are not the same.
        most: Of these, the ones that changed most, the most first, at most twenty; none that
            changed by less than a twentieth of a deviation or of the rows.
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


def _share(run: FeatureSummary, level: str) -> float:
    return run.levels.get(level, 0.0)
