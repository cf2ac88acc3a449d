"""Raw rows become valid rows, or are set aside with the reasons in words."""

import re

import pandas as pd

from tabular_lstm.errors import DataError, no_column
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.cells import Problems, read_label, read_numbers
from tabular_lstm.rows.keys import read_key, warn_of_spellings
from tabular_lstm.rows.quarantine import Kinds, set_aside
from tabular_lstm.rows.schema import POINT, Marks
from tabular_lstm.rows.times import read_time

# What conf may say of a feature, see `Columns`.
DESCRIBED = ("bounds", "missing", "categorical")
# What pandas calls a column without a name, once and again.
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")


def read_rows(
    raw_rows: pd.DataFrame, columns: Columns, file: str, marks: Marks = POINT
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Read each column by its role, and set aside the rows where a cell has a problem.

    Args:
        raw_rows: Rows of text cells, with the index `row`.
        columns: The role of each column.
        file: The rows' file, for messages.
        marks: What its numbers are written with.

    Returns:
        The valid rows, with the index `row`: key and group as text and the time as
        datetime64[us] or float64, if there are any; numeric features as float64 with NaN for a
        missing cell, categorical ones as text with NaN for it, the label as 1 (positive) or 0.
        The quarantined rows: `row`, `reason`, and the cells as they were.
        The reasons, see `Source.reasons`.

    Raises:
        DataError: A column that conf names is not in the file or is no feature, none is left, or
            one has no name and conf does not name it.
    """
    read: dict[str, tuple[pd.Series, Problems]] = {}
    features = _feature_names(raw_rows, columns, file)
    for word, name in (("key", columns.key), ("group", columns.group)):
        if name is not None:
            read[name] = read_key(raw_rows[name], marks, word)
            warn_of_spellings(raw_rows[name], read[name][0], file, marks, word)
    if columns.time is not None:
        read[columns.time] = read_time(raw_rows[columns.time], marks)
    numeric = [name for name in features if name not in columns.categorical]
    numbers = read_numbers(raw_rows[numeric], columns.missing, columns.bounds, marks)
    for name in features:
        read[name] = (
            numbers[name]
            if name in numbers
            else read_category(raw_rows[name], columns.missing.get(name, []), marks)
        )
    read[columns.label] = read_label(raw_rows[columns.label], columns, marks)

    problems = {name: of_column for name, (_, of_column) in read.items()}
    quarantined, is_valid = set_aside(raw_rows, problems)
    kinds = Kinds()
    kinds.add(problems, raw_rows.index)
    values = pd.DataFrame({name: values for name, (values, _) in read.items()})[is_valid]
    valid_rows = values.astype({columns.label: "int64"})
    return valid_rows, quarantined, kinds.listed()


def _feature_names(raw_rows: pd.DataFrame, columns: Columns, file: str) -> list[str]:
    """Name the feature columns, in their order."""
    given = (columns.label, columns.key, columns.group, columns.time)
    roles = [name for name in given if name is not None]
    features = columns.features or [name for name in raw_rows.columns if name not in roles]
    declared = [(name, "columns") for name in (*roles, *features)]
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
            "load_args: {usecols: [...]} in the catalog; if it is meant, name it in "
            "columns.features."
        )
