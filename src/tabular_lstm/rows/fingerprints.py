"""Fingerprints of rows: 8 bytes each, by which a row that was trained on is known again."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256


@dataclass(frozen=True)
class Fingerprints:
    """Of the rows that a network was trained on, as it sees them, and of their keys.

    Attributes:
        sequences: uint64, sorted, each once.
        keys: Likewise; empty where the rows have no key.
        key: Name of the keys' column; None where the rows have no key.
    """

    sequences: np.ndarray
    keys: np.ndarray
    key: str | None = None

    def __post_init__(self) -> None:
        """Refuse what proves nothing.

        Raises:
            ValueError: There are none, or they are no fingerprints.
        """
        for values in (self.sequences, self.keys):
            if values.dtype != np.uint64 or values.ndim != 1:
                raise ValueError("expected fingerprints as uint64, one after the other")
        if not len(self.sequences) or (self.key is None) == bool(len(self.keys)):
            raise ValueError("expected a fingerprint of at least one row, and of its key if any")

    @classmethod
    def of_rows(cls, sequences: np.ndarray, keys: pd.Series | None) -> Self:
        """Take those of rows, given as sequences (rows, steps, features_per_step) and by key."""
        if keys is None:
            return cls(np.unique(of_sequences(sequences)), np.array([], np.uint64))
        return cls(np.unique(of_sequences(sequences)), np.unique(of_keys(keys)), str(keys.name))

    @property
    def sha256(self) -> str:
        """Hash them all, to tell whether these are the ones that a decision rests on."""
        parts = (repr(self.key).encode(), self.sequences.tobytes(), self.keys.tobytes())
        return sha256(b"".join(parts))

    def hold(self, sequences: np.ndarray, keys: pd.Series | None = None) -> np.ndarray:
        """Tell which rows were trained on, (rows,): by their keys, if these are of the same column.

        Otherwise by their sequences, laid out as those that were trained on.
        """
        if keys is not None and keys.name == self.key:
            return np.isin(of_keys(keys), self.keys)
        return np.isin(of_sequences(sequences), self.sequences)


def keys_of(rows: pd.DataFrame, key: str | None) -> pd.Series | None:
    """Take the rows' keys; None where there is no key.

    Raises:
        DataError: The rows are those of another key.
    """
    if key is None:
        return None
    if key not in rows or not pd.api.types.is_string_dtype(rows[key]):
        raise DataError(
            f"The newest train and test rows do not have column '{key}' as their key, which "
            "columns.key names: they were split before it did. Split them again: kedro run."
        )
    return rows[key]


def of_sequences(sequences: np.ndarray) -> np.ndarray:
    """Hash each row's float32 bytes: uint64 (rows,); 0 and -0 are one number, and so is each NaN.

    BLAKE2b, 8 bytes of it: among a million rows that are not alike, the odds that any two have the
    same fingerprint are 1 to 37 million.
    """
    flat = sequences.reshape(len(sequences), -1).astype("<f4")
    flat = np.where(np.isnan(flat), np.float32(np.nan), flat) + np.float32(0)
    return _hashes(row.tobytes() for row in flat)


def of_keys(keys: pd.Series) -> np.ndarray:
    """Hash each key's UTF-8: uint64 (rows,)."""
    return _hashes(key.encode() for key in keys)


def _hashes(contents: Iterable[bytes]) -> np.ndarray:
    digests = b"".join(blake2b(content, digest_size=8).digest() for content in contents)
    return np.frombuffer(digests, "<u8").astype(np.uint64)
