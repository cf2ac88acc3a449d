"""The cells of a column: their texts, which of them are missing, and their categories.

A column may hold text as in a CSV, numbers, booleans, categories or a mixture. A value is read the
same in each of these forms, in training and in scoring.
"""

from collections.abc import Callable, Container, Hashable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import shown
from tabular_lstm.parameters import Value
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed, without_fraction

# Words for a missing cell, in upper or lower case.
EMPTY = {"", "na", "n/a", "nan", "null", "none"}
SPACES = r"[\s\p{Z}]+"
# What is wrong with cells, in words, by the cell's place in its column, from 0.
Problems = dict[int, str]


def is_missing(text: str) -> bool:
    """Tell whether a text, stripped of white space, means that the cell is missing."""
    return text.lower() in EMPTY


def written(cell: Any) -> str:
    """Write a value as in a CSV: 7.0 as 7, because pandas turns 7 into 7.0 if a cell is missing."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell).decode(errors="backslashreplace")
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        cell = int(cell)
    return str(cell)


def texts(cells: pd.Series, write: Callable[[Any], str] = written) -> pd.Series:
    """Give each cell's text, stripped of white space; NaN where missing.

    `write` turns a cell that is not text into text. Default: `written`.
    """
    if isinstance(cells.dtype, pd.StringDtype):
        return cells.astype("str").str.strip()
    values = values_of(cells)
    try:
        places, distinct_values = pd.factorize(values)
    except TypeError:  # a list has no hash
        places, distinct_values = np.where(pd.isna(values), -1, np.arange(len(values))), values
    distinct_texts = [write(cell).strip() for cell in distinct_values]
    cell_texts = np.array([*distinct_texts, None], dtype=object)[places]
    return pd.Series(cell_texts, index=cells.index, name=cells.name, dtype="str")


def written_in(number_format: NumberFormat) -> Callable[[Any], str]:
    """Give a function that writes a cell as text, and a number in this format: 7.5 as 7,5.

    A decimal is written by its value, as a float is: 5.00 as 5, and 0.10 as 0.1.
    """

    def write(cell: Any) -> str:
        text = str(cell)
        if isinstance(cell, Decimal):
            whole, _, fraction = f"{cell:f}".partition(".")
            text = f"{whole}.{fraction.rstrip('0')}".removesuffix(".")
        is_number = isinstance(cell, Real | Decimal)
        return text.replace(".", number_format.decimal) if is_number else text

    return write


def as_texts(cells: pd.Series) -> pa.Array:
    """Give a column of text as Arrow's large_string, null where missing."""
    # For a series, Arrow asks for an attribute, and pandas then searches the index for this name.
    values = cells.array if isinstance(cells.dtype, pd.StringDtype) else cells.to_numpy()
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def values_of(cells: pd.Series) -> np.ndarray:
    """Give the cells as Python's objects; 0.1 as float32 becomes 0.1, not 0.10000000149011612."""
    dtype: Any = getattr(cells.dtype, "numpy_dtype", cells.dtype)
    if dtype.kind != "f" or dtype.itemsize >= 8:
        return cells.to_numpy(object)
    values = cells.to_numpy(dtype, na_value=np.nan)
    distinct_values, places = np.unique(values, return_inverse=True)
    return np.array([float(str(value)) for value in distinct_values], object)[places]


def distinct(cells: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Give each cell's place in a list of distinct cells (-1 if missing), and the list.

    Equal cells that are not text may be in the list more than once.
    """
    inferred = cells.infer_objects()
    if isinstance(inferred.dtype, pd.StringDtype):
        encoded = as_texts(inferred).dictionary_encode()
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()
    if isinstance(cells.dtype, pd.CategoricalDtype) and len(cells) > len(cells.cat.categories):
        return cells.cat.codes.to_numpy(), values_of(cells.cat.categories.to_series()).tolist()
    values = values_of(cells)
    # 1, 1.0 and True are equal in Python, so the type counts too; a list has no hash.
    keys = [(type(value), value if isinstance(value, Hashable) else str(value)) for value in values]
    places: dict[tuple[type, Any], int] = {}
    cell_places = [places.setdefault(key, len(places)) for key in keys]
    return np.where(pd.isna(values), -1, cell_places).astype(np.intp), [
        value for _, value in places
    ]


def spelling(texts: pa.Array) -> pa.Array:
    """Normalize the spelling of texts: ignore case, blanks, Unicode form and leading zeros."""
    together = pc.replace_substring_regex(texts, SPACES, "")
    # A letter with a mark, such as ü, may be written as one character or as two.
    letters = pc.utf8_lower(pc.utf8_normalize(together, "NFC"))
    return pc.replace_substring_regex(letters, "^0+([0-9])", r"\1")


def problems_at(cells: pd.Series, where: np.ndarray, fault: str, quoted: bool = False) -> Problems:
    """Describe the fault of each cell in `where`; if `quoted`, text gets quotation marks."""
    if not where.any():
        return {}
    words = [_shown_cell(cell, quoted) for cell in cells[where].to_numpy(object)]
    places = np.flatnonzero(where).tolist()
    return {place: f"{cell} {fault}" for place, cell in zip(places, words, strict=True)}


def _shown_cell(cell: Any, quoted: bool) -> str:
    if isinstance(cell, str):
        return f"'{shown(cell)}'" if quoted else shown(cell)
    return shown(str(cell).removesuffix(".0"))  # pandas turns 300 into 300.0 if a cell is missing


def read_category(
    cells: pd.Series, missing: Sequence[Value] = (), number_format: NumberFormat = POINT
) -> pd.Series:
    """Read a column of categories, see `category_of` and `category_codes`; any text is valid.

    Returns:
        str: the category of each cell; NaN where missing.
    """
    places, values = distinct(cells)
    codes = category_codes(missing, number_format)
    distinct_categories = [*(category_of(value, codes, number_format) for value in values), None]
    cell_categories = np.array(distinct_categories, dtype=object)[places]
    return pd.Series(cell_categories, index=cells.index, name=cells.name, dtype="str")


def category_of(
    cell: Any, codes: Container[str] = (), number_format: NumberFormat = POINT
) -> str | None:
    """Give a cell's category: its text as in a CSV, stripped of white space; None where missing.

    A number that is text gets a decimal point and loses marks of thousands. `codes` mean "not
    measured".

    Examples:
        >>> [category_of(cell) for cell in (" red", "1.0", 1.0, "1.00", "NA")]
        ['red', '1', '1', '1.00', None]
    """
    text = (cell if isinstance(cell, str) else written(cell)).strip()
    if is_missing(text):
        return None
    if isinstance(cell, str):
        text = pointed(text, number_format) or text
    category = without_fraction(text)
    return None if category in codes else category


def category_codes(missing: Sequence[Value], number_format: NumberFormat = POINT) -> set[str]:
    """Give the categories that mean "not measured": -9, -9.0 and "-9.0" are all the category -9.

    Examples:
        >>> sorted(category_codes([-9.0, "1,5", "?"], NumberFormat(decimal=",")))
        ['-9', '1.5', '?']
    """
    words = [code for code in missing if isinstance(code, str)]
    numbers = [code for code in missing if not isinstance(code, str)]
    spelt = [pointed(word, number_format) or word for word in words]
    # `str` writes a float of 1e16 or more with an exponent, `written` without one.
    return {*map(without_fraction, [*spelt, *map(str, numbers), *map(written, numbers)])}
