"""Answers: how predictions are written, counted and named; `answers_of` chooses by the task."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tabular_lstm.monitoring.reference import Counted
from tabular_lstm.network.outputs import decisions
from tabular_lstm.network.own_network import SavedNetwork
from tabular_lstm.network.reasons import reason_names, reasons_of
from tabular_lstm.rows.histories import Sequences

if TYPE_CHECKING:
    from tabular_lstm.judging.model_metrics import Rule

REASON, EFFECT = "reason_", "effect_"


@dataclass(frozen=True)
class PredictionCounts:
    """Counts of predictions; the counts of batches add up.

    Attributes:
        by_class: int64 (classes,), rows by decided class. A number: (1,), all rows.
        sums: float64 (columns,), sums of the predictions.
    """

    by_class: Counted
    sums: Counted

    def __add__(self, other: "PredictionCounts") -> "PredictionCounts":
        return PredictionCounts(self.by_class + other.by_class, self.sums + other.sums)

    @property
    def rows(self) -> int:
        """Number of counted rows."""
        return int(self.by_class.sum())

    @property
    def means(self) -> list[float] | None:
        """The mean of each column; None where no row is counted."""
        return (self.sums / self.rows).tolist() if self.rows else None


class Answers:
    """How predictions of classes are written, counted and named; `_NumberAnswers` is for a number.

    The methods take predictions of `network.score.score`.

    Args:
        scorer: The network.
    """

    def __init__(self, scorer: SavedNetwork) -> None:
        self.scorer, self.schema, self.task = scorer, scorer.schema, scorer.schema.task

    @property
    def nothing(self) -> np.ndarray:
        """Predictions for zero rows."""
        return np.empty((0, len(self.task.classes) or len(self.task.columns)))

    @property
    def names(self) -> list[str]:
        """Name the columns that predictions are written to."""
        return list(self.arrow(self.nothing))

    @property
    def gives(self) -> str:
        """Say in words what the network predicts."""
        if self.task.has_threshold:
            return f"the probability of {self.schema.label} = {self.schema.positive_class!r}"
        listed = ", ".join(map(repr, self.task.classes))
        return f"the probabilities of {self.schema.label} = {listed}"

    @property
    def rule(self) -> "Rule":
        """Return the decision rule, see `judging.model_metrics.Rule`."""
        calibration = self.scorer.calibration
        return calibration.threshold if self.task.has_threshold else calibration.costs

    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Return predictions as columns by name, each float64 (rows,)."""
        columns = np.ascontiguousarray(self.task.to_file(predictions).T)
        return dict(zip(self.task.columns, columns, strict=True))

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Return each row's answer, (rows,): the decided class, as the label's own value.

        `_NumberAnswers` returns the predicted number.
        """
        return np.asarray(self.task.class_values[self._decided(predictions)])

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns that a program gets, by name."""
        return self.columns(predictions) | {"decision": self.values(predictions)}

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        """Return the columns that are written to files, by name."""
        columns = {name: pa.array(column) for name, column in self.columns(predictions).items()}
        if self.task.has_threshold:
            columns["positive_class"] = self._called(np.ones(len(predictions), np.int32))
        return columns | {"decision": self._called(self._decided(predictions))}

    def count(self, predictions: np.ndarray) -> PredictionCounts:
        """Count predictions."""
        by_class = np.bincount(self._decided(predictions), minlength=len(self.task.classes))
        return PredictionCounts(by_class, self.task.to_file(predictions).sum(0))

    def manifest_fields(self) -> dict[str, Any]:
        """Return a manifest's fields for the task."""
        # Manifests of version 0.1.0 name no task.
        return ({} if self.task.has_threshold else {"task": self.task.kind}) | self.task.declared

    def summary_fields(self, counts: PredictionCounts) -> dict[str, Any]:
        """Return a summary's fields for the task and for counted predictions."""
        decisions = {"decisions": self._by_class(counts.by_class.tolist())}
        if self.task.has_threshold:
            return {
                "positive_class": self.schema.positive_class,
                **decisions,
                "decision_threshold": self.rule,
                "mean_probability": counts.means and counts.means[0],
            }
        means = counts.means and self._by_class(counts.means)
        return {**self.manifest_fields(), **decisions, "means": means}

    def _decided(self, predictions: np.ndarray) -> np.ndarray:
        return decisions(predictions, self.scorer.calibration).astype(np.int32)

    def _by_class(self, values: Iterable[Any]) -> dict[str, Any]:
        return dict(zip(map(str, self.task.classes), values, strict=True))

    def _called(self, numbers: np.ndarray) -> pa.Array:
        """Return the classes with these numbers; text is stored once for each class."""
        column = pa.DictionaryArray.from_arrays(numbers, self._class_names)
        is_text = pa.types.is_string(self._class_names.type)
        return column if is_text else column.dictionary_decode()

    @cached_property
    def _class_names(self) -> pa.Array:
        classes = self.task.classes
        mixed = any(isinstance(value, str) for value in classes)
        return pa.array([str(value) for value in classes] if mixed else classes)


class _NumberAnswers(Answers):
    """A number, and the ends of its interval."""

    @property
    def gives(self) -> str:
        return f"the number {self.schema.label}"

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        return self.columns(predictions)

    def values(self, predictions: np.ndarray) -> np.ndarray:
        return np.asarray(predictions[:, 0])

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        return {name: pa.array(column) for name, column in self.columns(predictions).items()}

    def count(self, predictions: np.ndarray) -> PredictionCounts:
        return PredictionCounts(np.array([len(predictions)]), predictions.sum(0))

    def manifest_fields(self) -> dict[str, Any]:
        return {"task": self.task.kind, "coverage": self.scorer.calibration.coverage}

    def summary_fields(self, counts: PredictionCounts) -> dict[str, Any]:
        means = counts.means and dict(zip(self.task.columns, counts.means, strict=True))
        return {**self.manifest_fields(), "means": means}


def answers_of(scorer: SavedNetwork) -> Answers:
    """Return the `Answers` of a network, by its task."""
    return Answers(scorer) if scorer.schema.task.classes else _NumberAnswers(scorer)


def have_none(predictions: np.ndarray) -> np.ndarray:
    """Return which rows have no prediction, bool (rows,)."""
    return np.asarray(np.isnan(predictions[:, 0]))


def reason_columns(
    scorer: SavedNetwork,
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
