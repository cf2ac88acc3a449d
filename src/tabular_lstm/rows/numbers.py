"""Numbers that are text: Arrow reads them all at once, and `read` what Arrow does not."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.rows.marks import all_pointed, pointed
from tabular_lstm.rows.schema import POINT, Marks

EMPTY = {"", "na", "n/a", "nan", "null", "none"}
# Cells up to which it takes less time to read one after the other.
FEW = 32
# Cells that are read again more slowly where Arrow does not read one of them.
AGAIN = 2**11


def read(text: str, marks: Marks = POINT) -> float | None:
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


def read_all(texts: pa.Array, marks: Marks = POINT) -> tuple[np.ndarray, np.ndarray]:
    """Read the text of many cells, each as `read` does.

    Args:
        texts: large_string; null is missing.
        marks: What their numbers are written with.

    Returns:
        float64, NaN where a cell holds no number; and bool, which cells are missing.
    """
    if len(texts) <= FEW:
        return _read_each(texts, marks)
    absent = pc.fill_null(pc.equal(texts, ""), True)
    if pc.any(absent).as_py():
        texts = pc.if_else(absent, None, texts)
    numbers, absent = _cast(texts, marks), absent.to_numpy(zero_copy_only=False)
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
    texts = pa.array(cells, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _cast(texts: pa.Array, marks: Marks) -> np.ndarray:
    """Give float64, of the caller's own, NaN where Arrow does not read a number.

    What its cast gives as a finite number or an infinite one is a number by `POINT`.
    """
    if marks == POINT:
        try:
            return _own(texts.cast(pa.float64()))
        except pa.ArrowInvalid:
            if len(texts) > AGAIN:
                parts = [texts.slice(start, AGAIN) for start in range(0, len(texts), AGAIN)]
                return np.concatenate([_cast(part, marks) for part in parts])
    # Arrow gives the nearest float64, as Python does; pandas' to_numeric does not always.
    return _own(all_pointed(pc.utf8_trim_whitespace(texts), marks).cast(pa.float64()))


def _own(numbers: pa.Array) -> np.ndarray:
    values: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()


def _read_each(texts: pa.Array, marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    found = [None if text is None else read(text, marks) for text in texts.to_pylist()]
    return np.array(found, np.float64), np.array([number is None for number in found], bool)
