"""Keys and groups, the texts that name rows; fingerprints, hashes that recognize rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np
import pandas as pd

from tabular_lstm.files import sha256
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import (
    EMPTY,
    Problems,
    arrow_texts,
    problems_at,
    row_slices,
    texts,
    written_in,
)
from tabular_lstm.rows.dates import time_texts
from tabular_lstm.rows.histories import PADDING, Histories, Sequences
from tabular_lstm.rows.number_format import (
    AS_FLOAT,
    POINT,
    NumberFormat,
    all_pointed,
    without_fraction,
)

# Keys ---------------------------------------------------------------------------------------------

# As pandas and Excel write a number that is too long for them. 1E5 may be a code.
ROUNDED = r"^[+-]?[0-9]+(?:\.[0-9]*)?[eE]\+[0-9]+$"
EXACT = 2**53  # from here on, float64 cannot tell a whole number from the next one


def read_key(
    cells: pd.Series, number_format: NumberFormat = POINT, word: str = "key"
) -> tuple[pd.Series, Problems]:
    """Read each key as text, in one spelling.

    If one key of a column is missing, pandas writes 7.0 for 7; so 7.0 and 7 are the key "7".
    Nothing else is changed: `007`, `7`, `+7` and `7.000` (which may be 7000) are four keys. A whole
    number of any length is a key. A number that a program has rounded is not a key, because several
    keys may have become this number: `1.23457E+17`, or 2^53 (float32: 2^24, float16: 2^11) or more
    with `.0`.

    Returns:
        str: the key, or any text where the cell has a problem; and the problems, which call the key
        `word`. An empty cell or a word for "missing" is not a key.
    """
    keys = texts(cells, write=written_in(number_format)).fillna("")
    if number_format != POINT:
        numbers = all_pointed(arrow_texts(keys), number_format).to_pandas()
        keys = pd.Series(numbers, dtype="str").set_axis(keys.index).fillna(keys)
    is_absent = keys.str.lower().isin(EMPTY).to_numpy()
    rounded = keys.str.match(ROUNDED).to_numpy(bool, copy=True)
    as_float = keys.str.match(AS_FLOAT).to_numpy(bool)
    if as_float.any():
        whole_numbers = [*map(without_fraction, keys[as_float])]
        dtype = getattr(cells.dtype, "numpy_dtype", cells.dtype)
        exact = 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else EXACT
        rounded[as_float] = [len(n) > 17 or abs(int(n)) >= exact for n in whole_numbers]
        keys = keys.copy()
        keys[as_float] = whole_numbers
    return keys, {
        **dict.fromkeys(np.flatnonzero(is_absent).tolist(), f"no {word}"),
        **problems_at(cells, rounded, f"is a rounded number, not a {word}", quoted=True),
    }


def number_groups(rows: pd.DataFrame, columns: ColumnsOptions) -> np.ndarray | None:
    """Number the groups of rows from 0, int (rows,), in the order of their first rows.

    None if each row is its own group, or if all rows are one group.
    """
    # In a split by time, all rows may be of one customer, such as a machine.
    return None if columns.of is None else number_equal(rows[columns.of])


def number_equal(values: pd.Series | np.ndarray) -> np.ndarray | None:
    """Number equal values from 0, likewise."""
    groups, distinct = pd.factorize(values)
    return None if len(distinct) in (1, len(values)) else groups


def number_values(groups: np.ndarray) -> np.ndarray:
    """Number groups from 0 in the order of their first rows; the values may be of any type.

    Raises:
        ValueError: A row has no group, or there is only one group.
    """
    numbers, distinct = pd.factorize(groups)
    if missing := int((numbers < 0).sum()):
        raise ValueError(f"groups: {missing} of {len(groups)} are missing.")
    if len(distinct) < 2:
        raise ValueError(f"groups: expected 2 or more, got only {distinct.tolist()[0]!r}.")
    return numbers


def keys_of(rows: pd.DataFrame, columns: ColumnsOptions) -> pd.Series | None:
    """Take the rows' keys; None if there is no key."""
    return None if columns.key is None else rows[columns.key]


def together_of(rows: pd.DataFrame, columns: ColumnsOptions) -> pd.Series | None:
    """Take the rows' times or groups as text: equal ones are on one side. None without these."""
    if columns.time is None:
        return None if columns.group is None else rows[columns.group]
    return time_texts(rows[columns.time])


# Fingerprints -------------------------------------------------------------------------------------


def _no_fingerprints() -> np.ndarray:
    return np.array([], np.uint64)


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of the rows that a network was trained on, of their keys and of their groups.

    Attributes:
        sequences: Fingerprints of the rows as the network sees them: uint64, sorted, distinct.
        keys: Fingerprints of the keys, likewise; empty if the rows have no key.
        key: Name of the keys' column; None if the rows have no key.
        groups: Fingerprints of the groups or, in a split by time, the times; empty without these.
        group: Name of that column; None without these.
    """

    sequences: np.ndarray
    keys: np.ndarray
    key: str | None = None
    groups: np.ndarray = field(default_factory=_no_fingerprints)
    group: str | None = None

    @classmethod
    def of_rows(
        cls,
        sequences: Sequences,
        keys: pd.Series | None,
        groups: pd.Series | None = None,
    ) -> Self:
        """Make fingerprints of sequences (rows, steps, features_per_step), keys and groups."""
        hashes_and_names = [
            (_no_fingerprints(), None)
            if column is None
            else (np.unique(fingerprints_of_keys(column)), str(column.name))
            for column in (keys, groups)
        ]
        (key_hashes, key), (group_hashes, group) = hashes_and_names
        sequence_hashes = np.unique(fingerprints_of_sequences(sequences))
        return cls(sequence_hashes, key_hashes, key, group_hashes, group)

    @property
    def sha256(self) -> str:
        """Hash all fingerprints, to check that a decision was made with them."""
        parts = [repr(self.key).encode(), self.sequences.tobytes(), self.keys.tobytes()]
        if self.group is not None:
            parts += [repr(self.group).encode(), self.groups.tobytes()]
        return sha256(b"".join(parts))

    def hold(
        self,
        sequences: Sequences,
        keys: pd.Series | None = None,
        groups: pd.Series | None = None,
    ) -> np.ndarray:
        """Return which rows were trained on: bool (rows,).

        Keys and groups are compared if they come from the same column as in training. If neither
        does, sequences are compared; they must be laid out as in training.
        """
        matches = [
            np.isin(fingerprints_of_keys(column), trained)
            for column, trained, name in (
                (keys, self.keys, self.key),
                (groups, self.groups, self.group),
            )
            if column is not None and column.name == name
        ]
        if matches:
            return np.asarray(np.any(matches, axis=0))
        return np.isin(fingerprints_of_sequences(sequences), self.sequences)

    def hold_keys(self, keys: pd.Series) -> np.ndarray | None:
        """Return which keys were trained on: bool (rows,); None if the column is another one."""
        return np.isin(fingerprints_of_keys(keys), self.keys) if keys.name == self.key else None


def fingerprints_of_sequences(sequences: Sequences) -> np.ndarray:
    """Hash each row's float32 bytes: uint64 (rows,); 0 and -0 count as equal, and so do all NaNs.

    Among a million different rows, the odds that any two have the same fingerprint are 1 to 37
    million.
    """

    def contents(part: slice) -> list[bytes]:
        part_sequences = sequences[part]
        rows = part_sequences.dense() if isinstance(part_sequences, Histories) else part_sequences
        flat = rows.reshape(len(rows), -1).astype("<f4")
        flat = np.where(np.isnan(flat), np.float32(np.nan), flat) + np.float32(0)
        if isinstance(part_sequences, Histories):
            return [row[row != PADDING].tobytes() for row in flat]
        return [row.tobytes() for row in flat]

    return hash_rows(len(sequences), contents)


def fingerprints_of_keys(keys: pd.Series) -> np.ndarray:
    """Hash each row's key, or group, as UTF-8: uint64 (rows,); equal texts have equal hashes."""

    def contents(part: slice) -> list[bytes]:
        return [key.encode() for key in keys.iloc[part]]

    return hash_rows(len(keys), contents)


def hash_rows(
    rows: int, contents: Callable[[slice], Iterable[bytes]], salt: str = ""
) -> np.ndarray:
    """Hash each row: uint64 (rows,), the 8 bytes of BLAKE2b keyed by `salt`, lowest byte first.

    Args:
        rows: The number of rows.
        contents: Gives the bytes to hash of each row in a slice of the rows: they are asked for
            part by part, so that memory never holds the bytes of all rows.
        salt: The key of the hash. Default: none.
    """
    hashes, salted = np.empty(rows, np.uint64), blake2b(digest_size=8, key=salt.encode())
    for part in row_slices(rows):
        digests = []
        for content in contents(part):
            digest = salted.copy()
            digest.update(content)
            digests.append(digest.digest())
        hashes[part] = np.frombuffer(b"".join(digests), "<u8")
    return hashes
