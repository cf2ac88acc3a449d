"""The error that a user can fix: it names file, column and rows, and says what to do."""

import difflib
from collections.abc import Sequence

LISTED = 10
WIDTH = 40


class DataError(ValueError):
    """The input data cannot be used. The message is complete: no traceback is needed.

    Args:
        lines: The message, and further lines, which are indented. Text of files and libraries
            cannot start a new line, see `printable`.
    """

    def __init__(self, *lines: object) -> None:
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        return "\n  ".join(self.args)


class NotEnoughRowsError(DataError):
    """The labelled rows are too few, or of one class: more rows alone can change that."""


class NoChampionError(DataError):
    """No run was promoted yet."""


def printable(text: object) -> str:
    r"""Write text on one line; a character that is invisible or moves the cursor is escaped.

    All foreign text passes here before it reaches a log, error, report or quarantine.

    Examples:
        >>> print(printable("two\nlines"), printable("1\xa0000"))
        two\nlines 1\xa0000
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def row_list(rows: Sequence[int | str], count: int | None = None) -> str:
    """Name rows in a sentence: the first ten, and how many more.

    Args:
        rows: Row numbers, counted from 1 below the header, or names such as 2026-11-01.csv:3.
        count: The number of all rows, if `rows` are only the first of them. Default: only `rows`.

    Examples:
        >>> row_list([7])
        'row 7'
        >>> row_list(range(1, 14))
        'rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more'
    """
    count = len(rows) if count is None else count
    return f"{'row' if count == 1 else 'rows'} {first_ten([*map(str, rows)], count=count)}"


def first_ten(texts: Sequence[str], between: str = ", ", count: int | None = None) -> str:
    """List the first ten of some texts, and say how many more there are.

    `count`: the number of all texts, if these are only the first of them. Default: only these.
    """
    more = (len(texts) if count is None else count) - LISTED
    return f"{between.join(texts[:LISTED])}{f' and {more} more' if more > 0 else ''}"


def counted(count: int, noun: str) -> str:
    """Write a number with its noun.

    Examples:
        >>> counted(1, "feature"), counted(0, "row"), counted(2, "labelled row")
        ('1 feature', '0 rows', '2 labelled rows')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def amount(value: float, sign: str = "", digits: int = 4) -> str:
    """Write a number with so many digits that count; `sign` "+" writes the sign too.

    Examples:
        >>> amount(1234567.8), amount(-0.000123456), amount(3, "+")
        ('1,235,000', '-0.0001235', '+3')
    """
    return f"{float(f'{value:.{digits}g}'):{sign},.10g}"


def shown(cell: object, width: int = WIDTH) -> str:
    """Write a cell for a sentence: at most `width` characters before escapes, no blanks around.

    Examples:
        >>> shown(" high "), len(shown("x" * 1000))
        ('high', 40)
    """
    text = str(cell).strip()
    return printable(text if len(text) <= width else f"{text[: width - 1]}…")


def no_column(file: str, name: str, columns: Sequence[str], who: str) -> DataError:
    """Make the error that a file lacks a column; it names a similar column and who needs it.

    Examples:
        >>> print(no_column("a.csv", "age", ["Ages", "y"], "Conf names it under columns"))
        a.csv: column 'age' is not in the file. Did you mean 'Ages'? It has: Ages, y. Conf names \
it under columns.
    """
    original_names = {column.casefold(): shown(column, len(column)) for column in columns}
    close = difflib.get_close_matches(name.casefold(), original_names, n=1, cutoff=0.7)
    hint = f"Did you mean '{original_names[close[0]]}'? " if close else ""
    listed = ", ".join(shown(column, len(column)) for column in columns)
    return DataError(
        f"{file}: column '{name.strip()}' is not in the file. {hint}It has: {listed}. {who}."
    )


def unknown_name(path: str, known_names: Sequence[str]) -> str:
    """Say that the last name of a path is unknown, and suggest a similar known name.

    Examples:
        >>> unknown_name("training.epoch", ["epochs", "seed"])
        "'training.epoch' is unknown; did you mean 'epochs'?"
        >>> unknown_name("q", ["epochs", "seed"])
        "'q' is unknown; known: epochs, seed"
    """
    close = difflib.get_close_matches(path.rpartition(".")[2], known_names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known_names)}"
    return f"'{path}' is unknown; {hint}"
