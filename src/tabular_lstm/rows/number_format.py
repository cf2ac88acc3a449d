"""The marks that numbers are written with: what is a number by them, and what might be one."""

import re
from functools import cache
from itertools import permutations
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tabular_lstm.frozen import Frozen

Mark = Annotated[str, Field(min_length=1, max_length=1)]


class NumberFormat(Frozen):
    """How a file writes its numbers.

    Attributes:
        decimal: The mark before the fraction. Default: the point.
        thousands: The mark between groups of three digits. Default: none, digits stand together.
    """

    decimal: Mark = "."
    thousands: Mark | None = None

    def __str__(self) -> str:
        grouped = f"thousands: '{self.thousands}'" if self.thousands else "no mark of thousands"
        return f"decimal: '{self.decimal}' and {grouped}"


POINT = NumberFormat()

# What numbers are written with where nothing is declared, and elsewhere.
USUAL = ".,"
# A whole number as pandas writes it in a column of floats.
AS_FLOAT = r"^-?(?:0|[1-9][0-9]*)\.0$"


def pointed(text: str, marks: NumberFormat = POINT) -> str | None:
    """Give a number's text with a decimal point and without groups, None for any other text.

    Args:
        text: Without white space around it.
        marks: What the numbers are written with. A group has three digits, the first one up to
            three and no zero in front.

    Examples:
        >>> cells = ["1.234,5", "4.309", "0.123", "7", "2024"]
        >>> [pointed(cell, NumberFormat(decimal=",", thousands=".")) for cell in cells]
        ['1234.5', '4309', None, '7', '2024']
        >>> [pointed(cell, NumberFormat(decimal=",")) for cell in cells]
        [None, None, None, '7', '2024']
    """
    if not _of(marks).fullmatch(text):
        return None
    if marks.thousands:
        text = text.replace(marks.thousands, "")
    return text.replace(marks.decimal, POINT.decimal)


def all_pointed(texts: pa.Array, marks: NumberFormat = POINT) -> pa.Array:
    """Give what `pointed` gives for each text, null for None and null."""
    is_number = pc.match_substring_regex(texts, f"^{_pattern(marks)}$")
    numbers = pc.if_else(is_number, texts, None)
    if marks.thousands:
        numbers = pc.replace_substring(numbers, marks.thousands, "")
    if marks.decimal != POINT.decimal:
        numbers = pc.replace_substring(numbers, marks.decimal, POINT.decimal)
    return numbers


def without_fraction(text: str) -> str:
    """Give the text, of a whole number written as the float 7.0 the number alone, 7.

    So pandas writes whole numbers as soon as one of their column is missing. Any other text stays:
    1.000 may be a thousand, 1.10 a version and 01 a code.

    Args:
        text: Without white space around it, with a decimal point.

    Examples:
        >>> [without_fraction(text) for text in ("7.0", "-0.0", "7.00", "07.0")]
        ['7', '0', '7.00', '07.0']
    """
    if not text.endswith(".0") or not re.fullmatch(AS_FLOAT, text):
        return text
    return "0" if text == "-0.0" else text.removesuffix(".0")


def is_ambiguous(text: str, marks: NumberFormat = POINT) -> bool:
    """Tell whether a text writes no number by the marks, and one by others.

    Without declared marks none is: a text with a comma is no number.

    Args:
        text: Without white space around it.
        marks: What the numbers are written with.

    Examples:
        >>> [is_ambiguous(text, NumberFormat(decimal=",")) for text in ("4.309", "4,309")]
        [True, False]
    """
    if marks == POINT or _of(marks).fullmatch(text):
        return False
    marked = {*USUAL, marks.decimal, *(marks.thousands or "")}
    others = (NumberFormat(decimal=one, thousands=other) for one, other in permutations(marked, 2))
    return any(_of(other).fullmatch(text) for other in others)


@cache
def any_of(marks: tuple[NumberFormat, ...]) -> re.Pattern[str]:
    """Give the pattern of what is a number by one of these marks or more."""
    return re.compile("|".join(f"(?:{_pattern(one)})" for one in marks))


@cache
def _of(marks: NumberFormat) -> re.Pattern[str]:
    return re.compile(_pattern(marks))


def _pattern(marks: NumberFormat) -> str:
    whole, point = "[0-9]+", re.escape(marks.decimal)
    if marks.thousands:
        whole = f"(?:[1-9][0-9]{{0,2}}(?:{re.escape(marks.thousands)}[0-9]{{3}})+|{whole})"
    exponent = "(?:[eE][+-]?[0-9]+)?"
    return f"[+-]?(?:(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+){exponent}|(?i:inf|infinity))"
