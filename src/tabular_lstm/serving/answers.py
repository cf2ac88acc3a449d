"""Answers: how predictions are written, counted and called, by the task; `answers_of` chooses."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tabular_lstm.network.outputs import decisions
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Kind
from tabular_lstm.rows.schema import Target

if TYPE_CHECKING:
    from tabular_lstm.serving.scoring_summary import ScoringSummary

BINS = 50
REACH = 4.0  # standard deviations of the label from its mean to the ends of a histogram
NAMED = 5  # classes in a sentence


@dataclass(frozen=True)
class Counts:
    """What is counted of predictions; the counts of batches add up.

    Attributes:
        histograms: int64 (classes, 50), rows by the class that was decided on and, from 0 to 1, by
            its probability, of two classes by that of the positive one; or (1, 50), rows by the
            number that was predicted, see `Number.range`.
        sums: float64 (columns,), of the predictions.
        lowest: Of the first column; `highest` likewise.
    """

    histograms: np.ndarray
    sums: np.ndarray
    lowest: float
    highest: float

    @classmethod
    def of(cls, predictions: np.ndarray, histograms: np.ndarray) -> "Counts":
        """Add the sums and the ends of predictions to their histograms."""
        first = predictions.reshape(len(predictions), -1)[:, :1]
        lowest, highest = float(first.min(initial=np.inf)), float(first.max(initial=-np.inf))
        return cls(histograms, np.atleast_1d(predictions.sum(0)), lowest, highest)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.histograms + other.histograms,
            self.sums + other.sums,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )

    @property
    def rows(self) -> int:
        """Rows that are counted."""
        return int(self.histograms.sum())

    @property
    def means(self) -> list[float] | None:
        """The mean of each column; None where no row is counted."""
        return (self.sums / self.rows).tolist() if self.rows else None


class Answers(ABC):
    """What a network's predictions say. Its methods take predictions as `score` gives them."""

    nothing: np.ndarray  # the predictions of no rows

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.schema = scorer, scorer.schema

    @property
    def names(self) -> list[str]:
        """Name the columns that predictions are written to."""
        return list(self.arrow(self.nothing))

    @property
    def rule(self) -> float | tuple[tuple[float, ...], ...] | None:
        """Give what decides: the threshold of two classes; of more the costs, if they differ."""
        return self.scorer.calibration.costs

    @property
    @abstractmethod
    def gives(self) -> str:
        """Say what the network gives."""

    @abstractmethod
    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Name the columns of predictions, each float64 (rows,)."""

    @abstractmethod
    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Give the label's value that is decided on, or the number, (rows,)."""

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Give the columns that a program gets, by name."""
        return self.columns(predictions)

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        """Give the columns that predictions are written to, by name."""
        return {name: pa.array(column) for name, column in self.columns(predictions).items()}

    @abstractmethod
    def count(self, predictions: np.ndarray) -> Counts:
        """Count predictions."""

    @abstractmethod
    def of_manifest(self) -> dict[str, Any]:
        """Give what a manifest says of the task."""

    @abstractmethod
    def of_summary(self, counts: Counts) -> dict[str, Any]:
        """Give what a summary says of the task, and of predictions that were counted."""

    @staticmethod
    @abstractmethod
    def outcome(summary: "ScoringSummary") -> str:
        """Say what the rows of a scoring were called."""


class Classes(Answers):
    """A probability of each class, and the class that is decided on."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(scorer)
        self.classes = self.schema.task.classes
        self.nothing = np.empty((0, len(self.classes)))

    @property
    def gives(self) -> str:
        """Name the classes."""
        listed = ", ".join(map(repr, self.classes))
        return f"the probabilities of {self.schema.label} = {listed}"

    def decided(self, predictions: np.ndarray) -> np.ndarray:
        """Give the number of the class that is decided on, int32 (rows,)."""
        return decisions(predictions, self.scorer.calibration).astype(np.int32)

    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Give `probability_<class>` of each class."""
        names = [f"probability_{value}" for value in self.classes]
        return dict(zip(names, np.ascontiguousarray(predictions.T), strict=True))

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Give the label's own values, of their own type."""
        of_one_type = len({*map(type, self.classes)}) == 1
        values = np.array(self.classes, None if of_one_type else object)
        return np.asarray(values[self.decided(predictions)])

    def frame(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Add the decision."""
        return self.columns(predictions) | {"decision": self.values(predictions)}

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        """Add the decision."""
        return super().arrow(predictions) | {"decision": self._called(self.decided(predictions))}

    def count(self, predictions: np.ndarray) -> Counts:
        """Count rows by decision and probability."""
        decided = self.decided(predictions)
        by = self._counted_by(predictions, decided)
        by_class = [by[decided == number] for number in range(len(self.classes))]
        histograms = [np.histogram(of_class, BINS, (0, 1))[0] for of_class in by_class]
        return Counts.of(predictions, np.stack(histograms))

    def of_manifest(self) -> dict[str, Any]:
        """Name the classes, in the order of their numbers."""
        return {"task": CLASSES, "classes": self.classes}

    def of_summary(self, counts: Counts) -> dict[str, Any]:
        """Give rows and mean probability of each class."""
        means = counts.means and dict(zip(map(str, self.classes), counts.means, strict=True))
        return {**self.of_manifest(), **self._by_class(counts), "means": means}

    @staticmethod
    def outcome(summary: "ScoringSummary") -> str:
        """Count the commonest decisions, and the others together."""
        by_rows = sorted(summary.decisions.items(), key=lambda decision: -decision[1])
        said = [f"{rows} as {label}" for label, rows in by_rows[:NAMED]]
        if others := by_rows[NAMED:]:
            said.append(f"{sum(rows for _, rows in others)} as one of {len(others)} others")
        return f": {', '.join(said)}"

    def _counted_by(self, predictions: np.ndarray, decided: np.ndarray) -> np.ndarray:
        return np.asarray(np.take_along_axis(predictions, decided[:, None], 1)[:, 0])

    def _by_class(self, counts: Counts) -> dict[str, Any]:
        by_class = dict(zip(map(str, self.classes), counts.histograms.tolist(), strict=True))
        decisions = {label: sum(rows) for label, rows in by_class.items()}
        return {"decisions": decisions, "histograms": by_class}

    def _called(self, numbers: np.ndarray) -> pa.Array:
        column = pa.DictionaryArray.from_arrays(numbers, self._values)
        # Text is kept once, anything else as it is.
        return column if pa.types.is_string(self._values.type) else column.dictionary_decode()

    @cached_property
    def _values(self) -> pa.Array:
        mixed = any(isinstance(value, str) for value in self.classes)
        return pa.array([str(value) for value in self.classes] if mixed else self.classes)


class TwoClasses(Classes):
    """The probability of the positive class, and the class that is decided on."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(scorer)
        self.nothing = np.empty(0)

    @property
    def gives(self) -> str:
        """Name the positive class."""
        return f"the probability of {self.schema.label} = {self.schema.positive_class!r}"

    @property
    def rule(self) -> float:
        """Give the probability from which a row is called positive."""
        return self.scorer.calibration.threshold

    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Give the one probability."""
        return {"probability": predictions}

    def arrow(self, predictions: np.ndarray) -> dict[str, pa.Array]:
        """Say whose probability it is, too."""
        positive = self._called(np.ones(len(predictions), np.int32))
        columns = super().arrow(predictions)
        return {"probability": columns["probability"], "positive_class": positive, **columns}

    def of_manifest(self) -> dict[str, Any]:
        """Name the classes."""
        schema = self.schema
        return {"positive_class": schema.positive_class, "negative_class": schema.negative_class}

    def of_summary(self, counts: Counts) -> dict[str, Any]:
        """Give the rows of each class, and the mean probability."""
        return {
            "positive_class": self.schema.positive_class,
            **self._by_class(counts),
            "decision_threshold": self.rule,
            "mean_probability": counts.means and counts.means[0],
        }

    @staticmethod
    def outcome(summary: "ScoringSummary") -> str:
        """Count the decisions, the positive one first."""
        counts = reversed(summary.decisions.items())
        decided = ", ".join(f"{rows} as {label}" for label, rows in counts)
        return f", probability of {summary.positive_class}: {decided}"

    def _counted_by(self, predictions: np.ndarray, decided: np.ndarray) -> np.ndarray:
        return predictions


class Number(Answers):
    """A number, and the ends of its interval."""

    nothing = np.empty((0, 3))

    @property
    def gives(self) -> str:
        """Name the label."""
        return f"the number {self.schema.label}"

    @property
    def range(self) -> tuple[float, float]:
        """Give the ends of the histogram; what lies beyond is in its first or its last bin."""
        mean, reach = self._target.mean, REACH * self._target.deviation
        return mean - reach, mean + reach

    def columns(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Give the number, and the ends."""
        names = ("prediction", "lower", "upper")
        return dict(zip(names, np.ascontiguousarray(predictions.T), strict=True))

    def values(self, predictions: np.ndarray) -> np.ndarray:
        """Give the number alone."""
        return np.asarray(predictions[:, 0])

    def count(self, predictions: np.ndarray) -> Counts:
        """Count rows by the number, in deviations: far from 0 the bins would be no numbers."""
        away = (predictions[:, 0] - self._target.mean) / self._target.deviation
        rows, _ = np.histogram(away.clip(-REACH, REACH), BINS, (-REACH, REACH))
        return Counts.of(predictions, rows[None])

    def of_manifest(self) -> dict[str, Any]:
        """Give the declared rate of the intervals."""
        return {"task": NUMBER, "coverage": self.scorer.calibration.coverage}

    def of_summary(self, counts: Counts) -> dict[str, Any]:
        """Give the means, the lowest and the highest number, and the histogram with its ends."""
        means = counts.means and dict(zip(self.names, counts.means, strict=True))
        return {
            **self.of_manifest(),
            "histograms": {"prediction": counts.histograms[0].tolist()},
            "histogram_range": self.range,
            "means": means,
            "prediction_range": (counts.lowest, counts.highest) if counts.rows else None,
        }

    @staticmethod
    def outcome(summary: "ScoringSummary") -> str:
        """Say where the numbers lie."""
        if summary.prediction_range is None or summary.means is None:
            return ": no predictions"
        low, high = (f"{end:.4g}" for end in summary.prediction_range)
        return (
            f": predictions from {low} to {high}, mean {summary.means['prediction']:.4g}, "
            f"intervals at {100 * (summary.coverage or 0):.4g} %"
        )

    @property
    def _target(self) -> Target:
        if self.schema.target is None:
            raise ValueError("Expected the schema of a label that is a number.")
        return self.schema.target


ANSWERS: dict[Kind, type[Answers]] = {
    TWO_CLASSES: TwoClasses,
    CLASSES: Classes,
    NUMBER: Number,
}


def have_none(predictions: np.ndarray) -> np.ndarray:
    """Tell which rows a network gives no prediction, bool (rows,)."""
    return np.isnan(predictions.reshape(len(predictions), -1)[:, 0])


def answers_of(scorer: Scorer) -> Answers:
    """Tell what a network's predictions say, by its task."""
    return ANSWERS[scorer.schema.task.kind](scorer)
