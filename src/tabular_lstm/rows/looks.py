"""Formats of numbers and dates that a file may have."""

from tabular_lstm.rows.number_format import POINT, NumberFormat, any_of

# The simplest first.
ALL_MARKS = (
    POINT,
    NumberFormat(thousands=","),
    NumberFormat(decimal=","),
    NumberFormat(decimal=",", thousands="."),
    *(NumberFormat(decimal=point, thousands=mark) for mark in "' " for point in ".,"),
)
NUMBER = any_of(ALL_MARKS)
DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


def is_number(text: str) -> bool:
    """Tell whether a text writes a number by any marks."""
    return bool(NUMBER.fullmatch(text))
