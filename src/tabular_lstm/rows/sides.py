"""The two sides: which rows are train rows and which are test rows, and whether these are enough.

A hash of its content or its time decides on a row alone, so that the row never changes sides.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list, shown
from tabular_lstm.parameters import Columns, Moment, Split, Validation
from tabular_lstm.rows.cells import read_category
from tabular_lstm.rows.data_summary import Source
from tabular_lstm.rows.dates import dates_as_seen, days
from tabular_lstm.rows.fingerprints import hash_rows
from tabular_lstm.rows.sequences import codes_as_missing
from tabular_lstm.rows.times import has_dates, moment_of, newest, said
from tabular_lstm.rows.weights import weights_of

MEND = (
    "\nRows are counted from 1 below the header; this run's quarantined_rows.csv holds them all. "
    "Mend them, or declare what the columns hold; `kedro profile FILE --env ENV` proposes it."
)


class Sides(NamedTuple):
    """Rows that are split.

    Attributes:
        split: By time, with the boundary, see `with_boundary`.
        weightless: How many rows are on neither side, because their weight is 0.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    split: Split
    weightless: int


def in_test(rows: pd.DataFrame, columns: Columns, split: Split) -> np.ndarray:
    """Tell which rows are test rows, whatever other rows there are and in whatever order.

    By time, a row is held out from `split.from_` on. By hash, where the hash of its group (without
    a group: of its key; without a key: of its features) is below `test_fraction` of the hash's
    range. The label and the weight never count.

    Args:
        rows: Valid rows: numeric features as numbers, categories, key and group as text.
        columns: The role of each column.
        split: Share of test rows, and salt; by time, with `from_`, see `with_boundary`.

    Returns:
        bool (rows,).
    """
    if split.kind == "time":
        if split.from_ is None or rows.empty:
            return np.zeros(len(rows), bool)
        return np.asarray(rows[columns.time].to_numpy() >= moment_of(split.from_))
    deciding = columns.group or columns.key
    hashes = row_hashes(rows, columns, split.salt, deciding)
    return hashes.astype(np.float64) / 2**64 < split.test_fraction


def row_hashes(
    rows: pd.DataFrame, columns: Columns, salt: str, deciding: str | None = None
) -> np.ndarray:
    """Hash each row, keyed with the salt: uint64 (rows,), see `fingerprints.hash_rows`.

    The hash is over the UTF-8 of one column's text or, without such a column, over the features as
    the network sees them, in the order of their names: the float32 bytes of the numbers, of a date
    those of its days since 1970, then the categories' UTF-8. So neither the order of the columns
    counts, nor how a number, a date or a missing value is written.

    Args:
        rows: Valid rows.
        columns: The role of each column.
        salt: Another salt gives other hashes.
        deciding: The column. Default: none, the features decide.
    """

    def contents(at: slice) -> list[bytes]:
        if deciding is None:
            return _features_seen(rows.iloc[at], columns)
        return [value.encode() for value in rows[deciding].iloc[at]]

    # The first byte is the highest.
    return hash_rows(len(rows), contents, salt).byteswap()


def _features_seen(rows: pd.DataFrame, columns: Columns) -> list[bytes]:
    """Give each row's features as the network sees them: equal bytes for rows that are equal."""
    names = sorted(set(rows.columns) - columns.not_features)
    words = [name for name in names if name in columns.categorical]
    numbers = [name for name in names if name not in columns.categorical]
    values = np.empty((len(rows), len(numbers)), "<f4")
    for place, name in enumerate(numbers):
        codes = columns.missing.get(name, [])
        if name in columns.dates:
            values[:, place] = days(dates_as_seen(rows[name], codes, columns.dates[name])[0])
        else:
            values[:, place] = codes_as_missing(rows[name].to_numpy(np.float64), codes)
    values += 0.0  # one bit pattern for zero
    contents = [row.tobytes() for row in values]
    if words:
        read = [read_category(rows[name], columns.missing.get(name, [])) for name in words]
        texts = [text.astype(object).where(text.notna(), None) for text in read]
        each = zip(contents, zip(*texts, strict=True), strict=True)
        contents = [content + repr(row).encode() for content, row in each]
    return contents


def fault_of_split(columns: Columns, split: Split) -> str | None:
    """Say why rows with these columns cannot be split so; None where they can."""
    if split.kind == "time" and columns.time is None:
        return "split.kind is time: expected columns.time, the column that says when a row is from"
    if split.kind == "hash" and columns.time is not None:
        return f"columns.time is '{columns.time}': expected split.kind: time, got hash"
    return None


def with_boundary(
    rows: pd.DataFrame, columns: Columns, split: Split, in_force: Moment | None = None
) -> Split:
    """Fix the time from which on rows are test rows, where a split by time leaves it open.

    Args:
        rows: Valid rows.
        columns: The role of each column.
        split: Where it names `from_`, that stays.
        in_force: The boundary that was decided on before. Default: none; then it is where the
            newest `test_fraction` of the rows begin.

    Returns:
        The split, by time with `from_` unless nothing is held out or there are no rows.

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
        raise DataError(
            f"split.from = {split.from_!r}: {holds}, such as {said(times.iloc[0])!r} "
            f"({row_list([times.index[0]])}); expected the same."
        )
    if in_force is not None and isinstance(in_force, str) == has_dates(times):
        return split.model_copy(update={"from_": in_force})
    if (boundary := newest(times, split.test_fraction)) is None:
        raise DataError(
            f"{holds}, and all {len(times)} rows the same one, {said(times.iloc[0])!r}; expected "
            "older rows to train on and newer ones to judge on."
        )
    return split.model_copy(update={"from_": boundary})


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
        is_test = in_test(counted, columns, bounded)
        train, test = counted[~is_test], counted[is_test]
        _refuse_split_keys(train, test, columns)
    except DataError as error:
        raise DataError(f"{source.file}: {error}") from error
    sides = {"train": train, "test": test} if split.test_fraction else {"train": train}
    if fault := _too_few(sides, columns, bounded):
        beside = f" {weightless} rows of weight 0 do not count." if weightless else ""
        raise _refusal(f"{fault}{beside}", source)
    return Sides(train, test, bounded, weightless)


def refuse_many_aside(source: Source, validation: Validation) -> None:
    """Stop where too many rows were set aside.

    Raises:
        DataError: The quarantined share is above `max_quarantined_fraction`.
    """
    limit = validation.max_quarantined_fraction
    if source.quarantined_rows / source.rows > limit:
        raise DataError(
            f"{source.file}: {source.quarantined_rows} of {source.rows} rows were quarantined, "
            f"more than max_quarantined_fraction = {limit} allows:{source.reasons}{MEND}"
        )


def _too_few(sides: dict[str, pd.DataFrame], columns: Columns, split: Split) -> str | None:
    """Say which class is missing, or of which class a side has fewer than two rows or groups."""
    classes = {1: columns.positive_class, 0: columns.negative_class}
    of_class = {
        (side, name): rows[rows[columns.label] == value]
        for side, rows in sides.items()
        for value, name in classes.items()
    }
    for name in classes.values():
        if not any(len(of_class[side, name]) for side in sides):
            return (
                f"column '{columns.label}': one class only; expected rows of {classes[1]!r} and "
                f"{classes[0]!r}, none is {name!r}. Add rows of it, or name another column in "
                "columns.label."
            )
    what = "rows" if columns.group is None else f"groups, by '{columns.group}',"
    of = "rows" if columns.group is None else "groups"
    way_out = (
        f"change test_fraction = {split.test_fraction}"
        if split.from_ is None
        else f"move the boundary, now split.from = {split.from_}"
    )
    for (side, name), rows in of_class.items():
        count = len(rows) if columns.group is None else rows[columns.group].nunique()
        if count < 2:
            return (
                f"too few {of} to split: on the {side} side {count} {what} have "
                f"{columns.label} = {name!r}; expected at least 2. Add some, or {way_out}."
            )
    return None


def _refuse_split_keys(train: pd.DataFrame, test: pd.DataFrame, columns: Columns) -> None:
    """Stop where group or time put rows of one key on both sides: a key names one row."""
    if columns.key is None or columns.together is None:
        return
    both = test.index[test[columns.key].isin(train[columns.key])]
    if len(both):
        key = test.loc[both[0], columns.key]
        older = train.index[train[columns.key] == key]
        raise DataError(
            f"{len(both)} test rows have the key of a train row: {columns.key} '{shown(key)}' is "
            f"in row {both[0]} and in row {older[0]}, whose '{columns.together}' puts them on two "
            "sides. Expected a key that names one row. If it names several, name it under "
            "columns.ignore and not under columns.key."
        )


def _refusal(fault: str, source: Source) -> DataError:
    """Say what is wrong with the valid rows, if any, and first which were set aside before."""
    if not source.quarantined_rows:
        return DataError(f"{source.file}: {fault}")
    of_others = f"\nOf the rows left: {fault}" if source.quarantined_rows < source.rows else ""
    return DataError(
        f"{source.file}: {source.quarantined_rows} of {source.rows} rows were quarantined:"
        f"{source.reasons}{of_others}{MEND}"
    )
