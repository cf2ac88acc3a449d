"""Answers: how predictions of each task are written, counted and named; `answers_of` chooses."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tabular_lstm.errors import amount
from tabular_lstm.monitoring.reference import Counted
from tabular_lstm.network.outputs import decisions
from tabular_lstm.network.reasons import reason_names, reasons_of
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters.columns import CLASSES, NUMBER, TWO_CLASSES, Kind, Task
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.serving.scoring_summary import ScoringSummary

if TYPE_CHECKING:
    from tabular_lstm.judging.measures import Rule

NAMED = 5  # classes named in a sentence
REASON, EFFECT = "reason_", "effect_"
OF_A_NUMBER = ("prediction", "lower", "upper")


@dataclass(frozen=True)
class Counts:
    """Counts of predictions; the counts of batches add up.

    Attributes:
        by_class: int64 (classes,), rows by decided class. A number: (1,), all rows.
        sums: float64 (columns,), sums of the predictions.
    """

    by_class: Counted
    sums: Counted

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.by_class + other.by_class, self.sums + other.sums)

    @property
    def rows(self) -> int:
        """Number of counted rows."""
        return int(self.by_class.sum())

    @property
    def means(self) -> list[float] | None:
        """The mean of each column; None where no row is counted."""
        return (self.sums / self.rows).tolist() if self.rows else None


class Answers:
    """The answers for more than two classes; subclasses answer the other tasks.

    A row has the probability of each class, and the decided class. The methods take predictions of
    `network.score.score`.

    Args:
        scorer: The network.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.schema, self.task = scorer, scorer.schema, scorer.schema.task

    @property
    def nothing(self) -> np.ndarray:
        """Predictions for zero rows."""
        return np.empty((0, len(self.task.classes)))

    @property
    def names(self) -> list[str]:
        """Name the columns that predictions are written to."""
        return list(self.arrow(self.nothing))

    @property
    def gives(self) -> str:
        """Say in words what the network predicts."""
        listed = ", ".join(map(repr, self.task.classes))
        return f"the probabilities of {self.schema.label} = {listed}"

    @property
    def rule(self) -> "Rule":
        """Return the decision rule, see `judging.measures.Rule`."""
        return self.scorer.calibration.costs

    @staticmethod
    def columns_of(task: Task) -> list[str]:
        """Return the names of the columns: probabilities, or a number and its interval."""
        return [f"probability_{value}" for value in task.classes]

    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Return predictions as columns by name, each float64 (rows,)."""
        columns = np.ascontiguousarray(np.atleast_2d(predictions.T))
        return dict(zip(self.columns_of(self.task), columns, strict=True))

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Return the decided class as the label's own value, or the number, (rows,)."""
        classes = self.task.classes
        is_one_type = len({*map(type, classes)}) == 1
        values = np.array(classes, None if is_one_type else object)
        return np.asarray(values[self._decided(predictions)])

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns that a program gets, by name."""
        return self.columns(predictions) | {"decision": self.values(predictions)}

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        """Return the columns that are written to files, by name."""
        columns = {name: pa.array(column) for name, column in self.columns(predictions).items()}
        return columns | {"decision": self._called(self._decided(predictions))}

    def count(self, predictions: np.ndarray) -> Counts:
        """Count predictions."""
        by_class = np.bincount(self._decided(predictions), minlength=len(self.task.classes))
        return Counts(by_class, np.atleast_1d(predictions.sum(0)))

    def manifest_fields(self) -> dict[str, Any]:
        """Return a manifest's fields for the task."""
        return {"task": CLASSES, "classes": self.task.classes}

    def summary_fields(self, counts: Counts) -> dict[str, Any]:
        """Return a summary's fields for the task and for counted predictions."""
        means = counts.means and self._named(counts.means)
        return {
            **self.manifest_fields(),
            "decisions": self._named(counts.by_class.tolist()),
            "means": means,
        }

    @staticmethod
    def outcome(summary: ScoringSummary) -> str:
        """Say how many rows each class got in a scoring, the commonest class first."""
        by_rows = sorted(summary.decisions.items(), key=lambda decision: -decision[1])
        class_counts = [f"{rows} as {label}" for label, rows in by_rows[:NAMED]]
        return f": {', '.join(class_counts)}{', …' if len(by_rows) > NAMED else ''}"

    def _decided(self, predictions: np.ndarray) -> np.ndarray:
        return decisions(predictions, self.scorer.calibration).astype(np.int32)

    def _named(self, values: Iterable[Any]) -> dict[str, Any]:
        return dict(zip(map(str, self.task.classes), values, strict=True))

    def _called(self, numbers: np.ndarray) -> pa.Array:
        """Return the classes with these numbers; text is stored once for each class."""
        column = pa.DictionaryArray.from_arrays(numbers, self._values)
        return column if pa.types.is_string(self._values.type) else column.dictionary_decode()

    @cached_property
    def _values(self) -> pa.Array:
        classes = self.task.classes
        mixed = any(isinstance(value, str) for value in classes)
        return pa.array([str(value) for value in classes] if mixed else classes)


class _TwoClasses(Answers):
    """The probability of the positive class, and the decided class."""

    nothing = np.empty(0)

    @property
    def gives(self) -> str:
        return f"the probability of {self.schema.label} = {self.schema.positive_class!r}"

    @property
    def rule(self) -> float:
        return self.scorer.calibration.threshold

    @staticmethod
    def columns_of(task: Task) -> list[str]:
        return ["probability"]

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        positive = self._called(np.ones(len(predictions), np.int32))
        probability, decision = super().arrow(predictions).values()
        return {"probability": probability, "positive_class": positive, "decision": decision}

    def manifest_fields(self) -> dict[str, Any]:
        schema = self.schema
        return {"positive_class": schema.positive_class, "negative_class": schema.negative_class}

    def summary_fields(self, counts: Counts) -> dict[str, Any]:
        return {
            "positive_class": self.schema.positive_class,
            "decisions": self._named(counts.by_class.tolist()),
            "decision_threshold": self.rule,
            "mean_probability": counts.means and counts.means[0],
        }

    @staticmethod
    def outcome(summary: ScoringSummary) -> str:
        counts = reversed(summary.decisions.items())
        decided = ", ".join(f"{rows} as {label}" for label, rows in counts)
        return f", probability of {summary.positive_class}: {decided}"


class _Number(Answers):
    """A number, and the ends of its interval."""

    nothing = np.empty((0, len(OF_A_NUMBER)))

    @property
    def gives(self) -> str:
        return f"the number {self.schema.label}"

    @staticmethod
    def columns_of(task: Task) -> list[str]:
        return [*OF_A_NUMBER]

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        return self.columns(predictions)

    def values(self, predictions: np.ndarray) -> np.ndarray:
        return np.asarray(predictions[:, 0])

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        return {name: pa.array(column) for name, column in self.columns(predictions).items()}

    def count(self, predictions: np.ndarray) -> Counts:
        return Counts(np.array([len(predictions)]), predictions.sum(0))

    def manifest_fields(self) -> dict[str, Any]:
        return {"task": NUMBER, "coverage": self.scorer.calibration.coverage}

    def summary_fields(self, counts: Counts) -> dict[str, Any]:
        means = counts.means and dict(zip(OF_A_NUMBER, counts.means, strict=True))
        return {**self.manifest_fields(), "means": means}

    @staticmethod
    def outcome(summary: ScoringSummary) -> str:
        mean = amount(summary.means[OF_A_NUMBER[0]]) if summary.means else "none"
        return f": mean prediction {mean}, intervals at {100 * (summary.coverage or 0):.4g} %"


ANSWERS: dict[Kind, type[Answers]] = {
    TWO_CLASSES: _TwoClasses,
    CLASSES: Answers,
    NUMBER: _Number,
}


def answers_of(scorer: Scorer) -> Answers:
    """Return the `Answers` of a network, by its task."""
    return ANSWERS[scorer.schema.task.kind](scorer)


def have_none(predictions: np.ndarray) -> np.ndarray:
    """Return which rows have no prediction, bool (rows,)."""
    return np.asarray(np.isnan(predictions if predictions.ndim == 1 else predictions[:, 0]))


def reason_columns(
    scorer: Scorer,
    sequences: Sequences,
    predictions: np.ndarray,
    count: int,
    many_rows: bool = False,
) -> dict[str, pa.Array]:
    """Return `count` columns `reason_1`, … and `effect_1`, …; null where there is no reason."""
    if not count:
        return {}
    row_reasons = reasons_of(scorer, sequences, predictions, count, many_rows)
    names, columns = pa.array(reason_names(scorer.schema)), {}
    for place in range(row_reasons.features.shape[1]):
        no_reason = row_reasons.features[:, place] < 0
        feature_numbers = pa.array(row_reasons.features[:, place].astype(np.int32), mask=no_reason)
        columns[f"{REASON}{place + 1}"] = pa.DictionaryArray.from_arrays(feature_numbers, names)
        columns[f"{EFFECT}{place + 1}"] = pa.array(row_reasons.effects[:, place], mask=no_reason)
    return columns
