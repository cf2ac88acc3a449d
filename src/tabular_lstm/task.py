"""What a task is: its outputs, loss, metrics, words, and columns in files.

A task is to predict one of two classes, one of more classes, or a number. `TRAITS` has one entry
for each. Metrics are entries of `tabular_lstm.metrics`, and baselines are entries of
`tabular_lstm.judging.baselines`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BeforeValidator, StrictBool, StrictFloat, StrictInt, StrictStr

from tabular_lstm.errors import printable
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.metrics import METRICS, Metric

TaskKind = Literal["two classes", "classes", "number"]
TWO_CLASSES, CLASSES, NUMBER = get_args(TaskKind)


# YAML reads an unquoted yes or no as a boolean; strict types accept no boolean as text or number.
def _text_or_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("YAML reads an unquoted yes, no, true or false as a boolean; quote it")
    if not isinstance(value, int | float | str):
        raise ValueError("expected a text or a number; if this is one, quote it")
    return value


Value = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_text_or_number)]
Class = StrictBool | Value

# Tasks --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Traits:
    """What the tasks of one kind have in common.

    Attributes:
        words: What is predicted; {} stands for the number of classes.
        prediction, predictions: What a row's prediction is called, in singular and plural.
        loss: The loss used to compare epochs and kinds of members.
        loss_in_words: The label of an axis that shows the training loss.
        main: The metric that the verdict compares first.
        nothing: A metric, its value for a model without any information, and words for such a
            model.
        changed: Possible causes of a drop in performance.
        objectives: What decisions may optimize.
        not_a_label: How to describe cells that are not labels.
        figures: The names of the task's figures.
        calibration: The names of the calibration figure's axes.
        calibrated: What this figure shows, for the report.
        roc_auc: What the ROC AUC means, for the report.
    """

    words: str
    prediction: str
    predictions: str
    loss: str
    loss_in_words: str
    main: str
    nothing: tuple[str, float, str]
    changed: str
    objectives: tuple[str, ...]
    not_a_label: str
    figures: tuple[str, ...]
    calibration: tuple[str, str] = ("", "")
    calibrated: str = ""
    roc_auc: str = ""


_CLASSES: dict[str, Any] = {
    "prediction": "probability",
    "predictions": "probabilities",
    "loss": "log_loss",
    "main": "roc_auc",
    "nothing": ("roc_auc", 0.5, "chance"),
    "changed": "classes swapped or another unit",
}
TRAITS: dict[TaskKind, Traits] = {
    TWO_CLASSES: Traits(
        **_CLASSES,
        words="two classes",
        loss_in_words="binary cross-entropy",
        objectives=("accuracy", "f1", "costs"),
        not_a_label="of neither class",
        figures=(
            "roc_curve",
            "precision_recall_curve",
            "calibration_curve",
            "confusion_matrix",
        ),
        calibration=("predicted probability", "observed share of positives"),
        calibrated="of the rows with a probability of 30 %, 30 % are positive",
        roc_auc="How often a positive row gets a higher probability than a negative one",
    ),
    CLASSES: Traits(
        **_CLASSES,
        words="{} classes",
        loss_in_words="cross-entropy",
        objectives=("accuracy", "costs"),
        not_a_label="of no class",
        figures=("calibration_curve", "class_confusions"),
        calibration=("probability of the likeliest class", "share of rows that have it"),
        calibrated="of the rows whose likeliest class has a probability of 70 %, 70 % are of this "
        "class",
        roc_auc="How often a row of a class gets a higher probability of this class than a row of "
        "another class, averaged over the classes",
    ),
    NUMBER: Traits(
        words="a number",
        prediction="prediction",
        predictions="predictions",
        loss="quantile_loss",
        loss_in_words="quantile loss, in standard deviations",
        main="rmse",
        nothing=("r2", 0.0, "the mean of the labels"),
        changed="another unit",
        objectives=("mean", "median", "accuracy"),
        not_a_label="that are no number within bounds",
        figures=("predicted_and_true",),
    ),
}


# R² squares errors, so a median may score worse than the mean of the labels.
MEDIAN = replace(TRAITS[NUMBER], main="mae", nothing=("r2", -np.inf, "the mean of the labels"))


class Task(Frozen):
    """What is predicted.

    Attributes:
        kind: `two classes`; `classes`, three or more; or `number`.
        classes: The label's values. In valid rows, a value is replaced by its place here; with two
            classes, the negative one becomes 0 and the positive one 1. Empty for a number.
        median: Whether a number's median is predicted instead of its mean. Default: no.
    """

    kind: TaskKind
    classes: tuple[Class, ...] = ()
    median: bool = unless(False)

    @classmethod
    def of_classes(cls, classes: Sequence[Class]) -> "Task":
        """Make the task of predicting one of these classes, two or more."""
        return cls(kind=TWO_CLASSES if len(classes) == 2 else CLASSES, classes=tuple(classes))

    @classmethod
    def of_number(cls, median: bool = False) -> "Task":
        """Make the task of predicting a number."""
        return cls(kind=NUMBER, median=median)

    @property
    def traits(self) -> Traits:
        """Return what all tasks of this kind have in common."""
        return MEDIAN if self.median else TRAITS[self.kind]

    @property
    def in_words(self) -> str:
        """Say in words what is predicted."""
        return self.traits.words.format(len(self.classes))

    @property
    def declared(self) -> dict[str, Any]:
        """Return the task as declared in the block `columns`."""
        if self.kind == NUMBER:
            return {"task": NUMBER}
        if self.has_threshold:
            return dict(zip(("negative_class", "positive_class"), self.classes, strict=True))
        return {"classes": [*self.classes]}

    @property
    def outputs(self) -> int:
        """Number of outputs of the network per row: see `network.outputs`."""
        return {TWO_CLASSES: 1, CLASSES: len(self.classes), NUMBER: 5}[self.kind]

    @property
    def has_threshold(self) -> bool:
        """Return whether a threshold decides which rows are positive: those at or above it."""
        return self.kind == "two classes"

    @property
    def class_values(self) -> np.ndarray:
        """Return the classes as an array (classes,), of Python objects if their types differ."""
        is_one_type = len({*map(type, self.classes)}) == 1
        return np.array(self.classes, None if is_one_type else object)

    @property
    def main_columns(self) -> dict[str, int]:
        """Return the column of each main prediction by name; with two classes there is only one.

        Predictions are (rows, classes) or, for a number, (rows, 3): see `network.outputs`.
        """
        if self.kind == NUMBER:
            return {"prediction": 0}
        return {
            f"probability of {name}": place
            for place, name in enumerate(self.classes)
            if place or not self.has_threshold
        }

    @property
    def columns(self) -> list[str]:
        """Return the prediction columns in files; with two classes, only the positive one's."""
        if self.kind == NUMBER:
            return ["prediction", "lower", "upper"]
        if self.has_threshold:
            return ["probability"]
        return [f"probability_{name}" for name in self.classes]

    def to_file(self, predictions: np.ndarray) -> np.ndarray:
        """Reduce predictions to the columns that files have: (rows, columns)."""
        return predictions[:, 1:] if self.has_threshold else predictions

    def from_file(self, columns: np.ndarray) -> np.ndarray:
        """Restore predictions from the columns of a file, (rows, columns)."""
        return np.hstack([1 - columns, columns]) if self.has_threshold else columns

    def to_columns(self, model: str, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """Name the columns of a model's predictions in a table of several models."""
        if self.kind == NUMBER:
            endings = ["", "_lower", "_upper"]
        elif self.has_threshold:
            endings = [""]
        else:
            endings = [f"_{printable(name)}" for name in self.classes]
        columns = self.to_file(predictions).T
        return {model + end: column for end, column in zip(endings, columns, strict=True)}

    def from_columns(self, table: Any, model: str) -> np.ndarray:
        """Read a model's predictions from a table, a pandas frame; see `to_columns`.

        Only the order of its columns matters: 0.1.0 wrote class numbers in their names.
        """
        columns = [name for name in map(str, table) if f"{name}_".startswith(f"{model}_")]
        return self.from_file(table[columns].to_numpy(np.float64))

    @property
    def told_by(self) -> str:
        """Return the name of the measure of how well features predict the label."""
        return METRICS[self.traits.nothing[0]].words

    @property
    def metrics(self) -> dict[str, Metric]:
        """Return the metrics that have intervals, by name."""
        is_number = self.kind == NUMBER
        return {name: metric for name, metric in METRICS.items() if metric.for_numbers == is_number}

    @property
    def compared(self) -> list[str]:
        """Return the metrics that the gate compares, see `Metric.tolerance`; MAE for a median."""
        named = [name for name, metric in self.metrics.items() if metric.tolerance is not None]
        return [self.traits.main] if self.median else named

    @property
    def shown(self) -> list[str]:
        """Return the metrics in the order in which the report and its figures show them.

        The main metric comes first, then the others that the gate compares, then the rest.
        """
        return [*dict.fromkeys([self.traits.main, *self.compared, *self.metrics])]
