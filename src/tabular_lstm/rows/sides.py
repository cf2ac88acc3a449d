"""Decide whether a row is a train row or a test row: by a hash of its content, alike each time."""

import hashlib

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns, Split


def in_test(rows: pd.DataFrame, columns: Columns, split: Split) -> np.ndarray:
    """Tell which rows are test rows, whatever other rows there are and in whatever order.

    A row is held out where the hash of its key (without a key: of its features) is below
    `test_fraction` of the hash's range. The hash is BLAKE2b, keyed with the salt, over the key's
    UTF-8, or over the numeric features' float64 bytes and then the categories' UTF-8, in the order
    of their names, so that neither the order of the columns nor the way a number is written
    counts. The label never does.

    Args:
        rows: Valid rows: numeric features as float64, categories and key as text.
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
    features = rows.drop(columns=columns.label).sort_index(axis="columns")
    names = [name for name in features if name in columns.categorical]
    values = features.drop(columns=names).to_numpy("<f8")
    # One bit pattern for zero and one for NaN.
    values = np.where(np.isnan(values), np.nan, values) + 0.0
    contents = [row.tobytes() for row in np.ascontiguousarray(values)]
    if names:
        texts = features[names].astype(object).where(features[names].notna(), None).to_numpy()
        contents = [
            content + repr(tuple(row)).encode()
            for content, row in zip(contents, texts, strict=True)
        ]
    return contents
