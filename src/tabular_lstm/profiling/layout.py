"""How a file that nobody has described is laid out: encoding, delimiter, lines above, header."""

import codecs
from collections import Counter
from typing import Any, BinaryIO

from tabular_lstm.errors import DataError, shown
from tabular_lstm.frozen import Frozen
from tabular_lstm.profiling.first_row import counts_up, is_header
from tabular_lstm.profiling.number_marks import FoundMarks, could_be_number
from tabular_lstm.rows.csv_header import (
    BYTE_ORDER_MARKS,
    DELIMITERS,
    LONGEST,
    open_text,
    refuse_other_formats,
    rows_of,
)
from tabular_lstm.rows.load_args import dialect_of, marks_of
from tabular_lstm.rows.number_format import POINT, NumberFormat

# Lines, and characters of them, by which the layout is told; the second half of the rows tells the
# delimiter, for a preamble may be long.
LINES, CHARACTERS = 600, 2**19
ENCODING = "utf-8"
# Bytes that Windows writes for quotes and dashes, and ISO 8859-1 for nothing that is seen.
ONLY_WINDOWS = frozenset(range(0x80, 0xA0))
NOT_WINDOWS = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})


class Layout(Frozen):
    """What the catalog has to say of a file.

    Attributes:
        load_args: Those that are not the default.
        reasons: Why, for each of them.
        unsure: What they might be instead.
    """

    load_args: dict[str, Any]
    reasons: dict[str, str]
    unsure: list[str]

    @property
    def marks(self) -> NumberFormat:
        """Give what numbers are written with."""
        return marks_of(self.load_args)


def layout_of(content: BinaryIO, file: str) -> Layout:
    """Tell the layout of a file, all of whose bytes are looked at for the encoding.

    Args:
        content: The file, open for its bytes.
        file: Its name, for messages.

    Raises:
        DataError: It is no CSV, is empty, or has one column only.
    """
    refuse_other_formats(content, file)
    load_args: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    unsure: list[str] = []
    encoding = _encoding(content)
    if encoding != ENCODING:
        load_args["encoding"] = encoding
        reasons["encoding"] = "the file is not UTF-8"
        if encoding not in BYTE_ORDER_MARKS.values():
            unsure.append(f"encoding: {encoding} is a guess; are the letters beyond a to z right?")
    lines = _first_lines(open_text(content, file, encoding))
    if not any(line.strip() for line in lines):
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    delimiter, width = _delimiter(lines, file)
    dialect = dialect_of({"sep": delimiter})
    if delimiter != dialect_of({})["delimiter"]:
        load_args["sep"] = delimiter
        reasons["sep"] = f"it parts each line into {width} cells"
    above, names, unnamed, rows = _above(lines, file, dialect, width)
    if above:
        load_args["skiprows"] = above
        reasons["skiprows"] = f"{'line' if above == 1 else 'lines'} above the table"
    if names:
        load_args |= {"header": 0, "names": names}
        reasons["names"] = "the header has a name less than the rows have cells"
        unsure.append(f"the column without a name is called '{unnamed}'")
    elif not is_header(rows[0], rows[1:]):
        load_args["header"] = None
        reasons["header"] = f"the first line is {_few(rows[0])}; else the columns' names: [...]"
        unsure.append("header: the first line was taken for a row, and the columns have no names")
    elif not counts_up(rows[0]) and (
        numbers := [cell for cell in rows[0] if could_be_number(cell.strip())]
    ):
        unsure.append(
            f"header: the first line was taken for the columns' names, though it holds "
            f"{_few(numbers)}; if it is a row, say header: null, and if neither, skiprows: "
            f"{above + 1} too"
        )
    return Layout(load_args=load_args, reasons=reasons, unsure=unsure)


def with_marks(layout: Layout, found: FoundMarks) -> Layout:
    """Add what the numbers of the file are written with."""
    given = {name: mark for name, mark in found.marks if mark != getattr(POINT, name)}
    if not given:
        return layout
    said = f"a number is written {shown(found.example)}"
    doubts = [f"{', '.join(given)}: is {shown(found.example)} {_either(found.marks)}?"]
    return Layout(
        load_args=layout.load_args | given,
        reasons=layout.reasons | dict.fromkeys(given, said),
        unsure=[*layout.unsure, *(doubts if found.doubtful else [])],
    )


def _either(marks: NumberFormat) -> str:
    read = ("a number of thousands, or one with a fraction", "one with a fraction, or of thousands")
    return read[marks.thousands is None]


def _few(cells: list[str]) -> str:
    return f"{', '.join(map(shown, cells[:3]))}{', …' if cells[3:] else ''}"


def _encoding(content: BinaryIO) -> str:
    """Name the encoding: by its mark, UTF-8 if all bytes are, else one that knows all bytes."""
    content.seek(0)
    start = content.read(4096)
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return name
    if start.count(0) > len(start) / 4:  # of two bytes a letter; a stray one is in any file
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    decoder, used = codecs.getincrementaldecoder(ENCODING)(), frozenset[int]()
    content.seek(0)
    is_utf8 = True
    while piece := content.read(2**20):
        if piece.isascii():
            continue
        used |= frozenset(piece) & ONLY_WINDOWS
        try:
            decoder.decode(piece)
        except UnicodeDecodeError:
            is_utf8 = False
    if is_utf8 and not decoder.getstate()[0]:
        return ENCODING
    return "cp1252" if used and not used & NOT_WINDOWS else "latin-1"


def _first_lines(text: BinaryIO) -> list[str]:
    lines: list[str] = []
    characters = 0
    while len(lines) < LINES and (len(lines) < 3 or characters < CHARACTERS):
        if not (line := text.readline(LONGEST).decode(errors="replace")):
            break
        lines.append(line)
        characters += len(line)
    return lines


def _delimiter(lines: list[str], file: str) -> tuple[str, int]:
    """Find what parts the lines into equally many cells, and how many.

    Raises:
        DataError: Nothing does.
    """
    best, width, most = "", 0, 0.0
    has_runs = any("  " in line.strip() for line in lines)
    for delimiter in DELIMITERS if has_runs else f"{DELIMITERS} ":
        rows = list(rows_of(lines, file, dialect_of({"sep": delimiter})))
        rows = rows[len(rows) // 2 :]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        found, agreeing = widths.most_common(1)[0]
        cells = [cell for row in rows if len(row) == found for cell in row]
        score = agreeing / len(rows) * sum(map(_is_clean, cells)) / len(cells)
        # Blanks part sentences as well as cells.
        if score > most and (delimiter != " " or (found > 2 and score > max(0.95, most))):
            best, width, most = delimiter, found, score
    if not best and _are_aligned(lines):
        raise DataError(
            f"{file}: cells seem to be parted by several blanks, which is not read; expected one "
            "character between them. Write it so: tr -s ' ' ',' < FILE"
        )
    if not best:
        raise DataError(
            f"{file}: one column only; expected at least two, the label and a feature, with a "
            f"comma, semicolon, tab, | or blank between cells. The file begins with "
            f"{shown(lines[0])!r}."
        )
    return best, width


def _are_aligned(lines: list[str]) -> bool:
    """Tell whether blanks, one or more, part each line into as many words."""
    return len({len(line.split()) for line in lines if line.strip()}) == 1 < len(lines[0].split())


def _is_clean(cell: str) -> bool:
    """Tell whether a cell holds no other delimiter, but as a mark of a number."""
    return not any(mark in cell for mark in DELIMITERS) or could_be_number(cell.strip())


def _above(
    lines: list[str], file: str, dialect: dict[str, str], width: int
) -> tuple[int, list[str], str, list[list[str]]]:
    """Count the lines above the table, and give the rows below.

    Between them, of a header that has a name less than the rows have cells, all names and the one
    that is new.
    """
    rows = list(rows_of(lines, file, dialect))
    if len(rows[0]) == width:
        return 0, [], "", rows
    if len(rows[0]) == width - 1 and all(len(row) == width for row in rows[1:-1]):
        names = [cell.strip() for cell in rows[0]]
        if all(names) and len({*names}) == len(names) and not any(map(could_be_number, names)):
            is_last = not any(row[-1].strip() for row in rows[1:-1])
            unnamed = "empty" if is_last else "row"
            while unnamed in names:
                unnamed += "_"
            return 0, [*names, unnamed] if is_last else [unnamed, *names], unnamed, rows[1:]
    widths = [len(next(rows_of([line], file, dialect), [])) for line in lines]
    others = [place for place, found in enumerate(widths, 1) if found not in {0, width}]
    above = others[-1] if others else 0
    # A cell of several lines among the rows looks like lines above them too.
    is_preamble = len(others) > above / 2 and len(lines) > above
    return (
        (above, [], "", list(rows_of(lines[above:], file, dialect)))
        if is_preamble
        else (0, [], "", rows)
    )
