"""Profiles of tables that are written down in a test."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tabular_lstm.profiling.distinct import Cells, cells_of
from tabular_lstm.profiling.profile import ColumnProfile, Profile, profile_of
from tabular_lstm.rows.number_format import POINT, NumberFormat


def cells(values: Sequence[Any]) -> Cells:
    """The cells of a column that a CSV holds."""
    return cells_of(pa.chunked_array([pa.array([str(v) for v in values], pa.large_string())]))


def profile(columns: dict[str, Sequence[Any]], marks: NumberFormat = POINT) -> Profile:
    """The profile of a table."""
    rows = len(next(iter(columns.values())))
    return profile_of({n: cells(v) for n, v in columns.items()}, rows, "rows.csv", marks)


def column(values: Sequence[Any], name: str = "a", marks: NumberFormat = POINT) -> ColumnProfile:
    """The profile of a column."""
    return profile({name: values}, marks).columns[0]
