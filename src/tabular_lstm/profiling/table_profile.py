"""The profile of a table: what each column holds, numbers, words, dates, identifiers or free text.

The cells are counted piece by piece; the rest follows from the distinct cells and their counts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.parameters.columns import read_differently
from tabular_lstm.profiling.words import PLACEHOLDERS, WORDS, has_word, names_an_identifier
from tabular_lstm.rows.cells import EMPTY, LARGEST, spelt_alike
from tabular_lstm.rows.label_scale import skew_of
from tabular_lstm.rows.number_format import (
    POINT,
    NumberFormat,
    all_pointed,
    without_unit,
)

Kind = Literal["number", "category", "date", "text", "identifier", "constant", "empty"]
Code = str | int | float
SAMPLE = 1000  # distinct cells among which a unit is looked for
FIRST = 50  # cells that rule out most patterns before all cells are checked
# Pieces are merged once they have more distinct cells than this.
MERGED = 2**16

# Largest share of a column's cells that are not numbers, or not dates of its format; the page asks
# about them.
FEW_ODD = 0.05
FEW_WORDS = 3  # most distinct words for "not measured" in a column
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
# Zeros may be a code if there are more distinct numbers than this, and if the next number is at
# least this many steps between numbers, and standard deviations, above 0.
ENOUGH, STEPS, FAR = 20, 5, 0.6
# Shares of the rows that are 0: below MANY 0 may be a code, from LUMP to MOST the page asks.
LUMP, MANY, MOST = 0.2, 0.3, 0.5

BLANKS = " \u00a0\u202f"  # a French file has such ones in and behind numbers
DIGITS = rf"[+-]?[0-9](?:[0-9.,'{BLANKS}]*[0-9])?"
SIGN = "[$€£¥₹₽₩₺]|EUR|USD|CHF|GBP"
UNIT = "[A-Za-z%€$£¥₹₽₩₺°µ²³/]{1,12}"
QUANTITY = f"[+-]?({SIGN})[{BLANKS}]*{DIGITS}|{DIGITS}[{BLANKS}]*({UNIT})"
CODE = "[A-Za-z]{1,3}[0-9].*|[0-9]+[A-Za-z]{1,2}"  # such as V57 and 45418B
NO_CODES = "0|[1-9][0-9]*"
DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y"),
    *("%y/%m/%d", "%y-%m-%d", "%y.%m.%d"),
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
MOST_FORMATS = 3  # of the dates in a column


@dataclass(frozen=True)
class DistinctCells:
    """The distinct cells of a column.

    Attributes:
        texts: Arrow's large_string, stripped of white space, in the order in which they first
            appear.
        counts: How often each text is in the column, int64.
        missing: How many cells are empty or a word for "missing"; they are not in `texts`.
    """

    texts: pa.Array
    counts: np.ndarray
    missing: int

    @property
    def present(self) -> int:
        """How many cells are not missing."""
        return int(self.counts.sum())

    def only(self, chosen: np.ndarray) -> "DistinctCells":
        """Return only the distinct cells that a mask chooses."""
        texts = self.texts.filter(pa.array(chosen))
        return DistinctCells(texts, self.counts[chosen], self.missing)

    def first(self, count: int) -> "DistinctCells":
        """Return only the first distinct cells."""
        return self.only(np.arange(len(self.texts)) < count)

    def by_frequency(self) -> dict[str, int]:
        """Return the cells with their counts, the most frequent first."""
        order = np.argsort(-self.counts, kind="stable")
        texts = self.texts.take(pa.array(order)).to_pylist()
        return dict(zip(texts, self.counts[order].tolist(), strict=True))

    def are_among(self, words: frozenset[str]) -> np.ndarray:
        """Return which distinct cells are one of these words, in upper or lower case."""
        return _mask(pc.is_in(pc.utf8_lower(self.texts), pa.array(sorted(words), self.texts.type)))

    def matching(self, pattern: str) -> np.ndarray:
        """Return which distinct cells the pattern matches as a whole."""
        return _mask(pc.match_substring_regex(self.texts, f"^(?:{pattern})$"))

    def without_unit(self) -> tuple["DistinctCells", str]:
        """Strip the commonest unit of the first cells, and name it; "" if it is surely no unit."""
        first, units = self.first(SAMPLE), Counter[str]()
        for text, count in zip(first.texts.to_pylist(), first.counts.tolist(), strict=True):
            if match := re.fullmatch(QUANTITY, text):
                sign, word = match.groups()
                is_unit = sign or not word.isalpha() or word.lower() in WORDS["unit"]
                is_word = not is_unit and word.islower() and word not in {"am", "pm"}
                if is_unit or (is_word and text[match.start(2) - 1].isspace()):
                    units[sign or word] += count
        if not units:
            return self, ""
        unit = units.most_common(1)[0][0]
        texts, counts = _counted_together(without_unit(self.texts, unit), self.counts)
        return DistinctCells(texts, counts, self.missing), unit

    def all_match(self, pattern: str) -> bool:
        """Return whether the pattern matches each cell as a whole."""
        whole = f"^(?:{pattern})$"
        return all(
            pc.all(pc.match_substring_regex(texts, whole)).as_py()
            for texts in (self.texts.slice(0, 1), self.texts.slice(0, FIRST), self.texts)
        )


@dataclass(frozen=True)
class ColumnProfile:
    """The profile of a column.

    Attributes:
        kind: `number`; `category`, words or codes; `date`; `text`, whole sentences; `identifier`, a
            value of its own in nearly each row; `constant`, one value; `empty`.
        cells: All cells, counted.
        codes: Values that probably mean "not measured", with their counts.
        lowest, highest: Range of the numbers that are not codes.
        whole: Whether all numbers are whole.
        skew: Of numbers that are skewed, the median and the largest size, see `skew_of`.
        many_zeros: Whether 0 is far more frequent than any other number, but not surely a code.
        in_order: Whether the cells number the rows, 1, 2, 3; for dates, whether the rows are sorted
            by date.
        odd: How many cells of a column of numbers are not numbers, or of a column of dates not
            dates of its formats; `odd_example` is the first one.
        unit: The unit of a column of numbers; it is not in `cells`. "" if there is none.
        unitless: How many numbers of a column with a unit have none.
        alike: The first words that differ by their spelling alone, at most five.
        formats: For dates, the formats of `datetime.strptime`, None for ISO 8601, each with how
            many cells it reads; the first that fits reads a cell.
        rivals: Two formats of dates that fit the same cells.
        number_format: The number format of the column.
    """

    name: str
    kind: Kind
    cells: DistinctCells
    codes: dict[Code, int] = field(default_factory=dict)
    lowest: float | None = None
    highest: float | None = None
    whole: bool = False
    skew: tuple[float, float] | None = None
    many_zeros: bool = False
    in_order: bool = False
    odd: int = 0
    odd_example: str = ""
    unit: str = ""
    unitless: int = 0
    alike: Sequence[str] = ()
    formats: dict[str | None, int] = field(default_factory=dict)
    rivals: Sequence[str | None] = ()
    number_format: NumberFormat = POINT

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.cells.present + self.cells.missing

    @property
    def present(self) -> int:
        """How many rows hold a value that is not a code."""
        return self.cells.present - sum(self.codes.values())

    @property
    def distinct(self) -> int:
        """How many distinct values there are, codes among them."""
        return len(self.cells.texts)

    @property
    def example(self) -> str:
        """The first value, "" if there is none."""
        return str(self.cells.texts[0]) if self.distinct else ""


@dataclass(frozen=True)
class TableProfile:
    """The profile of a file or of a folder of files.

    Attributes:
        file: The path, as in the catalog.
        columns: The columns' profiles in the file's order; at least one.
        number_format: The number format of the file.
    """

    file: str
    columns: Sequence[ColumnProfile]
    number_format: NumberFormat = POINT

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.columns[0].rows

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> ColumnProfile:
        """Return the column of a name."""
        return self.columns[self.names.index(name)]


class CellCounter:
    """Counts a column's distinct cells piece by piece; memory holds each of them once or twice."""

    def __init__(self) -> None:
        # Distinct texts and their counts: of all merged pieces, and of each later piece.
        self._texts: list[pa.Array] = []
        self._counts: list[np.ndarray] = []
        self._most = MERGED

    def add(self, column: pa.Array) -> None:
        """Count the cells of the next piece, large_string."""
        if sum(map(len, self._counts)) > self._most:
            self._merge()
        counted = column.value_counts()
        self._texts.append(counted.field("values"))
        self._counts.append(counted.field("counts").to_numpy(zero_copy_only=False))

    def cells(self) -> DistinctCells:
        """Trim all texts, add up those that are then equal, and split off the missing ones.

        For " a", "a" and "NA", each counted once, the result is "a" twice and one missing cell.
        """
        self._merge()
        texts, counts = self._texts[0], self._counts[0]
        trimmed = pc.utf8_trim_whitespace(texts)
        if not trimmed.equals(texts):
            texts, counts = _counted_together(trimmed, counts)
        cells = DistinctCells(texts, counts, 0)
        is_missing = cells.are_among(frozenset(EMPTY))
        return replace(cells.only(~is_missing), missing=int(counts[is_missing].sum()))

    def _merge(self) -> None:
        if len(self._texts) == 1:
            return
        texts, counts = _counted_together(
            pa.concat_arrays(self._texts), np.concatenate(self._counts)
        )
        # A merge takes time for all cells, so the next merge waits for three times as many cells.
        self._most = max(MERGED, 3 * len(texts))
        self._texts, self._counts = [texts], [counts]


def _counted_together(texts: pa.Array, counts: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Add up the counts of equal texts."""
    encoded = texts.dictionary_encode()
    together = np.bincount(encoded.indices, counts, minlength=len(encoded.dictionary))
    return encoded.dictionary, together.astype(np.int64)


def _mask(flags: pa.Array) -> np.ndarray:
    return np.asarray(flags.to_numpy(zero_copy_only=False))


def profile_column(name: str, cells: DistinctCells, form: NumberFormat = POINT) -> ColumnProfile:
    """Profile a column from its name and all its cells."""
    if not cells.present:
        facts: dict[str, Any] = {"kind": "empty"}
    elif len(cells.texts) == 1 and not cells.missing:
        facts = {"kind": "constant"}
    else:
        facts = (
            _number_facts(name, cells, form)
            or _unit_facts(name, cells, form)
            or _date_facts(cells)
            or _word_facts(cells)
        )
    return ColumnProfile(name=name, number_format=form, **({"cells": cells} | facts))


def _number_facts(name: str, cells: DistinctCells, form: NumberFormat) -> dict[str, Any] | None:
    """Describe a column of numbers; None if it holds something else."""
    numbers = all_pointed(cells.texts, form).cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_number = np.abs(numbers) <= LARGEST
    texts, number_cells = cells.only(~is_number), cells.only(is_number)
    if not is_number.any():
        return None
    is_sign = texts.are_among(PLACEHOLDERS)
    signs, odd = texts.only(is_sign).by_frequency(), texts.only(~is_sign)
    are_no_numbers = odd.matching(CODE).sum() > max(1, len(odd.texts) / 2 - 1)
    # Codes such as 007 have leading zeros.
    are_no_numbers |= number_cells.all_match("[0-9]+") and not number_cells.all_match(NO_CODES)
    are_no_numbers |= number_cells.all_match(_date_pattern(COMPACT))  # dates such as 20261126
    if len(signs) > FEW_WORDS or odd.present > FEW_ODD * cells.present or are_no_numbers:
        return None
    values, places = np.unique(numbers[is_number], return_inverse=True)
    counts = np.bincount(places, number_cells.counts).astype(np.int64)
    whole = bool((values == np.round(values)).all())
    rows = cells.present + cells.missing
    if len(values) == rows >= LEAST_ROWS and whole:
        is_count = values[0] in {0, 1} and values[-1] < 1.1 * rows
        numbers_rows = not name.strip() or has_word(name, "row number")
        numbers_rows |= bool(is_count and (np.diff(numbers) == 1).all())
        if is_count or numbers_rows or names_an_identifier(name):
            return {"kind": "identifier", "in_order": numbers_rows}
    codes = codes_among(values, counts)
    is_amount = ~np.isin(values, [*codes])
    amounts = values[is_amount]
    return {
        "kind": "number",
        "lowest": float(amounts[0]),
        "highest": float(amounts[-1]),
        "whole": whole,
        "odd": odd.present,
        "odd_example": str(odd.texts[0]) if odd.present else "",
        "skew": skew_of(np.repeat(amounts, counts[is_amount])),
        "many_zeros": zeros_among(amounts, counts[is_amount])[1],
        "codes": {int(c) if c.is_integer() else c: n for c, n in codes.items()} | signs,
    }


def _unit_facts(name: str, cells: DistinctCells, form: NumberFormat) -> dict[str, Any] | None:
    """Describe a column of numbers with one unit; None if it holds something else."""
    bare_cells, unit = cells.without_unit()
    if not unit or len(bare_cells.texts) <= 2:  # two values are two categories
        return None
    numbers = _number_facts(name, bare_cells, form)
    unitless = int(cells.counts[_mask(all_pointed(cells.texts, form).is_valid())].sum())
    may_be_factor = unitless and len(unit) == 1 and unit.isalpha()  # 5k may be more than 900
    if numbers is None or numbers["kind"] != "number" or may_be_factor:
        return None
    return numbers | {"cells": bare_cells, "unit": unit, "unitless": unitless}


def _date_facts(cells: DistinctCells) -> dict[str, Any] | None:
    """Describe a column of dates and a few words; None if it holds something else."""
    is_word = cells.are_among(PLACEHOLDERS)
    if is_word.all() or is_word.sum() > FEW_WORDS:
        return None
    odd = cells.only(~is_word)
    formats: dict[str | None, int] = {}
    rivals: list[str | None] = []
    while odd.present and len(formats) < MOST_FORMATS and (fitting := _fitting(odd)):
        form, is_date = next(iter(fitting.items()))
        if any(read_differently(other, form) for other in formats):
            break
        if len(alike := [other for other in fitting if (fitting[other] == is_date).all()]) > 1:
            rivals = alike[:2]
        formats[form], texts = int(odd.counts[is_date].sum()), odd.only(is_date).texts
        odd = odd.only(~is_date)
    if not formats or odd.present > FEW_ODD * cells.present:
        return None
    return {
        "kind": "date",
        "formats": formats,
        "rivals": rivals,
        "in_order": bool(
            len(formats) == 1
            and len(texts) > 9
            and pc.all(pc.less_equal(texts[:-1], texts[1:])).as_py()
        ),
        "codes": cells.only(is_word).by_frequency(),
        "odd": odd.present,
        "odd_example": str(odd.texts[0]) if odd.present else "",
    }


def _fitting(cells: DistinctCells) -> dict[str | None, np.ndarray]:
    """Tell by format which cells are dates in it; the format of the most cells comes first."""
    first = cells.first(FIRST)
    formats = [form for form in (None, *FORMATS) if first.matching(_date_pattern(form)).any()]
    fitting = {form: cells.matching(_date_pattern(form)) for form in formats}
    return dict(sorted(fitting.items(), key=lambda item: -cells.counts[item[1]].sum()))


def _word_facts(cells: DistinctCells) -> dict[str, Any]:
    """Describe a column of words."""
    count, rows = len(cells.texts), cells.present + cells.missing
    words = pc.mean(pc.count_substring(cells.texts, " ")).as_py() + 1
    length = pc.mean(pc.utf8_length(cells.texts)).as_py()
    if count >= LEAST_ROWS and (words >= WORDY or length > LONG) and count > rows / 5:
        return {"kind": "text"}
    if count >= NEARLY_ALL * rows and rows >= LEAST_ROWS:
        return {"kind": "identifier"}
    signs = cells.only(cells.are_among(WORDS["sign"])).by_frequency()
    codes, alike = signs if count > len(signs) else {}, spelt_alike(cells.texts)
    return {"kind": "category", "codes": codes, "alike": alike[0][:5] if alike else []}


@cache
def _date_pattern(form: str | None) -> str:
    """Return the pattern of dates in a format; without marks, each part has all its digits."""
    if form is None:
        return ISO
    pattern = re.sub("%[A-Za-z]", lambda code: PATTERNS[code[0]], form.replace(".", r"\."))
    return pattern.replace("0?", "0") if form == COMPACT else pattern


def codes_among(values: np.ndarray, counts: np.ndarray) -> dict[float, int]:
    """Find numbers that probably mean "not measured", with their counts.

    Such a number is one of `CODES`, occurs more than once, and is apart from all other numbers:
    its distance to them is larger than their range, or they are not negative and it is. Or it is 0,
    see `zeros_among`.

    Args:
        values: float64, distinct and finite, in rising order.
        counts: How often each number is in the column.
    """
    may_be_code = np.isin(values, [*CODES])
    amounts = values[~may_be_code]
    if len(amounts) < 2:
        return {}
    low, high = amounts[0], amounts[-1]
    is_far = (np.maximum(low - values, values - high) > high - low) & (np.abs(values) > 1)
    is_negative = (values < 0) & (low >= 0) & ((values < -1) | (len(amounts) >= SCALE))
    is_digit = (values > 0) & (values < 10)
    is_code = may_be_code & (is_far | is_negative)
    is_code &= counts > np.where(is_digit, DIGIT * counts.sum(), 1)
    if zeros_among(values[~is_code], counts[~is_code])[0]:
        is_code |= values == 0
    return dict(zip(values[is_code].tolist(), counts[is_code].tolist(), strict=True))


def zeros_among(values: np.ndarray, counts: np.ndarray) -> tuple[bool, bool]:
    """Return whether 0 probably means "not measured", or whether it may; for arguments see above.

    It may if the next number is more than five steps above 0, and a fifth to half of the rows are
    0. It probably does if fewer are, and no number is near 0 compared with how far all are spread.
    """
    if len(values) <= ENOUGH or values[0] != 0 or counts[0] == 1:
        return False, False
    amounts, share = values[1:], counts[0] / counts.sum()
    if amounts[0] <= STEPS * np.median(np.diff(amounts)):
        return False, False
    mean = np.average(amounts, weights=counts[1:])
    spread = np.sqrt(np.average((amounts - mean) ** 2, weights=counts[1:]))
    is_code = bool(share < MANY and amounts[0] > FAR * spread)
    return is_code, not is_code and LUMP < share < MOST
