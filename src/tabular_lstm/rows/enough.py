"""Whether rows are enough: few in quarantine, and of each class some on each side."""

from typing import NamedTuple

import pandas as pd

from tabular_lstm.errors import DataError, shown
from tabular_lstm.parameters import Columns, Moment, Split, Validation
from tabular_lstm.rows.sides import in_test, with_boundary
from tabular_lstm.rows.summary import Source
from tabular_lstm.rows.weights import weights_of

MEND = (
    "\nRows are counted from 1 below the header; this run's quarantined_rows.csv holds them all. "
    "Mend them, or declare in conf what the columns may hold: names in columns.categorical, dates "
    "in columns.dates, codes for no value in columns.missing, wider columns.bounds, and leave out "
    "what is no feature with columns.ignore."
)


class Sides(NamedTuple):
    """Rows that are split.

    Attributes:
        split: By time, with the boundary, see `tabular_lstm.rows.sides.with_boundary`.
        weightless: How many rows are on neither side, for their weight is 0.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    split: Split
    weightless: int


def refuse_many_aside(source: Source, validation: Validation) -> None:
    """Stop where too many rows were set aside.

    Raises:
        DataError: The quarantined share is above `max_quarantined_fraction`.
    """
    limit = validation.max_quarantined_fraction
    if source.quarantined_rows / source.rows > limit:
        raise DataError(
            f"{source.file}: {source.quarantined_rows} of {source.rows} rows were quarantined, "
            f"more than max_quarantined_fraction = {limit} allows:{source.reasons}"
            f"{source.to_declare}{MEND}"
        )


def sides_of(
    rows: pd.DataFrame,
    source: Source,
    columns: Columns,
    split: Split,
    in_force: Moment | None = None,
) -> Sides:
    """Hold the test rows out, or say why rows are too few for that.

    Args:
        rows: Valid rows.
        source: Where they are from, for messages.
        columns: The role of each column.
        split: Which rows are test rows.
        in_force: The boundary that was decided on before, of a split by time. Default: none.

    Raises:
        DataError: A class is missing, a side would hold fewer than two rows of a class, or two
            groups with such, rows of a key would be on both sides, or there is no boundary.
    """
    counts = weights_of(rows, columns).to_numpy() > 0
    weightless = int((~counts).sum())
    counted = rows[counts] if weightless else rows  # without a copy
    try:
        bounded = with_boundary(counted, columns, split, in_force)
    except DataError as error:
        raise DataError(f"{source.file}: {error}") from error
    is_test = in_test(counted, columns, bounded)
    train, test = counted[~is_test], counted[is_test]
    sides = {"train": train, "test": test} if split.test_fraction else {"train": train}
    _refuse_few_rows(sides, source, columns, bounded, weightless)
    _refuse_split_keys(train, test, source, columns)
    return Sides(train, test, bounded, weightless)


def _refuse_few_rows(
    sides: dict[str, pd.DataFrame],
    source: Source,
    columns: Columns,
    split: Split,
    weightless: int,
) -> None:
    """Stop where a class is missing, or a side has fewer than two rows of it."""
    classes = {1: columns.positive_class, 0: columns.negative_class}
    beside = f" {weightless} rows of weight 0 do not count." if weightless else ""
    counts = {
        (side, value): int((rows[columns.label] == value).sum())
        for side, rows in sides.items()
        for value in classes
    }
    for value, name in classes.items():
        if not any(counts[side, value] for side in sides):
            raise _refusal(
                f"column '{columns.label}': one class only; expected rows of {classes[1]!r} and "
                f"{classes[0]!r}, none is {name!r}. Add "
                f"rows of it, or name another column in columns.label.{beside}",
                source,
            )
    if columns.group is not None:
        _refuse_few_groups(sides, source, columns, split, beside)
    for (side, value), count in counts.items():
        if count < 2:
            raise _refusal(
                f"too few rows to split: of {sum(counts.values())} rows the {side} side gets "
                f"{count} with {columns.label} = {classes[value]!r}; expected at least 2. Add "
                f"rows, or {_way_out(split)}.{beside}",
                source,
            )


def _way_out(split: Split) -> str:
    """Say what gives the sides other rows."""
    if split.from_ is not None:
        return f"move the boundary, now split.from = {split.from_}"
    return f"change test_fraction = {split.test_fraction}"


def _refuse_few_groups(
    sides: dict[str, pd.DataFrame], source: Source, columns: Columns, split: Split, beside: str
) -> None:
    """Stop where a side has fewer than two groups with rows of a class."""
    classes = {1: columns.positive_class, 0: columns.negative_class}
    for side, rows in sides.items():
        for value, name in classes.items():
            count = rows.loc[rows[columns.label] == value, columns.group].nunique()
            if count < 2:
                raise _refusal(
                    f"too few groups to split: on the {side} side {count} groups, by "
                    f"'{columns.group}', have rows with {columns.label} = {name!r}; expected at "
                    f"least 2. Add groups, or {_way_out(split)}.{beside}",
                    source,
                )


def _refuse_split_keys(
    train: pd.DataFrame, test: pd.DataFrame, source: Source, columns: Columns
) -> None:
    """Stop where group or time put rows of one key on both sides: a key names one row."""
    if columns.key is None or columns.together is None:
        return
    both = test.index[test[columns.key].isin(train[columns.key])]
    if len(both):
        key = test.loc[both[0], columns.key]
        older = train.index[train[columns.key] == key]
        raise DataError(
            f"{source.file}: {len(both)} test rows have the key of a train row: "
            f"{columns.key} '{shown(key)}' is in row {both[0]} and in row {older[0]}, whose "
            f"'{columns.together}' puts them on two sides. Expected a key that names one row. "
            "If it names several, name it under columns.ignore and not under columns.key."
        )


def _refusal(fault: str, source: Source) -> DataError:
    """Say what is wrong with the valid rows, if any, and first which were set aside before."""
    if not source.quarantined_rows:
        return DataError(f"{source.file}: {fault}")
    of_others = f"\nOf the rows left: {fault}" if source.quarantined_rows < source.rows else ""
    return DataError(
        f"{source.file}: {source.quarantined_rows} of {source.rows} rows were quarantined:"
        f"{source.reasons}{of_others}{source.to_declare}{MEND}"
    )
