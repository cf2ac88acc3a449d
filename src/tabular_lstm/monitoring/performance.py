"""The performance of a champion: promised by its test rows, expected without labels, and real.

Expected: if probabilities are right, the expected log loss of a row is their entropy. ROC AUC is
estimated by counting a row in each class by its probability. Source: confidence-based performance
estimation, https://nannyml.readthedocs.io, "How it works". For a number, errors are assumed to grow
with the widths of the intervals. The same estimate is made for the evaluated rows. The expected
metric is the promised metric plus the change between both estimates (a number: times their ratio).
So an error of calibration cancels. This assumes that the relation from features to label has not
changed: the estimate shows that rows are harder or easier, and no concept drift.

Real: intervals use the normal distribution and each row's influence on the metric. For ROC AUC:
DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
Operating Characteristic Curves", Biometrics 44, 1988. All rows count equally; groups are ignored.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.intervals import CENTRAL, NORMAL, placements, row_losses, unseen_share
from tabular_lstm.judging.metrics import METRICS, WORSE, Metrics, written
from tabular_lstm.parameters import NUMBER, TWO_CLASSES, Task

TAIL = NORMAL.inv_cdf((1 + CENTRAL) / 2)
# Cells of equal width between the logits -REACH and REACH; the outer ones hold all beyond.
CELLS, REACH = 240, 12.0
LEAST = 1e-15  # the least distance of a probability from 0 and 1
FEWEST, FEWEST_OF_CLASS = 30, 5  # least labelled rows to measure; least of a class for ROC AUC
TUNED_FOR = 500  # the number of labelled rows at which a worse loss is detected best
TINY = sys.float_info.min


class Estimate(Frozen):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


def promised_by(measured: Metrics) -> dict[str, Estimate]:
    """Return the metrics that the gate compares, as measured on the evaluated rows."""
    bounds = [(name, measured.interval[name]) for name in WORSE if name in measured.interval]
    return {
        name: Estimate(value=getattr(measured, name), low=low, high=high)
        for name, (low, high) in bounds
    }


# Expected, without labels --------------------------------------------------------------------


def sums(predictions: np.ndarray, task: Task) -> np.ndarray:
    """Return the sums for the estimates, float64, the number of rows first; batches add up.

    A number: the widths of the intervals, and their squares. Classes: the entropies; and for each
    class (two classes: the positive one) and cell the rows and their probabilities. Rows without a
    prediction do not count.
    """
    is_missing = np.isnan(predictions if predictions.ndim == 1 else predictions.sum(axis=1))
    scored = predictions[~is_missing].astype(np.float64)
    if task.kind == NUMBER:
        widths = scored[:, 2] - scored[:, 1]
        return np.array([len(scored), widths.sum(), np.square(widths).sum()])
    shares = np.ascontiguousarray(np.atleast_2d(scored.T)).clip(LEAST, 1 - LEAST)  # a row a class
    logs, logs_of_rest = np.log(shares), np.log1p(-shares)
    # Without BLAS, whose threads would wait for each other.
    entropy = -(shares * logs).sum()
    if task.kind == TWO_CLASSES:
        entropy -= ((1 - shares) * logs_of_rest).sum()
    cells = (logs - logs_of_rest + REACH) * (CELLS / (2 * REACH))
    cells = cells.clip(0, CELLS - 1).astype(np.int64)
    counts = [
        np.bincount(column, weights, CELLS)
        for column, probabilities in zip(cells, shares, strict=True)
        for weights in (None, probabilities)
    ]
    return np.concatenate([[len(scored), entropy], *counts])


def estimates(sums: np.ndarray, task: Task) -> dict[str, float]:
    """Estimate the metrics from these sums alone; empty without rows, or if not known."""
    if not sums[0]:
        return {}
    mean = float(sums[1] / sums[0])
    if task.kind == NUMBER:
        return {"rmse": float(sums[2] / sums[0]) ** 0.5, "mae": mean}
    areas = []
    for rows, positive in sums[2:].reshape(-1, 2, CELLS):
        negative = rows - positive
        if pairs := positive.sum() * negative.sum():
            areas.append(positive @ (np.cumsum(negative) - negative / 2) / pairs)
    return {"log_loss": mean} | ({"roc_auc": float(np.mean(areas))} if areas else {})


def _log_loss_variance(sums: np.ndarray, task: Task) -> float:
    """Return the variance of a row's log loss if the probabilities are right."""
    rows, positive = sums[2:].reshape(-1, 2, CELLS).transpose(1, 0, 2)
    shares = np.clip(positive / np.maximum(rows, 1), LEAST, 1 - LEAST)
    squares = (positive * np.log(shares) ** 2).sum()
    if task.kind == TWO_CLASSES:
        squares += ((rows - positive) * np.log1p(-shares) ** 2).sum()
    return float(max(squares / sums[0] - (sums[1] / sums[0]) ** 2, 0.0))


def expect(
    promised: Mapping[str, Estimate],
    evaluated: Mapping[str, float],
    evaluated_rows: int,
    sums: np.ndarray,
    task: Task,
) -> dict[str, Estimate]:
    """Estimate the metrics that rows will have once they are labelled.

    The interval covers the error of the promised metric and the error of the rows. Both have the
    same size for the same number of rows. For a log loss it is at least the error that follows from
    the probabilities, because few evaluated rows show an error if nearly all predictions are right.

    Args:
        promised: The metrics of the evaluated rows; see `promised_by`.
        evaluated: The estimates of the same rows; see `estimates`.
        evaluated_rows: How many evaluated rows there are.
        sums: The sums of the rows without labels; see `sums`.
        task: What is predicted.
    """
    estimated, rows = estimates(sums, task), sums[0]
    if not estimated or not evaluated_rows:
        return {}
    expected = {}
    for name in [name for name in WORSE if name in promised.keys() & estimated & evaluated.keys()]:
        promise, change, growth, least = promised[name], estimated[name] - evaluated[name], 1.0, 0.0
        if task.kind == NUMBER:
            growth = estimated[name] / evaluated[name] if evaluated[name] else 1.0
            change = promise.value * (growth - 1)
        elif name == "log_loss":
            variance = _log_loss_variance(sums, task) * (1 / rows + 1 / evaluated_rows)
            least = TAIL * variance**0.5
        wider = growth * (1 + evaluated_rows / rows) ** 0.5
        value = promise.value + change
        low = value - max(wider * (promise.value - promise.low), least)
        high = value + max(wider * (promise.high - promise.value), least)
        most = 1.0 if name == "roc_auc" else np.inf
        value, low, high = np.clip([value, low, high], 0.0, most).tolist()
        expected[name] = Estimate(value=value, low=low, high=high)
    return expected


# Real, with labels ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Losses:
    """The losses of labelled rows, see `losses_of`: how many, their mean, their deviation."""

    rows: int = 0
    mean: float = 0.0
    deviation: float = 0.0

    @classmethod
    def from_rows(cls, losses: np.ndarray) -> Self:
        """Compute mean and standard deviation."""
        if len(losses) < 2:
            return cls(len(losses))
        return cls(len(losses), float(losses.mean()), float(losses.std(ddof=1)))


def losses_of(labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's loss, (rows,): log loss for classes, squared error for a number."""
    if task.kind == NUMBER:
        return np.asarray((predictions - labels) ** 2)
    return row_losses(labels, predictions)


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
    loss = _mean(losses_of(labels, predictions, task))
    if task.kind == NUMBER:
        ends = {name: end**0.5 for name, end in loss.model_dump().items()}
        return {"rmse": Estimate(**ends), "mae": _mean(np.abs(predictions - labels))}
    by_class = [(labels, predictions)]
    if task.kind != TWO_CLASSES:
        by_class = [((labels == place).astype(int), p) for place, p in enumerate(predictions.T)]
    rankable = [
        (is_class, probabilities)
        for is_class, probabilities in by_class
        if FEWEST_OF_CLASS <= is_class.sum() <= len(labels) - FEWEST_OF_CLASS
    ]
    return {"log_loss": loss} | ({"roc_auc": _roc_auc(rankable)} if rankable else {})


def _mean(values: np.ndarray) -> Estimate:
    mean, off = float(values.mean()), TAIL * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(value=mean, low=max(mean - off, 0.0), high=mean + off)


def _roc_auc(by_class: Sequence[tuple[np.ndarray, np.ndarray]]) -> Estimate:
    """Average each class's ROC AUC against the rest, with an interval that always has a width."""
    areas, influence, fewest = [], np.zeros(len(by_class[0][0])), len(by_class[0][0])
    for labels, probabilities in by_class:
        placed = placements(labels, probabilities)
        areas.append(float(placed[labels == 1].mean()))
        for value in (0, 1):
            is_class = labels == value
            rows = int(is_class.sum())
            influence[is_class] += (placed[is_class] - areas[-1]) / (rows * (rows - 1)) ** 0.5
            fewest = min(fewest, rows)
    area = float(np.mean(areas))
    off = TAIL * float(np.sqrt(influence @ influence)) / len(by_class)
    off = off or unseen_share(fewest, (1 + CENTRAL) / 2)
    return Estimate(value=area, low=max(area - off, 0.0), high=min(area + off, 1.0))


# Worse than promised -------------------------------------------------------------------------


def worse_than_promised(
    since: Mapping[str, Losses], promised: dict[str, Estimate], false_alarms: float, task: Task
) -> str | None:
    """Say by how much the loss is worse than promised; None if it is not clearly worse.

    A champion that was well for a long time may be broken now. So each scoring s = 1, 2, 3 … is a
    start, and the rows from this start on are tested at the rate false_alarms / (s (s + 1)). These
    rates sum up to false_alarms: of the champions that keep their promise, at most this share ever
    raises an alarm, over all starts and looks. Source: Shin, Ramdas and Rinaldo, "E-detectors",
    2022, arXiv:2203.03532. If the mean from a start on is not above the promised value, alarms from
    earlier starts are over.

    The bound of a start is an asymptotic confidence sequence, which holds for any number of looks
    while labels arrive. Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
    central limit theory and asymptotic confidence sequences", Annals of Statistics 52, 2024; the
    mixture is Robbins', one-sided as in Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics
    49, 2021. The error of the promised value is the same at each look. So the difference behaves
    like a Brownian motion in its information (1 / variance): Jennison and Turnbull, "Group
    Sequential Methods", 1999, 3.1.

    Args:
        since: For each scoring by run id, the oldest first: the losses of its rows and later ones.
        promised: The promised metrics of the champion.
        false_alarms: The declared rate.
        task: What is predicted.
    """
    name, power = ("rmse", 2) if task.kind == NUMBER else ("log_loss", 1)
    if name not in promised:
        return None
    promise = promised[name]
    promise_variance = ((promise.high**power - promise.value**power) / TAIL) ** 2
    clearest, most_beyond = "", 1.0
    for start, (run, losses) in reversed([*enumerate(since.items(), 1)]):
        if losses.rows < FEWEST:
            continue
        worse_by = losses.mean - promise.value**power
        if worse_by <= 0:
            break
        information, tuned_for = (
            1 / max(promise_variance + losses.deviation**2 / rows, TINY)
            for rows in (losses.rows, TUNED_FOR)
        )
        rate = false_alarms / (start * (start + 1))
        beyond = worse_by / _margin(information, tuned_for, rate)
        if beyond > most_beyond:
            clearest, most_beyond = run, beyond
    if not clearest:
        return None
    losses = since[clearest]
    began = f" since scoring {clearest}" if clearest != next(iter(since)) else ""
    return (
        f"{METRICS[name]} {written(name, losses.mean ** (1 / power))} of {losses.rows:,} labelled "
        f"rows{began}; promised was {written(name, promise.value)} ({written(name, promise.low)} "
        f"to {written(name, promise.high)})"
    )


def _margin(information: float, tuned_for: float, rate: float) -> float:
    """Bound a mean of 0 at all times at once; the bound is tightest at information `tuned_for`."""
    doubled = -2 * math.log(2 * rate)
    least = tuned_for / (doubled + math.log(1 + doubled))
    total = information + least
    return math.sqrt(2 * total * math.log1p(math.sqrt(total / least) / (2 * rate))) / information
