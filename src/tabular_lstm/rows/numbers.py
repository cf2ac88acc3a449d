"""Numbers that are text: Arrow reads them all at once, and `read` what Arrow does not."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.rows.number_format import POINT, NumberFormat, all_pointed, pointed

EMPTY = {"", "na", "n/a", "nan", "null", "none"}
# What most missing cells hold.
WORDS = pa.array(["NA", "N/A", "nan", "NaN", "NULL", "null", "None"], pa.large_string())
# Cells up to which it takes less time to read one after the other.
FEW = 32
# Cells that are read again more slowly where Arrow does not read one of them.
AGAIN = 2**11


def read(text: str, marks: NumberFormat = POINT) -> float | None:
    """Read the text of one cell.

    Args:
        text: With or without white space around it.
        marks: What its number is written with.

    Returns:
        The number, correctly rounded; None where the cell is empty or says "missing", NaN where it
        holds no number.

    Examples:
        >>> [read(text) for text in (" 1e3", "-.5", "", "NA", "1,5", "1_000", "high")]
        [1000.0, -0.5, None, None, nan, nan, nan]
    """
    text = text.strip()
    if is_missing(text):
        return None
    number = pointed(text, marks)
    return math.nan if number is None else float(number)


def is_missing(text: str) -> bool:
    """Tell whether a text without white space around it says that nothing is known."""
    return text.lower() in EMPTY


def read_all(texts: pa.Array, marks: NumberFormat = POINT) -> tuple[np.ndarray, np.ndarray]:
    """Read the text of many cells, each as `read` does.

    Args:
        texts: large_string; null is missing.
        marks: What their numbers are written with.

    Returns:
        float64, NaN where a cell holds no number; and bool, which cells are missing.
    """
    if len(texts) <= FEW:
        return _read_each(texts, marks)
    numbers = _cast(texts, marks)
    absent = texts.is_null().to_numpy(zero_copy_only=False).copy()
    # Arrow reads nan and nan(1) too.
    odd = np.isnan(numbers) & ~absent
    if odd.any():
        distinct = texts.filter(pa.array(odd)).dictionary_encode()
        places = distinct.indices.to_numpy()
        found, missing = _read_each(distinct.dictionary, marks)
        numbers[odd], absent[odd] = found[places], missing[places]
    return numbers, absent


def as_texts(cells: pd.Series) -> pa.Array:
    """Give the text of a column as Arrow's large_string, null where missing."""
    # Of a series Arrow asks for an attribute that pandas then looks for among the rows' names.
    values = cells.array if isinstance(cells.dtype, pd.StringDtype) else cells.to_numpy()
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _cast(texts: pa.Array, marks: NumberFormat) -> np.ndarray:
    """Give float64, of the caller's own, NaN where Arrow does not read a number.

    What its cast gives as a finite number or an infinite one is a number by `POINT`.
    """
    if marks != POINT:
        return _cast_numbers(texts, marks)
    if pc.any(blank := pc.equal(texts, "")).as_py():
        texts = pc.if_else(blank, None, texts)
    if (numbers := _cast_at_once(texts)) is not None:
        return numbers
    if pc.any(words := pc.is_in(texts, WORDS)).as_py():
        texts = pc.if_else(words, None, texts)
        if (numbers := _cast_at_once(texts)) is not None:
            return numbers
    return np.concatenate([*_cast_parts(texts)])


def _cast_at_once(texts: pa.Array) -> np.ndarray | None:
    """Cast all; None where one is not read, of which Arrow makes an error each: so few at first."""
    if _cast_if_all(texts.slice(0, AGAIN)) is None:
        return None
    return _cast_if_all(texts)


def _cast_parts(texts: pa.Array) -> Iterator[np.ndarray]:
    """Cast part by part, or all the rest as soon as there are odd cells in most parts."""
    odd = 0
    for place in range(0, len(texts), AGAIN):
        part = texts.slice(place, AGAIN)
        numbers = _cast_if_all(part)
        if numbers is None:
            odd += 1
            if odd > 2 and 2 * odd * AGAIN > place:
                yield _cast_numbers(texts.slice(place), POINT)
                return
            numbers = _cast_numbers(part, POINT)
        yield numbers


def _cast_if_all(texts: pa.Array) -> np.ndarray | None:
    try:
        return _own(texts.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def _cast_numbers(texts: pa.Array, marks: NumberFormat) -> np.ndarray:
    """Cast the texts that are numbers by the marks."""
    # Arrow gives the nearest float64, as Python does; pandas' to_numeric does not always.
    return _own(all_pointed(pc.utf8_trim_whitespace(texts), marks).cast(pa.float64()))


def _own(numbers: pa.Array) -> np.ndarray:
    values: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()


def _read_each(texts: pa.Array, marks: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    found = [None if text is None else read(text, marks) for text in texts.to_pylist()]
    return np.array(found, np.float64), np.array([number is None for number in found], bool)
