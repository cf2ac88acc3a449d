"""Histories: the sequence of a row is the row itself and the earlier rows of the same customer.

Every row is laid out once, in a table; a history names places in the table.
`tabular_lstm.rows.timeline` decides which rows are earlier.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

# Fills a sequence after its last row; no value of a row is infinite.
PADDING = np.float32(np.inf)
# What each history has of its own: places of rows in the table.
BOUNDS = ("first", "last", "own", "known")


class Compact(NamedTuple):
    """Histories as the network takes them: each row is there once, and is embedded once.

    Attributes:
        rows: float32 (…, rows, features).
        places: int32 (…, histories, T): the place of each step's row, -1 after the last step.
    """

    rows: np.ndarray
    places: np.ndarray


@dataclass(frozen=True, eq=False)
class Histories:
    """Sequences of unequal length, each as the places of its rows in one table.

    Attributes:
        table: float32 (rows of the table, features), by customer and then by time.
        first: Place of each history's first row, int64 (histories,).
        last: Place after the history's last earlier row, int64 (histories,).
        own: Place of the row itself, int64 (histories,).
        known: Place after the last earlier row whose label is known, int64 (histories,).
        order: Place of each row of the table among the given rows, int64 (rows,).
        customer: The number of each row's customer, ascending, int64 (rows,).
        time: The time of each row, of dates in days, float64 (rows,).
        steps: How many rows a history has at most.
        labels: How many of the last features hold the label. Default: 0.
    """

    table: np.ndarray
    first: np.ndarray
    last: np.ndarray
    own: np.ndarray
    known: np.ndarray
    order: np.ndarray
    customer: np.ndarray
    time: np.ndarray
    steps: int
    labels: int = 0

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, which: Any) -> Self:
        """Return some of the histories, by a slice, a mask or places."""
        return replace(self, **{name: getattr(self, name)[which] for name in BOUNDS})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of the sequences: (histories, steps, features)."""
        return len(self), self.steps, self.table.shape[1]

    @property
    def size(self) -> int:
        """Count the values of the sequences."""
        return len(self) * self.steps * int(self.table.shape[1])

    @property
    def lengths(self) -> np.ndarray:
        """Count the rows of each history, including its own row: int64 (histories,)."""
        return np.asarray(self.last - self.first + 1)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the arrays that decide what the sequences hold."""
        return self.table, self.first, self.last, self.own, self.known, self.time

    @property
    def are_last(self) -> np.ndarray:
        """Return which histories are the last one of their customer, bool (histories,)."""
        order = np.argsort(self.own)
        is_last = np.empty(len(self), bool)
        is_last[order] = np.diff(self.customer[self.own[order]], append=-1) != 0
        return is_last

    @property
    def copied(self) -> np.ndarray:
        """Count the rows that each history has in `apart`: int64 (histories,)."""
        return np.asarray(1 + self.own - np.searchsorted(self.customer, self.customer[self.own]))

    @property
    def apart(self) -> Self:
        """Give each history its own copy of its customer's rows up to its own row, as a customer.

        So a row can be changed in one history, and stays as it is in the past of the others.
        """
        customer = np.repeat(np.arange(len(self)), self.copied)
        moved = np.cumsum(self.copied) - 1 - self.own
        places = np.arange(len(customer)) - moved[customer]
        return replace(
            self,
            table=self.table[places],
            order=self.order[places],
            customer=customer,
            time=self.time[places],
            **{name: getattr(self, name) + moved for name in BOUNDS},
        )

    def rows(self, which: Any = slice(None)) -> np.ndarray:
        """Return rows of the table as sequences of one row, unlabelled: float32 (rows, 1, …)."""
        rows = np.array(self.table[which, None])
        rows[..., rows.shape[-1] - self.labels :] = np.nan
        return rows

    @property
    def counts(self) -> np.ndarray:
        """Count how often each row of the table is read: int64 (rows of the table,)."""
        size, bounds = len(self.table), (self.first, self.last)
        starts, ends = (np.bincount(places, minlength=size + 1) for places in bounds)
        earlier = np.cumsum(starts - ends)[:-1]
        return np.asarray(earlier + np.bincount(self.own, minlength=size))

    def dense(self, which: Any = slice(None)) -> np.ndarray:
        """Return histories as an array: float32 (histories, T, features), T the longest length.

        The rows are in the order of time; the row itself is last, and `PADDING` follows it.

        Args:
            which: A slice, a mask or places. Default: all.
        """
        places, unknown = self._places(which)
        rows = self.table[places]
        rows[..., rows.shape[-1] - self.labels :][unknown] = np.nan
        rows[places < 0] = PADDING
        return np.asarray(rows)

    def compact(self, which: Any = slice(None)) -> Compact:
        """Return histories, and store each row once, even if several histories have the row.

        Args:
            which: A slice, a mask or places, of any shape (…, histories). The leading axes separate
                sets of histories; each set has its own rows. Default: all.
        """
        places, unknown = self._places(which)
        # A row is there twice if its label is known in only some of the histories.
        marked = np.where(places < 0, -1, 2 * places + (unknown & (self.labels > 0)))
        marks_by_set = marked.reshape(-1, marked.shape[-2] * marked.shape[-1])
        encoded_sets = [np.unique(marks, return_inverse=True) for marks in marks_by_set]
        # The first place is -1, the padding.
        encoded_sets = [
            (marks, codes) if marks[0] < 0 else (np.append(-1, marks), codes + 1)
            for marks, codes in encoded_sets
        ]
        row_marks = np.full((len(marks_by_set), max(len(marks) for marks, _ in encoded_sets)), -1)
        for row, (marks, _) in zip(row_marks, encoded_sets, strict=True):
            row[: len(marks)] = marks
        rows = self.table[np.maximum(row_marks, 0) // 2][:, 1:]
        rows[..., rows.shape[-1] - self.labels :][row_marks[:, 1:] % 2 == 1] = np.nan
        row_places = np.stack([codes.reshape(-1) for _, codes in encoded_sets]).astype(np.int32) - 1
        set_axes = marked.shape[:-2]
        return Compact(rows.reshape(*set_axes, *rows.shape[1:]), row_places.reshape(marked.shape))

    def _places(self, which: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows' places, (…, T), -1 after the last; tell where no label is known."""
        first, last, current, label_end = (
            bound[which][..., None] for bound in (self.first, self.last, self.own, self.known)
        )
        earlier = last - first
        step = np.arange(earlier.max(initial=0) + 1)
        places = np.where(step < earlier, first + step, current)
        unknown = (step >= earlier) | (places >= label_end)
        return np.where(step > earlier, -1, places), unknown


Sequences = np.ndarray | Histories


def taken(sequences: Sequences, which: Any) -> Any:
    """Return some sequences as the network takes them in training: an array, or `Compact`."""
    return sequences[which] if isinstance(sequences, np.ndarray) else sequences.compact(which)


def table_of(sequences: Sequences) -> np.ndarray:
    """Return each row's values once: float32 (rows, slots)."""
    if isinstance(sequences, np.ndarray):
        return sequences.reshape(len(sequences), int(np.prod(sequences.shape[1:])))
    return sequences.table
