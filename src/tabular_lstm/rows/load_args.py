"""The catalog's load arguments for a CSV, and the values that each may have."""

import sys
from typing import Any

from tabular_lstm.errors import DataError
from tabular_lstm.rows.number_format import POINT, NumberFormat

# Arguments of pandas.read_csv that say where cells begin and end, and how numbers are written.
# Conf says what else a cell means.
CHARACTERS = ("sep", "delimiter", "quotechar")
NUMBER_FORMAT = ("decimal", "thousands")
NUMBERS = ("header", "skiprows", "nrows")
LISTS = ("names", "usecols")
LOAD_ARGS = (*CHARACTERS, *NUMBER_FORMAT, *NUMBERS, *LISTS, "encoding")


def refuse_other_arguments(file: str, load_args: dict[str, Any]) -> None:
    """Raise an error for an argument that is unknown, or that makes a file unreadable.

    Raises:
        DataError: An argument is not in `LOAD_ARGS` or has an impossible value, sep and delimiter
            differ, or two arguments are the same character.
    """
    for name, value in load_args.items():
        fits, expected = _fits(name, value)
        if not fits and not (value is None and name in LOAD_ARGS):
            raise _refusal(file, f"{name}: {value!r}", expected)
    given = {name: value for name, value in load_args.items() if value is not None}
    sep, delimiter = given.get("sep"), given.get("delimiter")
    if None not in (sep, delimiter) and sep != delimiter:
        raise _refusal(file, f"delimiter: {delimiter!r}", f"the same as sep: {sep!r}")
    if dialect_of(given)["delimiter"] == dialect_of(given)["quotechar"]:
        both = dialect_of(given)["quotechar"]
        raise _refusal(file, f"quotechar: {both!r}", "another character than between cells")
    if given.get("thousands") == given.get("decimal", POINT.decimal):
        raise _refusal(
            file,
            f"thousands: {given['thousands']!r}",
            f"another mark than decimal: {given['thousands']!r}; name both, such as "
            "{decimal: ',', thousands: '.'}",
        )


def dialect_of(given: dict[str, Any]) -> dict[str, str]:
    """Give the delimiter between cells, and the quote character around a cell."""
    return {
        "delimiter": given.get("sep", given.get("delimiter", ",")),
        "quotechar": given.get("quotechar", '"'),
    }


def number_format_of(load_args: dict[str, Any]) -> NumberFormat:
    """Give the number format that valid arguments declare."""
    given = {name: load_args[name] for name in NUMBER_FORMAT if load_args.get(name) is not None}
    return NumberFormat(**given)


def _fits(name: str, value: Any) -> tuple[bool, str]:
    """Tell whether the argument can have this value, and what is expected."""
    if name in (*CHARACTERS, *NUMBER_FORMAT):
        fits = isinstance(value, str) and len(value) == 1 and value.isascii()
        if name in CHARACTERS:
            # A letter could be in the row that `csv_batches` adds at the end.
            fits = fits and not value.isalnum() and value not in "\r\n\0"
            return fits, "one ASCII character that is no letter, no digit and no end of a line"
        return fits and not (value.isalnum() or value in "+-\r\n"), "one ASCII mark"
    if name in NUMBERS:
        fits = type(value) is int and 0 <= value <= sys.maxsize
        return fits or (name, value) == ("header", "infer"), "a whole number, 0 or more"
    if name in LISTS:
        kinds = {*map(type, value)} if isinstance(value, list | tuple) else set()
        return bool(kinds) and kinds <= {str, int}, "a list of at least one name or number"
    if name == "encoding":
        return isinstance(value, str), "a name"
    return False, f"one of {', '.join(LOAD_ARGS)}"


def _refusal(file: str, argument: str, expected: str) -> DataError:
    return DataError(f"{file}: the catalog says load_args: {{{argument}}}; expected {expected}.")
