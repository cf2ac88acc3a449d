"""Decide whether a row is a train row or a test row: by a hash of its content, alike each time."""

import hashlib

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns, Split
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.dates import days
from tabular_lstm.rows.sequences import dates_seen, measured


def in_test(rows: pd.DataFrame, columns: Columns, split: Split) -> np.ndarray:
    """Tell which rows are test rows, whatever other rows there are and in whatever order.

    A row is held out where the hash of its key (without a key: of its features) is below
    `test_fraction` of the hash's range. The hash is BLAKE2b, keyed with the salt, over the key's
    UTF-8, or over the features as the network sees them, in the order of their names: the float32
    bytes of the numbers, of a date those of its days since 1970, then the categories' UTF-8. So
    neither the order of the columns counts, nor how a number, a date or a missing value is written.
    The label and the weight never do.

    Args:
        rows: Valid rows: numeric features as numbers, categories and key as text.
        columns: The role of each column.
        split: Share of test rows, and salt.

    Returns:
        bool (rows,).
    """
    digests = (
        hashlib.blake2b(content, digest_size=8, key=split.salt.encode()).digest()
        for content in _contents(rows, columns)
    )
    hashes = np.array([int.from_bytes(digest, "big") / 2**64 for digest in digests])
    return hashes < split.test_fraction


def _contents(rows: pd.DataFrame, columns: Columns) -> list[bytes]:
    """Give the bytes that identify each row."""
    if columns.key is not None:
        return [key.encode() for key in rows[columns.key]]
    return features_seen(rows, columns)


def features_seen(rows: pd.DataFrame, columns: Columns) -> list[bytes]:
    """Give each row's features as the network sees them: equal bytes for rows that are equal to it.

    Args:
        rows: Valid rows.
        columns: The role of each column.
    """
    names = sorted(set(rows.columns) - {columns.label, columns.key, columns.weight})
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
