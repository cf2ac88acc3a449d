"""Read the label: the class or the number of each row, and what is wrong with other cells."""

import numpy as np
import pandas as pd

from tabular_lstm.errors import shown
from tabular_lstm.parameters import NUMBER, Class, Columns, Task
from tabular_lstm.rows.cells import EMPTY, Problems, problems_at, texts
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.numbers import ANY, numbers_of, read_numbers

NAMED = 5  # classes in a message


def read_label(
    cells: pd.Series, columns: Columns, number_format: NumberFormat = POINT
) -> tuple[np.ndarray, Problems]:
    """Read the labels that are there.

    A class that is a number matches however written.

    Returns:
        int64 (rows,), the number of each one's class in `task.classes`, 0 where there is none; or
        float64 (rows,) of a label that is a number, NaN where there is none; and the problems.
    """
    task = columns.task
    if task.kind == NUMBER:
        bounds = columns.bounds.get(columns.label, ANY)
        return read_numbers(cells, (), bounds, number_format)
    text = texts(cells).fillna("")
    numbers = None
    labels = np.full(len(cells), -1, np.int64)
    for place, value in enumerate(task.classes):
        if isinstance(value, str):
            labels[(text == value).to_numpy()] = place
        else:
            numbers = numbers_of(cells, number_format)[0] if numbers is None else numbers
            labels[numbers == value] = place
    problems = problems_at(
        cells, labels < 0, f"is neither {_listed(_in_order(task), 'nor')}", quoted=True
    )
    return np.maximum(labels, 0), problems


def are_unlabelled(cells: pd.Series, columns: Columns) -> np.ndarray:
    """Tell which cells of the label are missing, bool (rows,): a class that is so called is not."""
    text = texts(cells).fillna("")
    missing = text.str.lower().isin(EMPTY) & ~text.isin(columns.task.classes)
    return np.asarray(missing, bool)


def expected_labels(task: Task) -> str:
    """Say what a label may be."""
    return "a number" if task.kind == NUMBER else _listed(_in_order(task), "or")


def _in_order(task: Task) -> tuple[Class, ...]:
    """Give the classes as people name them, the positive one of two first."""
    return task.classes[::-1] if len(task.classes) == 2 else task.classes


def _listed(classes: tuple[Class, ...], word: str) -> str:
    """Name the classes, the first few of many."""
    names = [repr(value) if len(classes) == 2 else shown(repr(value)) for value in classes[:NAMED]]
    if (more := len(classes) - NAMED) > 0:
        names.append(f"one of {more} others")
    return f"{', '.join(names[:-1])} {word} {names[-1]}"
