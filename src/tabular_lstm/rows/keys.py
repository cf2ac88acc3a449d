"""Keys and groups: the text that names a row, and which rows belong together."""

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cells import EMPTY, Problems, as_texts, problems_at, texts, written_in
from tabular_lstm.rows.dates import as_text
from tabular_lstm.rows.number_format import (
    AS_FLOAT,
    POINT,
    NumberFormat,
    all_pointed,
    without_fraction,
)

# As pandas and Excel write a number that is too long for them. 1E5 may be a code.
ROUNDED = r"^[+-]?[0-9]+(?:\.[0-9]*)?[eE]\+[0-9]+$"
EXACT = 2**53  # from here on, float64 cannot tell a whole number from the next one


def read_key(
    cells: pd.Series, number_format: NumberFormat = POINT, word: str = "key"
) -> tuple[pd.Series, Problems]:
    """Read each key as text, in one spelling.

    If one key of a column is missing, pandas writes 7.0 for 7; so 7.0 and 7 are the key "7".
    No other text is changed: `007`, `7`, `+7` and `7.000` (which may be 7000) are four keys. A
    decimal is no text: 7.00 of a database or of Parquet is the key "7". A whole number of any
    length is a key. A number that a program has rounded is not a key, because several keys may have
    become this number: `1.23457E+17`, or 2^53 (float32: 2^24, float16: 2^11) or more with `.0`.

    Returns:
        str: the key, or any text where the cell has a problem; and the problems, which call the key
        `word`. An empty cell or a word for "missing" is not a key.
    """
    keys = texts(cells, write=written_in(number_format)).fillna("")
    if number_format != POINT:
        numbers = all_pointed(as_texts(keys), number_format).to_pandas()
        keys = pd.Series(numbers, dtype="str").set_axis(keys.index).fillna(keys)
    is_absent = keys.str.lower().isin(EMPTY).to_numpy()
    rounded = keys.str.match(ROUNDED).to_numpy(bool, copy=True)
    as_float = keys.str.match(AS_FLOAT).to_numpy(bool)
    if as_float.any():
        whole_numbers = [*map(without_fraction, keys[as_float])]
        dtype = getattr(cells.dtype, "numpy_dtype", cells.dtype)
        exact = 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else EXACT
        rounded[as_float] = [len(n) > 17 or abs(int(n)) >= exact for n in whole_numbers]
        keys = keys.copy()
        keys[as_float] = whole_numbers
    return keys, {
        **dict.fromkeys(np.flatnonzero(is_absent).tolist(), f"no {word}"),
        **problems_at(cells, rounded, f"is a rounded number, not a {word}", quoted=True),
    }


def number_groups(rows: pd.DataFrame, columns: Columns) -> np.ndarray | None:
    """Number the groups of rows from 0, int (rows,), in the order of their first rows.

    None if each row is its own group, or if all rows are one group.
    """
    if columns.of is None:
        return None
    groups, distinct = pd.factorize(rows[columns.of])
    # In a split by time, all rows may be of one customer, such as a machine.
    return None if len(distinct) in (1, len(rows)) else groups


def number_values(groups: np.ndarray) -> np.ndarray:
    """Number groups from 0 in the order of their first rows; the values may be of any type.

    Raises:
        ValueError: A row has no group, or there is only one group.
    """
    numbers, distinct = pd.factorize(groups)
    if missing := int((numbers < 0).sum()):
        raise ValueError(f"groups: {missing} of {len(groups)} are missing.")
    if len(distinct) < 2:
        raise ValueError(f"groups: expected 2 or more, got only {distinct.tolist()[0]!r}.")
    return numbers


def keys_of(rows: pd.DataFrame, columns: Columns) -> pd.Series | None:
    """Take the rows' keys; None if there is no key."""
    return None if columns.key is None else rows[columns.key]


def together_of(rows: pd.DataFrame, columns: Columns) -> pd.Series | None:
    """Take the rows' times or groups as text: equal ones are on one side. None without these."""
    if columns.time is None:
        return None if columns.group is None else rows[columns.group]
    return as_text(rows[columns.time])
