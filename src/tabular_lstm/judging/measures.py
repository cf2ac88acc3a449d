"""The measures: by the task, how predictions are measured, compared, and spoken of.

Labels are the number of the class, int (rows,), or float (rows,). Predictions are of two classes
the probability of the positive one, (rows,); of more classes that of each, (rows, classes); of a
number itself and the lower and the upper end of its interval, (rows, 3); float64 all of them.

What is measured of one class against another is, of several classes, measured for each against all
others, and averaged over those that have rows. Of a number, how far off a row may be of a kind that
the test rows do not hold has no limit: bounds are widened as if one more row were as far off as the
farthest of them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

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
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task
from tabular_lstm.rows.weights import count_rows

Two = tuple[np.ndarray, np.ndarray]
# What decides: of two classes the threshold; of more classes what each decision (column) costs for
# each actual class (row), None where each error costs the same; None of a number.
Rule = float | tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True)
class Measure:
    """How predictions of two classes are measured; those of other tasks otherwise."""

    task: Task

    compared = ("log_loss", "roc_auc")  # by the gate
    sampled = ("accuracy", "roc_auc", "log_loss")  # have intervals
    spoken = ("roc_auc", "accuracy", "log_loss")  # in the verdict, which compares the first two
    # The metric whose value tells that a model knows nothing, and what a worse one is worse than.
    nothing = ("roc_auc", 0.5, "chance")
    drifting = ("roc_auc", "highest")  # what a `DriftCheck` names the first and its better bound
    changed = "classes swapped or another unit"  # what may be behind a fall
    exchangeable = False  # whether two classes may be exchanged among others
    # The simplest one, the linear one, and boosted trees.
    baselines = ("majority_class", "logistic_regression", "hist_gradient_boosting")
    predicted, many_predicted = "probability", "probabilities"  # what a row is given

    @property
    def endings(self) -> tuple[str, ...]:
        """Name the columns of a model's predictions in a table, after the model's name."""
        return ("",)

    def settled(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> Two:
        """Give predictions without gaps, and decisions as of `network.calibration`, int (rows,).

        A row that a model gives none, NaN, gets a wrong one, so that no model gains by that.
        """
        known = np.where(np.isnan(predictions), 1 - labels, predictions)
        return known, (known >= rule).astype(int)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        """Measure a model, without intervals."""
        return point_metrics(rows.labels, predictions, float(rule), rows.weights)  # type: ignore[arg-type]

    def statistics(self, rows: Rows, predictions: np.ndarray, decided: np.ndarray) -> Statistics:
        """Give the function that measures a model on resamples."""
        rankings = [Ranking.of(*one) for one in self.against_others(rows.labels, predictions)]
        losses = row_losses(rows.labels, predictions)
        hits = (decided == rows.labels).astype(float)

        def measure(counts: np.ndarray, gathered: np.ndarray) -> Resampled:
            whole = counts.sum(axis=1)
            areas = [[one.roc_auc(resample) for resample in gathered] for one in rankings]
            return {
                "accuracy": counts @ hits / whole,
                "roc_auc": mean_of_known(np.array(areas)),
                "log_loss": counts @ losses / whole,
            }

        return measure

    def against_others(self, labels: np.ndarray, predictions: np.ndarray) -> list[Two]:
        """Give for each class its labels, 0 or 1, and its probabilities."""
        return [(labels, predictions)]

    def unseen(
        self, metric: str, rows: Rows, one: np.ndarray, other: np.ndarray, confidence: float
    ) -> float:
        """Say by how much a difference may be off for rows of a kind that none here is of."""
        counted = confidence, rows.weights, rows.groups
        if metric == "log_loss":
            return unseen_log_loss(rows.labels, one, other, *counted)
        if metric != "roc_auc":
            return 0.0
        of_one, of_other = (self.against_others(rows.labels, p) for p in (one, other))
        both = zip(of_one, of_other, strict=True)
        # So many rows without one of a kind speak of all kinds together: at worst all are of one
        # class, of whose mean with the others it is a share.
        return max(unseen_roc_auc(own, p, q, *counted) for (own, p), (_, q) in both) / len(of_one)

    def farther(
        self, metric: str, rows: Rows, one: np.ndarray, other: np.ndarray
    ) -> tuple[float, float]:
        """Say by how much a difference rises, and falls, by one more row as far off as any."""
        return 0.0, 0.0

    def with_intervals(
        self, measured: Metrics, rows: Rows, predictions: np.ndarray, resampled: Resampled
    ) -> Metrics:
        """Bound each metric, and not by a point where all rows are right, or ranked rightly."""
        tail = (1 + CENTRAL) / 2
        intervals = {metric: interval(values) for metric, values in resampled.items()}
        constant = np.full_like(predictions, 0.5)
        unseen = {
            m: self.unseen(m, rows, predictions, constant, tail) for m in {"roc_auc"} & {*intervals}
        }
        if getattr(measured, "accuracy", None) in {0, 1}:
            counted = count_rows(rows.labels, rows.weights, rows.groups)
            unseen["accuracy"] = unseen_share(counted, tail)
        for metric, off in unseen.items():
            (low, high), point = intervals[metric], getattr(measured, metric)
            intervals[metric] = max(min(low, point - off), 0.0), min(max(high, point + off), 1.0)
        return measured.model_copy(update={"interval": intervals})

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Give whole numbers of each of which importance takes as many rows: int (rows,)."""
        return labels

    def worth(self, rows: Rows, predictions: np.ndarray) -> float:
        """Measure by the metric of `nothing`; a row without a prediction is ranked first."""
        counts = np.ones(len(rows.labels)) if rows.weights is None else rows.weights
        both = self.against_others(rows.labels, np.nan_to_num(predictions))
        return float(mean_of_known(np.array([Ranking.of(*one).roc_auc(counts) for one in both])))

    def unit(self, rows: Rows) -> float:
        """Give what tolerances are shares of, in the unit of the metrics that are compared."""
        return 1.0

    def fewest(self, rows: Rows) -> tuple[int, tuple[str, str] | None]:
        """Count the rows, or groups, of the class that has fewest, by what they tell; see `named`.

        Of a number, count all of them.
        """
        count = {
            place: count_rows(of.labels, of.weights, of.groups)
            for place in range(len(self.task.classes))
            for of in [rows.part(rows.labels == place)]
        }
        fewest = min(count, key=lambda place: int(count[place]))
        return int(count[fewest]), self.named(fewest)

    def named(self, place: int) -> tuple[str, str]:
        """Name a class after "rows are", and after "groups have"."""
        name = ("negative", "positive")[place]
        return name, f"{name} ones"


class _Classes(Measure):
    exchangeable = True

    @property
    def endings(self) -> tuple[str, ...]:
        return tuple(f"_{place}" for place in range(len(self.task.classes)))

    def settled(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> Two:
        none = np.isnan(predictions).any(axis=1)
        wrong = 1.0 - np.eye(predictions.shape[1])[labels]
        known = np.where(none[:, None], wrong, predictions)
        decided = known.argmax(1) if rule is None else (known @ np.array(rule)).argmin(1)
        return known, np.where(none, wrong.argmax(1), decided)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        return class_metrics(rows.labels, predictions, decided, self.task.classes, rows.weights)

    def against_others(self, labels: np.ndarray, predictions: np.ndarray) -> list[Two]:
        return [((labels == c).astype(int), predictions[:, c]) for c in np.unique(labels)]

    def named(self, place: int) -> tuple[str, str]:
        name = f"of class {self.task.classes[place]}"
        return name, f"rows {name}"


class _Number(Measure):
    compared = ("rmse", "mae")
    sampled = spoken = ("rmse", "mae", "r2")
    nothing = ("r2", 0.0, "the mean of the labels")
    drifting = ("rmse", "lowest")
    changed = "another unit"
    baselines = ("mean", "linear_regression", "hist_gradient_boosting")
    predicted, many_predicted = "prediction", "predictions"

    @property
    def endings(self) -> tuple[str, ...]:
        return "", "_lower", "_upper"

    def settled(self, labels: np.ndarray, predictions: np.ndarray, rule: Rule) -> Two:
        # Off by all that labels differ, or by as much as the model is anywhere.
        none = np.isnan(predictions).any(axis=1)
        errors = np.abs(predictions[~none, 0] - labels[~none])
        off = labels + max(np.ptp(labels), errors.max(initial=0.0))
        wrong = np.stack([off, off, 2 * off - labels], axis=1)
        return np.where(none[:, None], wrong, predictions), np.zeros(len(labels), int)

    def point(
        self, rows: Rows, predictions: np.ndarray, decided: np.ndarray, rule: Rule
    ) -> Metrics:
        return number_metrics(rows.labels, predictions, rows.weights)

    def statistics(self, rows: Rows, predictions: np.ndarray, decided: np.ndarray) -> Statistics:
        # In deviations from the mean: squares of large numbers have no digits for small ones.
        deviation = self.unit(rows)
        unit = deviation or 1.0
        labels = (rows.labels - np.average(rows.labels, weights=rows.weights)) / unit
        errors = (predictions[:, 0] - rows.labels) / unit

        def measure(counts: np.ndarray, gathered: np.ndarray) -> Resampled:
            whole = counts.sum(axis=1)
            error, off = counts @ errors**2 / whole, counts @ np.abs(errors) / whole
            variance = counts @ labels**2 / whole - (counts @ labels / whole) ** 2
            varies = variance > EQUAL
            none = np.nan if deviation else (error == 0).astype(float)
            r2 = np.where(varies, 1 - error / np.where(varies, variance, 1), none)
            return {"rmse": unit * np.sqrt(error), "mae": unit * off, "r2": r2}

        return measure

    def farther(
        self, metric: str, rows: Rows, one: np.ndarray, other: np.ndarray
    ) -> tuple[float, float]:
        losses = [np.abs(p[:, 0] - rows.labels) for p in (one, other)]
        if metric == "rmse":  # to the first order
            means = [np.average(off**2, weights=rows.weights) ** 0.5 for off in losses]
            losses = [off**2 / (2 * mean or 1) for off, mean in zip(losses, means, strict=True)]
        more = losses[0] - losses[1]
        more -= np.average(more, weights=rows.weights)
        if rows.weights is not None:
            more *= rows.weights
        if rows.groups is not None:
            more = np.bincount(rows.groups, more)
        return float(more.max() / (len(more) + 1)), float(more.min() / (len(more) + 1))

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return np.zeros(len(labels), int)

    def worth(self, rows: Rows, predictions: np.ndarray) -> float:
        known, _ = self.settled(rows.labels, predictions, None)
        return number_metrics(rows.labels, known, rows.weights).r2

    def unit(self, rows: Rows) -> float:
        return deviation_of(rows.labels, rows.weights)

    def fewest(self, rows: Rows) -> tuple[int, tuple[str, str] | None]:
        return int(count_rows(rows.labels, rows.weights, rows.groups)), None


MEASURES = {TWO_CLASSES: Measure, CLASSES: _Classes, NUMBER: _Number}


def measure_of(task: Task) -> Measure:
    """Give how predictions of a task are measured."""
    return MEASURES[task.kind](task)


def to_columns(name: str, predictions: np.ndarray, task: Task) -> dict[str, np.ndarray]:
    """Give a model's predictions as columns of a table, named after the model.

    Of two classes that is the name itself; of more classes `_0`, `_1`, … follow it, the number of
    the class; of a number nothing, `_lower` and `_upper`.
    """
    columns = predictions.reshape(len(predictions), -1).T
    return {name + end: of for end, of in zip(measure_of(task).endings, columns, strict=True)}


def from_columns(table: pd.DataFrame, name: str, task: Task) -> np.ndarray:
    """Give a model's predictions of a table, see `to_columns`."""
    columns = [name + end for end in measure_of(task).endings]
    predictions = table[columns].to_numpy(np.float64)
    return predictions[:, 0] if columns == [name] else predictions
