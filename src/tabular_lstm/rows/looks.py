"""What the texts of a column look like: numbers, dates, names, or each row's own text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import Literal

import pandas as pd

from tabular_lstm.rows.cells import texts
from tabular_lstm.rows.dates import date_of
from tabular_lstm.rows.number_format import POINT, NumberFormat, any_of, pointed
from tabular_lstm.rows.numbers import is_missing

# Different texts of a column that are looked at.
LOOKED_AT = 2000
# Words beside numbers or dates up to which they may be codes for "not measured".
FEW_WORDS = 3
# Rows from which a column of texts that are nearly all different holds no categories.
ENOUGH_ROWS = 20
NEARLY_ALL = 0.9
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


@dataclass(frozen=True)
class Look:
    """What a column looks like.

    Attributes:
        kind: `numbers`; `dates`; `names`; `own`, where nearly each row has a text of its own; or
            `mixed`, most of them numbers and others not.
        marks: Of numbers, those that they may be written with, the simplest first; none where there
            are no such marks.
        forms: Of dates, the formats that they may be written in, None for ISO 8601.
        words: The few texts that are no number or date among them, and may mean "not measured".
    """

    kind: Literal["numbers", "dates", "names", "own", "mixed"]
    marks: tuple[NumberFormat, ...] = ()
    forms: tuple[str | None, ...] = ()
    words: tuple[str, ...] = ()


def counts_of(cells: pd.Series, before: Mapping[str, int] | None = None) -> dict[str, int]:
    """Count the rows of each text that says something, of the first `LOOKED_AT` different ones.

    Args:
        cells: Of a column, or of a part of its rows.
        before: The counts of the parts before. Default: there are none.
    """
    counts = texts(cells).value_counts(sort=False)
    counted = dict(before or {})
    each = zip(map(str, counts.index.to_numpy(object)), counts.to_numpy().tolist(), strict=True)
    for text, rows in each:
        if text in counted:
            counted[text] += rows
        elif len(counted) < LOOKED_AT and not is_missing(text):
            counted[text] = rows
    return counted


def look(counts: Mapping[str, int]) -> Look:
    """Tell what a column looks like, by the rows of each of its texts; see `counts_of`."""
    rows = sum(counts.values())
    if numbers := [text for text in counts if is_number(text)]:
        words = _few_words(counts, is_number)
        if words is not None:
            marks = tuple(way for way in ALL_MARKS if reads(numbers, way))
            return Look("numbers", marks=marks, words=words)
    dates = _dates(counts)
    if dates is not None:
        return dates
    if 2 * sum(counts[text] for text in numbers) > rows:
        return Look("mixed")
    is_own = rows >= ENOUGH_ROWS and len(counts) >= NEARLY_ALL * min(rows, LOOKED_AT)
    return Look("own" if is_own else "names")


def is_number(text: str) -> bool:
    """Tell whether a text writes a number by any marks."""
    return bool(NUMBER.fullmatch(text))


def reads(numbers: list[str], marks: NumberFormat) -> bool:
    """Tell whether all these are numbers by the marks."""
    return all(pointed(text, marks) is not None for text in numbers)


@lru_cache(2**14)  # columns of one file hold the same days
def date_in(text: str, form: str | None) -> datetime | None:
    """Read a text by a format, None for ISO 8601; None where it is no such date."""
    try:
        return date_of(text, form)
    except (OverflowError, ValueError):
        return None


def is_date(text: str, form: str | None) -> bool:
    """Tell whether a text writes a date in a format, None for ISO 8601."""
    return date_in(text, form) is not None


def _dates(counts: Mapping[str, int]) -> Look | None:
    """Find the formats by which all but a few words are dates."""
    if not counts:
        return None
    # Of the first text that any format reads, few do.
    tried = list(counts)[: FEW_WORDS + 1]
    every: list[str | None] = [None, *(day + time for time, day in product(TIMES, DAYS))]
    some = [form for form in every if any(is_date(text, form) for text in tried)]
    words = {form: _few_words(counts, lambda text, form=form: is_date(text, form)) for form in some}  # type: ignore[misc]
    forms = tuple(form for form in some if words[form] is not None)
    if not forms:
        return None
    # A date of another format is none that means "not measured".
    left = [text for text in words[forms[0]] or () if not any(is_date(text, f) for f in every)]
    return Look("dates", forms=forms, words=tuple(left))


def _few_words(counts: Mapping[str, int], is_read: Callable[[str], bool]) -> tuple[str, ...] | None:
    """Give the texts that are not read; None where they are many, or most rows hold one."""
    left: list[str] = []
    for text in counts:
        if not is_read(text):
            left.append(text)
            if len(left) > FEW_WORDS:
                return None
    few = 2 * sum(counts[text] for text in left) < sum(counts.values())
    return tuple(left) if few else None
