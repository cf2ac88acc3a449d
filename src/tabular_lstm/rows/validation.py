"""Raw rows become valid rows, or are set aside with the reasons in words."""

import re
from collections.abc import Callable, Iterable

import pandas as pd

from tabular_lstm.errors import DataError, no_column
from tabular_lstm.parameters import ROLES, Columns
from tabular_lstm.rows.cells import Problems, read_category
from tabular_lstm.rows.dates import read_dates
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.numbers import ANY, read_label, read_numbers
from tabular_lstm.rows.row_collection import RowCollection
from tabular_lstm.rows.times import TimeReader
from tabular_lstm.rows.weights import read_weights

# What conf may say of a feature, see `Columns`.
DESCRIBED = ("bounds", "missing", "categorical", "dates")
# What pandas calls a column without a name, once and again.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")


def read_rows(
    parts: Callable[[], Iterable[pd.DataFrame]],
    columns: Columns,
    file: str,
    number_format: NumberFormat = POINT,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Read each column by its role, and set aside the rows where a cell has a problem.

    Args:
        parts: Gives the rows of text cells, with the index `row`, some at a time. It is called once
            more only where most times of the first part are not of the kind that most of all are.
        columns: The role of each column.
        file: The rows' file, for messages.
        number_format: What its numbers are written with.

    Returns:
        The valid rows, with the index `row`: key and group as text and the time as
        datetime64[us] or float64, if there are any; numeric features as float64 with NaN for a
        missing cell, categorical ones as text with NaN for it, dates as datetime64[us] with NaT for
        it, the label as 1 (positive) or 0, the weight as float64 if there is one.
        The quarantined rows: `row`, `reason`, and the cells as they were.
        The reasons, a line for each column and kind of problem; empty if there is none.

    Raises:
        DataError: A column that conf names is not in the file or is no feature, none is left, or
            one has no name and conf does not name it.
    """
    times = TimeReader(number_format)
    rows = _kept(parts(), columns, file, times)
    if columns.time is not None and times.found != times.kind:
        rows = _kept(parts(), columns, file, TimeReader(number_format, times.found))
    return rows.valid(), rows.quarantined(), rows.kinds.listed()


def _kept(
    parts: Iterable[pd.DataFrame], columns: Columns, file: str, times: TimeReader
) -> RowCollection:
    kept = RowCollection()
    for part in parts:
        kept.add(part, _read(part, columns, _feature_names(part, columns, file), times))
    return kept


def _read(
    part: pd.DataFrame, columns: Columns, features: list[str], times: TimeReader
) -> dict[str, tuple[pd.Series, Problems]]:
    """Read the columns of a part: the values, and what is wrong with which cells."""
    number_format = times.number_format
    read: dict[str, tuple[object, Problems]] = {}
    for word, name in (("key", columns.key), ("group", columns.group)):
        if name is not None:
            read[name] = read_key(part[name], number_format, word)
    if columns.time is not None:
        read[columns.time] = times.read(part[columns.time])
    for name in features:
        codes = columns.missing.get(name, [])
        if name in columns.categorical:
            read[name] = read_category(part[name], codes, number_format), {}
        elif name in columns.dates:
            read[name] = read_dates(part[name], codes, columns.dates[name])
        else:
            bounds = columns.bounds.get(name, ANY)
            read[name] = read_numbers(part[name], codes, bounds, number_format)
    labels, problems = read_label(part[columns.label], columns, number_format)
    read[columns.label] = (labels == 1).astype("int64"), problems
    if columns.weight is not None:
        read[columns.weight] = read_weights(part[columns.weight], number_format)
    return {name: (pd.Series(values), found) for name, (values, found) in read.items()}


def _feature_names(raw_rows: pd.DataFrame, columns: Columns, file: str) -> list[str]:
    """Name the feature columns, in their order."""
    roles = [name for role in ROLES if (name := getattr(columns, role)) is not None]
    left_out = {*roles, *columns.ignore}
    features = columns.features or [name for name in raw_rows.columns if name not in left_out]
    declared = [(name, "columns") for name in (*roles, *features)]
    declared += [(name, "columns.ignore") for name in columns.ignore]
    declared += [(n, f"columns.{block}") for block in DESCRIBED for n in getattr(columns, block)]
    for name, where in declared:
        if name not in raw_rows.columns:
            who = f"Conf names the column under {where}"
            raise no_column(file, name, list(raw_rows.columns), who)
    if not features:
        raise DataError(
            f"{file}: no feature is left beside {' and '.join(map(repr, roles))}; expected at "
            "least one column to learn from."
        )
    if columns.features is None:
        _refuse_unnamed(features, columns, file)
    for block in DESCRIBED:
        if unknown := sorted(set(getattr(columns, block)) - set(features)):
            raise DataError(
                f"{file}: columns.{block} names {', '.join(unknown)}, which is no feature. The "
                f"features are: {', '.join(features)}."
            )
    return features


def _refuse_unnamed(features: list[str], columns: Columns, file: str) -> None:
    """Stop at a column without a name, unless conf describes it."""
    described = {name for block in DESCRIBED for name in getattr(columns, block)}
    unnamed = [name for name in features if UNNAMED.fullmatch(name) and name not in described]
    if unnamed:
        raise DataError(
            f"{file}: column '{unnamed[0]}' has no name of its own. Most likely it is the index "
            "that pandas wrote; it numbers the rows, and their order may tell the label. Write the "
            "file with to_csv(index=False), or leave the column out with "
            f"columns.ignore: ['{unnamed[0]}']; if it is meant, name it in columns.features."
        )
