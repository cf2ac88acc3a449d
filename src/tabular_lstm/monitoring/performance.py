"""The performance of a champion: promised by its test rows, and real, from late labels.

Intervals use the normal distribution and each row's influence on the metric. For ROC AUC:
DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
Operating Characteristic Curves", Biometrics 44, 1988. All rows count equally; groups are ignored.
"""

import math
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.intervals import CENTRAL, NORMAL
from tabular_lstm.judging.model_metrics import Metrics, metric_text
from tabular_lstm.metrics import METRICS, each_against_others, placements, row_losses, unseen_share
from tabular_lstm.task import Task

TAIL = NORMAL.inv_cdf((1 + CENTRAL) / 2)
FEWEST, FEWEST_OF_CLASS = 30, 5  # least labelled rows to measure; least of a class for ROC AUC
TUNED_FOR = 500  # the number of labelled rows at which a worse loss is detected best
TINY = sys.float_info.min


class Estimate(Frozen):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


def promised_by(measured: Metrics, task: Task) -> dict[str, Estimate]:
    """Return the metrics that the gate compares, as measured on the evaluated rows."""
    bounds = [(n, measured.interval[n]) for n in task.compared if n in measured.interval]
    return {
        name: Estimate(value=getattr(measured, name), low=low, high=high)
        for name, (low, high) in bounds
    }


# Real, with labels ---------------------------------------------------------------------------


def losses_of(labels: np.ndarray, predictions: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's loss, (rows,): log loss for classes, squared error for a number."""
    if task.classes:
        return row_losses(labels, predictions)
    return np.asarray((predictions[:, 0] - labels) ** 2)


def measure(labels: np.ndarray, predictions: np.ndarray, task: Task) -> dict[str, Estimate]:
    """Return log loss and ROC AUC, or RMSE and MAE, with intervals; none for fewer than 30 rows.

    Other metrics of the gate are promised, but not measured here.

    Args:
        labels: Numbers of classes, int (rows,), or numbers, float (rows,).
        predictions: The probability of each class, (rows, classes); or the number, (rows, 1).
        task: What is predicted.
    """
    if len(labels) < FEWEST:
        return {}
    loss = _mean_estimate(losses_of(labels, predictions, task))
    if not task.classes:
        ends = {name: end**0.5 for name, end in loss.model_dump().items()}
        return {"rmse": Estimate(**ends), "mae": _mean_estimate(np.abs(predictions[:, 0] - labels))}
    rankable = [
        (is_class, probabilities)
        for is_class, probabilities in each_against_others(labels, predictions)
        if FEWEST_OF_CLASS <= is_class.sum() <= len(labels) - FEWEST_OF_CLASS
    ]
    return {"log_loss": loss} | ({"roc_auc": _ranking_estimate(rankable)} if rankable else {})


def _mean_estimate(values: np.ndarray) -> Estimate:
    mean, off = float(values.mean()), TAIL * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(value=mean, low=max(mean - off, 0.0), high=mean + off)


def _ranking_estimate(by_class: Sequence[tuple[np.ndarray, np.ndarray]]) -> Estimate:
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
    since: Mapping[str, np.ndarray], promised: dict[str, Estimate], false_alarms: float, task: Task
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
    name, power = ("log_loss", 1) if task.classes else ("rmse", 2)
    if "mae" in promised and "rmse" not in promised:  # a median's
        name, power = "mae", 1
        since = {run: squares**0.5 for run, squares in since.items()}
    if name not in promised:
        return None
    promise = promised[name]
    promise_variance = ((promise.high**power - promise.value**power) / TAIL) ** 2
    clearest, most_beyond = "", 1.0
    for start, (run, losses) in reversed([*enumerate(since.items(), 1)]):
        if len(losses) < FEWEST:
            continue
        worse_by = losses.mean() - promise.value**power
        if worse_by <= 0:
            break
        variance = losses.std(ddof=1) ** 2
        information, tuned_for = (
            1 / max(promise_variance + variance / rows, TINY) for rows in (len(losses), TUNED_FOR)
        )
        rate = false_alarms / (start * (start + 1))
        beyond = worse_by / _margin(information, tuned_for, rate)
        if beyond > most_beyond:
            clearest, most_beyond = run, beyond
    if not clearest:
        return None
    losses = since[clearest]
    loss = metric_text(name, losses.mean() ** (1 / power))
    began = f" since scoring {clearest}" if clearest != next(iter(since)) else ""
    return (
        f"{METRICS[name].words} {loss} on {len(losses):,} labelled "
        f"rows{began}; promised: {metric_text(name, promise.value)} "
        f"({metric_text(name, promise.low)} to {metric_text(name, promise.high)})"
    )


def other_labels(
    judged_counts: np.ndarray, real_counts: Sequence[int], false_alarms: float, task: Task
) -> str | None:
    """Say which class's share shows that the labelled rows are not like the evaluated ones.

    Then a worse loss need not be a fault of the model. None for a number, and if the difference may
    be chance by a chi-squared test at the rate `false_alarms`.

    Args:
        judged_counts: The rows of each class that judged, (classes,).
        real_counts: The labelled rows of each class.
        false_alarms: The declared rate.
        task: What is predicted.
    """
    from scipy.stats import chi2_contingency  # noqa: PLC0415  only an alarm needs it

    table = np.array([judged_counts, real_counts], float)
    if (
        not table.size
        or not table.sum(axis=1).all()
        or chi2_contingency(table[:, table.any(axis=0)]).pvalue >= false_alarms
    ):
        return None
    then, now = table / table.sum(axis=1, keepdims=True)
    place = int(np.abs(now - then).argmax())
    return (
        "the labelled rows are not like those that the model was judged on: "
        f"{100 * now[place]:.1f} % are {shown(task.classes[place])}, compared with "
        f"{100 * then[place]:.1f} % of those"
    )


def _margin(information: float, tuned_for: float, rate: float) -> float:
    """Bound a mean of 0 at all times at once; the bound is tightest at information `tuned_for`."""
    doubled = -2 * math.log(2 * rate)
    least = tuned_for / (doubled + math.log(1 + doubled))
    total = information + least
    return math.sqrt(2 * total * math.log1p(math.sqrt(total / least) / (2 * rate))) / information
