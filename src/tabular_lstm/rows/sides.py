"""Decide whether a row is a train row or a test row: by a hash of its content, or by its time."""

import hashlib
from functools import partial

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.dates import days
from tabular_lstm.rows.fingerprints import in_parts
from tabular_lstm.rows.sequences import dates_seen, measured
from tabular_lstm.rows.times import has_dates, moment_of, newest, said


def in_test(rows: pd.DataFrame, columns: Columns, split: Split) -> np.ndarray:
    """Tell which rows are test rows, whatever other rows there are and in whatever order.

    By time, a row is held out from `split.from_` on. By hash, where the hash of its group (without
    a group: of its key; without a key: of its features) is below `test_fraction` of the hash's
    range. The hash is BLAKE2b, keyed with the salt, over the group's or the key's UTF-8, or over
    the features as the network sees them, in the order of their names: the float32 bytes of the
    numbers, of a date those of its days since 1970, then the categories' UTF-8. So neither the
    order of the columns counts, nor how a number, a date or a missing value is written. The label
    and the weight never do.

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
    salted = partial(hashlib.blake2b, digest_size=8, key=split.salt.encode())
    held_out = np.zeros(len(rows), bool)
    for at in in_parts(len(rows)):
        digests = b"".join(salted(c).digest() for c in _contents(rows.iloc[at], columns))
        hashes = np.frombuffer(digests, ">u8").astype(np.float64) / 2**64
        held_out[at] = hashes < split.test_fraction
    return held_out


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


def _contents(rows: pd.DataFrame, columns: Columns) -> list[bytes]:
    """Give the bytes that decide on each row."""
    deciding = columns.group or columns.key
    if deciding is not None:
        return [value.encode() for value in rows[deciding]]
    return features_seen(rows, columns)


def features_seen(rows: pd.DataFrame, columns: Columns) -> list[bytes]:
    """Give each row's features as the network sees them: equal bytes for rows that are equal to it.

    Args:
        rows: Valid rows.
        columns: The role of each column.
    """
    names = sorted(set(rows.columns) - columns.not_features)
    words = [name for name in names if name in columns.categorical]
    numbers = [name for name in names if name not in columns.categorical]
    values = np.empty((len(rows), len(numbers)), "<f4")
    for place, name in enumerate(numbers):
        codes = columns.missing.get(name, [])
        values[:, place] = (
            days(dates_seen(rows[name], codes, columns.dates[name]))
            if name in columns.dates
            else measured(rows[name], codes)
        )
    values += 0.0  # one bit pattern for zero
    contents = [row.tobytes() for row in values]
    if words:
        read = [read_category(rows[name], columns.missing.get(name, []))[0] for name in words]
        texts = [text.astype(object).where(text.notna(), None) for text in read]
        contents = [
            content + repr(row).encode()
            for content, row in zip(contents, zip(*texts, strict=True), strict=True)
        ]
    return contents
