"""What names a row, and which rows belong together: of one group, or of one time."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.times import as_text

READ_AS: dict[str, Callable[[pd.Series], bool]] = {
    "key": pd.api.types.is_string_dtype,
    "group": pd.api.types.is_string_dtype,
    "time": lambda times: times.dtype.kind in "fM",
}


def number_groups(rows: pd.DataFrame, columns: Columns) -> np.ndarray:
    """Number the groups of rows, in the order of their first rows.

    Args:
        rows: Valid rows.
        columns: The role of each column.

    Returns:
        int (rows,), the number of each row's group, from 0; each row its own without a group.

    Raises:
        DataError: The rows were split by another group.
    """
    if columns.group is None:
        return np.arange(len(rows))
    return pd.factorize(_column(rows, columns.group, "group"))[0]


def of_several(groups: np.ndarray) -> np.ndarray | None:
    """Give numbers of groups as they are; None where each row is its own, as without groups."""
    return None if not len(groups) or int(groups.max()) + 1 == len(groups) else groups


def number_values(groups: np.ndarray) -> np.ndarray:
    """Number groups of any values, (rows,), in the order of their first rows.

    Raises:
        ValueError: One is missing, or there is one only.
    """
    numbers, distinct = pd.factorize(groups)
    if missing := int((numbers < 0).sum()):
        raise ValueError(f"groups: {missing} of {len(groups)} are missing.")
    if len(distinct) < 2:
        raise ValueError(f"groups: expected 2 or more, got only {distinct.tolist()[0]!r}.")
    return numbers


def keys_of(rows: pd.DataFrame, columns: Columns) -> pd.Series | None:
    """Take the rows' keys; None where there is no key.

    Raises:
        DataError: The rows are those of another key.
    """
    return None if columns.key is None else _column(rows, columns.key, "key")


def together_of(rows: pd.DataFrame, columns: Columns) -> pd.Series | None:
    """Take, as text, what rows on one side share: their groups or times; None without these.

    Raises:
        DataError: The rows are those of another group or time.
    """
    if columns.time is None:
        return None if columns.group is None else _column(rows, columns.group, "group")
    return as_text(_column(rows, columns.time, "time"))


def _column(rows: pd.DataFrame, name: str, role: str) -> pd.Series:
    if name not in rows or not READ_AS[role](rows[name]):
        raise DataError(
            f"The newest train and test rows do not have column '{name}' as their {role}, which "
            f"columns.{role} names: they were split before it did. Split them again: kedro run."
        )
    return rows[name]
