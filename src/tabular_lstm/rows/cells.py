"""The cells of a column: texts, which are missing, categories, numbers and what is wrong with them.

A column may hold text as in a CSV, numbers, booleans, categories or a mixture. A value is read the
same in each of these forms, in training and in scoring.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import shown
from tabular_lstm.rows.number_format import (
    POINT,
    NumberFormat,
    all_pointed,
    pointed,
    without_fraction,
    without_unit,
)
from tabular_lstm.rows.schema import ANY, Bounds
from tabular_lstm.task import Value

# Words for a missing cell, in upper or lower case.
EMPTY = {"", "na", "n/a", "nan", "null", "none"}
SPACES = r"[\s\p{Z}]+"
# What is wrong with cells, in words, by the cell's place in its column, from 0.
Problems = dict[int, str]


# Rows that are hashed or laid out at a time, so that memory never holds a copy of all rows.
PART = 2**16


def row_slices(rows: int) -> Iterator[slice]:
    """Divide this number of rows into consecutive slices of at most `PART` rows."""
    for start in range(0, rows, PART):
        yield slice(start, min(start + PART, rows))


def is_missing(text: str) -> bool:
    """Return whether a text, stripped of white space, means that the cell is missing."""
    return text.lower() in EMPTY


def cell_text(cell: Any) -> str:
    """Write a value as in a CSV: 7.0 as 7, because pandas turns 7 into 7.0 if a cell is missing."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell).decode(errors="backslashreplace")
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        cell = int(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def texts(cells: pd.Series, write: Callable[[Any], str] = cell_text) -> pd.Series:
    """Return each cell's text, stripped of white space; NaN where missing.

    `write` turns a cell that is not text into text. Default: `cell_text`.
    """
    if isinstance(cells.dtype, pd.StringDtype):
        return cells.astype("str").str.strip()
    places, distinct_values = pd.factorize(values_of(cells))
    distinct_texts = [write(cell).strip() for cell in distinct_values]
    cell_texts = np.array([*distinct_texts, None], dtype=object)[places]
    return pd.Series(cell_texts, index=cells.index, name=cells.name, dtype="str")


def written_in(number_format: NumberFormat) -> Callable[[Any], str]:
    """Return a function that writes a cell as text, and a number in this format: 7.5 as 7,5."""

    def write(cell: Any) -> str:
        text = cell_text(cell) if isinstance(cell, Decimal) else str(cell)
        is_number = isinstance(cell, Real | Decimal)
        return text.replace(".", number_format.decimal) if is_number else text

    return write


def arrow_texts(cells: pd.Series) -> pa.Array:
    """Return a column of text as Arrow's large_string, null where missing."""
    # For a series, Arrow asks for an attribute, and pandas then searches the index for this name.
    values = cells.array if isinstance(cells.dtype, pd.StringDtype) else cells.to_numpy()
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def values_of(cells: pd.Series) -> np.ndarray:
    """Return the cells as Python's objects; 0.1 as float32 becomes 0.1, not 0.10000000149011612."""
    dtype: Any = getattr(cells.dtype, "numpy_dtype", cells.dtype)
    if dtype.kind != "f" or dtype.itemsize >= 8:
        return cells.to_numpy(object)
    values = cells.to_numpy(dtype, na_value=np.nan)
    distinct_values, places = np.unique(values, return_inverse=True)
    return np.array([float(str(value)) for value in distinct_values], object)[places]


def distinct(cells: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return each cell's place in a list of distinct cells (-1 if missing), and the list.

    Equal cells that are not text may be in the list more than once.
    """
    inferred = cells.infer_objects()
    if isinstance(inferred.dtype, pd.StringDtype):
        encoded = arrow_texts(inferred).dictionary_encode()
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()
    if isinstance(cells.dtype, pd.CategoricalDtype) and len(cells) > len(cells.cat.categories):
        return cells.cat.codes.to_numpy(), values_of(cells.cat.categories.to_series()).tolist()
    values = values_of(cells)
    # 1, 1.0 and True are equal in Python, so the type counts too.
    keys = [(type(value), value) for value in values]
    places: dict[tuple[type, Any], int] = {}
    cell_places = [places.setdefault(key, len(places)) for key in keys]
    return np.where(pd.isna(values), -1, cell_places).astype(np.intp), [
        value for _, value in places
    ]


def spelling(texts: pa.Array) -> pa.Array:
    """Return each text's normal form, which texts that differ by their spelling alone share.

    The form has no blanks, no capital letters and no leading zeros, and each letter with a mark is
    one character.

    Examples:
        >>> spelling(pa.array(["North Wing", "north wing", "007", "7"])).to_pylist()
        ['northwing', 'northwing', '7', '7']
    """
    together = pc.replace_substring_regex(texts, SPACES, "")
    # A letter with a mark, such as ü, may be written as one character or as two.
    letters = pc.utf8_lower(pc.utf8_normalize(together, "NFC"))
    return pc.replace_substring_regex(letters, "^0+([0-9])", r"\1")


def spelt_alike(texts: pa.Array) -> list[list[str]]:
    """Return the texts that differ from others by their spelling alone, in groups.

    The texts of a group have one normal form, see `spelling`. Texts with a form of their own are
    left out. All texts are different.

    Examples:
        >>> spelt_alike(pa.array(["north", "P7", "p 7", "North", "south"], pa.large_string()))
        [['north', 'North'], ['P7', 'p 7']]
    """
    group_numbers = spelling(texts).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    has_others = np.bincount(group_numbers)[group_numbers] > 1
    kept_texts = pd.Series(texts.filter(pa.array(has_others)).to_pylist(), dtype=object)
    return [*kept_texts.groupby(group_numbers[has_others]).agg(list)]


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
    """Return a cell's category: its text as in a CSV, stripped of white space; None where missing.

    A number that is text gets a decimal point and loses marks of thousands. `codes` mean "not
    measured".

    Examples:
        >>> [category_of(cell) for cell in (" red", "1.0", 1.0, "1.00", "NA")]
        ['red', '1', '1', '1.00', None]
    """
    text = (cell if isinstance(cell, str) else cell_text(cell)).strip()
    if is_missing(text):
        return None
    if isinstance(cell, str):
        text = pointed(text, number_format) or text
    category = without_fraction(text)
    return None if category in codes else category


def category_codes(missing: Sequence[Value], number_format: NumberFormat = POINT) -> set[str]:
    """Return the categories that mean "not measured": -9, -9.0 and "-9.0" are all the category -9.

    Examples:
        >>> sorted(category_codes([-9.0, "1,5", "?"], NumberFormat(decimal=",")))
        ['-9', '1.5', '?']
    """
    words = [code for code in missing if isinstance(code, str)]
    numbers = [code for code in missing if not isinstance(code, str)]
    spelt = [pointed(word, number_format) or word for word in words]
    # `str` writes a float of 1e16 or more with an exponent, `cell_text` without one.
    return {*map(without_fraction, [*spelt, *map(str, numbers), *map(cell_text, numbers)])}


# Numbers ------------------------------------------------------------------------------------------

# Kinds of dtypes: numbers and booleans.
NUMBERS = "biuf"
# Sums of some 10^8 such numbers stay within float32, and scikit-learn sums all cells of a table.
LARGEST = float(np.float32(1e30))
TOO_LARGE = f"is infinite or beyond {LARGEST:g} in size"
# Arrow's own type, because converting Python's values takes as long as reading one row.
BLANK, NONE = pa.scalar("", pa.large_string()), pa.scalar(None, pa.large_string())
# The usual texts of missing cells.
USUAL = pa.array(["", "NA", "N/A", "nan", "NaN", "NULL", "null", "None"], pa.large_string())


def read_numbers(
    cells: pd.Series,
    missing: Sequence[Value] = (),
    bounds: Bounds = ANY,
    number_format: NumberFormat = POINT,
) -> tuple[np.ndarray, Problems]:
    """Read a column of numbers.

    Numbers are rounded correctly, so that a row's side does not depend on how they are written.

    Args:
        cells: The column.
        missing: Values that mean "not measured". A cell whose text is exactly one of these is read
            as NaN. A cell with one of these numbers keeps it, and the bounds do not apply.
        bounds: Lowest and highest possible value; None means no limit.
        number_format: The format of numbers that are text, with their unit.

    Returns:
        float64 (rows,), NaN where the cell is empty, means "missing" or cannot be read; and the
        problems.
    """
    numbers, absent = numbers_of(cells, number_format)
    unread = np.isnan(numbers) & ~absent
    if words := {code for code in missing if isinstance(code, str)}:
        # A word may be the text of a number.
        are_numbers = bool(number_format.unit) or any(
            pointed(word, number_format) is not None for word in words
        )
        is_word = (~absent if are_numbers else unread) & _is_text(cells)
        is_word[is_word] = texts(cells[is_word]).isin(words).to_numpy()
        numbers[is_word] = np.nan
        unread &= ~is_word
    infinite = np.abs(numbers) > LARGEST
    outside = _are_outside(cells, numbers, missing, bounds) & ~infinite
    unit = f" in {number_format.unit}" if number_format.unit else ""
    return numbers, {
        **problems_at(cells, outside, f"is outside {_bounds_in_words(*bounds)}"),
        **problems_at(cells, infinite, TOO_LARGE),
        **problems_at(cells, unread, f"is not a number{unit}", quoted=True),
    }


def numbers_of(cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    """Return a new array, float64, NaN where there is no number; and which cells are missing."""
    if isinstance(cells.dtype, pd.StringDtype):
        return numbers_of_texts(arrow_texts(cells), number_format)
    if cells.dtype == object and (inferred := cells.infer_objects()).dtype != object:
        return numbers_of(inferred, number_format)
    absent = cells.isna().to_numpy(copy=True)
    if cells.dtype.kind in NUMBERS:
        return cells.to_numpy(np.float64, na_value=np.nan, copy=True), absent
    values, is_text = cells.to_numpy(object), _is_text(cells)
    numbers = np.full(len(cells), np.nan)
    numbers[~is_text] = [
        float(value) if isinstance(value, Real | Decimal | np.bool_) else np.nan
        for value in values[~is_text]
    ]
    cell_texts = pa.array(values[is_text], pa.large_string())
    numbers[is_text], absent[is_text] = numbers_of_texts(cell_texts, number_format)
    return numbers, absent


def numbers_of_texts(texts: pa.Array, number_format: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    """Read texts that may be numbers.

    If each cell is a plain number or missing, Arrow's cast alone reads the column, in a third of
    the time. The cast and `POINT` agree on what is a number, except for nan and nan(1).

    Args:
        texts: large_string (rows,); null is missing.
        number_format: The format of the numbers.

    Returns:
        A new array, float64, NaN where a cell holds no number; and bool, which cells are missing.
    """
    if number_format.unit:
        texts = without_unit(texts, number_format.unit)
    if number_format == POINT:
        numbers = _cast(pc.if_else(pc.equal(texts, BLANK), NONE, texts))
        if numbers is None:
            numbers = _cast(pc.if_else(pc.is_in(texts, USUAL), NONE, texts))
        if numbers is not None:
            return numbers, np.isnan(numbers)
    texts = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(pc.utf8_lower(texts), pa.array([*EMPTY, None], pa.large_string()))
    numbers = all_pointed(texts, number_format).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers.copy(), missing.to_numpy(zero_copy_only=False).copy()


def _cast(texts: pa.Array) -> np.ndarray | None:
    """Cast texts to a new array, float64, NaN for null; None if a text is not a number."""
    try:
        numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return numbers.copy() if np.isnan(numbers).sum() == texts.null_count else None


def is_categorical(column: pd.Series) -> bool:
    """Return whether a column holds categories: of dtype category, or text that is not all numbers.

    Examples:
        >>> [is_categorical(pd.Series(values)) for values in ([1, 2], ["a", "b"], [True, False])]
        [False, True, False]
        >>> is_categorical(pd.Series(["1.5", "", "2"]))
        False
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    # Dates, durations and complex numbers are neither.
    if pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in "mMc":
        return False
    numbers, absent = numbers_of(column, POINT)
    no_number = np.isnan(numbers)
    return bool(no_number.all() or (no_number & ~absent).any())


def _are_outside(
    cells: pd.Series, numbers: np.ndarray, missing: Sequence[Value], bounds: Bounds
) -> np.ndarray:
    """Return which numbers are out of bounds and not codes; write exact codes into `numbers`."""
    codes = np.array([code for code in missing if not isinstance(code, str)], np.float64)
    if bounds == ANY and not codes.size:
        return np.zeros(len(numbers), bool)
    # Codes and bounds such as 0.1 are rounded like a column of float32. A bound of None is NaN.
    dtype: Any = getattr(cells.dtype, "numpy_dtype", cells.dtype)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        low, high = np.array(bounds, np.float64).astype(dtype)
        rounded, rounded_codes = numbers.astype(dtype), codes.astype(dtype)
    outside: np.ndarray = (rounded < low) | (rounded > high)
    for code, rounded_code in zip(codes, rounded_codes, strict=True):
        outside &= rounded != rounded_code
        numbers[rounded == rounded_code] = code
    return outside


def _is_text(cells: pd.Series) -> np.ndarray:
    """Return which cells are text, whatever the column's dtype."""
    if isinstance(cells.dtype, pd.StringDtype) or cells.dtype.kind in NUMBERS:
        return np.full(len(cells), cells.dtype.kind not in NUMBERS)
    return np.array([isinstance(cell, str) for cell in cells], bool)


def _bounds_in_words(low: float | None, high: float | None) -> str:
    """Write bounds as people do: [0, 17.5] or (-inf, 3]."""
    left = "(-inf" if low is None else f"[{low:g}"
    return f"{left}, {'inf)' if high is None else f'{high:g}]'}"
