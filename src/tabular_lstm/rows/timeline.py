"""Who has which history: rows in the order of time, and which of them are earlier than which.

That is decided here alone, by the time, so that nothing of a later row can be in a history. Rows of
the same time are not earlier.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import CLASSES, Columns
from tabular_lstm.parameters.history import delay_of
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.labels import are_unlabelled, label_of
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.schema import HistoryLayout, Schema
from tabular_lstm.rows.sequences import by_name, refuse_problems, to_sequences
from tabular_lstm.rows.times import TimeReader, has_dates

MICROSECONDS_A_DAY = 86_400_000_000


def layout_of(columns: Columns, rows: pd.DataFrame) -> HistoryLayout:
    """Lay out the histories that conf declares of rows whose cells are read.

    The order is a feature too where it is a number, such as an age, and does not split the rows.
    """
    of = columns.history
    if of is None:
        raise ValueError("expected columns.history")
    dates = has_dates(rows[of.order])
    if isinstance(of.known_after, str) and not dates:
        raise DataError(
            f"columns.history.known_after is {of.known_after!r}, and the times in '{of.order}' are "
            "numbers: expected a number, in their unit."
        )
    return HistoryLayout(
        of=of.of,
        order=of.order,
        steps=of.steps,
        known_after=of.known_after,
        dates=dates,
        form=columns.dates.get(of.order),
        gap=f"{of.order}, since the row before",
        number=None if dates or columns.time else of.order,
        labels=() if of.known_after is None else _label_features(columns),
    )


def _label_features(columns: Columns) -> tuple[str, ...]:
    """Name the features that are an earlier label: of more than two classes one for each."""
    name = f"{columns.label}, earlier"
    if columns.task.kind != CLASSES:
        return (name,)
    return tuple(f"{name}: {one}" for one in columns.task.classes)


@dataclass(frozen=True, eq=False)
class Roles:
    """Whose each row is, when it is from, and its label where labels are features.

    Attributes:
        customers: Text (rows,).
        times: datetime64[us] or float64 (rows,).
        labels: float64 (rows,): the number of the class, or the number; NaN where there is none.
            None where labels are no features.
    """

    customers: pd.Series
    times: pd.Series
    labels: np.ndarray | None = None

    @classmethod
    def of(cls, rows: pd.DataFrame, layout: HistoryLayout, label: str) -> Self:
        """Take them from rows whose cells are read."""
        labels = None if layout.known_after is None else rows[label].to_numpy(np.float64)
        return cls(rows[layout.of], rows[layout.order], labels)

    def __getitem__(self, which: np.ndarray) -> Self:
        """Give the roles of some of the rows, by their places."""
        labels = None if self.labels is None else self.labels[which]
        return type(self)(self.customers.iloc[which], self.times.iloc[which], labels)

    @property
    def time(self) -> np.ndarray:
        """Give the time as float64 (rows,), of dates in microseconds since 1970.

        That is exact for 285 years.
        """
        times = self.times.to_numpy()
        if has_dates(self.times):
            times = times.astype("datetime64[us]").astype(np.int64)
        return np.asarray(times, np.float64)

    @property
    def unit(self) -> float:
        """Give what of `time` is a day, or 1 where the times are numbers."""
        return MICROSECONDS_A_DAY if has_dates(self.times) else 1.0


def read_roles(
    cells: pd.DataFrame, schema: Schema, number_format: NumberFormat | None = None
) -> tuple[Roles, dict[str, Problems]]:
    """Read whose each row is, when it is from and its label, as they were read in training.

    The cells of `schema.roles` may be of any type; see `sequences.lay_out`, also for the number
    format, the problems by column, and errors. A label that is missing is no problem.
    """
    layout, number_format = schema.history, number_format or schema.marks
    if layout is None:
        raise ValueError("expected a schema with a layout of histories")
    cells = by_name(cells, schema.roles)
    customers, of_customer = read_key(cells[layout.of], number_format, "customer")
    form = None if has_dates(cells[layout.order]) else layout.form
    reader = TimeReader(number_format, form, numbers=not layout.dates)
    moments, of_time = reader.read(cells[layout.order])
    problems = {layout.of: of_customer, layout.order: of_time}
    labels = None
    if layout.labels:
        of_label, labels = cells[schema.label], np.full(len(cells), np.nan)
        is_there = np.flatnonzero(~are_unlabelled(of_label, schema))
        labels[is_there], found = label_of(schema).read(of_label.iloc[is_there], number_format)
        problems[schema.label] = {int(is_there[at]): fault for at, fault in found.items()}
    roles = Roles(customers.reset_index(drop=True), pd.Series(moments), labels)
    return roles, {name: of_column for name, of_column in problems.items() if of_column}


@dataclass(frozen=True, eq=False)
class Timeline:
    """Rows by customer and then by time.

    Attributes:
        order: Their places among the rows as they were given, int64 (rows,).
        start: Of each in that order, the place of its customer's first row, int64 (rows,).
        tie: Likewise, of the first row of its customer that has the same time.
        customer: Likewise, its customer's number.
        time: Likewise, see `Roles.time`.
    """

    order: np.ndarray
    start: np.ndarray
    tie: np.ndarray
    customer: np.ndarray
    time: np.ndarray

    @classmethod
    def of(cls, roles: Roles, table: np.ndarray) -> Self:
        """Sort rows; those of one customer and one time by their values, not by their order."""
        customer, time = pd.factorize(roles.customers)[0], roles.time
        # Labels are the last features and count least: where they are not known, nothing changes.
        order = np.lexsort((*table[:, ::-1].T, time, customer))
        customer, time = customer[order], time[order]
        is_first = np.diff(customer, prepend=-1) != 0
        is_later = is_first | (np.diff(time, prepend=np.nan) != 0)
        start, tie = (
            np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
            for new in (is_first, is_later)
        )
        return cls(order, start, tie, customer, time)

    @property
    def gaps(self) -> np.ndarray:
        """Give the time since the last earlier row, NaN where there is none: float64 (rows,)."""
        before = self.time[np.maximum(self.tie - 1, 0)]
        return np.where(self.tie > self.start, self.time - before, np.nan)

    def not_after(self, moments: np.ndarray) -> np.ndarray:
        """Give for each row the place behind the rows of its customer up to a moment: int64."""
        rows = len(self.time)
        # Rows stand before moments that are the same.
        is_moment = np.repeat([False, True], rows)
        times, customers = np.concatenate([self.time, moments]), np.tile(self.customer, 2)
        merged = np.lexsort((is_moment, times, customers))
        places = np.empty(2 * rows, np.int64)
        places[merged] = np.cumsum(~is_moment[merged])
        return np.asarray(np.maximum(places[rows:], self.start))


def derived(roles: Roles, layout: HistoryLayout) -> dict[str, np.ndarray]:
    """Give the features that no column holds, in the order of the rows: float64 (rows,) each."""
    timeline = Timeline.of(roles, np.empty((len(roles.times), 0)))
    gaps = np.empty(len(timeline.order))
    gaps[timeline.order] = timeline.gaps / roles.unit
    features = {layout.gap: gaps}
    if layout.number is not None:
        features[layout.number] = roles.time
    if roles.labels is not None:
        known, one = ~np.isnan(roles.labels), len(layout.labels) == 1
        for place, name in enumerate(layout.labels):
            values = roles.labels if one else np.where(known, roles.labels == place, np.nan)
            features[name] = values
    return features


def histories(
    roles: Roles, table: np.ndarray, schema: Schema, examples: np.ndarray | None = None
) -> Histories:
    """Give the histories of some of the rows.

    Args:
        roles: Of all rows.
        table: All rows as `sequences.lay_out` gives them, (rows, 1, features).
        schema: With a layout of histories.
        examples: Places of the rows that a history ends with. Default: all, in their order.
    """
    layout = schema.history
    if layout is None:
        raise ValueError("expected a schema with a layout of histories")
    table = table.reshape(len(table), table.shape[-1])
    for name, values in derived(roles, layout).items():
        table[:, schema.features.index(name)] = values
    table += 0  # one bit pattern for zero: rows that are equal have one order
    timeline = Timeline.of(roles, table)
    own = np.empty(len(table), np.int64)
    own[timeline.order] = np.arange(len(table))
    own = own if examples is None else own[examples]
    last = timeline.tie[own]
    first = np.maximum(timeline.start[own], last - layout.steps + 1)
    known = first
    if layout.known_after is not None:
        moments = timeline.time - delay_of(layout.known_after) * roles.unit
        known = np.minimum(timeline.not_after(moments)[own], last)
    order, customer, count = timeline.order, timeline.customer, len(layout.labels)
    return Histories(table[order], first, last, own, known, order, customer, layout.steps, count)


def read_sequences(rows: pd.DataFrame, schema: Schema) -> Sequences:
    """Read rows of any cells: see `to_sequences`; each with its own earlier rows, if it has any.

    Raises:
        DataError: See `to_sequences` and `read_roles`; or a cell of these cannot be used.
    """
    table = to_sequences(rows, schema)
    if schema.history is None:
        return table
    roles, problems = read_roles(rows, schema)
    for name, of_column in problems.items():
        refuse_problems(name, of_column)
    return histories(roles, table, schema)
