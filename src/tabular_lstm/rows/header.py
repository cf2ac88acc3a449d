"""What stands above the rows of a CSV: lines to skip, and the columns' names."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tabular_lstm.errors import DataError, shown
from tabular_lstm.rows.load_args import dialect_of
from tabular_lstm.rows.slow_csv import rows_of
from tabular_lstm.rows.text import Text

DELIMITERS = ",;\t|"


def take_header(text: Text, file: str, load_args: dict[str, Any]) -> list[str]:
    """Take all that stands above the rows, and give the columns' names.

    Without a header and names they are f1, f2 and so on.

    Args:
        text: Of the whole file; what is left of it are the rows.
        file: Its name, for messages.
        load_args: Of `load_args.LOAD_ARGS`, those that are not null, and `header`.

    Raises:
        DataError: The file is empty, has another delimiter, a quote that is never closed, or a
            column name twice.
    """
    header: int | str | None = load_args["header"]
    names = load_args.get("names")
    dialect = dialect_of(load_args)
    # Lines above the header go first, so that rows are counted from the header on.
    _skip(text, load_args.get("skiprows", 0) + (header if isinstance(header, int) else 0))
    first, taken = _first_row(text, file, dialect)
    if header is None and names is None:
        names = [f"f{place}" for place in range(1, len(first) + 1)]
    if names is None:
        return _column_names(first, file, dialect["delimiter"])
    if not isinstance(header, int):
        text.put_back(taken)
    return _column_names(names, file, dialect["delimiter"])


def _skip(text: Text, lines: int) -> None:
    for _ in range(lines):
        if not text.line():
            break


def _first_row(text: Text, file: str, dialect: dict[str, str]) -> tuple[list[str], str]:
    """Take the first row, which is the header if there is one, and give its cells and its text."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        while line := text.line():
            taken.append(line)
            yield line

    # One line more than there are: a row that takes it too has not ended.
    left = chain(lines(), [""])
    first = next(rows_of(left, file, dialect), [])
    if not first:
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    row = "".join(taken)
    if (below := next(left, None)) is None:
        raise DataError(
            f"{file}: a quote opens {shown(first[-1])!r} in the first row, and is never closed. "
            "Close it, or name another quotechar in the catalog's load_args."
        )
    text.put_back(below)
    return first, row


def _column_names(given: list[Any], file: str, delimiter: str) -> list[str]:
    """Give the columns' names, which are in the header or in conf."""
    written = [str(name).strip() for name in given]
    # As pandas has it: names count where features are put in order.
    names = [name or f"Unnamed: {place}" for place, name in enumerate(written)]
    if any("\0" in name for name in names):
        raise DataError(
            f"{file}: the header holds NUL characters; expected text. If the file is UTF-16, say "
            "so in the catalog: load_args: {encoding: utf-16-le}."
        )
    other = max(DELIMITERS.replace(delimiter, ""), key=names[0].count)
    if len(names) == 1 and other in names[0]:
        raise DataError(
            f"{file}: one column only with the delimiter {delimiter!r}. It looks separated by "
            f'{other!r}; say so in the catalog: load_args: {{sep: "{repr(other)[1:-1]}"}}.'
        )
    counts = Counter(written) | Counter(names)
    if twice := [name for name, count in counts.items() if count > 1]:
        both = enumerate(zip(written, names, strict=True), 1)
        places = [str(place) for place, either in both if twice[0] in either]
        raise DataError(
            f"{file}: column name '{twice[0]}' stands {len(places)} times in the header, as "
            f"columns {', '.join(places)}. Each column needs a name of its own; one without is "
            "called 'Unnamed: ' and its place, from 0."
        )
    return names
