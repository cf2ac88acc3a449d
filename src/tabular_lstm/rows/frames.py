"""Columns of a frame, found by name and read, or refused by column and row."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters import Value
from tabular_lstm.rows.cells import ANY, read_number
from tabular_lstm.rows.schema import Bounds

HINTS = {
    "is not a number": "An unmeasured value is NaN, None or empty; a column of names needs a "
    "categorical dtype when the schema is learned; make a number of a date first, such as the days "
    "since another.",
    "is infinite or beyond float32": "An unmeasured value is NaN, None or empty.",
}
OF_BOUNDS = "The bounds are those of columns.bounds that the schema was learned with."


def by_name(rows: pd.DataFrame, features: Collection[str] | None = None) -> pd.DataFrame:
    """Give the frame with its columns' names as text.

    Args:
        rows: The frame.
        features: Names that may be there once. Default: every column.

    Raises:
        DataError: One is there twice; names it.
    """
    rows = rows.set_axis(rows.columns.map(str), axis="columns")
    repeated = rows.columns[rows.columns.duplicated()].unique()
    if twice := [name for name in repeated if features is None or name in features]:
        raise DataError(
            f"The rows have column {', '.join(map(repr, twice))} more than once: expected each "
            "feature once. Drop or rename a column."
        )
    return rows


def measured(column: pd.Series, missing: Sequence[Value], bounds: Bounds = ANY) -> np.ndarray:
    """Read a column of numbers as float64, NaN where not measured.

    Raises:
        DataError: A cell has a problem; names the column and the rows, counted from 1.
    """
    values, problems = read_number(column, missing, bounds)
    if problems:
        places = sorted(problems)
        first = problems[places[0]]
        hint = next((hint for words, hint in HINTS.items() if first.endswith(words)), OF_BOUNDS)
        alike = ", and the like" if len(places) > 1 else ""
        rows = row_list([place + 1 for place in places])
        raise DataError(f"Column '{column.name}', {rows}: {first}{alike}. {hint}")
    numbers = values.to_numpy()
    codes = [float(code) for code in missing if not isinstance(code, str)]
    # One bit pattern for NaN: the fingerprint of sequences is over their bytes.
    return np.where(np.isnan(numbers) | np.isin(numbers, codes), np.nan, numbers)
