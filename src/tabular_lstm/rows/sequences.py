"""From a frame of rows to sequences: columns are found by name and read as the schema says."""

from collections.abc import Collection, Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.rows.cells import Problems, cell_text
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import Schema

# A cell of these types is text, as in a file.
AS_TEXT = (bytes, bytearray, memoryview, list, dict, np.ndarray)
ADVICE = (
    "An unmeasured value is NaN, None or empty; bounds, formats of dates and number format are "
    "those that the schema was learned with."
)


def to_sequences(rows: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Lay each row out as a sequence, see `slots_of`; refuse a cell that cannot be used.

    Returns:
        float32 (rows, steps, features_per_step).

    Raises:
        DataError: A column is missing or there twice, or a value is not a number or outside its
            bounds. The message names the column and the rows, counted from 1.
    """
    sequences, problems = slots_of(rows, schema)
    for name, column_problems in problems.items():
        refuse_problems(name, column_problems)
    return sequences


def slots_of(
    rows: pd.DataFrame, schema: Schema, number_format: NumberFormat | None = None
) -> tuple[np.ndarray, dict[str, Problems]]:
    """Lay each row out as a sequence, slot by slot in the schema's order.

    Cells may be text as in a CSV, numbers, booleans, categories or a mixture; the same value gives
    the same sequence in each form. Columns are found by name; columns that the schema does not
    know are ignored. A category is found by its text. A number or a boolean is found by its value
    too: 1067 is the category `01067` after a CSV reader turned that text into a number.

    Args:
        rows: The rows, in any order of their columns.
        schema: See `Schema`.
        number_format: The format of numbers that are text. Default: the schema's.

    Returns:
        float32 (rows, steps, features_per_step): numbers, less their `Schema.origin`, a category as
        its place in the schema's list and an unknown one as the place after the last, NaN where
        missing or unusable, 0 in padded slots.
        The features that `tabular_lstm.rows.timeline` derives for histories are 0 too.
        The problems by column, for columns that have any.

    Raises:
        DataError: A column is missing or there twice.
    """
    places = schema.slots  # found once: with thousands of columns, each search takes milliseconds
    columns = {name: places[name] for name in schema.columns}
    rows = by_name(rows, columns)
    number_format = number_format or schema.marks
    slots = np.zeros((len(rows), schema.steps * schema.features_per_step), np.float32)
    problems: dict[str, Problems] = {}
    for name, (first_slot, *_) in columns.items():
        column = column_of(name, schema)
        values, column_problems = column.slots(rows[name], schema, number_format)
        slots[:, first_slot : first_slot + len(column.features)] = values
        if column_problems:
            problems[name] = column_problems
    return slots.reshape(len(rows), schema.steps, schema.features_per_step), problems


def count_unknown(sequences: np.ndarray, schema: Schema) -> dict[str, int]:
    """Count for each categorical feature the rows whose category the schema does not know.

    Args:
        sequences: float32 (rows, steps, features_per_step), from `slots_of`.
        schema: The schema that they were laid out by.
    """
    slots = sequences.reshape(len(sequences), prod(sequences.shape[1:]))
    return {
        name: int(np.count_nonzero(slots[:, place] == len(schema.categories[name])))
        for place, name in enumerate(schema.features)
        if name in schema.categories
    }


def chosen(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return these columns of rows, without a copy of their values."""
    return pd.DataFrame({name: rows[name] for name in columns}, index=rows.index, copy=False)


def by_name(rows: pd.DataFrame, features: Collection[str] | None = None) -> pd.DataFrame:
    """Return the frame with names as text, without sparse columns; bytes and lists are text.

    Raises:
        DataError: A feature is missing or there twice; without `features`, a column is there twice.
    """
    if rows.shape == (0, 0):  # of an empty list
        rows = pd.DataFrame(columns=[*(features or ())])
    if not isinstance(rows.columns.dtype, pd.StringDtype):
        rows = rows.set_axis(rows.columns.map(str), axis="columns")
    for place, dtype in enumerate(rows.dtypes):
        is_sparse = isinstance(dtype, pd.SparseDtype)
        if not is_sparse and (dtype.kind != "O" or isinstance(dtype, pd.StringDtype)):
            continue
        cells = np.asarray(rows.iloc[:, place])
        become_text = cells.dtype == object and any(isinstance(cell, AS_TEXT) for cell in cells)
        if become_text:
            texts = [_as_text(cell) if isinstance(cell, AS_TEXT) else cell for cell in cells]
            cells = np.array(texts, object)
        if become_text or is_sparse:
            rows = rows.copy(deep=False)  # the caller's frame stays as it is
            rows.isetitem(place, cells)
    repeated = rows.columns[rows.columns.duplicated()].unique()
    if repeated_names := [name for name in repeated if features is None or name in features]:
        raise DataError(
            f"The rows have column {', '.join(map(repr, repeated_names))} more than once: expected "
            "each feature once. Drop or rename a column."
        )
    if missing_names := [name for name in features or () if name not in rows.columns]:
        raise DataError(
            f"The rows have no column {', '.join(map(repr, missing_names))}: expected "
            f"{', '.join(features or ())}, in any order; got {', '.join(rows.columns) or 'none'}."
        )
    return rows


def _as_text(cell: Any) -> str:
    """Write bytes, a list or a dict as the reader of Parquet does; there, an array is a list."""
    return cell_text(cell.tolist() if isinstance(cell, np.ndarray) else cell)


def refuse_problems(name: str, problems: Problems, advice: str = ADVICE) -> None:
    """Raise an error for a column with problems; `advice` says what cells may hold.

    Raises:
        DataError: Names the column and the rows, counted from 1.
    """
    if problems:
        places = sorted(problems)
        rest = ", and the like" if len(places) > 1 else ""
        rows = row_list([place + 1 for place in places])
        raise DataError(f"Column '{name}', {rows}: {problems[places[0]]}{rest}. {advice}")
