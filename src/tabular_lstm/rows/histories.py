"""Histories: the sequence of a row is the row itself and the earlier rows of the same customer.

Every row is laid out once, in a table; a history names places in the table. Which rows are earlier,
`tabular_lstm.rows.timeline` decides.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

# What stands in a sequence behind its last row; no value of a row is infinite.
PADDING = np.float32(np.inf)


@dataclass(frozen=True, eq=False)
class Histories:
    """Sequences of unequal length: of each the places of its rows in one table.

    Attributes:
        table: float32 (rows of the table, features), by customer and then by time.
        first: Place of each history's first row, int64 (histories,).
        last: Place behind its last earlier row, int64 (histories,).
        own: Place of the row itself, int64 (histories,).
        known: Place behind the last earlier row whose label is known, int64 (histories,).
        steps: How many rows a history has at most.
        label: Place of the label among the features; None where labels are no features.
    """

    table: np.ndarray
    first: np.ndarray
    last: np.ndarray
    own: np.ndarray
    known: np.ndarray
    steps: int
    label: int | None = None

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, which: Any) -> Self:
        """Give some of the histories, by a slice, a mask or places."""
        of = ("first", "last", "own", "known")
        return replace(self, **{name: getattr(self, name)[which] for name in of})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Give the shape of all: (histories, steps, features)."""
        return len(self), self.steps, self.table.shape[1]

    @property
    def size(self) -> int:
        """Count the values of all."""
        return len(self) * self.steps * int(self.table.shape[1])

    @property
    def lengths(self) -> np.ndarray:
        """Count the rows of each, itself included: int64 (histories,)."""
        return np.asarray(self.last - self.first + 1)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Give all arrays."""
        return self.table, self.first, self.last, self.own, self.known

    @property
    def own_rows(self) -> np.ndarray:
        """Give the row itself of each: float32 (histories, 1, features)."""
        return replace(self, first=self.last).dense()

    def counts(self, feature: int) -> np.ndarray:
        """Count how often a feature of each row of the table is read: int64 (rows of the table,).

        Of the label only what is known counts.
        """
        size, end = len(self.table), self.known if feature == self.label else self.last
        starts, ends = (np.bincount(places, minlength=size + 1) for places in (self.first, end))
        earlier = np.cumsum(starts - ends)[:-1]
        own = 0 if feature == self.label else np.bincount(self.own, minlength=size)
        return np.asarray(earlier + own)

    def dense(self, which: Any = slice(None)) -> np.ndarray:
        """Give histories as an array: float32 (…, T, features), T the longest one's length.

        The rows are in the order of time, the row itself last; `PADDING` follows.

        Args:
            which: A slice, a mask or places, of any shape. Default: all.
        """
        first, last, own, known = (
            of[which][..., None] for of in (self.first, self.last, self.own, self.known)
        )
        earlier = last - first
        step = np.arange(earlier.max(initial=0) + 1)
        places = np.where(step < earlier, first + step, own)
        rows = self.table[places]
        if self.label is not None:
            unknown = (step >= earlier) | (places >= known)
            rows[..., self.label][unknown] = np.nan
        rows[np.broadcast_to(step > earlier, rows.shape[:-1])] = PADDING
        return np.asarray(rows)


Sequences = np.ndarray | Histories


def dense(sequences: Sequences, which: Any = slice(None)) -> np.ndarray:
    """Give some sequences as an array, see `Histories.dense`."""
    return sequences[which] if isinstance(sequences, np.ndarray) else sequences.dense(which)


def are_rows(sequences: np.ndarray) -> np.ndarray:
    """Tell rows from what follows the last one, bool (histories, T): see `Histories.dense`."""
    return np.asarray(sequences[..., 0] != PADDING)


def lengths_of(sequences: Sequences) -> np.ndarray:
    """Count the rows of each history: int64 (histories,)."""
    if isinstance(sequences, np.ndarray):
        return np.asarray(are_rows(sequences).sum(1))
    return sequences.lengths


def own_rows(sequences: Sequences) -> np.ndarray:
    """Give the row that each sequence ends with: float32 (sequences, steps of a row, …)."""
    return sequences if isinstance(sequences, np.ndarray) else sequences.own_rows
