"""CSV files: their load arguments, their header, and their rows as batches of text cells."""

import codecs
import contextlib
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import LISTED, DataError, row_list, shown
from tabular_lstm.rows.number_format import POINT, NumberFormat

# Load args ----------------------------------------------------------------------------------------

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
    arguments = {name: value for name, value in load_args.items() if value is not None}
    sep, delimiter = arguments.get("sep"), arguments.get("delimiter")
    if None not in (sep, delimiter) and sep != delimiter:
        raise _refusal(file, f"delimiter: {delimiter!r}", f"the same as sep: {sep!r}")
    if dialect_of(arguments)["delimiter"] == dialect_of(arguments)["quotechar"]:
        quotechar = dialect_of(arguments)["quotechar"]
        raise _refusal(file, f"quotechar: {quotechar!r}", "another character than between cells")
    if arguments.get("thousands") == arguments.get("decimal", POINT.decimal):
        raise _refusal(
            file,
            f"thousands: {arguments['thousands']!r}",
            f"another mark than decimal: {arguments['thousands']!r}; name both, such as "
            "{decimal: ',', thousands: '.'}",
        )


def dialect_of(load_args: dict[str, Any]) -> dict[str, str]:
    """Give the delimiter between cells, and the quote character around a cell."""
    return {
        "delimiter": load_args.get("sep", load_args.get("delimiter", ",")),
        "quotechar": load_args.get("quotechar", '"'),
    }


def number_format_of(load_args: dict[str, Any]) -> NumberFormat:
    """Give the number format that valid arguments declare."""
    marks = {name: load_args[name] for name in NUMBER_FORMAT if load_args.get(name) is not None}
    return NumberFormat(**marks)


def _fits(name: str, value: Any) -> tuple[bool, str]:
    """Tell whether the argument can have this value, and what is expected."""
    if name in (*CHARACTERS, *NUMBER_FORMAT):
        fits = isinstance(value, str) and len(value) == 1 and value.isascii()
        if name in CHARACTERS:
            # A letter could be in the row that is added at the end.
            fits = fits and not value.isalnum() and value not in "\r\n\0"
            return fits, "one ASCII character that is no letter, no digit and no end of a line"
        return fits and not (value.isalnum() or value in "+-\r\n"), "one ASCII mark"
    if name in NUMBERS:
        fits = type(value) is int and 0 <= value <= sys.maxsize
        return fits or (name, value) == ("header", "infer"), "a whole number, 0 or more"
    if name in LISTS:
        types = {*map(type, value)} if isinstance(value, list | tuple) else set()
        return bool(types) and types <= {str, int}, "a list of at least one name or number"
    if name == "encoding":
        return isinstance(value, str), "a name"
    return False, f"one of {', '.join(LOAD_ARGS)}"


def _refusal(file: str, argument: str, expected: str) -> DataError:
    return DataError(f"{file}: the catalog says load_args: {{{argument}}}; expected {expected}.")


# Csv header ---------------------------------------------------------------------------------------
# Decode a CSV piece by piece, and read the column names from its header.
#
# In the decoded text each line ends in "\n".

DELIMITERS = ",;\t|"
# Bytes that are read and decoded at a time.
PIECE = 2**18
# Longest line of a header, in bytes, so that a file without line ends does not fill the memory.
LONGEST = 2**24
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# First bytes of the formats that are most often mistaken for a CSV.
OTHER_FORMATS = {
    rb"PK\x03\x04|PK\x05\x06": "a zip archive or an Excel workbook (.xlsx)",
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel workbook (.xls)",
    rb"\x1f\x8b\x08|BZh[1-9]|\x28\xb5\x2f\xfd|\xfd7zXZ|7z\xbc\xaf": "compressed",
    rb"PAR1": "Parquet; a scoring reads it where the name ends in .parquet",
}


def refuse_other_formats(content: BinaryIO, file: str) -> None:
    """Raise an error if the first bytes are those of another format; go back to the file's start.

    Raises:
        DataError: Names the format.
    """
    content.seek(0)
    start = content.read(8)
    content.seek(0)
    for beginning, kind in OTHER_FORMATS.items():
        if re.match(beginning, start):
            raise DataError(
                f"{file}: the file is {kind}; expected a CSV, which is text. Unpack it, or export "
                "its rows as a CSV."
            )


class Pieces(io.RawIOBase):
    """Pieces of bytes, one after the other, as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces, self._held = iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or a part of it; return the number of bytes, 0 at the end."""
        while not self._held and (piece := next(self._pieces, None)) is not None:
            self._held = memoryview(piece)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def open_text(content: BinaryIO, file: str, encoding: str = "utf-8") -> io.BufferedReader:
    """Give the text of a file as UTF-8, from its start and without a byte order mark.

    Raises:
        DataError: Python does not know the encoding. Or, while the text is read, a byte is not in
            the encoding, or the system cannot read the file.
    """
    content.seek(0)
    return io.BufferedReader(Pieces(_decoded(content, file, encoding)), PIECE)


def take_header(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> tuple[list[str], Iterator[bytes]]:
    """Give the column names, and the text of the rows below the header as UTF-8.

    If there is neither a header nor `names`, the columns are named f1, f2 and so on.

    Args:
        content: The file, open for its bytes.
        file: Its name, for messages.
        load_args: The arguments that are not null, and always `header`.

    Raises:
        DataError: The file is empty, has another delimiter, a quote that is never closed, or a
            column name twice; or see `open_text`.
    """
    text = open_text(content, file, load_args.get("encoding", "utf-8"))
    header: int | str | None = load_args["header"]
    names = load_args.get("names")
    dialect = dialect_of(load_args)
    # Lines above the header are skipped first, because rows are counted from the header.
    for _ in range(load_args.get("skiprows", 0) + (header if isinstance(header, int) else 0)):
        text.readline(LONGEST)
    first_cells, first_text, line_below = _first_row(text, file, dialect)
    if header is None and names is None:
        names = [f"f{place}" for place in range(1, len(first_cells) + 1)]
    if names is None or isinstance(header, int):
        first_text = b""
    rows = chain([first_text + line_below], iter(lambda: text.read(PIECE), b""))
    return _column_names(names or first_cells, file, dialect["delimiter"]), rows


def rows_of(lines: Iterable[str], file: str, dialect: dict[str, str]) -> Iterator[list[str]]:
    """Give each row's cells, parsed by Python's `csv`; blank lines are not rows.

    Raises:
        DataError: A cell is too long.
    """
    try:
        for cells in csv.reader(lines, **dialect):  # type: ignore[arg-type]
            # An empty cell in quotes is a cell.
            if len(cells) > 1 or (cells and not cells[0].isspace()):
                yield cells
    except csv.Error as error:
        raise DataError(
            f"{file}: the first lines are no CSV: {error}. Close the quote that opens a cell, or "
            "name the right quotechar in the catalog's load_args."
        ) from error


def _first_row(
    text: io.BufferedReader, file: str, dialect: dict[str, str]
) -> tuple[list[str], bytes, bytes]:
    """Take the first row, and give its cells, its text, and the line below it."""
    taken_lines: list[bytes] = []

    def lines() -> Iterator[str]:
        while line := text.readline(LONGEST):
            taken_lines.append(line)
            yield line.decode(errors="replace")

    # One line more than the file has: a row that takes this line too has an open quote.
    remaining_lines = chain(lines(), [""])
    first_cells = next(rows_of(remaining_lines, file, dialect), [])
    if not first_cells:
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    first_text = b"".join(taken_lines)
    taken_lines.clear()
    if next(remaining_lines, None) is None:
        raise DataError(
            f"{file}: a quote opens {shown(first_cells[-1])!r} in the first row, and is never "
            "closed. Close it, or name another quotechar in the catalog's load_args."
        )
    return first_cells, first_text, b"".join(taken_lines)


def _column_names(raw_names: list[Any], file: str, delimiter: str) -> list[str]:
    """Give the column names, from the header or from conf."""
    stripped_names = [str(name).strip() for name in raw_names]
    # The names are those of pandas, because the order of features depends on their names.
    names = [name or f"Unnamed: {place}" for place, name in enumerate(stripped_names)]
    other_delimiters = DELIMITERS.replace(delimiter, "")
    is_alone = len(names) == 1 and any(mark in names[0] for mark in other_delimiters)
    if is_alone or any("\0" in name for name in names):
        raise DataError(
            f"{file}: the header is no list of names with {delimiter!r} between them: "
            f"{shown(names[0])!r}. Is the delimiter or the encoding another one? kedro profile "
            f"{file} finds them out, and load_args in the catalog names them."
        )
    counts = Counter(stripped_names) | Counter(names)
    if repeated_names := [name for name, count in counts.items() if count > 1]:
        raise DataError(
            f"{file}: column name '{repeated_names[0]}' occurs {counts[repeated_names[0]]} times "
            "in the header. Each column needs a name of its own; a column without a name is called "
            "'Unnamed: ' and its place, from 0."
        )
    return names


def _decoded(content: BinaryIO, file: str, encoding: str) -> Iterator[bytes]:
    """Read piece by piece, and give the text as UTF-8."""
    decoder, line = _decoder(file, encoding), 1
    piece = b"more"
    while piece:
        try:
            piece = content.read(PIECE)
            text = decoder.decode(piece, not piece).encode()
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise DataError(
                f"{file}, line {line}: byte 0x{error.object[error.start]:02x} is not {encoding}. "
                "Save the file as UTF-8, or name its encoding in the catalog, such as load_args: "
                "{encoding: latin-1}."
            ) from error
        except ValueError as error:  # utf-7 may give half a character
            raise _no_encoding(file, encoding) from error
        line += text.count(b"\n")
        yield text


def _decoder(file: str, encoding: str) -> Any:
    """Make a decoder that also translates line ends."""
    try:
        "".encode(encoding)  # refuses codecs that are not for text
        is_utf8 = codecs.lookup(encoding).name == "utf-8"
        decoder = codecs.getincrementaldecoder("utf-8-sig" if is_utf8 else encoding)()
    except (LookupError, ValueError) as error:
        raise _no_encoding(file, encoding) from error
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _no_encoding(file: str, encoding: str) -> DataError:
    return DataError(
        f"{file}: the catalog says encoding: {encoding!r}, but Python cannot read this file as "
        "text with it; expected a name such as utf-8 or latin-1."
    )


# Csv batches --------------------------------------------------------------------------------------

# Bytes that Arrow parses at a time; a row may not be longer. Arrow keeps some thirty pieces in
# memory. With many columns pieces are longer, because each piece costs time for each column.
ARROW_PIECE = 2**18
OF_COLUMN = 2**12
LONGEST_PIECE = 2**24
END = "end"


def stream_cells(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> Iterator[pa.RecordBatch]:
    r"""Parse a CSV of any size into text cells, with memory for a few pieces of the file.

    Args:
        content: The file, open for its bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `LOAD_ARGS`. null means the
            default, but `header: null` means that the file has no header.

    Yields:
        Batches of text cells: an empty cell is "", any line end within a cell is "\n".

    Raises:
        DataError: The file is not a CSV, is empty, has only a header, is not in the declared
            encoding, has another delimiter, ragged rows, a row of more than 256 kB (with more than
            64 columns: 4 kB a column), a quote that is never closed or a column name twice; or an
            argument is unknown or would have no effect.
    """
    arguments, names, text = _open_csv(content, file, load_args)
    rows_left, is_empty = arguments.get("nrows"), True
    for batch in _parsed_batches(
        text, file, names, _chosen_columns(names, file, arguments), dialect_of(arguments)
    ):
        if rows := batch.slice(0, rows_left):
            is_empty = False
            yield rows
        rows_left = None if rows_left is None else rows_left - len(rows)
        if rows_left == 0:
            break
    if is_empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row.")


def columns_of_csv(content: BinaryIO, file: str, load_args: dict[str, Any]) -> list[str]:
    """Name the columns; only the header is read.

    Raises:
        DataError: See `stream_cells`.
    """
    arguments, names, _ = _open_csv(content, file, load_args)
    return _chosen_columns(names, file, arguments)


def _open_csv(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> tuple[dict[str, Any], list[str], Iterator[bytes]]:
    """Give the arguments that are not null, and `header`; all column names; the rows' text."""
    refuse_other_arguments(file, load_args)
    refuse_other_formats(content, file)
    arguments = {name: value for name, value in load_args.items() if value is not None}
    arguments |= {"header": load_args.get("header", "infer")}
    return arguments, *take_header(content, file, arguments)


def _chosen_columns(names: list[str], file: str, arguments: dict[str, Any]) -> list[str]:
    """Name the columns that the catalog asks for, in the file's order."""
    if (usecols := arguments.get("usecols")) is None:
        return names
    by_place = dict(enumerate(names))
    chosen = [by_place.get(column, column) for column in usecols]
    if unknown := [name for name in chosen if name not in names]:
        raise DataError(
            f"{file}: the catalog says usecols: {usecols!r}; expected names or places (from 0) "
            f"of columns, got {unknown[0]!r}. It has: {', '.join(names)}."
        )
    return [name for name in names if name in chosen]


class _RaggedRows:
    """Counts the rows that have more or fewer cells than there are columns, and leaves them out."""

    def __init__(self, delimiter: str) -> None:
        self.count, self.first, self.cells = 0, list[int](), 0
        self._delimiter, self._blank = delimiter, 0

    def __call__(self, row: arrow.InvalidRow) -> str:
        """Count a ragged row; a line of only blanks is not a row."""
        if not row.text.strip() and self._delimiter not in row.text:
            self._blank += 1
            return "skip"
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(row.number - self._blank)
        self.cells = self.cells or row.actual_columns
        return "skip"


def _parsed_batches(
    text: Iterable[bytes], file: str, names: list[str], chosen: list[str], dialect: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    """Give all rows, or raise for a ragged one, a long one or a quote that is never closed."""
    # A row is added at the end, because a quote that is never closed would include it. A line end
    # is added at the start, because Arrow would drop a U+FEFF there.
    end = f"\n{dialect['delimiter'].join([END] * len(names))}\n".encode()
    source = io.BufferedReader(Pieces(chain([b"\n"], text, [end])), ARROW_PIECE)
    size = min(max(ARROW_PIECE, OF_COLUMN * len(names)), LONGEST_PIECE)
    ragged, rows = _RaggedRows(dialect["delimiter"]), 0
    last: pa.RecordBatch | None = None
    # The source is closed at the end, because Arrow reads ahead in a thread of its own.
    with contextlib.closing(source):
        try:
            batches: Iterator[pa.RecordBatch] = arrow.open_csv(
                pa.PythonFile(source, "r"),
                # Arrow knows row numbers only in one thread.
                arrow.ReadOptions(column_names=names, block_size=size, use_threads=False),
                arrow.ParseOptions(
                    delimiter=dialect["delimiter"],
                    quote_char=dialect["quotechar"],
                    newlines_in_values=True,
                    invalid_row_handler=ragged,
                ),
                arrow.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.large_string()), include_columns=chosen
                ),
            )
            for batch in batches:
                if not batch.num_rows:
                    continue
                if last is not None and not ragged.count:
                    yield last
                rows, last = rows + batch.num_rows, batch
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{file}: row {rows + 1} or one below it is longer than {size} bytes, or a quote "
                "opens a cell there and is never closed."
            ) from error
    if ragged.count:
        raise DataError(
            f"{file}: {row_list(ragged.first, ragged.count)}: expected {len(names)} cells as there "
            f"are columns, got {ragged.cells} in row {ragged.first[0]}. Rows are counted from 1 "
            "below the header; a cell that holds the delimiter needs a quote before it and a quote "
            "after it."
        )
    if last is None or {*last[-1:].to_pylist()[0].values()} != {END}:
        raise DataError(f"{file}: row {rows}: a quote opens a cell and is never closed.")
    yield last[:-1]
