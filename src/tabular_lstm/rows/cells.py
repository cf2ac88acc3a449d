"""Read one column's text cells as values, with the problem of each cell that has none."""

import numpy as np
import pandas as pd

from tabular_lstm.parameters import Columns, Value

EMPTY = {"", "na", "n/a", "nan", "null", "none"}
LARGEST = float(np.finfo(np.float32).max)
# A column's values, and for each cell what is wrong with it in words, "" if nothing is.
Checked = tuple[pd.Series, pd.Series]


def read_number(cells: pd.Series, columns: Columns) -> Checked:
    """Read one feature's cells as float64, NaN where the cell is empty or says "missing".

    Numeric codes for "missing" stay numbers, exempt from the bounds: the schema keeps the codes.
    """
    name = str(cells.name)
    text = cells.str.strip()
    codes = columns.missing.get(name, [])
    words = [code for code in codes if isinstance(code, str)]
    absent = text.str.lower().isin(EMPTY) | text.isin(words)
    numbers = pd.to_numeric(text.mask(absent), errors="coerce").astype("float64")
    # pandas reads the last digit wrong at times; a row's side must not depend on the spelling.
    numbers[numbers.notna()] = text[numbers.notna()].to_numpy(dtype=object).astype("float64")
    low, high = columns.bounds.get(name, (None, None))
    is_code = numbers.isin([code for code in codes if not isinstance(code, str)])
    outside = ~is_code & numbers.notna() & (numbers != numbers.clip(low, high))
    problem = pd.Series("", index=cells.index, dtype=object)
    problem[outside] = name + ": " + text[outside] + f" is outside {_interval(low, high)}"
    infinite = numbers.abs() > LARGEST
    problem[infinite] = name + ": " + text[infinite] + " is infinite or beyond float32"
    unread = numbers.isna() & ~absent
    problem[unread] = name + ": '" + text[unread] + "' is not a number"
    return numbers, problem


def read_category(cells: pd.Series, columns: Columns) -> Checked:
    """Read one categorical feature's cells as text, None where empty or declared as "missing"."""
    text = cells.str.strip()
    codes = {str(code) for code in columns.missing.get(str(cells.name), [])}
    absent = text.str.lower().isin(EMPTY) | text.isin(codes)
    return text.astype(object).mask(absent, None), pd.Series("", index=cells.index, dtype=object)


def read_label(cells: pd.Series, columns: Columns) -> Checked:
    """Read the label as 1 (positive) or 0; a number matches however it is written."""
    text = cells.str.strip()
    positive, negative = (
        _matches(text, value) for value in (columns.positive_class, columns.negative_class)
    )
    problem = pd.Series("", index=cells.index, dtype=object)
    other = ~(positive | negative)
    problem[other] = (
        f"{columns.label}: '"
        + text[other]
        + f"' is neither {columns.positive_class!r} nor {columns.negative_class!r}"
    )
    problem[text.str.lower().isin(EMPTY) & other] = f"{columns.label}: no label"
    return positive.astype("float64").mask(other), problem


def read_key(cells: pd.Series) -> Checked:
    """Read the key as text; it may not be empty."""
    text = cells.str.strip()
    problem = pd.Series("", index=cells.index, dtype=object)
    problem[text == ""] = f"{cells.name}: no key"
    return text, problem


def _matches(text: pd.Series, value: Value) -> pd.Series:
    if isinstance(value, str):
        return text == value
    return pd.to_numeric(text, errors="coerce") == value


def _interval(low: float | None, high: float | None) -> str:
    """Write bounds as people do.

    Examples:
        >>> _interval(0, 17.5), _interval(None, 3)
        ('[0, 17.5]', '(-inf, 3]')
    """
    left = "(-inf" if low is None else f"[{low:g}"
    return f"{left}, {'inf)' if high is None else f'{high:g}]'}"
