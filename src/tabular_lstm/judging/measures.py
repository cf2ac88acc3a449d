"""The measures: how predictions of each task are measured, compared and described.

Labels are numbers of classes, int (rows,), or float (rows,). Predictions are float64. Two classes:
the probability of the positive class, (rows,). More classes: the probability of each class, (rows,
classes). A number: the prediction and the lower and upper end of its interval, (rows, 3).

With several classes, a metric for two classes is measured for each class against all others, and
averaged over the classes that have rows. For a number, the error on kinds of rows that are missing
from the test rows has no limit. So bounds are widened as if one more row had the largest error of
the test rows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabular_lstm.errors import printable
from tabular_lstm.judging.intervals import (
    CENTRAL,
    EQUAL,
    Ranking,
    Resampled,
    Rows,
    Statistics,
    interval,
    mean_of_known,
    row_losses,
    unseen_log_loss,
    unseen_roc_auc,
    unseen_share,
)
from tabular_lstm.judging.metrics import (
    Metrics,
    class_metrics,
    deviation_of,
    number_metrics,
    point_metrics,
)
from tabular_lstm.parameters.columns import CLASSES, NUMBER, TWO_CLASSES, Task

ArrayPair = tuple[np.ndarray, np.ndarray]
# A decision rule. Two classes: the threshold. More classes: the cost of each decision (column) for
# each actual class (row); None if each error costs the same. A number: None.
Rule = float | tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True)
class Measure:
    """How predictions of two classes are measured; subclasses measure the other tasks."""

    task: Task

    compared = ("log_loss", "roc_auc")  # the gate compares these
    sampled = ("accuracy", "roc_auc", "log_loss")  # these have intervals
    spoken = ("roc_auc", "accuracy", "log_loss")  # the verdict compares the first two
    # A metric, its value for a model that knows nothing, and the words for such a model.
    nothing = ("roc_auc", 0.5, "chance")
    changed = "classes swapped or another unit"  # possible causes of a fall
    # The simplest baseline, the linear one, and boosted trees.
    baselines = ("majority_class", "logistic_regression", "hist_gradient_boosting")
    predicted, many_predicted = "probability", "probabilities"  # names of a row's prediction

    @property
    def endings(self) -> tuple[str, ...]:
        """Return the endings that follow the model's name in the columns of its predictions."""
        return ("",)

    def fill_missing(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> ArrayPair:
        """Return predictions without gaps, and decisions by the rule, int (rows,).

        A missing prediction, NaN, becomes a wrong one, so that models do not gain from it.
        """
        filled = np.where(np.isnan(predictions), 1 - labels, predictions)
        return filled, (filled >= rule).astype(int)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        """Measure a model, without intervals."""
        return point_metrics(rows.labels, predictions, float(rule), rows.weights)  # type: ignore[arg-type]

    def statistics(self, rows: Rows, predictions: np.ndarray, decided: np.ndarray) -> Statistics:
        """Return the function that measures a model on resamples."""
        rankings = [Ranking.of(*pair) for pair in self.against_others(rows.labels, predictions)]
        losses = row_losses(rows.labels, predictions)
        hits = (decided == rows.labels).astype(float)

        def measure(counts: np.ndarray, gathered: np.ndarray) -> Resampled:
            weight_sums = counts.sum(axis=1)
            areas = [[ranking.roc_auc(resample) for resample in gathered] for ranking in rankings]
            return {
                "accuracy": counts @ hits / weight_sums,
                "roc_auc": mean_of_known(np.array(areas)),
                "log_loss": counts @ losses / weight_sums,
            }

        return measure

    def against_others(self, labels: np.ndarray, predictions: np.ndarray) -> list[ArrayPair]:
        """Return for each class its labels, 0 or 1, and its probabilities."""
        return [(labels, predictions)]

    def unseen(
        self,
        metric: str,
        rows: Rows,
        predictions: np.ndarray,
        other_predictions: np.ndarray,
        confidence: float,
    ) -> float:
        """Bound the error in a difference that is due to kinds of rows outside the test rows."""
        if metric == "log_loss":
            return unseen_log_loss(rows, predictions, other_predictions, confidence)
        if metric != "roc_auc":
            return 0.0
        classes, other_classes = (
            self.against_others(rows.labels, p) for p in (predictions, other_predictions)
        )
        class_pairs = zip(classes, other_classes, strict=True)
        # At worst, all missing kinds belong to one class; its metric is one of several in the mean.
        return max(
            unseen_roc_auc(Rows(class_labels, rows.weights, rows.groups), p, q, confidence)
            for (class_labels, p), (_, q) in class_pairs
        ) / len(classes)

    def farther(
        self, metric: str, rows: Rows, predictions: np.ndarray, other_predictions: np.ndarray
    ) -> tuple[float, float]:
        """Return how much one more row with the largest error can raise, or lower, a difference."""
        return 0.0, 0.0

    def with_intervals(
        self, measured: Metrics, rows: Rows, predictions: np.ndarray, resampled: Resampled
    ) -> Metrics:
        """Add intervals to the metrics; an interval has a width even if all rows are correct."""
        tail = (1 + CENTRAL) / 2
        intervals = {metric: interval(values) for metric, values in resampled.items()}
        constant = np.full_like(predictions, 0.5)
        unseen = {
            m: self.unseen(m, rows, predictions, constant, tail) for m in {"roc_auc"} & {*intervals}
        }
        if getattr(measured, "accuracy", None) in {0, 1}:
            unseen["accuracy"] = unseen_share(rows.count, tail)
        for metric, margin in unseen.items():
            (low, high), point = intervals[metric], getattr(measured, metric)
            intervals[metric] = (
                max(min(low, point - margin), 0.0),
                min(max(high, point + margin), 1.0),
            )
        return measured.model_copy(update={"interval": intervals})

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return each row's stratum; importance draws equally many rows of each: int (rows,)."""
        return labels

    def skill(self, rows: Rows, predictions: np.ndarray) -> float:
        """Measure the metric of `nothing`; a missing prediction counts as a probability of 0."""
        counts = np.ones(len(rows.labels)) if rows.weights is None else rows.weights
        class_pairs = self.against_others(rows.labels, np.nan_to_num(predictions))
        return float(
            mean_of_known(np.array([Ranking.of(*pair).roc_auc(counts) for pair in class_pairs]))
        )

    def unit(self, rows: Rows) -> float:
        """Return the size of one unit of tolerance, in the unit of the compared metrics."""
        return 1.0

    def fewest(self, rows: Rows) -> tuple[int, tuple[str, str] | None]:
        """Count the effective rows, or groups, of the rarest class, and name it, see `named`.

        For a number, count all rows or groups.
        """
        count = {
            place: rows.part(rows.labels == place).count for place in range(len(self.task.classes))
        }
        fewest = min(count, key=lambda place: int(count[place]))
        return int(count[fewest]), self.named(fewest)

    def named(self, place: int) -> tuple[str, str]:
        """Return a class's name to follow "rows are", and to follow "groups have"."""
        name = ("negative", "positive")[place]
        return name, f"{name} ones"


class _Classes(Measure):
    @property
    def endings(self) -> tuple[str, ...]:
        return tuple(f"_{printable(name)}" for name in self.task.classes)

    def fill_missing(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> ArrayPair:
        is_missing = np.isnan(predictions).any(axis=1)
        wrong_predictions = 1.0 - np.eye(predictions.shape[1])[labels]
        filled = np.where(is_missing[:, None], wrong_predictions, predictions)
        decided = filled.argmax(1) if rule is None else (filled @ np.array(rule)).argmin(1)
        return filled, np.where(is_missing, wrong_predictions.argmax(1), decided)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        return class_metrics(rows.labels, predictions, decided, self.task.classes, rows.weights)

    def against_others(self, labels: np.ndarray, predictions: np.ndarray) -> list[ArrayPair]:
        return [((labels == c).astype(int), predictions[:, c]) for c in np.unique(labels)]

    def named(self, place: int) -> tuple[str, str]:
        name = f"of class {self.task.classes[place]}"
        return name, f"rows {name}"


class _Number(Measure):
    compared = ("rmse", "mae")
    sampled = spoken = ("rmse", "mae", "r2")
    nothing = ("r2", 0.0, "the mean of the labels")
    changed = "another unit"
    baselines = ("mean", "linear_regression", "hist_gradient_boosting")
    predicted, many_predicted = "prediction", "predictions"

    @property
    def endings(self) -> tuple[str, ...]:
        return "", "_lower", "_upper"

    def fill_missing(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> ArrayPair:
        # The error of a missing prediction: the labels' range, or the model's largest error.
        is_missing = np.isnan(predictions).any(axis=1)
        errors = np.abs(predictions[~is_missing, 0] - labels[~is_missing])
        wrong_number = labels + max(np.ptp(labels), errors.max(initial=0.0))
        wrong_predictions = np.stack(
            [wrong_number, wrong_number, 2 * wrong_number - labels], axis=1
        )
        filled = np.where(is_missing[:, None], wrong_predictions, predictions)
        return filled, np.zeros(len(labels), int)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        return number_metrics(rows.labels, predictions, rows.weights)

    def statistics(self, rows: Rows, predictions: np.ndarray, decided: np.ndarray) -> Statistics:
        # Standardized, because squares of large numbers lose the digits of small ones.
        deviation = self.unit(rows)
        unit = deviation or 1.0
        labels = (rows.labels - np.average(rows.labels, weights=rows.weights)) / unit
        errors = (predictions[:, 0] - rows.labels) / unit

        def measure(counts: np.ndarray, gathered: np.ndarray) -> Resampled:
            weight_sums = counts.sum(axis=1)
            error = counts @ errors**2 / weight_sums
            absolute_error = counts @ np.abs(errors) / weight_sums
            variance = counts @ labels**2 / weight_sums - (counts @ labels / weight_sums) ** 2
            varies = variance > EQUAL
            constant_r2 = np.nan if deviation else (error == 0).astype(float)
            r2 = np.where(varies, 1 - error / np.where(varies, variance, 1), constant_r2)
            return {"rmse": unit * np.sqrt(error), "mae": unit * absolute_error, "r2": r2}

        return measure

    def farther(
        self, metric: str, rows: Rows, predictions: np.ndarray, other_predictions: np.ndarray
    ) -> tuple[float, float]:
        losses = [np.abs(p[:, 0] - rows.labels) for p in (predictions, other_predictions)]
        if metric == "rmse":  # a first-order approximation
            means = [np.average(loss**2, weights=rows.weights) ** 0.5 for loss in losses]
            losses = [loss**2 / (2 * mean or 1) for loss, mean in zip(losses, means, strict=True)]
        gaps = losses[0] - losses[1]
        gaps -= np.average(gaps, weights=rows.weights)
        if rows.weights is not None:
            gaps *= rows.weights
        if rows.groups is not None:
            gaps = np.bincount(rows.groups, gaps)
        return float(gaps.max() / (len(gaps) + 1)), float(gaps.min() / (len(gaps) + 1))

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return np.zeros(len(labels), int)

    def skill(self, rows: Rows, predictions: np.ndarray) -> float:
        filled, _ = self.fill_missing(rows.labels, predictions, None)
        return number_metrics(rows.labels, filled, rows.weights).r2

    def unit(self, rows: Rows) -> float:
        return deviation_of(rows.labels, rows.weights)

    def fewest(self, rows: Rows) -> tuple[int, tuple[str, str] | None]:
        return int(rows.count), None


MEASURES = {TWO_CLASSES: Measure, CLASSES: _Classes, NUMBER: _Number}


def measure_of(task: Task) -> Measure:
    """Return the `Measure` of a task."""
    return MEASURES[task.kind](task)


def to_columns(name: str, predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    """Return a model's predictions as columns of a table: its name with `Measure.endings`."""
    columns = predictions.reshape(len(predictions), -1).T
    return {
        name + end: column for end, column in zip(measure_of(task).endings, columns, strict=True)
    }


def from_columns(table: pd.DataFrame, name: str, task: Task) -> np.ndarray:
    """Read a model's predictions from a table, see `to_columns`; 0.1.0 wrote numbers of classes."""
    columns = [column for column in map(str, table) if f"{column}_".startswith(f"{name}_")]
    predictions = table[columns].to_numpy(np.float64)
    return predictions[:, 0] if task.kind == TWO_CLASSES else predictions
