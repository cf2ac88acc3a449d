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
    EMPTY,
    Problems,
    arrow_texts,
    numbers_of,
    problems_at,
    read_numbers,
    texts,
)
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import ANY, Bounds, Schema, scale
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


def are_unlabelled(cells: pd.Series, columns: ColumnsOptions | Schema) -> np.ndarray:
    """Return which labels are missing, bool (rows,); a class named "none" or "NA" is not."""
    text = texts(cells).fillna("")
    missing = text.str.lower().isin(EMPTY) & ~text.isin(columns.task.classes)
    return missing.to_numpy(bool)


def read_label_cells(
    cells: pd.Series, columns: ColumnsOptions | Schema, number_format: NumberFormat
) -> tuple[np.ndarray, Problems]:
    """Read labels that are not missing; and what is wrong with cells.

    Returns:
        int64 (rows,), the place of each label in `task.classes`, 0 if the label is not a class; or
        float64 (rows,), the number, NaN if it is not a number. And the problems.
    """
    if columns.task.classes:
        return _read_classes(cells, columns.task, number_format)
    bounds, unit = columns.bounds.get(columns.label, ANY), columns.units.get(columns.label)
    return read_numbers(cells, (), bounds, number_format.with_unit(unit))


def _read_classes(
    cells: pd.Series, task: Task, number_format: NumberFormat
) -> tuple[np.ndarray, Problems]:
    """Read classes; a class that is a number matches in every spelling."""
    places = {name: place for place, name in enumerate(task.classes) if isinstance(name, str)}
    labels = np.full(len(cells), -1, np.int64)
    if places:
        names = pa.array([*places], pa.large_string())
        # NULL of a database or of Parquet is an empty cell of a CSV.
        places_or_null = pc.index_in(arrow_texts(texts(cells).fillna("")), names)
        matches = places_or_null.fill_null(len(places))
        labels = np.array([*places.values(), -1])[matches.to_numpy(zero_copy_only=False)]
    if len(places) < len(task.classes):
        numbers, _ = numbers_of(cells, number_format)
        for place, name in enumerate(task.classes):
            if not isinstance(name, str):
                labels[numbers == name] = place
    expected = [repr(name) for name in _numbered_classes(task).values()]
    if len(expected) > NAMED + 1:
        expected = [*expected[:NAMED], f"one of {len(expected) - NAMED} others"]
    fault = f"is neither {', '.join(expected[:-1])} nor {expected[-1]}"
    return np.maximum(labels, 0), problems_at(cells, labels < 0, fault, quoted=True)


def _numbered_classes(task: Task) -> dict[int, Class]:
    """Return the classes by number, in the order of messages: of two, the positive one first."""
    numbered = [*enumerate(task.classes)]
    return dict(numbered[::-1] if task.has_threshold else numbered)


def summary_of_labels(labels: pd.Series, task: Task) -> dict[str, Any]:
    """Return the data summary's fields: the share of the positive class, or a `LabelSummary`."""
    if task.has_threshold:
        return {"label_share": float(labels.mean())}
    if task.classes:
        return {"label": summarize_classes(labels.map(dict(enumerate(map(str, task.classes)))))}
    return {"label": summarize_numbers(labels.to_numpy())}


def labels_in_words(labels: pd.Series, task: Task) -> str:
    """Describe the labels of a side, as words after the number of its rows."""
    if task.classes:
        shares = labels.map(dict(enumerate(task.classes))).value_counts(normalize=True)
        named = [f"{100 * share:.1f} % {name!r}" for name, share in shares[:LISTED].items()]
        return f"of them {', '.join(named)}"
    return (
        f"{labels.name} {amount(labels.mean())} on average, with a standard deviation of "
        f"{amount(labels.std(ddof=0))}"
    )


def shortage_of_labels(sides: Mapping[str, pd.DataFrame], columns: ColumnsOptions) -> str | None:
    """Say which labels of the train side or the test side are too few; None if there are enough.

    The train side needs two rows, or groups, of each class; the test side needs two of at least
    two classes. For a number, each side needs two, and the labels of the train side must differ.
    """
    label, group, task = columns.label, columns.group, columns.task
    noun = "row" if group is None else "group"
    for side, rows in sides.items():
        one_row_each = [group, label] if task.classes else group
        counted_rows = rows if group is None else rows[~rows.duplicated(one_row_each).to_numpy()]
        counts = {
            f" with {label} = {name!r}": int((counted_rows[label] == place).sum())
            for place, name in _numbered_classes(task).items()
        } or {"": len(counted_rows)}
        rare = [labelled for labelled, count in counts.items() if count < LEAST]
        if rare and (side == "train" or len(counts) - len(rare) < 2):
            return (
                f"too few {noun}s to split: on the {side} side "
                f"{counted(counts[rare[0]], noun)}{rare[0]}; expected at least {LEAST}. Add some, "
                "or change split; a class that stays too rare can be taken out of columns.classes."
            )
    labels = sides["train"][label]
    if labels.min() < labels.max():
        return None
    return (
        f"column '{label}': all {len(labels)} labels of the train side are {labels.iloc[0]:g}; "
        "expected at least two different ones to learn from."
    )


def labels_or_nan(
    cells: pd.Series, columns: ColumnsOptions | Schema, number_format: NumberFormat
) -> tuple[np.ndarray, Problems]:
    """Read labels of which some may be missing, see `read_label_cells`.

    Returns:
        float64 (rows,): the class's place or the number; NaN where the cell is empty. Where it has
        a problem, the value says nothing. And the problems.
    """
    labels = np.full(len(cells), np.nan)
    labelled_places = np.flatnonzero(~are_unlabelled(cells, columns))
    labels[labelled_places], problems = read_label_cells(
        cells.iloc[labelled_places], columns, number_format
    )
    return labels, {int(labelled_places[place]): fault for place, fault in problems.items()}


def label_column(labels: pd.Series, task: Task) -> pd.DataFrame:
    """Return the columns `row` and `label`, which is a number or names the class on one line."""
    named = labels.map(dict(enumerate(map(printable, task.classes)))) if task.classes else labels
    return named.rename("label").rename_axis("row").reset_index()


def schema_fields(task: Task, labels: np.ndarray | None, bounds: Bounds) -> dict[str, Any]:
    """Return the schema's fields for the label, from the train rows' labels and its bounds."""
    if task.classes:
        return task.declared
    if labels is None:
        raise ValueError("expected the labels of a number")
    mean, variance = scale(labels)
    if variance**0.5 < np.finfo(np.float32).tiny:
        raise DataError(
            f"The labels differ by {np.ptp(labels):g} at most, too little to learn from: multiply "
            "them."
        )
    return {"target": {"mean": mean, "deviation": variance**0.5, "bounds": bounds}}
