"""The time of a row, from a column of dates or numbers, for a split by time or for histories."""

import math
from datetime import datetime

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Moment, in_utc
from tabular_lstm.rows.cells import EMPTY, Problems, format_of, problems_at, texts, written
from tabular_lstm.rows.dates import date_of, is_dates
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed

DATES = "datetime64[us]"


class TimeReader:
    """Reads a column of dates, date-times or numbers, part by part.

    A date is read as its midnight. A date-time without an offset is in UTC, and all results are in
    UTC. With a format of `datetime.strptime`, other text is not a time. Without a format, a column
    of dates and numbers is read as the kind that most cells of its first part have, or as dates if
    both are equally frequent. `numbers` fixes the kind: numbers if true, dates if false.
    """

    def __init__(
        self,
        number_format: NumberFormat = POINT,
        form: str | None = None,
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
        text = texts(cells, write=written if form else str).fillna("")
        places, distinct = pd.factorize(text)
        number_format = format_of(cells, self.number_format)
        read = [_read_time(cell, form, number_format) for cell in distinct]
        is_number = np.array([isinstance(value, float) for value in read], bool)[places]
        is_date = np.array([isinstance(value, datetime) for value in read], bool)[places]
        if self._form is None:
            self.offsets += np.bincount(text[is_date].str.contains("[T ].*[Z+-]"), minlength=2)
        absent = text.str.lower().isin(EMPTY).to_numpy()
        if self._numbers is None and (is_number.any() or is_date.any()):
            self._numbers = bool(is_number.sum() > is_date.sum())
        numbers = self._numbers
        others, most = (is_date, "numbers") if numbers else (is_number, "dates")
        kept = float if numbers else datetime
        values = [value if isinstance(value, kept) else None for value in read]
        times = pd.Series(values, dtype="float64" if numbers else DATES).to_numpy()[places]
        odd = ~(absent | is_number | is_date)
        expected = f"is not a date as {form}" if form else "is neither an ISO date nor a number"
        return times, {
            **dict.fromkeys(np.flatnonzero(absent).tolist(), "no time"),
            **problems_at(cells, odd, expected, quoted=True),
            **problems_at(cells, others, f"is not like most of the column, {most}", quoted=True),
        }


def has_dates(times: pd.Series) -> bool:
    """Tell whether a column that was read holds dates; if not, it holds numbers."""
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


def as_text(times: pd.Series) -> pd.Series:
    """Write each time as text; equal times have equal text in every column."""
    if has_dates(times):
        values = times.to_numpy().astype(DATES).astype("int64")
        times = pd.Series(values, times.index, name=times.name)
    else:
        times = times + 0.0  # 0 and -0 are one time
    return times.map(repr).astype("str")


def newest(times: pd.Series, share: float) -> Moment | None:
    """Choose a boundary so that the share of rows at this time or later is nearest to `share`.

    Of two times that are equally near, the later one is chosen; None if all rows have one time.
    """
    distinct, counts = np.unique(times.to_numpy(), return_counts=True)
    if len(distinct) < 2:
        return None
    # How many rows have each time or a later one; the first time is left out: all rows have that.
    newer = np.cumsum(counts[::-1])[::-1][1:]
    off = np.abs(newer - share * len(times))
    place = len(off) - 1 - int(np.argmin(off[::-1]))
    return said(pd.Series(distinct).iloc[place + 1])


def _read_time(text: str, form: str | None, number_format: NumberFormat) -> datetime | float | None:
    """Read one cell's text; None where it is neither date nor number."""
    if form is not None:
        try:
            return date_of(text, form)
        except (OverflowError, ValueError):
            return None
    number = pointed(text, number_format)
    if number is not None:
        return float(number) if math.isfinite(float(number)) else None
    try:
        return in_utc(text)
    except ValueError:
        return None
