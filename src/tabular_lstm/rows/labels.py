"""The label of each task: how its cells are read, what is said of it, and whether rows suffice.

What rows do with a label of one task and not of another stands in the table at the end.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import LISTED, counted, shown
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Class, Columns, Task
from tabular_lstm.rows.cells import EMPTY, Problems, as_texts, problems_at, spelling, texts
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.numbers import ANY, numbers_of, read_numbers, rounded, scale

# Classes, rarer than those listed, that a message counts.
NAMED = 5
# Rows or groups of a class on a side.
LEAST = 2
# The share of the labelled rows from which on a value may be a class that conf lacks.
OFTEN = 0.05
SPELT = "but for case, blanks, Unicode form or zeros in front"

Sides = Mapping[str, pd.DataFrame]


def read_label(
    cells: pd.Series, columns: Columns, number_format: NumberFormat = POINT
) -> tuple[np.ndarray, Problems]:
    """Read the labels that are there.

    A class that is a number matches however written.

    Returns:
        int64 (rows,), the number of each one's class in `task.classes`, 0 where there is none; or
        float64 (rows,) of a label that is a number, NaN where there is none; and the problems.
    """
    return label_of(columns).read(cells, number_format)


def are_unlabelled(cells: pd.Series, columns: Columns) -> np.ndarray:
    """Tell which cells of the label are missing, bool (rows,): a class that is so called is not."""
    text = texts(cells).fillna("")
    missing = text.str.lower().isin(EMPTY) & ~text.isin(columns.task.classes)
    return np.asarray(missing, bool)


class _TwoClasses:
    """A label of two classes."""

    def __init__(self, columns: Columns) -> None:
        self.columns, self.name = columns, columns.label
        self.classes: tuple[Class, ...] = columns.task.classes

    @property
    def in_order(self) -> dict[int, Class]:
        """The classes by their numbers as people name them, the positive one first."""
        return dict(reversed([*enumerate(self.classes)]))

    @property
    def expected(self) -> str:
        """What a label may be."""
        return _listed([*self.in_order.values()], "or")

    def read(self, cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, Problems]:
        """See `read_label`."""
        labels = self._places(cells, number_format)
        return np.maximum(labels, 0), self._problems(cells, labels < 0)

    def _places(self, cells: pd.Series, number_format: NumberFormat) -> np.ndarray:
        """Give the number of each cell's class, -1 of none."""
        words = {name: place for place, name in enumerate(self.classes) if isinstance(name, str)}
        labels = np.full(len(cells), -1, np.int64)
        if words:
            known = pa.array([*words], pa.large_string())
            found = pc.index_in(as_texts(texts(cells)), known).fill_null(len(words))
            labels = np.array([*words.values(), -1])[found.to_numpy(zero_copy_only=False)]
        if len(words) < len(self.classes):
            numbers, _ = numbers_of(cells, number_format)
            for place, name in enumerate(self.classes):
                if not isinstance(name, str):
                    labels[numbers == name] = place
        return labels

    def _problems(self, cells: pd.Series, unknown: np.ndarray) -> Problems:
        fault = f"is neither {_listed([*self.in_order.values()], 'nor')}"
        return problems_at(cells, unknown, fault, quoted=True)

    def hints(self, quarantined: pd.Series, labelled: int) -> list[str]:
        """Say which values of quarantined cells are so common that they may be classes."""
        common = texts(quarantined).value_counts()
        common = common[common > OFTEN * labelled]
        others = pd.Series(common.index, dtype="str")
        unknown = self._places(others, POINT) < 0
        return [
            f"column '{self.name}': {value!r} stands in {common[value]} of {labelled} labelled "
            f"rows; if it is a class, {self._add(value)}"
            for value in others[unknown & ~self._spelt(others).notna().to_numpy()]
        ]

    def _spelt(self, cells: pd.Series) -> pd.Series:
        """Give the class that each cell is but for its spelling, a class that is text, or None."""
        by_spelling = {}
        words = [name for name in self.classes if isinstance(name, str)]
        if words:
            spelt = spelling(pa.array(words, pa.large_string())).to_pylist()
            by_spelling = dict(zip(spelt, words, strict=True))
        of_cells = spelling(as_texts(texts(cells).fillna(""))).to_pylist()
        return pd.Series([by_spelling.get(text) for text in of_cells], cells.index, dtype=object)

    def _add(self, value: str) -> str:
        return f"write columns.classes: {[*self.classes, value]} in place of the two"

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give what a data summary holds of the labels: `label_share`, or `label`."""
        return {"label_share": float(labels.mean())}

    def share(self, labels: pd.Series) -> str:
        """Say what the labels of a side are, to stand behind how many rows these are."""
        return f"{100 * labels.mean():.1f} % of them positive"

    @staticmethod
    def of_schema(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `of_schema`."""
        return dict(zip(("negative_class", "positive_class"), task.classes, strict=True))

    def too_few(self, sides: Sides) -> tuple[str, bool] | None:
        """Say why rows do not suffice, and whether more rows, spread otherwise, might; or None.

        Each class is on the train side, and two are on the test side, at least two rows or groups
        of each.
        """
        everywhere = np.concatenate([rows[self.name].unique() for rows in sides.values()])
        absent = [name for place, name in self.in_order.items() if place not in everywhere]
        if absent:
            return self._absent(absent), False
        noun = self._noun
        for side, rows in sides.items():
            few = [(count, name) for name, count in self._counts(rows).items() if count < LEAST]
            if few and (side == "train" or len(self.classes) - len(few) < LEAST):
                count, name = few[0]
                return (
                    f"too few {noun}s to split: on the {side} side {counted(count, noun)} with "
                    f"{self.name} = {name!r}; expected at least {LEAST}.",
                    True,
                )
        return None

    def few(self, test: pd.DataFrame) -> str | None:
        """Say of which classes the test side has too few rows to judge them; None where enough."""
        return None

    def _absent(self, absent: list[Class]) -> str:
        found = "one class only" if len(absent) == 1 else "no row that can be used"
        either = [*map(repr, self.in_order.values())]
        return (
            f"column '{self.name}': {found}; expected rows of {' and '.join(either)}, none is "
            f"{' or '.join(map(repr, absent))}."
        )

    @property
    def _noun(self) -> str:
        return "row" if self.columns.group is None else "group"

    def _counts(self, rows: pd.DataFrame) -> dict[Class, int]:
        """Count the rows, or groups, of each class."""
        known = (
            rows
            if self.columns.group is None
            else rows.drop_duplicates(
                [
                    self.columns.group,
                    self.name,
                ]
            )
        )
        counts = np.bincount(known[self.name], minlength=len(self.classes))
        return {name: int(counts[place]) for place, name in self.in_order.items()}


class _Classes(_TwoClasses):
    """A label of three classes or more."""

    @property
    def in_order(self) -> dict[int, Class]:
        """The classes by their numbers, in their order."""
        return dict(enumerate(self.classes))

    def _problems(self, cells: pd.Series, unknown: np.ndarray) -> Problems:
        problems = super()._problems(cells, unknown)
        for place, name in zip(problems, self._spelt(cells[unknown]), strict=True):
            if name is not None:
                problems[place] = f"'{shown(cells.iloc[place])}' is {name!r} {SPELT}"
        return problems

    def _add(self, value: str) -> str:
        return f"add {value!r} to columns.classes"

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give the shares of all classes, in their order."""
        counts = np.bincount(labels, minlength=len(self.classes)) / len(labels)
        levels = {str(name): rounded(counts[place]) for place, name in self.in_order.items()}
        return {
            "label": {"kind": "category", "missing": 0.0, "levels": levels, "distinct": len(levels)}
        }

    def share(self, labels: pd.Series) -> str:
        """Say the share of each class, the commonest first."""
        counts = labels.map(self.in_order).value_counts(normalize=True)
        said = [f"{100 * share:.1f} % {shown(name)}" for name, share in counts[:LISTED].items()]
        return ", ".join(said) + (f" and {len(counts) - LISTED} more" * (len(counts) > LISTED))

    @staticmethod
    def of_schema(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `of_schema`."""
        return {"classes": task.classes}

    def few(self, test: pd.DataFrame) -> str | None:
        """Say of which classes the test side has too few rows to judge them; None where enough."""
        few = [shown(repr(name)) for name, count in self._counts(test).items() if count < LEAST]
        if not few:
            return None
        more = f" and {len(few) - LISTED} more" if len(few) > LISTED else ""
        return (
            f"the test side has fewer than {LEAST} {self._noun}s of {', '.join(few[:LISTED])}"
            f"{more}, too few to judge a model on"
        )

    def _absent(self, absent: list[Class]) -> str:
        names = [shown(repr(name)) for name in absent]
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        return (
            f"column '{self.name}': no row of {', '.join(names[:LISTED])}{more} that can be used; "
            "expected some of each of columns.classes. Add some, or, if there will be none, take "
            "it out of columns.classes; a model with other classes is then trained."
        )


class _Number:
    """A label that is a number."""

    expected = "a number"

    def __init__(self, columns: Columns) -> None:
        self.columns, self.name = columns, columns.label

    def read(self, cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, Problems]:
        """See `read_label`."""
        return read_numbers(cells, (), self.columns.bounds.get(self.name, ANY), number_format)

    def hints(self, quarantined: pd.Series, labelled: int) -> list[str]:
        """Say nothing: a value that is no number is no class that is left out."""
        return []

    def summary(self, labels: pd.Series) -> dict[str, Any]:
        """Give mean and deviation, as those of a feature."""
        mean, variance = scale(labels.to_numpy())
        varies = labels.min() < labels.max()
        return {
            "label": {
                "kind": "number",
                "missing": 0.0,
                "mean": rounded(mean, 7),
                "deviation": rounded(variance**0.5) if varies else 0.0,
            }
        }

    def share(self, labels: pd.Series) -> str:
        """Say their mean and their standard deviation."""
        mean, deviation = labels.mean(), labels.std(ddof=0)
        return f"{self.name} {mean:.4g} on average, with a standard deviation of {deviation:.4g}"

    @staticmethod
    def of_schema(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
        """See `of_schema`."""
        if labels is None:
            raise ValueError("expected the labels of a number")
        mean, variance = scale(labels)
        return {"target": {"mean": mean, "deviation": variance**0.5}}

    def too_few(self, sides: Sides) -> tuple[str, bool] | None:
        """Say why rows do not suffice, and whether more rows might; or None where they do."""
        by = self.columns.group or self.name
        noun = "row" if self.columns.group is None else "group"
        for side, rows in sides.items():
            count = rows[by].nunique() if self.columns.group else len(rows)
            if count < LEAST:
                return (
                    f"too few {noun}s to split: {counted(count, noun)} on the {side} side; "
                    f"expected at least {LEAST}.",
                    True,
                )
        labels = sides["train"][self.name]
        if labels.min() == labels.max():
            return (
                f"column '{self.name}': all {len(labels)} labels of the train side are "
                f"{labels.iloc[0]:g}; expected different ones, of which something can be learned.",
                False,
            )
        return None

    def few(self, test: pd.DataFrame) -> str | None:
        """Say nothing: no number has rows of its own."""
        return None


def _listed(classes: list[Class], word: str) -> str:
    """Name the classes, the first few of many."""
    if len(classes) == 2:
        return f" {word} ".join(map(repr, classes))
    names = [shown(repr(name)) for name in classes[:NAMED]]
    if (more := len(classes) - NAMED) > 0:
        names.append(f"one of {more} others" if more > 1 else shown(repr(classes[-1])))
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


_BY_KIND: dict[str, type[_TwoClasses] | type[_Number]] = {
    TWO_CLASSES: _TwoClasses,
    CLASSES: _Classes,
    NUMBER: _Number,
}


def label_of(columns: Columns) -> _TwoClasses | _Number:
    """Give what rows do with the label that conf declares."""
    return _BY_KIND[columns.task.kind](columns)


def of_schema(task: Task, labels: np.ndarray | None) -> dict[str, Any]:
    """Give what a schema says of the label, by the labels of the train rows."""
    return _BY_KIND[task.kind].of_schema(task, labels)
