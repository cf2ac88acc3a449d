"""Which columns are no features by what they name: the row, things of several rows, its weight."""

from tabular_lstm.errors import shown
from tabular_lstm.profiling.names import names_a_thing, names_a_weight, names_an_identifier
from tabular_lstm.profiling.profile import ColumnProfile, Profile

# Things with rows of their own, at least, by which rows are grouped.
GROUPS = 10


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
        and not column.missing
    )


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
