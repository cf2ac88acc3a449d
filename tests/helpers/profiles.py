"""Profiles of tables that are written down in a test."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tabular_lstm.profiling.table_profile import (
    CellCounter,
    ColumnProfile,
    DistinctCells,
    TableProfile,
    profile_column,
)
from tabular_lstm.rows.number_format import POINT, NumberFormat


def cells(values: Sequence[Any]) -> DistinctCells:
    """The cells of a column that a CSV holds."""
    counter = CellCounter()
    counter.add(pa.array([str(value) for value in values], pa.large_string()))
    return counter.cells()


def column(
    values: Sequence[Any], name: str = "a", number_format: NumberFormat = POINT
) -> ColumnProfile:
    """The profile of a column."""
    return profile_column(name, cells(values), number_format)


def profile(columns: dict[str, Sequence[Any]], number_format: NumberFormat = POINT) -> TableProfile:
    """The profile of a table."""
    profiles = [column(values, name, number_format) for name, values in columns.items()]
    return TableProfile("rows.csv", profiles, number_format)
