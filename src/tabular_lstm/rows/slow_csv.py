"""Rows as Python's csv has them, which is slow: the first one, and which ones are ragged."""

import csv
from array import array
from collections.abc import Iterable, Iterator

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.rows.text import LONGEST, Text, too_long

# Arrow's word for a row that is longer than what it parses at a time.
STRADDLES = "straddl"


def is_blank(line: str, dialect: dict[str, str]) -> bool:
    """Tell whether a line is no row."""
    return not line.strip() and dialect["delimiter"] not in line


def rows_of(lines: Iterable[str], file: str, dialect: dict[str, str]) -> Iterator[list[str]]:
    """Give each row's cells; blank lines are no rows.

    Raises:
        DataError: A cell has no end.
    """
    limit, rows = csv.field_size_limit(LONGEST), 0
    try:
        for cells in csv.reader(lines, **dialect):  # type: ignore[arg-type]
            # An empty cell in quotes is a cell.
            if len(cells) > 1 or (cells and not cells[0].isspace()):
                rows += 1
                yield cells
    except csv.Error as error:
        raise too_long(f"{file}: row {rows + 1}" if rows else file) from error
    finally:
        csv.field_size_limit(limit)


def refuse_rows(
    text: Text,
    file: str,
    columns: int,
    longest: int,
    dialect: dict[str, str],
    fault: str,
    named: bool = False,
) -> None:
    """Stop at rows that are no rows of a CSV with so many columns.

    Args:
        text: Of the rows, below the header.
        file: Its name, for the message.
        columns: Cells that each row needs.
        longest: Bytes that a row may have.
        dialect: The character between cells and the one around them.
        fault: What Arrow says is wrong.
        named: Whether the columns are those that `names` of load_args lists. Default: not.

    Raises:
        DataError: Always; names the rows that are ragged, or the one that is too long.
    """
    ragged, cells_in_first, most, sizes = array("q"), 0, (0, 0), set()
    lines = iter(text.line, "")
    for row, cells in enumerate(rows_of(lines, file, dialect), 1):
        most = max(most, (sum(map(len, cells)), row))
        sizes.add(len(cells))
        if len(cells) != columns:
            cells_in_first = cells_in_first or len(cells)
            ragged.append(row)
    if ragged:
        cause = (
            f"names of load_args lists {columns} columns, and each row has one more: list all, in "
            "the file's order. If it is the label, in rows to score, its column may be left out of "
            "the file instead."
            if named and sizes == {columns + 1}
            else "Rows are counted from 1 below the header; a cell that holds the delimiter needs "
            "quotes, and each quote that opens a cell one that closes it."
        )
        raise DataError(
            f"{file}: {row_list(ragged)}: expected {columns} cells as there are columns, got "
            f"{cells_in_first} in row {ragged[0]}. {cause}"
        )
    if STRADDLES in fault:
        characters, row = most
        raise DataError(
            f"{file}: row {row} has {characters} characters; expected at most {longest} bytes in a "
            "row. Shorten its cells."
        )
    raise DataError(f"{file}: it is no CSV with {columns} cells in each row: {fault}")
