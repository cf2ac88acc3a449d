"""The real performance on labelled rows, and whether it is worse than promised.

Intervals use the normal distribution and each row's influence on the metric. For ROC AUC: DeLong,
DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
Characteristic Curves", Biometrics 44, 1988. All rows count equally; groups are ignored.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from tabular_lstm.judging.intervals import CENTRAL, placements, row_losses, unseen_share
from tabular_lstm.judging.metrics import METRICS, written
from tabular_lstm.monitoring.expected import TAIL, Estimate
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task

FEWEST, FEWEST_OF_CLASS = 30, 5  # least labelled rows to measure; least of a class for ROC AUC
# The number of labelled rows at which a worse loss is detected best.
TUNED_FOR = 500
TINY = sys.float_info.min


@dataclass(frozen=True)
class Losses:
    """The losses of labelled rows, see `losses_of`."""

    rows: int = 0
    mean: float = 0.0
    deviation: float = 0.0

    @classmethod
    def of(cls, losses: np.ndarray) -> Self:
        """Compute mean and standard deviation."""
        if len(losses) < 2:
            return cls(len(losses))
        return cls(len(losses), float(losses.mean()), float(losses.std(ddof=1)))


@dataclass(frozen=True)
class MeasuredRows:
    """The number of labelled rows, and their metrics; no metrics for too few rows.

    Attributes:
        since: For each scoring of a champion, by run id and in order: the losses of the rows whose
            last prediction is from this scoring or a later one.
    """

    rows: int = 0
    real: dict[str, Estimate] = field(default_factory=dict)
    since: Mapping[str, Losses] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All labelled rows.

    Attributes:
        scorings, champions: The rows of each, by run id.
        before_is_better: Whether the champion before is clearly better than the serving one on rows
            that both scored.
        faults: Why a scoring's rows do not count, by its run id.
        notes: Further sentences about the labels.
        labels: How many labels there are, one for each key.
        unknown_labels: How many of them belong to no scored row.
        quarantined_labels: Rows of the table that cannot be used.
    """

    scorings: dict[str, MeasuredRows]
    champions: dict[str, MeasuredRows]
    before_is_better: bool
    faults: dict[str, str]
    notes: Sequence[str]
    labels: int
    unknown_labels: int
    quarantined_labels: int


def measure(labels: np.ndarray, predictions: np.ndarray, task: Task) -> dict[str, Estimate]:
    """Return the metrics that the gate compares, with intervals; none for fewer than 30 rows.

    Args:
        labels: Numbers of classes, int (rows,), or numbers, float (rows,).
        predictions: Two classes: the probability of the positive class, (rows,). More classes: the
            probability of each class, (rows, classes). A number: the prediction, (rows,).
        task: What is predicted.
    """
    if len(labels) < FEWEST:
        return {}
    return _BY_KIND[task.kind].measured(labels, predictions)


def losses_of(labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's loss, (rows,): log loss for classes, squared error for a number."""
    return _BY_KIND[task.kind].losses(labels, predictions)


@dataclass(frozen=True)
class Worse:
    """An alarm that a champion was worse than promised.

    Attributes:
        sentence: By how much it was worse, and since which scoring.
        over: The scoring since which it was not worse any more; None if it is still worse.
    """

    sentence: str
    over: str | None


def worse_than_promised(
    since: Mapping[str, Losses], promised: dict[str, Estimate], false_alarms: float, task: Task
) -> Worse | None:
    """Say by how much the loss is worse than promised; None if it is not clearly worse.

    A champion that was well for a long time may be broken now. So each of its scorings is a start,
    and the rows from this start on are tested: see `MeasuredRows.since`. Of the champions that keep
    their promise, at most a share `false_alarms` ever raises an alarm, over all starts and any
    number of looks while labels arrive. The start s = 1, 2, 3 … has the rate false_alarms / (s (s +
    1)), and these rates sum up to false_alarms: a union bound. Source: Shin, Ramdas and Rinaldo,
    "E-detectors: a nonparametric framework for sequential change detection", 2022,
    arXiv:2203.03532. An alarm is over if the mean from a later start on is not above the promised
    value. This needs no rate, because it only removes alarms. The clearest alarm that is not over
    is returned.

    For one start, the bound is an asymptotic confidence sequence. So it holds for any number of
    looks. A correction for multiple looks would have to know their number. Source: Waudby-Smith,
    Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 52, 2024; the mixture is Robbins', one-sided as in Howard,
    Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    Annals of Statistics 49, 2021. The error of the promised value is the same at each look. So the
    difference behaves like a Brownian motion in its information (1 / variance): Jennison and
    Turnbull, "Group Sequential Methods", 1999, section 3.1.
    """
    of_kind = _BY_KIND[task.kind]
    name, power = of_kind.name, of_kind.power
    if name not in promised:
        return None
    was = promised[name]
    error = ((was.high**power - was.value**power) / TAIL) ** 2
    worse_by, beyond = {}, {}
    for start, (run, losses) in enumerate(since.items(), 1):
        if losses.rows >= FEWEST:
            worse_by[run] = losses.mean - was.value**power
            information, tuned_for = (
                1 / max(error + losses.deviation**2 / rows, TINY)
                for rows in (losses.rows, TUNED_FOR)
            )
            rate = false_alarms / (start * (start + 1))
            beyond[run] = worse_by[run] / _margin(information, tuned_for, rate)
    starts = list(since)
    over = {
        run: next((r for r in starts[at:] if worse_by.get(r, 1) <= 0), None)
        for at, run in enumerate(starts)
    }
    alarms = [run for run in beyond if beyond[run] > 1]
    if not alarms:
        return None
    clearest = max(alarms, key=lambda run: (over[run] is None, beyond[run]))
    now, from_then = since[clearest], starts.index(clearest)
    began = f" since scoring {clearest}" if from_then else ""
    sentence = (
        f"{METRICS[name]} {written(name, now.mean ** (1 / power))} of {now.rows:,} labelled rows"
        f"{began}; promised was {written(name, was.value)} ({written(name, was.low)} to "
        f"{written(name, was.high)})"
    )
    return Worse(sentence, over[clearest])


def _margin(information: float, tuned_for: float, rate: float) -> float:
    """Bound a mean of 0 at all times at once; the bound is tightest at information `tuned_for`."""
    doubled = -2 * math.log(2 * rate)
    least = tuned_for / (doubled + math.log(1 + doubled))
    both = information + least
    return math.sqrt(2 * both * math.log1p(math.sqrt(both / least) / (2 * rate))) / information


# By the task ---------------------------------------------------------------------------------


class _Classes:
    name, power = "log_loss", 1

    @staticmethod
    def losses(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        return row_losses(labels, predictions)

    @classmethod
    def measured(cls, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Estimate]:
        losses = cls.losses(labels, predictions)
        found = {"log_loss": _mean(losses)}
        ranked = [
            one
            for one in cls.against_others(labels, predictions)
            if FEWEST_OF_CLASS <= one[0].sum() <= len(labels) - FEWEST_OF_CLASS
        ]
        if ranked:
            found["roc_auc"] = _area(ranked)
        return found

    @staticmethod
    def against_others(
        labels: np.ndarray, predictions: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each class its labels, 0 or 1, and its probabilities."""
        return [((labels == c).astype(int), of) for c, of in enumerate(predictions.T)]


class _TwoClasses(_Classes):
    @staticmethod
    def against_others(
        labels: np.ndarray, predictions: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(labels, predictions)]


class _Number:
    name, power = "rmse", 2

    @staticmethod
    def losses(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        return np.asarray((predictions - labels) ** 2)

    @classmethod
    def measured(cls, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Estimate]:
        squared = _mean(cls.losses(labels, predictions))
        ends = {name: max(end, 0.0) ** 0.5 for name, end in squared.model_dump().items()}
        return {"rmse": Estimate(**ends), "mae": _mean(np.abs(predictions - labels))}


_BY_KIND: dict[str, type[_Classes] | type[_Number]] = {
    TWO_CLASSES: _TwoClasses,
    CLASSES: _Classes,
    NUMBER: _Number,
}


def _mean(values: np.ndarray) -> Estimate:
    mean, off = float(values.mean()), TAIL * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(value=mean, low=max(mean - off, 0.0), high=mean + off)


def _area(ranked: list[tuple[np.ndarray, np.ndarray]]) -> Estimate:
    """Average each class's ROC AUC against all others, with an interval that always has a width."""
    areas, influence = [], np.zeros(len(ranked[0][0]))
    for labels, probabilities in ranked:
        placed = placements(labels, probabilities)
        areas.append(float(placed[labels == 1].mean()))
        for value in (0, 1):
            of_class = labels == value
            rows = int(of_class.sum())
            influence[of_class] += (placed[of_class] - areas[-1]) / (rows * (rows - 1)) ** 0.5
    area = float(np.mean(areas))
    fewest = min(int(min(labels.sum(), len(labels) - labels.sum())) for labels, _ in ranked)
    off = TAIL * float(np.sqrt(influence @ influence)) / len(ranked)
    off = off or unseen_share(fewest, (1 + CENTRAL) / 2)
    return Estimate(value=area, low=max(area - off, 0.0), high=min(area + off, 1.0))
