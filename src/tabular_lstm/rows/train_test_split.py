"""The two sides: which rows are train rows, which are test rows, and whether there are enough.

A row's side depends only on a hash of its content, or on its time, so that the row never changes
sides.
"""

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, NotEnoughRowsError, counted, shown
from tabular_lstm.parameters.columns import ColumnsOptions, Moment, SplitOptions
from tabular_lstm.rows.cells import read_category
from tabular_lstm.rows.column_kinds import column_of
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.dates import has_dates, moment_of, newest, said
from tabular_lstm.rows.fingerprints import hash_rows
from tabular_lstm.rows.labels import shortage_of_labels
from tabular_lstm.rows.weights import weights_of

ADVICE = (
    "Rows are counted from 1 below the header; this run's quarantined_rows.csv lists them all. "
    "Correct them, or declare what the columns hold: words under columns.categorical, dates under "
    "columns.dates, units of numbers under columns.units, what means 'not measured' under "
    "columns.missing, labels under columns.classes or columns.task; for a CSV, the mark of "
    "thousands in load_args of raw_rows. If a label is unknown, leave its cell empty."
)


def in_test(rows: pd.DataFrame, columns: ColumnsOptions, split: SplitOptions) -> np.ndarray:
    """Return which rows are test rows, bool (rows,); a row's side does not depend on other rows.

    By time, a row is a test row if its time is `split.from_` or later, see `with_boundary`. By
    hash, a row is a test row if the hash of its group (without a group: key; without a key:
    features) is below `test_fraction` of the hash's range. Label and weight never count.
    """
    if split.kind == "time":
        if split.from_ is None or rows.empty:
            return np.zeros(len(rows), bool)
        return np.asarray(rows[columns.time].to_numpy() >= moment_of(split.from_))
    hashes = row_hashes(rows, columns, split.salt, columns.group or columns.key)
    return hashes.astype(np.float64) / 2**64 < split.test_fraction


def row_hashes(
    rows: pd.DataFrame, columns: ColumnsOptions, salt: str, deciding: str | None = None
) -> np.ndarray:
    """Hash each row, keyed with the salt: uint64 (rows,), see `fingerprints.hash_rows`.

    The hash is over the UTF-8 text of the column `deciding` or, without such a column, over the
    features as the network sees them, sorted by name: numbers and dates, as days since 1970, in
    float32; then categories in UTF-8. So the order of the columns does not count. The spelling of a
    number, a date or a missing value does not count either.
    """

    def contents(part: slice) -> list[bytes]:
        if deciding is None:
            return _features_seen(rows.iloc[part], columns)
        return [value.encode() for value in rows[deciding].iloc[part]]

    # The first byte is the highest.
    return hash_rows(len(rows), contents, salt).byteswap()


def _features_seen(rows: pd.DataFrame, columns: ColumnsOptions) -> list[bytes]:
    """Return each row's features as the network sees them: equal bytes for rows that are equal."""
    names = sorted(set(rows.columns) - columns.not_features)
    categorical = [name for name in names if name in columns.categorical]
    numbers = [name for name in names if name not in columns.categorical]
    values = np.empty((len(rows), len(numbers)), "<f4")
    for place, name in enumerate(numbers):
        values[:, place] = column_of(name, columns).amounts(rows[name])
    values += 0.0  # one bit pattern for zero
    contents = [row.tobytes() for row in values]
    if categorical:
        category_columns = [
            read_category(rows[name], columns.missing.get(name, [])) for name in categorical
        ]
        texts = [text.astype(object).where(text.notna(), None) for text in category_columns]
        contents_and_rows = zip(contents, zip(*texts, strict=True), strict=True)
        contents = [content + repr(row).encode() for content, row in contents_and_rows]
    return contents


def fault_of_split(columns: ColumnsOptions, split: SplitOptions) -> str | None:
    """Say why these columns do not fit this kind of split; None if they do."""
    if split.kind == "time" and columns.time is None:
        return "split.kind is time: expected columns.time, the column that says when a row is from"
    if split.kind == "hash" and columns.time is not None:
        return f"columns.time is '{columns.time}': expected split.kind: time, got hash"
    return None


def with_boundary(
    rows: pd.DataFrame, columns: ColumnsOptions, split: SplitOptions, in_force: Moment | None = None
) -> SplitOptions:
    """Fix the boundary of a split by time: rows with this time or a later one are test rows.

    The boundary is `split.from_`. If that is None, the boundary is `in_force`, from an earlier
    decision. If both are None, the newest `test_fraction` of the rows begin at the boundary.

    Raises:
        DataError: The boundary is a date and the column holds numbers, or the other way round; or
            all rows have the same time.
    """
    if fault := fault_of_split(columns, split):
        raise DataError(f"{fault}.")
    if split.kind != "time" or not split.test_fraction or rows.empty:
        return split
    times = rows[columns.time]
    holds = f"column '{columns.time}' holds {'dates' if has_dates(times) else 'numbers'}"
    if split.from_ is not None:
        if isinstance(split.from_, str) == has_dates(times):
            return split
        example = said(times.iloc[0])
        raise DataError(f"split.from = {split.from_!r}: {holds}, such as {example!r}.")
    if in_force is not None and isinstance(in_force, str) == has_dates(times):
        return split.model_copy(update={"from_": in_force})
    if (boundary := newest(times, split.test_fraction)) is None:
        raise DataError(f"{holds}, and all {len(times)} rows have the same one.")
    return split.model_copy(update={"from_": boundary})


def sides_of(
    rows: pd.DataFrame,
    source: Source,
    columns: ColumnsOptions,
    split: SplitOptions,
    in_force: Moment | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, SplitOptions]:
    """Split valid rows into train rows and test rows, or say why the rows are too few.

    For `in_force` see `with_boundary`.

    Returns:
        Train rows and test rows, without rows of weight 0, which are on neither side. The split
        with its boundary.

    Raises:
        DataError: A class is missing; the train side would have fewer than two rows, or groups, of
            a class; fewer than two classes would have two on the test side; all labels of the train
            side are the same number; a key would be on both sides; or there is no boundary.
    """
    is_counted = weights_of(rows, columns) > 0
    counted_rows = rows if is_counted.all() else rows[is_counted]  # without a copy
    try:
        bounded = with_boundary(counted_rows, columns, split, in_force)
        is_test = in_test(counted_rows, columns, bounded)
        train, test = counted_rows[~is_test], counted_rows[is_test]
        _refuse_split_keys(train, test, columns)
    except DataError as error:
        raise DataError(f"{source.file}: {error}") from error
    sides = {"train": train, "test": test} if split.test_fraction else {"train": train}
    if shortage := shortage_of_labels(sides, columns):
        if source.quarantined_rows:
            raise DataError(f"{source.file}: {shortage}", *reasons_and_advice(source))
        raise NotEnoughRowsError(f"{source.file}: {shortage}")
    return train, test, bounded


def reasons_and_advice(source: Source) -> list[str]:
    """Say why rows are in quarantine, and what to do about it."""
    return [*source.reasons, ADVICE]


def _refuse_split_keys(train: pd.DataFrame, test: pd.DataFrame, columns: ColumnsOptions) -> None:
    """Raise an error if group or time put rows of one key on both sides: a key names one row."""
    if columns.key is None or columns.together is None:
        return
    shared_rows = test.index[test[columns.key].isin(train[columns.key]).to_numpy()]
    if len(shared_rows):
        key = shown(test.loc[shared_rows[0], columns.key])
        raise DataError(
            f"{counted(len(shared_rows), 'test row')} with the same key as a train row, such as "
            f"row {shared_rows[0]} with {columns.key} '{key}': '{columns.together}' puts them on "
            "two sides. Expected a key that identifies one row. If it stands for several, name it "
            "under columns.ignore."
        )
