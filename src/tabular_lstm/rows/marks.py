"""The marks that numbers are written with: what is a number by them, and what might be one."""

import re
from itertools import permutations

import numpy as np
import pandas as pd

from tabular_lstm.rows.schema import POINT, Marks

# What numbers are written with where nothing is declared, and elsewhere.
USUAL = ".,"
# A whole number as pandas writes it in a column of floats.
AS_FLOAT = r"^-?(?:0|[1-9][0-9]*)\.0$"


def pointed(text: pd.Series, marks: Marks = POINT) -> pd.Series:
    """Give each number's text with a decimal point and without groups, NaN for any other text.

    Args:
        text: Text without white space around it, or NaN.
        marks: What the numbers are written with. A group has three digits, the first one up to
            three and no zero in front.

    Examples:
        >>> cells = pd.Series(["1.234,5", "4.309", "0.123", "7", "2024"], dtype="str")
        >>> pointed(cells, Marks(decimal=",", thousands=".")).tolist()
        ['1234.5', '4309', nan, '7', '2024']
        >>> pointed(cells, Marks(decimal=",")).tolist()
        [nan, nan, nan, '7', '2024']
    """
    numbers = text.where(text.str.match(_pattern(marks)).to_numpy(bool))
    if marks.thousands:
        numbers = numbers.str.replace(marks.thousands, "", regex=False)
    if marks.decimal != POINT.decimal:
        numbers = numbers.str.replace(marks.decimal, POINT.decimal, regex=False)
    return numbers


def plain(text: pd.Series, marks: Marks = POINT) -> pd.Series:
    """Give the text, of numbers with a decimal point and without groups."""
    return text if marks == POINT else pointed(text, marks).fillna(text)


def without_fraction(text: pd.Series) -> pd.Series:
    """Give the text, of a whole number written as the float 7.0 the number alone, 7.

    So pandas writes whole numbers as soon as one of their column is missing. Any other text stays:
    1.000 may be a thousand, 1.10 a version and 01 a code.

    Args:
        text: Text without white space around it, or NaN, with a decimal point.

    Examples:
        >>> without_fraction(pd.Series(["7.0", "-0.0", "7.00", "07.0"], dtype="str")).tolist()
        ['7', '0', '7.00', '07.0']
    """
    is_float = text.str.match(AS_FLOAT).to_numpy(bool)
    if not is_float.any():
        return text
    whole = text.str.removesuffix(".0")
    return text.where(~is_float, whole.mask((whole == "-0").to_numpy(bool), "0"))


def ambiguous(text: pd.Series, marks: Marks = POINT) -> np.ndarray:
    """Tell which texts write no number by the marks, and one by others.

    Returns:
        bool (rows,). Without declared marks none is: a text with a comma is no number.

    Examples:
        >>> ambiguous(pd.Series(["4.309", "4,309", "4.309 kg"]), Marks(decimal=",")).tolist()
        [True, False, False]
    """
    found = np.zeros(len(text), bool)
    if marks == POINT:
        return found
    marked = {*USUAL, marks.decimal, *(marks.thousands or "")}
    for decimal, thousands in permutations(marked, 2):
        pattern = _pattern(Marks(decimal=decimal, thousands=thousands))
        found |= text.str.match(pattern).to_numpy(bool)
    return found & ~text.str.match(_pattern(marks)).to_numpy(bool)


def _pattern(marks: Marks) -> str:
    whole, point = "[0-9]+", re.escape(marks.decimal)
    if marks.thousands:
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{re.escape(marks.thousands)}[0-9]{{3}})+|{whole})"
    exponent = "(?:[eE][+-]?[0-9]+)?"
    return f"^[+-]?(?:(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){exponent}|(?i:inf|infinity))$"
