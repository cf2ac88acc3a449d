"""The number format of a file: decimal mark, mark of thousands, and which texts are numbers."""

import re
from functools import cache
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tabular_lstm.frozen import Frozen, unless

Mark = Annotated[str, Field(min_length=1, max_length=1)]


class NumberFormat(Frozen):
    """How a file writes its numbers.

    Attributes:
        decimal: The mark before the fraction. Default: the point.
        thousands: The mark between groups of three digits. Default: none, digits stand together.
        unit: A unit that may stand behind a number or, as $ and EUR, before it. In a word such as
            months, case and the s of a plural do not count, see `without_unit`. Default: none.
    """

    decimal: Mark = "."
    thousands: Mark | None = None
    unit: str = unless("")

    def with_unit(self, unit: str | None) -> "NumberFormat":
        """Return the format of a column whose numbers may have this unit; None for no unit."""
        return self.model_copy(update={"unit": unit}) if unit else self

    def __str__(self) -> str:
        grouped = f"thousands: '{self.thousands}'" if self.thousands else "no mark of thousands"
        return f"decimal: '{self.decimal}' and {grouped}"


POINT = NumberFormat()
# A whole number as pandas writes it in a column of floats.
AS_FLOAT = r"^-?(?:0|[1-9][0-9]*)\.0$"
# Units whose case has a meaning: m, p, y and z before the symbol or the name of a unit are other
# prefixes than M, P, Y and Z; a Cal is 1000 cal. The s of bps is no plural. A unit of two letters
# counts as written anyway.
CASED = re.compile(
    "(?i:[mpyz](?:ah|amp|ampere|bar|baud|becquerel|bit|bps|bq|btu|byte|cal|calorie|candela|cd|ci|cps"
    "|coulomb|curie|eq|electronvolt|erg|ev|farad|flop|flops|gal|gallon|gauss|gram|gramme|gray|gy"
    "|henry|hertz|hz|iops|iu|joule|kelvin|liter|litre|lm|lumen|lux|lx|meter|metre|mol|mole|newton"
    "|ohm|osm|pa|pascal|pixel|poise|px|rad|radian|rem|sec|second|siemens|sievert|sps|sv|tesla|ton"
    "|tonne|va|var|volt|watt|wb|weber|wh|wp)|cal)"
)


@cache
def number_pattern(number_format: NumberFormat) -> str:
    """Return the regular expression for a text that is a number from its start to its end.

    Python and Arrow read the expression alike. A group has three digits; the first group has up to
    three and no leading zero.
    """
    integer, point = "[0-9]+", re.escape(number_format.decimal)
    if number_format.thousands:
        grouped = f"(?:{_between_groups(number_format)}[0-9]{{3}})+"
        integer = f"(?:[1-9][0-9]{{0,2}}{grouped}|{integer})"
    exponent = "(?:[eE][+-]?[0-9]+)?"
    return f"[+-]?(?:(?:{integer}(?:{point}[0-9]*)?|{point}[0-9]+){exponent}|(?i:inf|infinity))"


def _between_groups(number_format: NumberFormat) -> str:
    """Return the pattern of the mark of thousands; a blank may be a non-breaking one."""
    mark = number_format.thousands or ""
    return "[ \u00a0\u202f]" if mark == " " else re.escape(mark)


@cache
def any_of(formats: tuple[NumberFormat, ...]) -> re.Pattern[str]:
    """Return the pattern of texts that are a number in at least one of these formats."""
    return re.compile("|".join(f"(?:{number_pattern(number_format)})" for number_format in formats))


def pointed(text: str, number_format: NumberFormat = POINT) -> str | None:
    """Return a number's text with a decimal point and without groups, None for any other text.

    Examples:
        >>> cells = ["1.234,5", "4.309", "0.123", "7", "2024"]
        >>> [pointed(cell, NumberFormat(decimal=",", thousands=".")) for cell in cells]
        ['1234.5', '4309', None, '7', '2024']
        >>> pointed("5\u202f131,5", NumberFormat(decimal=",", thousands=" "))
        '5131.5'
        >>> [pointed(cell, NumberFormat(decimal=",")) for cell in cells]
        [None, None, None, '7', '2024']
    """
    if not re.fullmatch(number_pattern(number_format), text):
        return None
    return re.sub(_between_groups(number_format), "", text).replace(number_format.decimal, ".")


def all_pointed(texts: pa.Array, number_format: NumberFormat = POINT) -> pa.Array:
    """Apply `pointed` to each text; null where the text is null or no number."""
    is_number = pc.match_substring_regex(texts, f"^{number_pattern(number_format)}$")
    numbers = pc.if_else(is_number, texts, None)
    if number_format.thousands:
        numbers = pc.replace_substring_regex(numbers, _between_groups(number_format), "")
    if number_format.decimal != POINT.decimal:
        numbers = pc.replace_substring(numbers, number_format.decimal, POINT.decimal)
    return numbers


def without_unit(texts: pa.Array, unit: str | None) -> pa.Array:
    """Strip white space, and the unit before or behind a number; with no unit nothing changes.

    Case and the s of a plural do not count in a word of three letters or more, without that s. The
    unit and the cell each have one form: months, Months or MONTHS. GB, MPa and mbar count as
    written, because their case has a meaning.

    Examples:
        >>> without_unit(pa.array(["$40.5", "-$ 7", "8", "9 €"]), "$").to_pylist()
        ['40.5', '-7', '8', '9 €']
        >>> without_unit(pa.array(["1 month", "36 Months", "3 years"]), "months").to_pylist()
        ['1', '36', '3 years']
        >>> without_unit(pa.array(["5 MPa", "5 mPa", "5 MPA"]), "MPa").to_pylist()
        ['5', '5 mPa', '5 MPA']
    """
    if not unit:
        return texts
    texts, name = pc.utf8_trim_whitespace(texts), _spellings(unit)
    blanks = r"[\s\p{Z}]*"
    if not unit.isalpha() or (unit.isupper() and len(unit) == 3):  # A5 is a code; EUR 5 is not
        before = rf"^([+-]?){name}{blanks}([+-]?[0-9.,])"
        texts = pc.replace_substring_regex(texts, before, r"\1\2")
    return pc.replace_substring_regex(texts, rf"([0-9][.,]?){blanks}{name}$", r"\1")


@cache
def _spellings(unit: str) -> str:
    """Return the pattern of the ways to write a unit, see `without_unit`."""
    singular = unit if CASED.fullmatch(unit) else re.sub("(?<=..)s$|(?<=...)S$", "", unit)
    forms = {singular.lower(), singular.capitalize(), singular.upper()}
    if not unit.isalpha() or len(unit) < 3 or singular not in forms:
        return re.escape(unit)
    has_case = len(singular) < 3 or CASED.fullmatch(singular)
    return f"(?:{singular if has_case else '|'.join(sorted(forms))})[sS]?"


def without_fraction(text: str) -> str:
    """Remove the fraction of a whole number that is written as a float: 7.0 becomes 7.

    pandas writes whole numbers as 7.0 if a cell of their column is missing. Any other text stays:
    1.000 may be a thousand, 1.10 a version and 01 a code.

    Examples:
        >>> [without_fraction(text) for text in ("7.0", "-0.0", "7.00", "07.0")]
        ['7', '0', '7.00', '07.0']
    """
    if not text.endswith(".0") or not re.fullmatch(AS_FLOAT, text):
        return text
    return "0" if text == "-0.0" else text.removesuffix(".0")
