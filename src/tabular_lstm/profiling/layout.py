"""Find the layout of a CSV: its encoding, delimiter, header and number format."""

import codecs
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO

from tabular_lstm.errors import DataError, shown
from tabular_lstm.profiling.table_profile import DistinctCells
from tabular_lstm.profiling.words import PLACEHOLDERS, WORDS
from tabular_lstm.rows.cells import is_missing
from tabular_lstm.rows.csv_files import (
    BYTE_ORDER_MARKS,
    DELIMITERS,
    dialect_of,
    refuse_other_formats,
    rows_of,
)
from tabular_lstm.rows.number_format import (
    POINT,
    NumberFormat,
    all_pointed,
    any_of,
)

# How many of the first bytes and of the first lines decide the layout.
BYTES, LINES = 2**22, 600
ABOVE = 20  # lines above the header, at most
VOTING = 100  # rows that decide whether there is a header
MOSTLY = 0.9  # least share of numbers in a column of numbers
VOTING_CELLS = 1000  # distinct cells of a column that decide the number format
TIED = "numbers: {} reads most columns, and so does {}; the first was taken, is it right?"
# The simplest format comes first.
FORMATS = (
    POINT,
    NumberFormat(thousands=","),
    NumberFormat(decimal=","),
    NumberFormat(decimal=",", thousands="."),
    *(NumberFormat(decimal=point, thousands=mark) for mark in "' " for point in ".,"),
)


@dataclass(frozen=True)
class Layout:
    """The layout of a file, as the catalog declares it.

    Attributes:
        load_args: The load arguments that are not the default.
        unsure: Sentences on what may be wrong with these arguments.
    """

    load_args: dict[str, Any]
    unsure: list[str]


def layout_of(content: BinaryIO, file: str) -> Layout:
    """Find the layout of a file; the encoding is checked on all its bytes.

    Raises:
        DataError: The file is not a CSV, is empty, has only one column, or its header lacks a name.
    """
    refuse_other_formats(content, file)
    load_args: dict[str, Any] = {}
    unsure: list[str] = []
    encoding = _encoding(content)
    if encoding != "utf-8":
        load_args["encoding"] = encoding
        if encoding not in BYTE_ORDER_MARKS.values():
            unsure.append(f"encoding: {encoding} is a guess; are the letters beyond a to z right?")
    lines = _first_lines(content, encoding)
    if not any(line.strip() for line in lines):
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    delimiter, width = _delimiter(lines, file)
    dialect = dialect_of({"sep": delimiter})
    if delimiter != dialect_of({})["delimiter"]:
        load_args["sep"] = delimiter
    if above := _lines_above(lines, file, dialect, width):
        load_args["skiprows"] = above
    first, *below = rows_of(lines[above:], file, dialect)
    if not is_header(first, below):
        load_args["header"] = None
        unsure.append(f"header: the first line was read as a row: {_few(first)}; or is it names?")
    return Layout(load_args, unsure)


def _encoding(content: BinaryIO) -> str:
    """Name the encoding: by a byte order mark, or else UTF-8 if all bytes fit, or else cp1252."""
    content.seek(0)
    start = content.read(4)
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return name
    content.seek(0)
    try:
        for _ in codecs.iterdecode(iter(lambda: content.read(2**20), b""), "utf-8"):
            pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _first_lines(content: BinaryIO, encoding: str) -> list[str]:
    """Return the first lines; the last one may be cut off."""
    content.seek(0)
    text = content.read(BYTES).decode(encoding, errors="ignore").removeprefix("\ufeff")
    return [*io.StringIO(text, newline=None)][:LINES]


def _delimiter(lines: list[str], file: str) -> tuple[str, int]:
    """Find the delimiter that splits the lines into equally many cells; return this number, too.

    Only the second half of the lines counts, because other lines may be above the table.

    Raises:
        DataError: No delimiter does so.
    """
    best_score, best_delimiter, best_width = 0.0, "", 0
    has_runs = any("  " in line.strip() for line in lines)
    for delimiter in DELIMITERS if has_runs else f"{DELIMITERS} ":
        rows = [*rows_of(lines, file, dialect_of({"sep": delimiter}))]
        rows = rows[len(rows) // 2 :]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, agreeing = widths.most_common(1)[0]
        cells = [cell for row in rows if len(row) == width for cell in row]
        score = agreeing / len(rows) * sum(map(_is_clean, cells)) / len(cells)
        # Blanks separate the words of sentences too.
        if score > best_score and (delimiter != " " or (width > 2 and score > 0.95)):
            best_score, best_delimiter, best_width = score, delimiter, width
    if not best_delimiter:
        raise DataError(
            f"{file}: one column only; expected at least two, the label and a feature, with a "
            "comma, semicolon, tab, | or one blank between cells. The file begins with "
            f"{shown(lines[0])!r}."
        )
    return best_delimiter, best_width


def _is_clean(cell: str) -> bool:
    """Return whether a cell was split off by the right delimiter: no other one is left in it.

    A cell such as `1;a` has a delimiter that did not split it. The comma in 1,5 is no delimiter.
    """
    return not any(mark in cell for mark in DELIMITERS) or could_be_number(cell.strip())


def _lines_above(lines: list[str], file: str, dialect: dict[str, str], width: int) -> int:
    """Count the lines above the table: the lines before the first row of `width` cells.

    Raises:
        DataError: The first row has one cell too few, as if row names have no header.
    """
    for above in range(min(ABOVE, len(lines))):
        row = next(rows_of(lines[above:], file, dialect), [])
        if len(row) == width and lines[above].strip():
            return above
        if len(row) == width - 1 > 1 and not above:
            raise DataError(
                f"{file}: the first line has {width - 1} cells, and the rows below have {width}: "
                f"{_few(row)}. Write a name for each column, also for row names and for an "
                "empty column."
            )
    return 0


def is_header(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Return whether a row names the columns below it.

    Each column has a vote. A column of numbers that begins with a word votes for a header. A column
    that begins like its other cells, with a number or one of its words, votes against a header.
    """
    rows = [row for row in below if len(row) == len(first)][:VOTING]
    # pandas names columns 0, 1, 2; the last one may have any name.
    counts_up = len(first) > 2 and [*first[:-1]] == [*map(str, range(len(first) - 1))]
    if not rows or counts_up:
        return True
    return sum(_vote(name.strip(), cells) for name, *cells in zip(first, *rows, strict=True)) >= 0


def _vote(first: str, column: Sequence[str]) -> int:
    texts = [text.strip() for text in column]
    cells = [text for text in texts if not is_missing(text) and text.lower() not in PLACEHOLDERS]
    if not cells or is_missing(first) or first in WORDS["sign"]:
        return 0
    if sum(map(could_be_number, cells)) > MOSTLY * len(cells):
        return -1 if could_be_number(first) else 1
    return -1 if first in cells else 0


def with_number_format(layout: Layout, columns: Iterable[DistinctCells]) -> Layout:
    """Add the number format that reads the most columns as numbers, unless it is the default.

    Among formats that read equally many columns, the one that reads more cells is better: 1,264.32
    among numbers below 1000. If several read equally many cells, the simplest is taken, and the
    page asks about another one if it reads different numbers: 1.155 may be 1155.
    """
    samples = [cells.first(VOTING_CELLS).without_unit()[0] for cells in columns]
    read = {form: [_numbers_read(cells, form) for cells in samples] for form in FORMATS}
    extents = {form: _extent(read[form]) for form in FORMATS}
    most = max(extents.values())
    chosen, *tied = [form for form in FORMATS if extents[form] == most]
    unlike = [form for form in tied if read[form] != read[chosen]]
    marks = {name: mark for name, mark in chosen if mark != getattr(POINT, name)}
    return replace(
        layout,
        load_args=layout.load_args | marks,
        unsure=[*layout.unsure, *(TIED.format(chosen, form) for form in unlike[:1])],
    )


def _numbers_read(cells: DistinctCells, form: NumberFormat) -> list[str | None]:
    """Read a column in a format, None for no number; an empty list if more than a tenth are none.

    The numbers have a decimal point and no groups, so that readings can be compared.
    """
    numbers = all_pointed(cells.texts, form)
    counts = cells.counts[numbers.is_valid().to_numpy(zero_copy_only=False)]
    return numbers.to_pylist() if counts.sum() >= MOSTLY * cells.present else []


def _extent(columns: list[list[str | None]]) -> tuple[int, int]:
    """Count the columns that were read, and the cells in them that are numbers."""
    are_read = [numbers for numbers in columns if numbers]
    return len(are_read), sum(len(numbers) - numbers.count(None) for numbers in are_read)


@lru_cache(2**16)
def could_be_number(text: str) -> bool:
    """Return whether a text, stripped of white space, is a number in some format."""
    return any_of(FORMATS).fullmatch(text) is not None


def _few(cells: Sequence[str]) -> str:
    return f"{', '.join(map(shown, cells[:3]))}{', …' if cells[3:] else ''}"
