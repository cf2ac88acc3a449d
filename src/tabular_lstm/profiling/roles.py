"""Which columns are no features by what they name: the row, things of several rows, its weight."""

from tabular_lstm.errors import shown
from tabular_lstm.profiling.names import (
    may_name_a_thing,
    names_a_thing,
    names_a_weight,
    names_an_identifier,
)
from tabular_lstm.profiling.profile import ColumnProfile, Profile

# Things with rows of their own, at least, by which rows are grouped, or it is asked whether.
GROUPS, ASKED = 20, 10
# Share of the rows that one thing has at most: a count's small values have more.
LARGEST = 0.2


def key_of(profile: Profile) -> str | None:
    """Choose the column that identifies a row: one that is called so comes first."""
    fitting = [
        column.name
        for column in profile.columns
        if column.unique
        and (
            names_an_identifier(column.name)
            or (column.kind == "identifier" and not column.in_order)
        )
    ]
    return next(iter([*filter(names_an_identifier, fitting), *fitting]), None)


def is_group(column: ColumnProfile, rows: int) -> bool:
    """Tell whether rows belong together: a column names things, and some have several rows."""
    return (
        names_a_thing(column.name)
        and is_discrete(column)
        and not any(" " in example for example in column.examples)
        and GROUPS <= column.distinct < rows
        and column.most_frequent <= LARGEST * rows
        and not column.missing
    )


def may_be_group(column: ColumnProfile, rows: int) -> bool:
    """Tell whether to ask if a column names things: by its name, and each has several rows."""
    is_even = column.most_frequent <= LARGEST * column.present
    is_called_so = names_a_thing(column.name) or (may_name_a_thing(column.name) and is_even)
    have_rows = column.distinct >= ASKED and column.present >= 2 * column.distinct
    return is_group(column, rows) or (is_called_so and is_discrete(column) and have_rows)


def is_discrete(column: ColumnProfile) -> bool:
    """Tell whether cells are words or whole numbers."""
    return column.kind in {"category", "identifier"} or (column.kind == "number" and column.whole)


def is_weight(column: ColumnProfile, rows: int) -> bool:
    """Tell whether a column says how much each row counts, by its name and its cells."""
    return names_a_weight(column.name) and why_no_weight(column, rows) is None


def why_no_weight(column: ColumnProfile, rows: int) -> str | None:
    """Say why the cells of a column are not how much each row counts; None where they may be."""
    if column.kind != "number":
        return f"its cells are of the kind {column.kind}"
    if column.codes:
        return f"{', '.join(shown(code) for code in column.codes)} seems to be no weight"
    if (column.lowest or 0) < 0:
        return f"its lowest is {column.lowest:g}"
    return None if column.present == rows else f"{rows - column.present} rows have none"
