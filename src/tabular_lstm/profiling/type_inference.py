"""Infer the kind of a column from all its cells: numbers, words, dates, identifier, free text."""

import re
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.profiling.table_profile import Code, ColumnProfile, DistinctCells
from tabular_lstm.profiling.word_lists import (
    PLACEHOLDERS,
    WORDS,
    has_word,
    names_an_identifier,
)
from tabular_lstm.rows.keys import ROUNDED
from tabular_lstm.rows.number_format import POINT, NumberFormat, all_pointed
from tabular_lstm.rows.numbers import LARGEST, float32_fault

# Largest share of a numeric column's cells that are not numbers; their rows go to quarantine.
FEW_ODD = 0.01
# Most distinct words for "not measured" in a column, and most distinct odd cells.
FEW_WORDS, FEW_DISTINCT = 3, 20
LEAST_ROWS = 20
# A column of words identifies rows if it has as many distinct values as this share of the rows.
NEARLY_ALL = 0.95
# A column is free text if its cells have on average more than LONG characters, or WORDY words.
LONG, WORDY = 40, 4

# Codes that people write where nothing was measured.
CODES = {-1.0} | {
    float(sign * int(digit * count)) for sign in (-1, 1) for digit in "89" for count in range(1, 7)
}
# A few whole numbers from -1 upwards may be a scale.
SCALE = 8
# Least share of the rows with a code of one digit, 8 or 9: in fewer rows it may be an amount.
DIGIT = 0.02
# Zeros may be a code if there are more distinct numbers than this.
ENOUGH = 20
# Least distance from 0 to the next number, in standard deviations and in steps between numbers.
FAR, STEPS = 0.6, 5
# Shares of the rows that are 0: above LUMP the page asks what 0 means, below MANY 0 may be a code,
# and from MOST on 0 is an amount.
LUMP, MANY, MOST = 0.2, 0.3, 0.5
# Zeros stand out if they are more than this many times as frequent as any other number.
MORE = 5

NUMBER = r"[+-]?[0-9][0-9.,' ]*"
QUANTITY = rf"[$€£¥]\s*{NUMBER}|{NUMBER}\s*[A-Za-z%€$£¥°µ²³/]{{1,8}}"
DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
COMPACT = "%Y%m%d"  # without times: digits with a time are rarely such a date
FORMATS = (*(day + time for day in DAYS for time in TIMES), COMPACT)
PATTERNS = {
    "%Y": "(?:1[5-9]|2[0-9])[0-9]{2}",
    "%y": "[0-9]{2}",
    "%m": "(?:0?[1-9]|1[0-2])",
    "%d": "(?:0?[1-9]|[12][0-9]|3[01])",
    "%b": "(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "%B": "(?i:January|February|March|April|May|June|"
    "July|August|September|October|November|December)",
    "%H": "(?:[01]?[0-9]|2[0-3])",
    "%I": "(?:0?[1-9]|1[0-2])",
    "%M": "[0-5]?[0-9]",
    "%S": "[0-5]?[0-9]",
    "%p": "(?i:[AP]M)",
}
# Like `tabular_lstm.rows.dates.ISO`, but only with valid months and days: 1234-56-78 is not a date.
ISO = (
    "[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
    "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
ISO_8601 = "ISO 8601"  # the name of `ISO` among formats
LIKE_A_DATE = re.compile(
    "[0-9]{1,4}[-/. ][0-9A-Za-z]|[0-9]{8}$|[A-Za-z]{3,9} [0-9]|[0-9]{1,2}[A-Za-z]{3}[0-9]"
)


def profile_column(name: str, cells: DistinctCells, form: NumberFormat = POINT) -> ColumnProfile:
    """Profile a column from its name and all its cells."""
    if not cells.present:
        found: dict[str, Any] = {"kind": "empty"}
    elif len(cells.texts) == 1 and not cells.missing:
        found = {"kind": "constant"}
    else:
        found = _numbers(name, cells, form) or _dates(cells) or _words(cells)
    return ColumnProfile(name=name, cells=cells, number_format=form, **found)


def _numbers(name: str, cells: DistinctCells, form: NumberFormat) -> dict[str, Any] | None:
    """Describe a column of numbers; None if it holds something else."""
    numbers = all_pointed(cells.texts, form).cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_number = np.abs(numbers) <= LARGEST
    others, known = cells.only(~is_number), cells.only(is_number)
    few = FEW_ODD * cells.present
    if not is_number.any() or (len(others.texts) > FEW_DISTINCT and others.present > few):
        return None
    is_sign = others.are_among(PLACEHOLDERS)
    signs, odd = _counts(others.only(is_sign)), others.only(~is_sign)
    if len(signs) > FEW_WORDS or odd.present > few or _has_leading_zeros(known):
        return None
    if formats := date_formats(known, (COMPACT,)):  # such as 20261126
        return {"kind": "date", "formats": formats, "codes": signs}
    values, places = np.unique(numbers[is_number], return_inverse=True)
    counts = np.bincount(places, known.counts).astype(np.int64)
    whole = bool((values == np.round(values)).all())
    rows = cells.present + cells.missing
    if len(values) == rows >= LEAST_ROWS and whole:
        from_the_start = values[0] in {0, 1}
        in_order = from_the_start and bool((np.diff(numbers) == 1).all())
        is_close = from_the_start and values[-1] < 1.1 * rows
        numbers_rows = not name.strip() or has_word(name, "row number")
        names_rows = in_order or is_close or numbers_rows or names_an_identifier(name)
        if names_rows and not _are_rounded(known):
            return {"kind": "identifier", "in_order": in_order or numbers_rows}
    codes = codes_among(values, counts)
    left = values[~np.isin(values, [*codes])]
    said: dict[Code, int] = {int(c) if c.is_integer() else c: n for c, n in codes.items()}
    return {
        "kind": "number",
        "lowest": float(left[0]),
        "highest": float(left[-1]),
        "whole": whole,
        "odd": odd.present,
        "odd_example": str(odd.texts[0]) if odd.present else "",
        "float32_fault": float32_fault(left),
        "many_zeros": 0.0 not in codes and zeros_stand_out(values, counts),
        "codes": {**said, **signs},
    }


def _are_rounded(cells: DistinctCells) -> bool:
    """Tell whether a program has rounded some of the numbers; then they cannot be keys."""
    return bool(pc.any(pc.match_substring_regex(cells.texts, ROUNDED)).as_py())


def _has_leading_zeros(cells: DistinctCells) -> bool:
    """Tell whether some whole numbers are written like codes, such as 007."""
    some = pc.any(pc.match_substring_regex(cells.texts, "^0[0-9]+$")).as_py()
    return bool(some and cells.all_match("[0-9]+"))


def _dates(cells: DistinctCells) -> dict[str, Any] | None:
    """Describe a column of dates and a few words; None if it holds something else."""
    is_word = cells.are_among(PLACEHOLDERS)
    if is_word.all() or is_word.sum() > FEW_WORDS:
        return None
    formats = date_formats(cells.only(~is_word))
    if not formats:
        return None
    in_order = cells.rising and len(cells.texts) > 9
    codes = _counts(cells.only(is_word))
    return {"kind": "date", "formats": formats, "in_order": in_order, "codes": codes}


def _words(cells: DistinctCells) -> dict[str, Any]:
    """Describe a column of words."""
    if cells.all_match(QUANTITY):
        return {"kind": "quantity"}
    count, rows = len(cells.texts), cells.present + cells.missing
    words = pc.mean(pc.count_substring(cells.texts, " ")).as_py() + 1
    length = pc.mean(pc.utf8_length(cells.texts)).as_py()
    if count >= LEAST_ROWS and (words >= WORDY or length > LONG) and count > rows / 5:
        return {"kind": "text"}
    if count >= NEARLY_ALL * rows and rows >= LEAST_ROWS:
        return {"kind": "identifier"}
    signs = _counts(cells.only(cells.are_among(WORDS["sign"])))
    return {"kind": "category", "codes": signs if count > len(signs) else {}}


def _counts(cells: DistinctCells) -> dict[str, int]:
    """Give the distinct cells with their counts."""
    return dict(zip(cells.texts.to_pylist(), cells.counts.tolist(), strict=True))


def date_formats(cells: DistinctCells, formats: tuple[str, ...] = FORMATS) -> list[str]:
    """Name the formats in which all cells of a column are dates, at most two.

    The formats are those of `datetime.strptime`, or `ISO_8601`; none if the cells are not dates.
    """
    if not LIKE_A_DATE.match(cells.texts[0].as_py()):
        return []
    if cells.all_match(ISO):
        return [ISO_8601]
    return [form for form in formats if cells.all_match(_pattern(form))][:2]


@cache
def _pattern(form: str) -> str:
    return re.sub("%[A-Za-z]", lambda code: PATTERNS[code[0]], form.replace(".", r"\."))


def codes_among(values: np.ndarray, counts: np.ndarray) -> dict[float, int]:
    """Find numbers that probably mean "not measured".

    Such a number is a usual code, occurs more than once, and is the lowest or the highest number.
    It is apart from all others: either only this number is negative, or its distance to the others
    is larger than their range. Or the number is 0, and all other numbers are far above 0, see
    `_is_far_below`.

    Args:
        values: float64, distinct and finite, in rising order.
        counts: How often each number is in the column.
    """
    found: dict[float, int] = {}
    place: int | None = 0
    while place is not None and len(values) > 2:
        place = next((end for end in (-1, 0) if _is_code(values, counts, end)), None)
        if place is not None:
            found[float(values[place])] = int(counts[place])
            values, counts = np.delete(values, place), np.delete(counts, place)
    few_zeros = len(values) > ENOUGH and values[0] == 0 and 1 < counts[0] < MANY * counts.sum()
    if few_zeros and _is_far_below(values[1:], counts[1:]):
        found[0.0] = int(counts[0])
    return dict(sorted(found.items()))


def _is_code(values: np.ndarray, counts: np.ndarray, place: int) -> bool:
    """Tell whether the lowest or the highest number is a usual code, and apart from the others."""
    code = float(values[place])
    least = DIGIT * counts.sum() if 0 < code < 10 else 1
    others = np.delete(values, place)
    others = others[~np.isin(others, [*CODES])]
    if code not in CODES or counts[place] <= least or len(others) < 2:
        return False
    if code < 0 <= others[0]:
        return code < -1 or len(others) >= SCALE
    gap = others[0] - code if code < others[0] else code - others[-1]
    return bool(gap > others[-1] - others[0] and abs(code) > 1)


def zeros_stand_out(values: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether 0 is far more frequent than any other number, and far from the next number."""
    if len(values) <= ENOUGH or values[0] != 0:
        return False
    share = counts[0] / counts.sum()
    step = float(np.median(np.diff(values[1:])))
    is_lump = counts[0] > MORE * counts[1:].max() and values[1] > STEPS * step
    return bool(LUMP < share < MOST and is_lump)


def _is_far_below(values: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether 0 is far below all these numbers, by their size, spread and steps.

    The lowest number must be above 0.6 of their standard deviation and above five steps. At most
    one in a hundred may be below a fifth of their median.
    """
    rows = np.cumsum(counts)
    low, median = values[np.searchsorted(rows, rows[-1] * np.array([0.01, 0.5]))]
    mean = np.average(values, weights=counts)
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    step = float(np.median(np.diff(values)))
    return bool(low >= median / 5 and values[0] > max(STEPS * step, FAR * spread))
