"""Read and check the cells of a column: its values, and what is wrong with each unusable cell.

A column may hold text as a CSV does, numbers, booleans, categories or a mixture; rows that say the
same are read the same in each of these forms, in training and in scoring.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import shown
from tabular_lstm.parameters import Columns, Value
from tabular_lstm.rows.number_format import POINT, NumberFormat, is_ambiguous, pointed
from tabular_lstm.rows.numbers import EMPTY, as_texts, read_all
from tabular_lstm.rows.schema import Bounds

# Kinds of dtypes: numbers and booleans; dates, durations, complex numbers.
NUMBERS = "biuf"
DATES = "mMc"
# Sums of some 10^8 such numbers stay within float32, and scikit-learn sums all cells of a table.
LARGEST = float(np.float32(1e30))
TOO_LARGE = f"is infinite or beyond {LARGEST:g} in size"

# Cells that are read in one pass: so many columns cost little more than their cells.
AT_ONCE = 2**20

ANY: Bounds = (None, None)
# By the cell's place in its column, from 0: what is wrong with it, in words.
Problems = dict[int, str]


def read_number(
    cells: pd.Series,
    missing: Sequence[Value] = (),
    bounds: Bounds = ANY,
    marks: NumberFormat = POINT,
) -> tuple[pd.Series, Problems]:
    """Read a column of numbers.

    Numbers are rounded correctly, so that a row's side does not depend on how they are written.

    Args:
        cells: The column.
        missing: Values that mean "not measured". A cell of the very text of a word among them is
            read as NaN; a number stays, exempt from the bounds, for the schema keeps these.
        bounds: Lowest and highest possible value; None leaves an end open.
        marks: What numbers that are text are written with.

    Returns:
        float64, NaN where the cell is empty, says "missing" or cannot be read; and the problems.
    """
    numbers, problems = numbers_of(cells, missing, bounds, marks)
    return pd.Series(numbers, index=cells.index, name=cells.name), problems


def numbers_of(
    cells: pd.Series, missing: Sequence[Value], bounds: Bounds, marks: NumberFormat
) -> tuple[np.ndarray, Problems]:
    """Read a column of numbers, see `read_number`, without its index."""
    return _checked(cells, *_numbers(cells, marks), missing, bounds, marks)


def read_numbers(
    columns: pd.DataFrame,
    missing: Mapping[str, Sequence[Value]],
    bounds: Mapping[str, Bounds],
    marks: NumberFormat = POINT,
) -> dict[str, tuple[pd.Series, Problems]]:
    """Read columns of text that are numbers, see `read_number`, many short ones in one pass.

    Args:
        columns: Columns of one dtype.
        missing: Values that mean "not measured", of the columns that have any.
        bounds: Of the columns that have any.
        marks: What the numbers are written with.
    """
    read: dict[str, tuple[pd.Series, Problems]] = {}
    rows = len(columns)
    at_once = max(1, AT_ONCE // max(rows, 1))
    for start in range(0, columns.shape[1], at_once):
        block = [cells for _, cells in columns.iloc[:, start : start + at_once].items()]
        together = _numbers(pd.concat(block, ignore_index=True), marks)
        for place, cells in enumerate(block):
            name = str(cells.name)
            numbers, absent = (part[place * rows : (place + 1) * rows] for part in together)
            given = missing.get(name, ()), bounds.get(name, ANY)
            checked, problems = _checked(cells, numbers, absent, *given, marks)
            read[name] = pd.Series(checked, index=cells.index, name=cells.name), problems
    return read


def _checked(
    cells: pd.Series,
    numbers: np.ndarray,
    absent: np.ndarray,
    missing: Sequence[Value],
    bounds: Bounds,
    marks: NumberFormat,
) -> tuple[np.ndarray, Problems]:
    """Take out codes that are words, and say what is wrong with the other cells."""
    unread = np.isnan(numbers) & ~absent
    if words := {code for code in missing if isinstance(code, str)}:
        # A word may be the text of a number.
        are_numbers = any(pointed(word, marks) is not None for word in words)
        said = _are_words(cells, ~absent if are_numbers else unread, words)
        numbers[said] = np.nan
        unread &= ~said
    infinite = np.abs(numbers) > LARGEST
    outside = _are_outside(cells, numbers, missing, bounds) & ~infinite
    problems = {
        **problems_at(cells, outside, f"is outside {_interval(*bounds)}"),
        **problems_at(cells, infinite, TOO_LARGE),
    }
    if unread.any():
        doubtful = unread.copy()
        said = texts(cells[unread]).to_numpy(object)
        doubtful[unread] = [is_ambiguous(text, marks) for text in said]
        problems |= problems_at(cells, unread & ~doubtful, "is not a number", quoted=True)
        problems |= problems_at(cells, doubtful, f"is ambiguous with {marks}", quoted=True)
    return numbers, problems


def _are_words(cells: pd.Series, where: np.ndarray, words: set[str]) -> np.ndarray:
    """Tell which of these cells are the very text of a word."""
    found = where.copy()
    if where.any():
        some = cells[where]
        found[where] = _is_text(some) & texts(some).isin(words).to_numpy()
    return found


def _are_outside(
    cells: pd.Series, numbers: np.ndarray, missing: Sequence[Value], bounds: Bounds
) -> np.ndarray:
    """Tell which numbers are outside the bounds and no code; put codes in the place of theirs."""
    codes = np.array([code for code in missing if not isinstance(code, str)], np.float64)
    if bounds == ANY and not codes.size:
        return np.zeros(len(numbers), bool)
    # A column of float32 holds 0.1, as a code or a bound, to its own precision. No bound is NaN.
    own: Any = getattr(cells.dtype, "numpy_dtype", cells.dtype)
    own = own if own.kind == "f" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        low, high = np.array(bounds, np.float64).astype(own)
        held, held_codes = numbers.astype(own), codes.astype(own)
    outside: np.ndarray = (held < low) | (held > high)
    for code, as_held in zip(codes, held_codes, strict=True):
        outside &= held != as_held
        numbers[held == as_held] = code
    return outside


def read_label(
    cells: pd.Series, columns: Columns, marks: NumberFormat = POINT
) -> tuple[pd.Series, Problems]:
    """Read the label as 1 (positive) or 0; a number matches however it is written."""
    text = texts(cells).fillna("")
    classes = (columns.positive_class, columns.negative_class)
    if not all(isinstance(value, str) for value in classes):
        numbers, _ = _numbers(cells, marks)
    positive, negative = (
        (text == value).to_numpy() if isinstance(value, str) else numbers == value
        for value in classes
    )
    other = ~(positive | negative)
    none = other & text.str.lower().isin(EMPTY).to_numpy()
    expected = f"is neither {classes[0]!r} nor {classes[1]!r}"
    problems = {
        **problems_at(cells, other, expected, quoted=True),
        **dict.fromkeys(np.flatnonzero(none).tolist(), "no label"),
    }
    values = pd.Series(np.where(other, np.nan, positive), index=cells.index, name=cells.name)
    return values, problems


def is_categorical(column: pd.Series) -> bool:
    """Tell whether a column holds names: of dtype category, string or object, unless all numbers.

    Examples:
        >>> [is_categorical(pd.Series(values)) for values in ([1, 2], ["a", "b"], [True, False])]
        [False, True, False]
        >>> is_categorical(pd.Series(["1.5", "", "2"]))
        False
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind in DATES:
        return False
    numbers, absent = _numbers(column, POINT)
    no_number = np.isnan(numbers)
    return bool(no_number.all() or (no_number & ~absent).any())


def _numbers(cells: pd.Series, marks: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    """Give float64 of the caller's own, NaN without a number, and which cells are missing."""
    if isinstance(cells.dtype, pd.StringDtype):
        return read_all(as_texts(cells), marks)
    if cells.dtype == object and (inferred := cells.infer_objects()).dtype != object:
        return _numbers(inferred, marks)
    absent = cells.isna().to_numpy(copy=True)
    if cells.dtype.kind in NUMBERS:
        return cells.to_numpy(np.float64, na_value=np.nan, copy=True), absent
    values, is_text = cells.to_numpy(object), _is_text(cells)
    numbers = np.full(len(cells), np.nan)
    numbers[~is_text] = [_float(value) for value in values[~is_text]]
    said = pa.array(values[is_text], pa.large_string())
    numbers[is_text], absent[is_text] = read_all(said, marks)
    return numbers, absent


def values_of(cells: pd.Series) -> np.ndarray:
    """Give the cells as Python's objects; a narrow float is the number that it is written as.

    As float64 the 0.1 of a column of float32 would be 0.10000000149011612.
    """
    dtype: Any = getattr(cells.dtype, "numpy_dtype", cells.dtype)
    if dtype.kind != "f" or dtype.itemsize >= 8:
        return cells.to_numpy(object)
    held = cells.to_numpy(dtype, na_value=np.nan)
    distinct, places = np.unique(held, return_inverse=True)
    return np.array([float(str(value)) for value in distinct], object)[places]


def _is_text(cells: pd.Series) -> np.ndarray:
    """Tell which cells are text, whatever the column's dtype."""
    if isinstance(cells.dtype, pd.StringDtype) or cells.dtype.kind in NUMBERS:
        return np.full(len(cells), cells.dtype.kind not in NUMBERS)
    return np.array([isinstance(cell, str) for cell in cells], bool)


def _float(cell: Any) -> float:
    if not isinstance(cell, Real | Decimal | np.bool_):
        return np.nan
    try:
        return float(cell)
    except OverflowError:  # of Python's integers, which have no end
        return np.inf


def written(cell: Any) -> str:
    """Write a value as in a CSV; pandas makes floats of integers where one is missing."""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        cell = int(cell)
    return str(cell)


def texts(cells: pd.Series, write: Callable[[Any], str] = written) -> pd.Series:
    """Give each cell's text, without white space around it, NaN where missing.

    Args:
        cells: The column.
        write: Writes a cell that is no text. Default: a whole number without a fraction.
    """
    if isinstance(cells.dtype, pd.StringDtype):
        return cells.astype("str").str.strip()
    values = values_of(cells)
    try:
        places, distinct = pd.factorize(values)
    except TypeError:  # a list has no hash
        places, distinct = np.where(pd.isna(values), -1, np.arange(len(values))), values
    said = [write(cell).strip() for cell in distinct]
    found = np.array([*said, None], dtype=object)[places]
    return pd.Series(found, index=cells.index, name=cells.name, dtype="str")


def problems_at(cells: pd.Series, where: np.ndarray, fault: str, quoted: bool = False) -> Problems:
    """Say of each of these cells what is wrong with it; in quotes, if it is text and `quoted`."""
    if not where.any():
        return {}
    words = [
        f"'{shown(cell)}'" if quoted and isinstance(cell, str) else shown(cell)
        for cell in cells[where].to_numpy(object)
    ]
    places = np.flatnonzero(where).tolist()
    return {place: f"{cell} {fault}" for place, cell in zip(places, words, strict=True)}


def _interval(low: float | None, high: float | None) -> str:
    """Write bounds as people do.

    Examples:
        >>> _interval(0, 17.5), _interval(None, 3)
        ('[0, 17.5]', '(-inf, 3]')
    """
    left = "(-inf" if low is None else f"[{low:g}"
    return f"{left}, {'inf)' if high is None else f'{high:g}]'}"
