"""The label: how cells are read, described and summarized, and how many are enough."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import LISTED, DataError, amount, counted, printable, shown
from tabular_lstm.frozen import Frozen, Share, unless
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import (
    ANY,
    EMPTY,
    Problems,
    arrow_texts,
    numbers_of,
    problems_at,
    read_numbers,
    texts,
)
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import Schema, scale
from tabular_lstm.task import Class, Task

# Label summary ------------------------------------------------------------------------------------

LETTERS = 30  # of a class


class LabelSummary(Frozen):
    """The labels of the valid rows; each row counts once.

    Attributes:
        kind: `number`, or `category` for classes.
        missing: Share of the rows without a label, always 0.
        mean: Mean of numbers, winsorized at the 1st and the 99th percentile; None for classes.
        deviation: Standard deviation, likewise; 0 if the label never varies.
        levels: The share of the rows by class, the commonest first.
        distinct: How many classes there are.
    """

    kind: Literal["number", "category"]
    missing: Share
    mean: float | None = unless(None)
    deviation: float | None = unless(None)
    levels: dict[str, Share] = unless({})
    distinct: int | None = unless(None)


def summarize_classes(names: pd.Series) -> LabelSummary:
    """Summarize the classes of rows."""
    shares = names.value_counts() / len(names)
    # Equally common classes are sorted by name, so that the order of the rows does not count.
    commonest = sorted(shares.items(), key=lambda level: (-level[1], str(level[0])))
    return LabelSummary(
        kind="category",
        missing=0.0,
        levels={shown(name, LETTERS): to_digits(share) for name, share in commonest},
        distinct=len(shares),
    )


def summarize_numbers(values: np.ndarray) -> LabelSummary:
    """Summarize the numbers of rows."""
    mean, variance = scale(values)
    varies = values.min() < values.max()
    return LabelSummary(
        kind="number",
        missing=0.0,
        mean=to_digits(mean, 7),
        deviation=to_digits(variance**0.5) if varies else 0.0,
    )


def to_digits(value: float, digits: int = 4) -> float:
    """Round to `digits` significant digits: equal data then give equal numbers on any processor."""
    return float(f"{value:.{digits}g}")


# Labels -------------------------------------------------------------------------------------------

# Classes that a message names before it counts the others.
NAMED = 5
# Fewest rows or groups of a class on a side.
LEAST = 2
SPLIT = "Add some, or change split."
GONE = (
    " Add some, or, if there will be none, take it out of columns.classes: a model of the other "
    "classes is then trained."
)

NEW_LABEL_ADVICE = (
    "; or, where the label is right, name its classes under columns.classes; or, if the label is a "
    "number now, write columns.task: number, in place of the classes"
)

Sides = Mapping[str, pd.DataFrame]


def are_unlabelled(cells: pd.Series, columns: ColumnsOptions | Schema) -> np.ndarray:
    """Tell which labels are missing, bool (rows,); a class named "none" or "NA" is not missing."""
    text = texts(cells).fillna("")
    missing = text.str.lower().isin(EMPTY) & ~text.isin(columns.task.classes)
    return missing.to_numpy(bool)


class ClassLabel:
    """A label of two classes or more.

    Attributes:
        name: The label's column.
        in_order: The classes by their numbers; of two, the positive one first.
        expected: What a label may be.
        new_label_advice: What to do if a label is right and is none of the classes.
    """

    def __init__(self, columns: ColumnsOptions | Schema) -> None:
        self.name, self.task, self.classes = columns.label, columns.task, columns.task.classes
        self.group: str | None = getattr(columns, "group", None)
        self.noun = "row" if self.group is None else "group"
        numbered = [*enumerate(self.classes)]
        self.in_order = dict(numbered[::-1] if self.task.has_threshold else numbered)
        self.expected = self._name_all("or")
        self.new_label_advice = "" if self.task.has_threshold else NEW_LABEL_ADVICE

    def _name_all(self, conjunction: str) -> str:
        """Name all classes, or the first few of many."""
        names = [*map(repr, self.in_order.values())]
        if (rest_count := len(names) - NAMED) > 1:
            names = [*names[:NAMED], f"one of {rest_count} others"]
        return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"

    def read(self, cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, Problems]:
        """Read labels that are not missing; a class that is a number matches in every spelling.

        Returns:
            int64 (rows,), the place of each label in `task.classes`, 0 if the label is not a class;
            and the problems.
        """
        places = {name: place for place, name in enumerate(self.classes) if isinstance(name, str)}
        labels = np.full(len(cells), -1, np.int64)
        if places:
            names = pa.array([*places], pa.large_string())
            # NULL of a database or of Parquet is an empty cell of a CSV.
            places_or_null = pc.index_in(arrow_texts(texts(cells).fillna("")), names)
            matches = places_or_null.fill_null(len(places))
            labels = np.array([*places.values(), -1])[matches.to_numpy(zero_copy_only=False)]
        if len(places) < len(self.classes):
            numbers, _ = numbers_of(cells, number_format)
            for place, name in enumerate(self.classes):
                if not isinstance(name, str):
                    labels[numbers == name] = place
        fault = f"is neither {self._name_all('nor')}"
        return np.maximum(labels, 0), problems_at(cells, labels < 0, fault, quoted=True)

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give the data summary's fields: the share of the positive class, or of each class."""
        if self.task.has_threshold:
            return {"label_share": float(labels.mean())}
        names = labels.map({place: str(name) for place, name in self.in_order.items()})
        return {"label": summarize_classes(names)}

    def described(self, labels: pd.Series) -> str:
        """Describe the labels of a side, as words after the number of its rows."""
        if self.task.has_threshold:
            return f"{100 * labels.mean():.1f} % of them positive"
        counts = labels.map(self.in_order).value_counts(normalize=True)
        named = zip(counts, map(repr, counts.index), strict=True)
        return f"of them {_first_names([f'{100 * share:.1f} % {name}' for share, name in named])}"

    def too_few(self, sides: Sides) -> tuple[str, str] | None:
        """Say why there are too few rows, and what may help (or ""); None if there are enough.

        The train side needs two rows, or groups, of each class; the test side needs two of at least
        two classes.
        """
        counts = {side: self._counts(rows) for side, rows in sides.items()}
        all_counts = [*counts.values()]
        absent = [repr(n) for n in all_counts[0] if not any(count[n] for count in all_counts)]
        if absent:
            gone = GONE if len(self.classes) - len(absent) > 1 else ""
            return (
                f"column '{self.name}': no usable row has the class {_first_names(absent)}; "
                f"expected some of each class.{gone}",
                "",
            )
        for side, side_counts in counts.items():
            rare_classes = [name for name, count in side_counts.items() if count < LEAST]
            if rare_classes and (side == "train" or len(self.classes) - len(rare_classes) < 2):
                count = counted(side_counts[rare_classes[0]], self.noun)
                return (
                    f"too few {self.noun}s to split: on the {side} side {count} with "
                    f"{self.name} = {rare_classes[0]!r}; expected at least {LEAST}.",
                    self._advice(rare_classes, all_counts),
                )
        return None

    def _advice(self, rare_classes: list[Class], counts: list[dict[Class, int]]) -> str:
        """Say what may help if a side has too few rows of some classes."""
        can_split = all(sum(count[name] for count in counts) >= LEAST for name in rare_classes)
        advice = SPLIT if can_split else "Add some."
        if len(rare_classes) > len(self.classes) - 2:
            return advice
        removal = f"take {_first_names([*map(repr, rare_classes)])} out of columns.classes"
        return f"{advice[:-1]}, or {removal}: such rows then go to quarantine."

    def _counts(self, rows: pd.DataFrame) -> dict[Class, int]:
        """Count the rows, or groups, of each class."""
        if self.group is not None:
            rows = rows.drop_duplicates([self.group, self.name])
        counts = np.bincount(rows[self.name].to_numpy(), minlength=len(self.classes))
        return {name: int(counts[place]) for place, name in self.in_order.items()}


class NumberLabel:
    """A label that is a number, see `ClassLabel`."""

    new_label_advice = ""
    expected = "a number"

    def __init__(self, columns: ColumnsOptions | Schema) -> None:
        self.name, self.bounds = columns.label, columns.bounds.get(columns.label, ANY)
        self.unit = columns.units.get(columns.label)
        self.group: str | None = getattr(columns, "group", None)
        self.noun = "row" if self.group is None else "group"

    def read(self, cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, Problems]:
        """Read labels that are not missing: float64 (rows,), NaN if not a number; and problems."""
        return read_numbers(cells, (), self.bounds, number_format.with_unit(self.unit))

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give mean and standard deviation."""
        return {"label": summarize_numbers(labels.to_numpy())}

    def described(self, labels: pd.Series) -> str:
        """Say their mean and their standard deviation."""
        mean, deviation = labels.mean(), labels.std(ddof=0)
        spread = f"with a standard deviation of {amount(deviation)}"
        return f"{self.name} {amount(mean)} on average, {spread}"

    def too_few(self, sides: Sides) -> tuple[str, str] | None:
        """Say why there are too few rows, and what may help, see `ClassLabel.too_few`."""
        group = self.group
        for side, rows in sides.items():
            count = len(rows) if group is None else rows[group].nunique()
            if count < LEAST:
                return (
                    f"too few {self.noun}s to split: {counted(count, self.noun)} on the {side} "
                    f"side; expected at least {LEAST}.",
                    SPLIT,
                )
        labels = sides["train"][self.name]
        if labels.min() < labels.max():
            return None
        return (
            f"column '{self.name}': all {len(labels)} labels of the train side are "
            f"{labels.iloc[0]:g}; expected different ones, to learn from.",
            "",
        )


def _first_names(names: list[str]) -> str:
    """Name the first ten, and how many more."""
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{rest}"


def labels_if_any(
    cells: pd.Series, columns: ColumnsOptions | Schema, number_format: NumberFormat
) -> tuple[np.ndarray, Problems]:
    """Read labels that may be missing: float64 (rows,), NaN if missing or unusable; problems."""
    labels = np.full(len(cells), np.nan)
    labelled_places = np.flatnonzero(~are_unlabelled(cells, columns))
    labels[labelled_places], problems = label_of(columns).read(
        cells.iloc[labelled_places], number_format
    )
    return labels, {int(labelled_places[place]): fault for place, fault in problems.items()}


def label_column(labels: pd.Series, task: Task) -> pd.DataFrame:
    """Return the columns `row` and `label`, which is a number or names the class on one line."""
    named = labels.map(dict(enumerate(map(printable, task.classes)))) if task.classes else labels
    return named.rename("label").rename_axis("row").reset_index()


def label_of(columns: ColumnsOptions | Schema) -> ClassLabel | NumberLabel:
    """Give the label that conf declares, or that a schema was learned for."""
    return ClassLabel(columns) if columns.task.classes else NumberLabel(columns)


def schema_fields(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
    """Give the schema's fields for the label, from the labels of the train rows."""
    if task.classes:
        return task.declared
    if labels is None:
        raise ValueError("expected the labels of a number")
    mean, variance = scale(labels)
    if variance**0.5 < np.finfo(np.float32).tiny:
        fault = f"The labels differ by {np.ptp(labels):g} at most"
        raise DataError(f"{fault}, too little to learn from: multiply them.")
    return {"target": {"mean": mean, "deviation": variance**0.5}}
