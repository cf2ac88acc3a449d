"""Sort rows by time, and find for each row the earlier rows of its customer: its history.

Only this module decides which rows are earlier, and only by time, so that no later row can get into
a history. A row with the same time is not earlier, unless a second column in conf orders them.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self, cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted
from tabular_lstm.parameters.columns import ColumnsOptions, History, delay_of
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.dates import DATES, TimeReader, has_dates
from tabular_lstm.rows.fingerprints import EXACT, read_key
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.labels import labels_or_nan
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema import HistoryLayout, Schema
from tabular_lstm.rows.sequences import by_name, chosen, refuse_problems, to_sequences


def history_layout(columns: ColumnsOptions, history: History, rows: pd.DataFrame) -> HistoryLayout:
    """Return the layout of the histories that conf declares, for rows whose cells are read.

    The order is a feature too if it is a number, such as an age, and does not split the rows.

    Raises:
        DataError: The times are numbers, and `known_after` is text or a time is 2^53 or more.
    """
    dates = has_dates(rows[history.order])
    if isinstance(history.known_after, str) and not dates:
        raise DataError(
            f"columns.history.known_after is {history.known_after!r}, but the times in "
            f"'{history.order}' are numbers: expected a number in the unit of these times."
        )
    if not dates and (large := rows[history.order].abs() >= EXACT).any():
        raise DataError(
            f"Column '{history.order}', the order of histories: numbers of 2^53 or more, such as "
            f"{rows[history.order][large].iloc[0]:g}, cannot be told apart. Expected dates, or "
            "smaller numbers, such as milliseconds in place of nanoseconds."
        )
    labels = [f"{columns.label}, earlier"] if history.known_after is not None else []
    if labels and len(columns.task.classes) > 2:
        labels = [f"{labels[0]}: {name}" for name in columns.task.classes]
    return HistoryLayout(
        **history.model_dump(),
        dates=dates,
        form=columns.dates.get(history.order),
        gap=f"{history.order}, since the row before",
        number=None if dates or columns.time else history.order,
        labels=tuple(labels),
    )


class Roles(NamedTuple):
    """The customer and the time of each row, and its label if labels are features.

    Attributes:
        customers: Text (rows,).
        time: float64 (rows,), see `time_of`.
        labels: float64 (rows,): the number of the class, or the number; NaN where there is none.
            Default: (0,), labels are not features.
        then: float64 (rows,): what orders rows of one time. Default: (1,), nothing does.
    """

    customers: pd.Series
    time: np.ndarray
    labels: np.ndarray = np.empty(0)
    then: np.ndarray = np.zeros(1)


def time_of(times: np.ndarray) -> np.ndarray:
    """Return times as float64 (rows,), dates as microseconds since 1970, exact for 285 years."""
    if times.dtype.kind == "M":
        times = times.astype(DATES).astype(np.int64)
    return times.astype(np.float64)


def roles_of(rows: pd.DataFrame, layout: HistoryLayout, label: str) -> Roles:
    """Take the roles of valid rows."""
    labels = rows[label].to_numpy(np.float64) if layout.labels else np.full(len(rows), np.nan)
    then = rows[layout.then].to_numpy(np.float64) if layout.then else np.zeros(len(rows))
    return Roles(rows[layout.of], time_of(rows[layout.order].to_numpy()), labels, then)


def read_roles(
    cells: pd.DataFrame, schema: Schema, number_format: NumberFormat | None = None
) -> tuple[Roles, dict[str, Problems]]:
    """Read the customer, the time and the label of each row, as in training.

    Args:
        cells: The columns of `schema.roles`, with cells of any type: customer and time and, only if
            the layout has features that hold the label, the label.
        schema: A schema with a layout of histories.
        number_format: The format of numbers that are text. Default: that of the train rows' file.

    Returns:
        The roles; the label is NaN where the cell is missing, which is no problem. Where a label
        has a problem, its value says nothing.
        The problems by column, for columns that have any.

    Raises:
        DataError: A column is missing or there twice.
    """
    layout = cast(HistoryLayout, schema.history)
    number_format = number_format or schema.marks  # `marks` is the format's name since 0.1.0
    cells = by_name(cells, schema.roles)
    problems: dict[str, Problems] = {}
    customers, problems[layout.of] = read_key(cells[layout.of], number_format, word="customer")
    reader = TimeReader(number_format, layout.form, numbers=not layout.dates)
    times, problems[layout.order] = reader.read(cells[layout.order])
    labels, then = np.full(len(cells), np.nan), np.zeros(len(cells))
    if layout.then:
        then, problems[layout.then] = TimeReader(number_format, numbers=True).read(
            cells[layout.then]
        )
    if layout.labels:
        labels, problems[schema.label] = labels_or_nan(cells[schema.label], schema, number_format)
    roles = Roles(customers.reset_index(drop=True), time_of(times), labels, then)
    return roles, {name: faults for name, faults in problems.items() if faults}


@dataclass(frozen=True, eq=False)
class Timeline:
    """Rows by customer and then by time.

    Attributes:
        order: Place of each sorted row among the given rows, int64 (rows,).
        start: For each sorted row, the place of its customer's first row, int64 (rows,).
        tie: Likewise, the place of its customer's first row that is not earlier: it has the same
            time and, where rows have it, the same `Roles.then`.
        customer: Likewise, the number of its customer.
        time: Likewise, its time, see `Roles`.
    """

    order: np.ndarray
    start: np.ndarray
    tie: np.ndarray
    customer: np.ndarray
    time: np.ndarray

    @classmethod
    def of(cls, roles: Roles, table: np.ndarray | None = None) -> Self:
        """Sort rows; those that are not earlier than each other by their values, if given."""
        customer = pd.factorize(roles.customers)[0]
        time, then = np.broadcast_arrays(roles.time, roles.then)
        # Labels are the last features and count least, so that unknown labels change no order.
        values = () if table is None else table[:, ::-1].T
        order = np.lexsort((*values, then, time, customer))
        customer, time, then = customer[order], time[order], then[order]
        is_first = np.diff(customer, prepend=-1) != 0
        is_later = is_first | (np.diff([time, then], prepend=np.nan) != 0).any(axis=0)
        start, tie = (
            np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
            for new in (is_first, is_later)
        )
        return cls(order, start, tie, customer, time)

    @property
    def gaps(self) -> np.ndarray:
        """Return the time since the last earlier row, NaN where there is none: float64 (rows,)."""
        before = self.time[np.maximum(self.tie - 1, 0)]
        return np.where(self.tie > self.start, self.time - before, np.nan)

    def not_after(self, moments: np.ndarray) -> np.ndarray:
        """For each row's moment, give the place after its customer's last row until then: int64."""
        rows = len(self.time)
        # A row is sorted before an equal moment.
        is_moment = np.repeat([False, True], rows)
        times, customers = np.concatenate([self.time, moments]), np.tile(self.customer, 2)
        merged = np.lexsort((is_moment, times, customers))
        places = np.empty(2 * rows, np.int64)
        places[merged] = np.cumsum(~is_moment[merged])
        return np.asarray(np.maximum(places[rows:], self.start))


def derived(roles: Roles, layout: HistoryLayout, timeline: Timeline) -> dict[str, np.ndarray]:
    """Return the features that no column holds, in the order of the rows: float64 (rows,) each."""
    gaps = np.empty(len(timeline.order))
    gaps[timeline.order] = timeline.gaps / layout.unit
    features = {layout.gap: gaps}
    if layout.number is not None:
        features[layout.number] = roles.time
    return features | label_features(roles, layout)


def label_features(roles: Roles, layout: HistoryLayout) -> dict[str, np.ndarray]:
    """Return the features that hold the label, if any, likewise."""
    if len(layout.labels) == 1:
        return {layout.labels[0]: roles.labels}
    has_label = ~np.isnan(roles.labels)
    return {
        name: np.where(has_label, roles.labels == place, np.nan)
        for place, name in enumerate(layout.labels)
    }


def histories(
    roles: Roles, table: np.ndarray, schema: Schema, examples: np.ndarray | None = None
) -> Histories:
    """Return the histories of some of the rows.

    Args:
        roles: The roles of all rows.
        table: All rows as `sequences.slots_of` gives them, (rows, 1, features).
        schema: A schema with a layout of histories.
        examples: Places of the rows that get a history. Default: all, in their order.
    """
    layout = cast(HistoryLayout, schema.history)
    table = table.reshape(len(table), table.shape[-1])

    def fill(features: dict[str, np.ndarray]) -> None:
        for name, values in features.items():
            table[:, schema.features.index(name)] = values - schema.origin.get(name, 0)

    # The rows are sorted once: rows of one customer and one time have the same gap and number.
    fill(label_features(roles, layout))
    timeline = Timeline.of(roles, table)
    fill(derived(roles, layout, timeline))
    table += 0  # one bit pattern for zero
    sorted_places = np.argsort(timeline.order)
    sorted_places = sorted_places if examples is None else sorted_places[examples]
    last = timeline.tie[sorted_places]
    first = np.maximum(timeline.start[sorted_places], last - layout.steps + 1)
    known_end = first
    if layout.known_after is not None:
        moments = timeline.time - delay_of(layout.known_after) * layout.unit
        known_end = np.minimum(timeline.not_after(moments)[sorted_places], last)
    return Histories(
        table=table[timeline.order],
        first=first,
        last=last,
        own=sorted_places,
        known=known_end,
        order=timeline.order,
        customer=timeline.customer,
        time=timeline.time / layout.unit,
        steps=layout.steps,
        labels=len(layout.labels),
    )


def pasts_of(sides: list[pd.DataFrame], other_rows: pd.DataFrame, history: History) -> pd.DataFrame:
    """Return the other rows that are earlier than a labelled row, of a side, of their customer.

    With `then`, those of the same time are given too; which are earlier, only `Timeline` decides.
    """
    labelled = pd.concat([side[[history.of, history.order]] for side in sides], ignore_index=True)
    newest = other_rows[history.of].map(labelled.groupby(history.of)[history.order].max())
    if other_rows.empty:  # then its times have any type
        return other_rows
    times = other_rows[history.order]
    return other_rows[(times.le(newest) if history.then else times.lt(newest)).to_numpy()]


def last_rows(
    rows: pd.DataFrame, schema: Schema, sequences: Histories
) -> tuple[np.ndarray, np.ndarray]:
    """Return which examples are like the rows that a scoring predicts.

    A scoring predicts each customer's last row. So an example counts if it was its customer's last
    row at one of several times, and its customer was seen within the labels' delay before this
    time. The times are one delay apart, back from the newest row; or, if any row within one delay
    of the newest row has no label, back from one delay before it. If conf names values under
    `predict`, only rows with these values are meant in all this. Without a delay, the median time
    between two rows of a customer takes its place, and each customer's last row of all counts too.
    The first third of the whole time is left out where customers have several rows, because the
    first rows of a table have shorter histories than those of today.

    Args:
        rows: The examples, then the other rows, as in `valid_sequences`.
        schema: A schema with a layout of histories.
        sequences: The examples' histories.

    Returns:
        These examples, bool (examples,), and those of the newest time alone, likewise: one row of
        each customer.

    Raises:
        DataError: No example has a value that conf names under `predict`.
    """
    layout = cast(HistoryLayout, schema.history)
    roles = roles_of(rows, layout, schema.label)
    delay = delay_of(layout.known_after or 0) * layout.unit
    order, customer = sequences.order, sequences.customer
    time = roles.time[order]
    if sequences.labels:  # of rows that are equal but for the label, the last in the file judges
        table = sequences.table[:, : -sequences.labels]
        values = np.where(np.isnan(table), np.inf, table)
        is_other = np.diff([time, roles.then[order], customer]).any(axis=0)
        equal_rows = np.cumsum(np.append(True, is_other | (values[1:] != values[:-1]).any(axis=1)))
        order = order[np.lexsort((order, equal_rows))]
    is_chosen = isinstance(layout.predict, dict)
    may_be = rows[layout.mark].to_numpy(bool) if is_chosen else np.ones(len(rows), bool)
    if is_chosen and not may_be[: len(sequences)].any():
        raise DataError(
            f"columns.history.predict is {layout.predict}: none of the "
            f"{counted(len(sequences), 'labelled row')} of a side has such a value. Name the "
            "values of rows that have labels, as the file writes them."
        )
    order, customer, time = (values[may_be[order]] for values in (order, customer, time))
    newest, oldest = time.max(), time.min()
    gaps = np.diff(time)[np.diff(customer) == 0]
    if np.isnan(roles.labels[may_be & (roles.time > newest - delay)]).any():
        newest -= delay
    usual_gap = float(np.median(gaps[gaps > 0])) if gaps.any() else 1.0
    window = np.ceil((time - newest) / (delay or usual_gap))
    is_final = np.diff(customer, append=-1) != 0
    is_last = (np.diff(window, append=np.nan) != 0) | is_final
    is_recent = (window <= 0) & (time >= oldest + (newest - oldest) / 3 * gaps.any())
    judges, newest_rows = np.zeros((2, len(rows)), bool)
    judges[order] = is_last & (is_recent | (is_final & (not delay)))
    newest_rows[order] = is_last & (window == 0) if delay else is_final
    judges = judges[: len(sequences)]
    return judges, judges & newest_rows[: len(sequences)]


def valid_sequences(rows: pd.DataFrame, schema: Schema, *other_rows: pd.DataFrame) -> Sequences:
    """Lay valid rows out; for histories, `other_rows` may be earlier rows.

    Numbers of valid rows are already read and checked against the bounds in conf. These bounds may
    be wider than the schema's.

    Raises:
        DataError: See `tabular_lstm.rows.sequences.to_sequences`.
    """
    schema = schema.model_copy(update={"bounds": {}, "marks": POINT})
    if (layout := schema.history) is None:
        return to_sequences(rows, schema)
    needed = [*schema.columns, *schema.roles]
    parts = [chosen(part, needed) for part in (rows, *other_rows) if len(part)]
    all_rows = pd.concat(parts or [rows])
    roles = roles_of(all_rows, layout, schema.label)
    return histories(roles, to_sequences(all_rows, schema), schema, np.arange(len(rows)))


def read_sequences(rows: pd.DataFrame, schema: Schema) -> Sequences:
    """Read rows with cells of any type, see `to_sequences`; for histories, earlier rows too.

    Raises:
        DataError: See `to_sequences` and `read_roles`; or a cell of the roles cannot be used.
    """
    table = to_sequences(rows, schema)
    if schema.history is None:
        return table
    roles, problems = read_roles(rows, schema)
    for name, column_problems in problems.items():
        refuse_problems(name, column_problems)
    return histories(roles, table, schema)
