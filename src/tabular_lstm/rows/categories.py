"""Read categories: each distinct cell of a column once, and its text is the category."""

from collections.abc import Container, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Value
from tabular_lstm.rows.cells import Problems, values_of, written
from tabular_lstm.rows.number_format import POINT, NumberFormat, pointed, without_fraction
from tabular_lstm.rows.numbers import FEW, as_texts, is_missing


def read_category(
    cells: pd.Series, missing: Sequence[Value] = (), marks: NumberFormat = POINT
) -> tuple[pd.Series, Problems]:
    """Read a column of categories, which cannot be wrong.

    Args:
        cells: The column.
        missing: Values that mean "not measured", see `category_codes`.
        marks: What numbers that are text are written with.

    Returns:
        str: the category of each cell, see `category_of`; NaN where there is none.
    """
    places, values = distinct(cells)
    codes = category_codes(missing, marks)
    read = [*(category_of(value, codes, marks) for value in values), None]
    found = np.array(read, dtype=object)[places]
    return pd.Series(found, index=cells.index, name=cells.name, dtype="str"), {}


def category_of(cell: Any, codes: Container[str] = (), marks: NumberFormat = POINT) -> str | None:
    """Give the text of a cell as in a CSV, without white space around it, None where missing.

    Args:
        cell: A cell that holds something.
        codes: Categories that mean "not measured", see `category_codes`.
        marks: What a number that is text is written with; it gets a decimal point and no groups.

    Examples:
        >>> [category_of(cell) for cell in (" red", "1.0", 1.0, "1.00", "NA")]
        ['red', '1', '1', '1.00', None]
    """
    text = (cell if isinstance(cell, str) else written(cell)).strip()
    if is_missing(text):
        return None
    if isinstance(cell, str):
        text = pointed(text, marks) or text
    category = without_fraction(text)
    return None if category in codes else category


def category_codes(missing: Sequence[Value], marks: NumberFormat = POINT) -> set[str]:
    """Give the categories that mean "not measured", in the spelling of `category_of`.

    Args:
        missing: The values as conf has them: -9, -9.0 and "-9.0" are all the category -9.
        marks: What numbers that are text are written with.

    Examples:
        >>> sorted(category_codes([-9.0, "1,5", "?"], NumberFormat(decimal=",")))
        ['-9', '1.5', '?']
    """
    words = [code for code in missing if isinstance(code, str)]
    numbers = [code for code in missing if not isinstance(code, str)]
    spelt = [pointed(word, marks) or word for word in words]
    # A float of 1e16 or more is written in two ways, in a CSV and as a whole number.
    return {*map(without_fraction, [*spelt, *map(str, numbers), *map(written, numbers)])}


def distinct(cells: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Give each cell's place among the distinct cells, -1 where missing, and these.

    Where cells are few, or no text, equal ones may be there more than once.
    """
    is_many = len(cells) > FEW
    if is_many and isinstance(cells.infer_objects().dtype, pd.StringDtype):
        encoded = as_texts(cells).dictionary_encode()
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()
    if isinstance(cells.dtype, pd.CategoricalDtype) and len(cells) > len(cells.cat.categories):
        return cells.cat.codes.to_numpy(), values_of(cells.cat.categories.to_series()).tolist()
    values = values_of(cells)
    # 1, 1.0 and True are equal, and not the same; a list has no hash.
    keys = [(type(value), value if isinstance(value, Hashable) else str(value)) for value in values]
    places: dict[tuple[type, Any], int] = {}
    found = [places.setdefault(key, len(places)) for key in keys]
    return np.where(pd.isna(values), -1, found).astype(np.intp), [value for _, value in places]
