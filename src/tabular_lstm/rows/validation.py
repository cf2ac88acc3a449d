"""Raw rows become valid rows, or are set aside with the reasons in words."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pandas as pd

from tabular_lstm.errors import DataError, no_column
from tabular_lstm.parameters import ROLES, Columns
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.cells import Problems, read_label, read_numbers
from tabular_lstm.rows.dates import read_dates
from tabular_lstm.rows.keys import read_key, warn_of_spellings
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.oddities import Odd, odd_features
from tabular_lstm.rows.proposals import proposals
from tabular_lstm.rows.row_collection import RowCollection
from tabular_lstm.rows.times import TimeReader
from tabular_lstm.rows.weights import read_weight

# What conf may say of a feature, see `Columns`.
DESCRIBED = ("bounds", "missing", "categorical", "dates")
# What pandas calls a column without a name, once and again.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")

Parts = Callable[[], Iterator[pd.DataFrame]]
# By column, the cells of each part and what was read of them.
Written = dict[str, list[tuple[pd.Series, pd.Series]]]


class Faults(NamedTuple):
    """What is wrong with rows, and what conf may say of their columns; see `Source`.

    `ignore` are all columns that conf is proposed to leave out, those that it does already first.
    """

    reasons: str
    to_declare: str
    odd: Odd
    ignore: list[str]


def read_rows(
    raw_rows: pd.DataFrame, columns: Columns, file: str, marks: NumberFormat = POINT
) -> tuple[pd.DataFrame, pd.DataFrame, Faults]:
    """Read rows that are in memory, see `read_parts`."""
    return read_parts(lambda: iter([raw_rows]), columns, file, marks)


def read_parts(
    parts: Parts,
    columns: Columns,
    file: str,
    marks: NumberFormat = POINT,
) -> tuple[pd.DataFrame, pd.DataFrame, Faults]:
    """Read each column by its role, and set aside the rows where a cell has a problem.

    What is kept of each part is its valid rows as numbers and text, and its quarantined rows. The
    parts are read again only where problems ask for a proposal, and where the times of the first
    part are not like most of them all.

    Args:
        parts: Gives the rows of text cells, with the index `row`, some at a time, and from the
            start each time that it is called.
        columns: The role of each column.
        file: The rows' file, for messages.
        marks: What its numbers are written with.

    Returns:
        The valid rows, with the index `row`: key and group as text and the time as
        datetime64[us] or float64, if there are any; numeric features as float64 with NaN for a
        missing cell, categorical ones as text with NaN for it, dates as datetime64[us] with NaT for
        it, the label as 1 (positive) or 0, the weight as float64 if there is one.
        The quarantined rows: `row`, `reason`, and the cells as they were.
        What is wrong with them.

    Raises:
        DataError: A column that conf names is not in the file or is no feature, none is left, or
            one has no name and conf does not name it.
    """
    times = TimeReader(marks)
    kept, written, last = _kept(parts(), columns, file, times)
    again = parts if kept.parts > 1 else lambda: iter([last])
    if columns.time is not None and times.found != times.most:
        times = TimeReader(marks, times.found)
        kept, written, _ = _kept(again(), columns, file, times)
    for word, name in (("key", columns.key), ("group", columns.group)):
        if name is not None:
            cells, keys = (pd.concat(of_parts) for of_parts in zip(*written[name], strict=True))
            warn_of_spellings(cells, keys, file, marks, word)
            del written[name], cells, keys
    valid = kept.valid()
    odd = odd_features(valid.drop(columns=[*kept.bad]), columns)
    not_numbers = columns.not_features.union(columns.categorical, columns.dates)
    numeric = [str(name) for name in valid if name not in not_numbers]
    declare = proposals(again, columns, kept.bad, numeric, marks, odd.names)
    return valid, kept.quarantined(), Faults(kept.kinds.listed(), declare[0], odd, declare[1])


def _kept(
    parts: Iterator[pd.DataFrame], columns: Columns, file: str, times: TimeReader
) -> tuple[RowCollection, Written, pd.DataFrame]:
    """Read all parts: what is kept; key and group as they are written and read; the last part."""
    kept, written = RowCollection(), Written()
    part = pd.DataFrame()
    for part in parts:
        read = _read(part, columns, _feature_names(part, columns, file), times)
        for name in (columns.key, columns.group):
            if name is not None:
                written.setdefault(name, []).append((part[name], read[name][0]))
        kept.add(part, read)
    return kept, written, part


def _read(
    part: pd.DataFrame, columns: Columns, features: list[str], times: TimeReader
) -> dict[str, tuple[pd.Series, Problems]]:
    """Read the columns of a part: the values, and what is wrong with which cells."""
    marks = times.marks
    read: dict[str, tuple[pd.Series, Problems]] = {}
    for word, name in (("key", columns.key), ("group", columns.group)):
        if name is not None:
            read[name] = read_key(part[name], marks, word)
    if columns.time is not None:
        read[columns.time] = times.read(part[columns.time])
    others = {*columns.categorical, *columns.dates}
    numeric = [name for name in features if name not in others]
    numbers = read_numbers(part[numeric], columns.missing, columns.bounds, marks)
    for name in features:
        codes = columns.missing.get(name, [])
        if name in numbers:
            read[name] = numbers[name]
        elif name in columns.dates:
            read[name] = read_dates(part[name], codes, columns.dates[name])
        else:
            read[name] = read_category(part[name], codes, marks)
    labels, problems = read_label(part[columns.label], columns, marks)
    read[columns.label] = labels.fillna(0).astype("int64"), problems
    if columns.weight is not None:
        read[columns.weight] = read_weight(part[columns.weight], marks)
    return read


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


def refuse_other_features(features: list[str], columns: Columns) -> None:
    """Stop where rows that were read before have other features than conf names now.

    Raises:
        DataError: Names one.
    """
    named = features if columns.features is None else columns.features
    if others := sorted({*features} ^ {*named} | {*features} & {*columns.ignore}):
        raise DataError(
            f"The newest train and test rows were split with other columns.features or "
            f"columns.ignore: '{others[0]}' differs. Split them again: kedro run."
        )
