"""The kind of a column, from all of its cells: numbers, words, dates, an identifier, free text."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.profiling.codes import codes_among, is_zero_a_lump
from tabular_lstm.profiling.dates import COMPACT, date_formats
from tabular_lstm.profiling.distinct import Cells
from tabular_lstm.profiling.names import (
    names_a_year,
    names_an_identifier,
    names_an_index,
)
from tabular_lstm.rows.number_format import NumberFormat, all_pointed
from tabular_lstm.rows.numbers import LARGEST

# Words that mean "not measured" in a column of numbers or dates; in one of words, the first ones.
SIGNS = {"?", "-", "--", "---", ".", "..", "*", "#n/a", "<na>", "n.a.", "n.a", "-nan", "nil"}
PLACEHOLDERS = SIGNS | {
    "unknown", "missing", "not available", "not measured", "not known", "undefined", "unk", "none",
    "no data", "tbd", "#value!", "#div/0!", "#ref!", "#null!", "0000-00-00", "undetermined",
}  # fmt: skip
PAIRS = [{"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"}]
QUANTITY = r"[$€£¥]?\s*[+-]?[0-9][0-9.,' ]*\s*(?:[A-Za-z%€$£¥°µ²³/]{1,8})?"
UNIT = re.compile(r"([$€£¥]?)\s*[+-]?[0-9][0-9.,' ]*?\s*([A-Za-z%€$£¥°µ²³/]{0,8})")
# Cells that are no numbers in a column of numbers, at most: their rows go to quarantine.
FEW_ODD = 0.01
FEW_WORDS = 3
SHOWN = 20
LEAST_ROWS = 20
# Share of the rows with a cell of its own from which a column of words names rows.
NEARLY_ALL = 0.95
LONG, WORDY = 40, 4
YEARS = 1500, 2999


def kind_of(name: str, cells: Cells, rows: int, marks: NumberFormat) -> dict[str, Any]:
    """Tell what a column holds.

    Args:
        name: Of the column.
        cells: All of its cells.
        rows: How many there are.
        marks: What numbers are written with.

    Returns:
        What `ColumnProfile` says of the column's cells.
    """
    if not cells.present:
        return {"kind": "empty"}
    if len(cells.texts) == 1 and not cells.missing:
        return {"kind": "constant"}
    return _numbers(name, cells, rows, marks) or _dates(cells) or _words(cells, rows)


def _numbers(name: str, cells: Cells, rows: int, marks: NumberFormat) -> dict[str, Any] | None:
    """Describe a column of numbers; None where it is of something else."""
    numbers = all_pointed(cells.texts, marks).cast(pa.float64()).to_numpy(zero_copy_only=False)
    is_number = np.abs(numbers) <= LARGEST
    if not is_number.any():
        return None
    words = _placeholders(cells, is_number)
    if words is None:
        return None
    signs, odd = words
    known = cells.only(is_number)
    if _has_leading_zeros(known):
        return None
    values, places = np.unique(numbers[is_number], return_inverse=True)
    counts = np.bincount(places, known.counts).astype(np.int64)
    if formats := date_formats(known, COMPACT):  # such as 20261126
        return {"kind": "date", "formats": formats, "codes": signs}
    whole = bool((values == np.round(values)).all())
    found: dict[str, Any] = {
        "kind": "number",
        "lowest": float(values[0]),
        "highest": float(values[-1]),
        "whole": whole,
        "odd": odd,
    }
    if len(values) == rows >= LEAST_ROWS and whole:
        from_the_start = values[0] in {0, 1}
        in_order = from_the_start and bool((np.diff(numbers) == 1).all())
        is_close = from_the_start and values[-1] < 1.1 * rows
        if in_order or is_close or names_an_identifier(name) or names_an_index(name):
            in_order |= names_an_index(name)
            return {**found, "kind": "identifier", "in_order": in_order}
    codes = codes_among(values, counts)
    left = values[~np.isin(values, [*codes])]
    found |= {"lowest": float(left[0]), "highest": float(left[-1])}
    found["in_order"] = whole and _are_years(name, left) and cells.rising and not cells.missing
    found["lump"] = 0.0 not in codes and is_zero_a_lump(values, counts)
    return {**found, "codes": {**{_plain(code): count for code, count in codes.items()}, **signs}}


def _are_years(name: str, numbers: np.ndarray) -> bool:
    """Tell whether numbers are years, of four digits, by their name and themselves."""
    first, last = YEARS
    return len(numbers) > 4 and names_a_year(name) and first <= numbers[0] and numbers[-1] <= last


def _placeholders(
    cells: Cells, is_known: np.ndarray
) -> tuple[dict[str, int], dict[str, int]] | None:
    """Give the words among other values that mean "not measured", and cells that are odd.

    None where the words are too many to be either.
    """
    words = cells.only(~is_known)
    if len(words.texts) > SHOWN and cells.share(~is_known) > FEW_ODD:
        return None
    said = dict(zip(words.texts.to_pylist(), words.counts.tolist(), strict=True))
    signs = {word: count for word, count in said.items() if word.lower() in PLACEHOLDERS}
    odd = {word: count for word, count in said.items() if word not in signs}
    share = sum(odd.values()) / cells.present
    if len(signs) > FEW_WORDS or share > FEW_ODD or not is_known.any():
        return None
    return signs, dict(list(odd.items())[:FEW_WORDS])


def _has_leading_zeros(cells: Cells) -> bool:
    """Tell whether some whole numbers are written as codes are: 007."""
    some = pc.any(pc.match_substring_regex(cells.texts, "^0[0-9]+$")).as_py()
    return bool(some and cells.all_match("[0-9]+"))


def _plain(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _dates(cells: Cells) -> dict[str, Any] | None:
    formats = date_formats(cells)
    if formats:
        in_order = cells.rising and len(cells.texts) > 9
        return {"kind": "date", "formats": formats, "in_order": in_order}
    # The format of most cells, where some words stand between them.
    is_word = _are_in(cells, PLACEHOLDERS)
    if not 0 < is_word.sum() <= min(FEW_WORDS, len(is_word) - 1):
        return None
    formats = date_formats(cells.only(~is_word))
    words = cells.only(is_word)
    codes = dict(zip(words.texts.to_pylist(), words.counts.tolist(), strict=True))
    return {"kind": "date", "formats": formats, "codes": codes} if formats else None


def _words(cells: Cells, rows: int) -> dict[str, Any]:
    """Describe a column of words."""
    count = len(cells.texts)
    signs = {
        word: number
        for word, number in cells.top(10 * SHOWN).items()
        if word.lower() in SIGNS and count > 1
    }
    if unit := _unit(cells):
        return {"kind": "quantity", "unit": unit}
    if {text.lower() for text in cells.texts[:3].to_pylist()} in PAIRS:
        return {"kind": "boolean"}
    mean_words, mean_length = _size(cells)
    found: dict[str, Any] = {"kind": "category", "codes": signs}
    if count >= LEAST_ROWS and (mean_words >= WORDY or mean_length > LONG) and count > rows / 5:
        return {"kind": "text", "words_on_average": round(mean_words, 1)}
    if count >= NEARLY_ALL * rows and rows >= LEAST_ROWS:
        return {"kind": "identifier"}
    return found


def _are_in(cells: Cells, words: set[str]) -> np.ndarray:
    known = pa.array(sorted(words), pa.large_string())
    found: np.ndarray = pc.is_in(pc.utf8_lower(cells.texts), known).to_numpy(zero_copy_only=False)
    return found


def _unit(cells: Cells) -> str | None:
    """Give the unit that the numbers of a column are written with, if all have the same."""
    if not cells.all_match(QUANTITY):
        return None
    parts = [UNIT.fullmatch(text) for text in cells.texts[: 50 * SHOWN].to_pylist()]
    units = {part[1] + part[2] for part in parts if part}
    unit = units.pop() if len(units) == 1 and all(parts) else ""
    return unit or None


def _size(cells: Cells) -> tuple[float, float]:
    """Give the mean number of words and of characters of the distinct cells."""
    length = pc.mean(pc.utf8_length(cells.texts)).as_py()
    spaces = pc.mean(pc.count_substring(cells.texts, " ")).as_py()
    return spaces + 1, length
