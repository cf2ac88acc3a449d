"""Read dates, and make of each the numbers that the network sees: days, season and weekday."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Value
from tabular_lstm.rows.cells import Problems, distinct, is_missing, problems_at, written

# Dates and date-times of ISO 8601 in its extended format, by years that Python has.
ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# Parts of a format with nothing between them.
TOGETHER = re.compile("%[a-zA-Z]%[a-zA-Z]")
# To the microsecond, and for every year that a program may write for "never".
DTYPE = "datetime64[us]"
MICROSECONDS = 24 * 60 * 60 * 10**6
# On average; the season of a day is the same in each year but for the leap day.
DAYS_OF_YEAR = 365.25
# Alike on every processor, of which each has other last bits of a sine.
DECIMALS = 6


def date_of(cell: Any, form: str | None = None) -> datetime | None:
    """Read a cell that holds something: text, or a date of Python or pandas.

    A date is the midnight that it begins with. A time with a zone is read in UTC; one without a
    zone is as it is written. A number is read as its text if a format, of `datetime.strptime`, is
    given; by default text is ISO 8601.

    Returns:
        The time, without a zone; None where a text says "missing".

    Raises:
        ValueError: It is no date, or no text of the format.

    Examples:
        >>> str(date_of("2026-11-05T01:30+02:00")), str(date_of("5.11.2026", "%d.%m.%Y"))
        ('2026-11-04 23:30:00', '2026-11-05 00:00:00')
    """
    if isinstance(cell, datetime):
        time = cell
    elif isinstance(cell, date):
        time = datetime(cell.year, cell.month, cell.day)
    else:
        text = (written(cell) if form and not isinstance(cell, str) else cell).strip()
        if is_missing(text):
            return None
        if form is None and not ISO.fullmatch(text):
            raise ValueError(text)
        time = _by_format(text, form) if form else datetime.fromisoformat(text)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def read_dates(
    cells: pd.Series, missing: Sequence[Value] = (), form: str | None = None
) -> tuple[np.ndarray, Problems]:
    """Read a column of dates: of text, of dates, or a mixture.

    Of the values `missing`, which mean "not measured", the very text of one that is no date is read
    as NaT; a date stays, see `dates_as_seen`. For `form` see `date_of`.

    Returns:
        datetime64[us] (rows,), NaT where the cell is empty, says "missing" or cannot be read; and
        the problems.
    """
    own = cells.infer_objects() if cells.dtype == object else cells
    if own.dtype.kind == "M":
        # Arrow's types of a frame have the zone one level down.
        zoned = getattr(getattr(own.dtype, "pyarrow_dtype", own.dtype), "tz", None)
        own = own.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else own
        return own.astype("datetime64[us]").to_numpy(DTYPE), {}
    words = {str(code) for code in missing if not isinstance(_code(code, form), datetime)}
    places, values = distinct(cells)
    found = np.full(len(values) + 1, np.datetime64("NaT", "us"), DTYPE)  # the last: a missing cell
    unread = np.zeros(len(values) + 1, bool)
    for place in np.unique(places[places >= 0]):
        value = values[place]
        if str(value).strip() in words:
            continue
        try:
            time = date_of(value, form)
        except (AttributeError, OverflowError, ValueError):
            unread[place] = True
        else:
            found[place] = np.datetime64("NaT") if time is None else np.datetime64(time, "us")
    fault = f"is not a date as {form}" if form else "is not a date"
    return found[places], problems_at(cells, unread[places], fault, quoted=True)


def dates_as_seen(
    cells: pd.Series, missing: Sequence[Value] = (), form: str | None = None
) -> tuple[np.ndarray, Problems]:
    """Read a column of dates, see `read_dates`; a date that means "not measured" is NaT."""
    dates, problems = read_dates(cells, missing, form)
    codes = [code for value in missing if isinstance(code := _code(value, form), datetime)]
    return np.where(np.isin(dates, np.array(codes, DTYPE)), np.datetime64("NaT"), dates), problems


def _by_format(text: str, form: str) -> datetime:
    """Read a text by a format.

    Where nothing stands between its parts, 1012025 may be the first or the tenth day: a number that
    has lost its first zero gets it back, and nothing else may differ from what the format writes.
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
    """Give the days since 1970-01-01 with their fraction, float64; NaN for NaT."""
    since = dates.astype(DTYPE).astype(np.int64) / MICROSECONDS
    return np.where(np.isnat(dates), np.nan, since)


def parts(dates: np.ndarray) -> np.ndarray:
    """Give what the network sees of each date, float64 (rows, 5), NaN for NaT.

    Of which `tabular_lstm.rows.schema.PARTS` has the names: the days since 1970-01-01, and the day
    of the year and the weekday as points on a circle, so that December is beside January and Sunday
    beside Monday.
    """
    day = dates.astype("datetime64[D]")
    of_year = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    weekday = (day.astype(np.int64) + 3) % 7  # from Monday; 1970-01-01 is a Thursday
    angles = 2 * np.pi * np.array([of_year / DAYS_OF_YEAR, weekday / 7])
    cycles = np.round([np.sin(angles), np.cos(angles)], DECIMALS)
    seen = np.column_stack([days(dates), *cycles.transpose(1, 0, 2).reshape(4, -1)])
    seen[np.isnat(dates)] = np.nan
    return seen


def is_dates(column: pd.Series) -> bool:
    """Tell whether a column of a frame holds dates: by its dtype, or as objects of Python.

    Examples:
        >>> is_dates(pd.Series(["2026-11-05"])), is_dates(pd.Series([date(2026, 11, 5), None]))
        (False, True)
    """
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in {"date", "datetime", "datetime64"}
    return column.dtype.kind == "M"


def _code(code: Value, form: str | None) -> datetime | Value | None:
    """Give the date that a code is, in the column's format or of ISO 8601; otherwise itself."""
    for way in (form, None):
        try:
            return date_of(str(code), way)
        except (OverflowError, ValueError):
            continue
    return code
