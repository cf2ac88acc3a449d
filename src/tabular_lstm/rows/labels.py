"""The label of each task: how cells are read, described and summarized, and how many are enough.

`_BY_KIND` gives the Python class for each task.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import LISTED, DataError, amount, counted, printable, shown
from tabular_lstm.frozen import Frozen, Share, unless
from tabular_lstm.parameters.columns import (
    CLASSES,
    NUMBER,
    TWO_CLASSES,
    Class,
    ColumnsOptions,
    Task,
)
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
        levels={shown(name, LETTERS): rounded(share) for name, share in commonest},
        distinct=len(shares),
    )


def summarize_numbers(values: np.ndarray) -> LabelSummary:
    """Summarize the numbers of rows."""
    mean, variance = scale(values)
    varies = values.min() < values.max()
    return LabelSummary(
        kind="number",
        missing=0.0,
        mean=rounded(mean, 7),
        deviation=rounded(variance**0.5) if varies else 0.0,
    )


def rounded(value: float, digits: int = 4) -> float:
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

Sides = Mapping[str, pd.DataFrame]


def are_unlabelled(cells: pd.Series, columns: ColumnsOptions | Schema) -> np.ndarray:
    """Tell which labels are missing, bool (rows,); a class named "none" or "NA" is not missing."""
    text = texts(cells).fillna("")
    missing = text.str.lower().isin(EMPTY) & ~text.isin(columns.task.classes)
    return missing.to_numpy(bool)


class _Label:
    """What the tasks have in common."""

    def __init__(self, columns: ColumnsOptions | Schema) -> None:
        self.name, self.bounds = columns.label, columns.bounds.get(columns.label, ANY)
        self.unit = columns.units.get(columns.label)
        self.classes: tuple[Class, ...] = columns.task.classes
        self.group: str | None = getattr(columns, "group", None)
        self.noun = "row" if self.group is None else "group"


class _TwoClasses(_Label):
    """A label of two classes."""

    new_label_advice = ""  # what to do if a label is right and is none of the classes

    @property
    def in_order(self) -> dict[int, Class]:
        """The classes by their numbers, the positive class first."""
        return dict(reversed([*enumerate(self.classes)]))

    @property
    def expected(self) -> str:
        """What a label may be."""
        return _listed([*map(repr, self.in_order.values())], "or")

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
        fault = f"is neither {_listed([*map(repr, self.in_order.values())], 'nor')}"
        return np.maximum(labels, 0), problems_at(cells, labels < 0, fault, quoted=True)

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give the data summary's fields for the labels of both sides."""
        return {"label_share": float(labels.mean())}

    def described(self, labels: pd.Series) -> str:
        """Describe the labels of a side, as words after the number of its rows."""
        return f"{100 * labels.mean():.1f} % of them positive"

    @staticmethod
    def schema_fields(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `schema_fields`."""
        return dict(zip(("negative_class", "positive_class"), task.classes, strict=True))

    def too_few(self, sides: Sides) -> tuple[str, str] | None:
        """Say why there are too few rows, and what may help (or ""); None if there are enough.

        The train side needs two rows, or groups, of each class; the test side needs two of at least
        two classes.
        """
        counts = {side: self._counts(rows) for side, rows in sides.items()}
        all_counts = [*counts.values()]
        absent_classes = [
            name for name in all_counts[0] if not any(count[name] for count in all_counts)
        ]
        if absent_classes:
            return self._absence([*map(repr, absent_classes)]), ""
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

    def _absence(self, absent: list[str]) -> str:
        return (
            f"column '{self.name}': no usable row has the class {_first_names(absent)}; expected "
            f"some of each class.{GONE if len(self.classes) - len(absent) > 1 else ''}"
        )

    def _counts(self, rows: pd.DataFrame) -> dict[Class, int]:
        """Count the rows, or groups, of each class."""
        if self.group is not None:
            rows = rows.drop_duplicates([self.group, self.name])
        counts = np.bincount(rows[self.name].to_numpy(), minlength=len(self.classes))
        return {name: int(counts[place]) for place, name in self.in_order.items()}


class _Classes(_TwoClasses):
    """A label of three classes or more."""

    new_label_advice = (
        "; or, where the label is right, name its classes under columns.classes; or, if the label "
        "is a number now, write columns.task: number, in place of the classes"
    )

    @property
    def in_order(self) -> dict[int, Class]:
        """The classes by their numbers, in their order."""
        return dict(enumerate(self.classes))

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give the share of each class."""
        names = labels.map({place: str(name) for place, name in self.in_order.items()})
        return {"label": summarize_classes(names)}

    def described(self, labels: pd.Series) -> str:
        """Say the share of each class, the commonest first."""
        counts = labels.map(self.in_order).value_counts(normalize=True)
        named = zip(counts, map(repr, counts.index), strict=True)
        return f"of them {_first_names([f'{100 * share:.1f} % {name}' for share, name in named])}"

    @staticmethod
    def schema_fields(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `schema_fields`."""
        return {"classes": task.classes}


class _Number(_Label):
    """A label that is a number."""

    new_label_advice = ""
    expected = "a number"

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

    @staticmethod
    def schema_fields(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `schema_fields`."""
        if labels is None:
            raise ValueError("expected the labels of a number")
        mean, variance = scale(labels)
        if variance**0.5 < np.finfo(np.float32).tiny:
            fault = f"The labels differ by {np.ptp(labels):g} at most"
            raise DataError(f"{fault}, too little to learn from: multiply them.")
        return {"target": {"mean": mean, "deviation": variance**0.5}}

    def too_few(self, sides: Sides) -> tuple[str, str] | None:
        """Say why there are too few rows, and what may help, see `_TwoClasses.too_few`."""
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


def _listed(names: list[str], conjunction: str) -> str:
    """Name all, or the first few of many."""
    if (rest_count := len(names) - NAMED) > 1:
        names = [*names[:NAMED], f"one of {rest_count} others"]
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


_BY_KIND: dict[str, type[_TwoClasses] | type[_Number]] = {
    TWO_CLASSES: _TwoClasses,
    CLASSES: _Classes,
    NUMBER: _Number,
}


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


def label_of(columns: ColumnsOptions | Schema) -> _TwoClasses | _Number:
    """Give the label that conf declares, or that a schema was learned for."""
    return _BY_KIND[columns.task.kind](columns)


def schema_fields(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
    """Give the schema's fields for the label, from the labels of the train rows."""
    return _BY_KIND[task.kind].schema_fields(task, labels)
