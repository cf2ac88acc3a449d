"""How predictions of each task are measured beside each other, and written as columns."""

import numpy as np
import pandas as pd

from tabular_lstm.judging.intervals import CENTRAL, percentile_interval
from tabular_lstm.judging.metrics import Metrics, number_metrics
from tabular_lstm.measuring import ArrayPair, Labels, Resampled, Statistic, deviation_of, roc_auc
from tabular_lstm.task import METRICS, Task

# A decision rule. Two classes: the threshold. More classes: the cost of each decision (column) for
# each actual class (row); None if each error costs the same. A number: None.
Rule = float | tuple[tuple[float, ...], ...] | None


def fill_missing(labels: np.ndarray, predictions: np.ndarray, rule: Rule, task: Task) -> ArrayPair:
    """Return predictions without gaps, and decisions by the rule, int (rows,).

    A missing prediction, NaN, becomes a wrong one, so that models do not gain from it. For a
    number, its error is the labels' range, or the model's largest error.
    """
    is_missing = np.isnan(predictions).any(axis=1)
    if not task.classes:
        errors = np.abs(predictions[~is_missing, 0] - labels[~is_missing])
        wrong_number = labels + max(np.ptp(labels), errors.max(initial=0.0))
        wrong = np.stack([wrong_number, wrong_number, 2 * wrong_number - labels], axis=1)
        return np.where(is_missing[:, None], wrong, predictions), np.zeros(len(labels), int)
    wrong = 1.0 - np.eye(len(task.classes))[labels]
    filled = np.where(is_missing[:, None], wrong, predictions)
    if isinstance(rule, float):
        return filled, (filled[:, 1] >= rule).astype(int)
    decided = filled.argmax(1) if rule is None else (filled @ np.array(rule)).argmin(1)
    return filled, np.where(is_missing, wrong.argmax(1), decided)


def statistics(
    rows: Labels, predictions: np.ndarray, decided: np.ndarray, task: Task
) -> dict[str, Statistic]:
    """Return the functions that measure a model on resamples, by metric."""
    return {n: metric.statistic(rows, predictions, decided) for n, metric in task.metrics.items()}


def with_intervals(
    measured: Metrics, rows: Labels, predictions: np.ndarray, resampled: Resampled
) -> Metrics:
    """Add intervals to the metrics; an interval has a width even if all rows are correct."""
    intervals = {}
    for name in sorted(resampled, key=[*type(measured).model_fields, *resampled].index):
        low, high = percentile_interval(resampled[name])
        point = getattr(measured, name)
        margin = METRICS[name].margin(point, rows, predictions, (1 + CENTRAL) / 2)
        if margin is not None:
            low, high = max(min(low, point - margin), 0.0), min(max(high, point + margin), 1.0)
        intervals[name] = low, high
    return measured.model_copy(update={"interval": intervals})


def strata_of(labels: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's stratum, int (rows,): its class, or one for all numbers."""
    return labels if task.classes else np.zeros(len(labels), int)


def skill(rows: Labels, predictions: np.ndarray, task: Task) -> float:
    """Measure the metric of `Traits.nothing`; a missing prediction counts as a probability of 0."""
    if not task.classes:
        filled, _ = fill_missing(rows.labels, predictions, None, task)
        return number_metrics(rows.labels, filled, rows.weights).r2
    counts = np.ones((1, len(rows.labels))) if rows.weights is None else rows.weights[None]
    return float(roc_auc(rows, np.nan_to_num(predictions), rows.labels)(counts, counts)[0])


def unit_of(rows: Labels, task: Task) -> float:
    """Return the size of one unit of tolerance, in the unit of the compared metrics."""
    return 1.0 if task.classes else deviation_of(rows.labels, rows.weights)


def fewest_rows(rows: Labels, task: Task) -> tuple[int, tuple[str, str] | None]:
    """Count the effective rows, or groups, of the rarest class, and name it, see `name_class`.

    For a number, count all rows or groups.
    """
    if not task.classes:
        return int(rows.count), None
    counts = [int(rows.part(rows.labels == place).count) for place in range(len(task.classes))]
    return min(counts), task.name_class(counts.index(min(counts)))


def to_columns(name: str, predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    """Return a model's predictions as columns of a table: its name with `Task.endings`."""
    columns = task.to_file(predictions).T
    return {name + end: column for end, column in zip(task.endings, columns, strict=True)}


def from_columns(table: pd.DataFrame, name: str, task: Task) -> np.ndarray:
    """Read a model's predictions from a table, see `to_columns`; 0.1.0 wrote numbers of classes."""
    columns = [column for column in map(str, table) if f"{column}_".startswith(f"{name}_")]
    return task.from_file(table[columns].to_numpy(np.float64))
