"""Dates and times: read them, turn dates into what the network sees, and order rows by time."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, shown
from tabular_lstm.parameters.columns import DateFormat, Moment, forms_of, in_utc, in_words
from tabular_lstm.rows.cells import (
    EMPTY,
    Problems,
    cell_text,
    distinct,
    is_missing,
    problems_at,
    row_slices,
    texts,
    written_in,
)
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed
from tabular_lstm.rows.schema import PARTS
from tabular_lstm.task import Value

# Dates and date-times in the extended format of ISO 8601, with a year of four digits.
ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# Parts of a format with nothing between them.
TOGETHER = re.compile("%[a-zA-Z]%[a-zA-Z]")
# Microseconds cover every year that a program may write for "never".
DATES = "datetime64[us]"
NO_DATE = np.datetime64("NaT", "us")  # NumPy deprecates a NaT without a unit
MICROSECONDS = 24 * 60 * 60 * 10**6
DAYS_OF_YEAR = 365.25  # on average
# Rounded, because the last bits of a sine differ between processors.
DECIMALS = 6


def date_of(cell: Any, form: DateFormat = None) -> datetime | None:
    """Read a cell that is not empty: text, or a date of Python or pandas.

    A date is read as the midnight at its start. A time with a zone is converted to UTC; a time
    without a zone stays as it is. With a format, as of `datetime.strptime`, text and numbers are
    read by the format; with several, by the first that fits. Default: text must be ISO 8601.

    Returns:
        The time, without a zone; None where a text means "missing".

    Raises:
        ValueError: The cell is no date, or does not match the format.

    Examples:
        >>> str(date_of("2026-11-05T01:30+02:00")), str(date_of("5.11.2026", "%d.%m.%Y"))
        ('2026-11-04 23:30:00', '2026-11-05 00:00:00')
    """
    if isinstance(cell, datetime):
        time = cell
    elif isinstance(cell, date):
        time = datetime(cell.year, cell.month, cell.day)
    else:
        text = (cell_text(cell) if form and not isinstance(cell, str) else cell).strip()
        if is_missing(text):
            return None
        time = _read_text(text, form)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def read_dates(
    cells: pd.Series, missing: Sequence[Value] = (), form: DateFormat = None
) -> tuple[np.ndarray, Problems]:
    """Read a column of dates: of text, of dates, or a mixture.

    `missing` holds the values that mean "not measured". If such a value is not a date, a cell with
    exactly its text is read as NaT; if it is a date, the date stays, see `dates_as_seen`. For
    `form` see `date_of`.

    Returns:
        datetime64[us] (rows,), NaT where the cell is empty, means "missing" or cannot be read; and
        the problems.
    """
    typed_cells = cells.infer_objects() if cells.dtype == object else cells
    if typed_cells.dtype.kind == "M":
        # A dtype of Arrow has the zone one level down.
        zoned = getattr(getattr(typed_cells.dtype, "pyarrow_dtype", typed_cells.dtype), "tz", None)
        typed_cells = (
            typed_cells.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else typed_cells
        )
        try:
            return typed_cells.astype("datetime64[us]").to_numpy(DATES), {}
        except pd.errors.OutOfBoundsDatetime as error:
            raise DataError(
                f"Column '{shown(cells.name)}': a date is beyond the year 294,000: {error}. "
                "Check its unit, such as seconds instead of microseconds."
            ) from error
    missing_texts = {
        str(code) for code in missing if not isinstance(_code_as_date(code, form), datetime)
    }
    places, values = distinct(cells)
    distinct_dates = np.full(len(values) + 1, NO_DATE)  # the last: a missing cell
    unread = np.zeros(len(values) + 1, bool)
    for place in np.unique(places[places >= 0]):
        value = values[place]
        if cell_text(value).strip() in missing_texts:
            continue
        try:
            distinct_dates[place] = np.datetime64(date_of(value, form), "us")
        except (AttributeError, OverflowError, ValueError):
            unread[place] = True
    fault = f"is not a date as {in_words(form)}" if form else "is not a date"
    return distinct_dates[places], problems_at(cells, unread[places], fault, quoted=True)


def dates_as_seen(
    cells: pd.Series, missing: Sequence[Value] = (), form: DateFormat = None
) -> tuple[np.ndarray, Problems]:
    """Read a column of dates, see `read_dates`; a date that means "not measured" becomes NaT."""
    dates, problems = read_dates(cells, missing, form)
    codes = [code for value in missing if isinstance(code := _code_as_date(value, form), datetime)]
    return np.where(np.isin(dates, np.array(codes, DATES)), NO_DATE, dates), problems


def _read_text(text: str, form: DateFormat) -> datetime:
    """Read a text by the first format that fits it."""
    for one_form in forms_of(form):
        with suppress(ValueError):
            if one_form or ISO.fullmatch(text):
                return _read_by_format(text, one_form) if one_form else datetime.fromisoformat(text)
    raise ValueError(text)


def _read_by_format(text: str, form: str) -> datetime:
    """Read a text by a format.

    If nothing separates the parts of the format, 1012025 may be the first or the tenth day. So a
    number gets back its lost leading zero, and the text must be exactly what the format writes.
    """
    if not TOGETHER.search(form):
        return datetime.strptime(text, form)
    if text.isdigit():
        text = text.zfill(len(datetime(2000, 12, 28, 12).strftime(form)))
    time = datetime.strptime(text, form)
    if time.strftime(form) != text:
        raise ValueError(text)
    return time


def days(dates: np.ndarray) -> np.ndarray:
    """Return the days since 1970-01-01 with their fraction, float64; NaN for NaT."""
    day_counts = dates.astype(DATES).astype(np.int64) / MICROSECONDS
    return np.where(np.isnat(dates), np.nan, day_counts)


def date_parts(dates: np.ndarray, origin: float = 0) -> np.ndarray:
    """Return what the network sees of each date, float64 (rows, 5), NaN for NaT.

    The five numbers, named by `tabular_lstm.rows.schema.PARTS`, are the days since 1970-01-01, less
    `origin`, and the day of the year and the weekday as points on a circle. On a circle December is
    beside January, and Sunday is beside Monday.
    """
    numbers = np.empty((len(dates), len(PARTS)))
    for part in row_slices(len(dates)):
        day = dates[part].astype("datetime64[D]")
        day_of_year = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
        weekday = (day.astype(np.int64) + 3) % 7  # from Monday; 1970-01-01 is a Thursday
        angles = 2 * np.pi * np.array([day_of_year / DAYS_OF_YEAR, weekday / 7])
        cycles = np.round([np.sin(angles), np.cos(angles)], DECIMALS)
        numbers[part, 0] = days(dates[part]) - origin
        numbers[part, 1:] = cycles.transpose(1, 0, 2).reshape(4, -1).T
    numbers[np.isnat(dates)] = np.nan
    return numbers


def is_dates(column: pd.Series) -> bool:
    """Return whether a column of a frame holds dates: by its dtype, or as objects of Python.

    Examples:
        >>> is_dates(pd.Series(["2026-11-05"])), is_dates(pd.Series([date(2026, 11, 5), None]))
        (False, True)
    """
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in {"date", "datetime", "datetime64"}
    return column.dtype.kind == "M"


def _code_as_date(code: Value, form: DateFormat) -> datetime | Value | None:
    """Read a code as a date, by the column's format or as ISO 8601; return any other code."""
    with suppress(OverflowError, ValueError):
        return date_of(str(code), [*forms_of(form), None])
    return code


# Times --------------------------------------------------------------------------------------------


class TimeReader:
    """Reads a column of dates, date-times or numbers, part by part.

    A date is read as its midnight. A date-time without an offset is in UTC, and all results are in
    UTC. With formats, see `date_of`, other text is not a time. Without a format, a column
    of dates and numbers is read as the kind that most cells of its first part have, or as dates if
    both are equally frequent. `numbers` fixes the kind: numbers if true, dates if false.
    """

    def __init__(
        self,
        number_format: NumberFormat = POINT,
        form: DateFormat = None,
        *,
        numbers: bool | None = None,
    ) -> None:
        self.number_format, self._form = number_format, form
        self._numbers = numbers  # whether most times are numbers; None before the first time
        self.offsets = np.zeros(2, int)  # how many dates have no offset, and how many have one

    def read(self, cells: pd.Series) -> tuple[np.ndarray, Problems]:
        """Read the cells of a part: text, numbers or a mixture.

        Returns:
            datetime64[us] or float64 (rows,), and the problems. A cell with a problem may have any
            value.
        """
        form = None if is_dates(cells) else self._form
        text = texts(cells, cell_text if form else written_in(self.number_format)).fillna("")
        places, distinct_texts = pd.factorize(text)
        distinct_times = [_read_time(cell, form, self.number_format) for cell in distinct_texts]
        is_number = np.array([isinstance(value, float) for value in distinct_times], bool)[places]
        is_date = np.array([isinstance(value, datetime) for value in distinct_times], bool)[places]
        if None in forms_of(self._form):
            self.offsets += np.bincount(
                text[is_date].str.contains("[T ].*[Z+-]").to_numpy(), minlength=2
            )
        is_absent = text.str.lower().isin(EMPTY).to_numpy()
        if self._numbers is None and (is_number.any() or is_date.any()):
            self._numbers = bool(is_number.sum() > is_date.sum())
        numbers = self._numbers
        is_minority, majority = (is_date, "numbers") if numbers else (is_number, "dates")
        majority_type = float if numbers else datetime
        values = [value if isinstance(value, majority_type) else None for value in distinct_times]
        times = pd.Series(values, dtype="float64" if numbers else DATES).to_numpy()[places]
        is_unreadable = ~(is_absent | is_number | is_date)
        expected = f"not a date as {in_words(form)}" if form else "neither an ISO date nor a number"
        return times, {
            **dict.fromkeys(np.flatnonzero(is_absent).tolist(), "no time"),
            **problems_at(cells, is_unreadable, f"is {expected}", quoted=True),
            **problems_at(
                cells, is_minority, f"is not like most of the column, {majority}", quoted=True
            ),
        }


def has_dates(times: pd.Series) -> bool:
    """Return whether a column that was read holds dates; if not, it holds numbers."""
    return times.dtype.kind == "M"


def moment_of(value: Moment) -> np.datetime64 | float:
    """Convert a boundary, as conf or `said` writes it, to a value that times are compared with.

    Raises:
        ValueError: The boundary is text and not an ISO date.
    """
    return np.datetime64(in_utc(value), "us") if isinstance(value, str) else float(value)


def said(time: pd.Timestamp | float) -> Moment:
    """Write a time as conf does: a number, or an ISO date, with the time of day if it has one.

    Examples:
        >>> said(pd.Timestamp("2026-03-01")), said(pd.Timestamp("2026-03-01 07:30")), said(7.0)
        ('2026-03-01', '2026-03-01T07:30:00', 7)
    """
    if isinstance(time, pd.Timestamp):
        return time.isoformat().removesuffix("T00:00:00")
    return int(time) if float(time).is_integer() else float(time)


def time_texts(times: pd.Series) -> pd.Series:
    """Write each time as text; equal times have equal text in every column."""
    if has_dates(times):
        values = times.to_numpy().astype(DATES).astype("int64")
        times = pd.Series(values, times.index, name=times.name)
    else:
        times = times + 0.0  # 0 and -0 are one time
    return times.map(repr).astype("str")


def newest(times: pd.Series, share: float) -> Moment | None:
    """Choose a boundary so that the share of rows at this time or later is nearest to `share`.

    If two times are equally near, the later one is chosen; None if all rows have the same time.
    """
    distinct_times, counts = np.unique(times.to_numpy(), return_counts=True)
    if len(distinct_times) < 2:
        return None
    # How many rows have each time or a later one; the first time is left out: all rows have that.
    newer_counts = np.cumsum(counts[::-1])[::-1][1:]
    distances = np.abs(newer_counts - share * len(times))
    place = len(distances) - 1 - int(np.argmin(distances[::-1]))
    return said(pd.Series(distinct_times).iloc[place + 1])


def _read_time(text: str, form: DateFormat, number_format: NumberFormat) -> datetime | float | None:
    """Read one cell's text; None where it is neither date nor number."""
    number = None if form else pointed(text, number_format)
    if number is not None:
        return float(number) if math.isfinite(float(number)) else None
    with suppress(OverflowError, ValueError):
        return date_of(text, form) if form else in_utc(text)
    return None
