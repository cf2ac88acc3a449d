r"""Decode a CSV piece by piece, and read the column names from its header.

In the decoded text each line ends in "\n".
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from tabular_lstm.errors import DataError, shown
from tabular_lstm.rows.load_args import dialect_of

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
    first, taken, below = _first_row(text, file, dialect)
    if header is None and names is None:
        names = [f"f{place}" for place in range(1, len(first) + 1)]
    if names is None or isinstance(header, int):
        taken = b""
    rows = chain([taken + below], iter(lambda: text.read(PIECE), b""))
    return _column_names(names or first, file, dialect["delimiter"]), rows


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
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        while line := text.readline(LONGEST):
            taken.append(line)
            yield line.decode(errors="replace")

    # One line more than the file has: a row that takes this line too has an open quote.
    left = chain(lines(), [""])
    first = next(rows_of(left, file, dialect), [])
    if not first:
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    row = b"".join(taken)
    taken.clear()
    if next(left, None) is None:
        raise DataError(
            f"{file}: a quote opens {shown(first[-1])!r} in the first row, and is never closed. "
            "Close it, or name another quotechar in the catalog's load_args."
        )
    return first, row, b"".join(taken)


def _column_names(given: list[Any], file: str, delimiter: str) -> list[str]:
    """Give the column names, from the header or from conf."""
    written = [str(name).strip() for name in given]
    # The names are those of pandas, because the order of features depends on their names.
    names = [name or f"Unnamed: {place}" for place, name in enumerate(written)]
    others = DELIMITERS.replace(delimiter, "")
    is_alone = len(names) == 1 and any(mark in names[0] for mark in others)
    if is_alone or any("\0" in name for name in names):
        raise DataError(
            f"{file}: the header is no list of names with {delimiter!r} between them: "
            f"{shown(names[0])!r}. Is the delimiter or the encoding another one? kedro profile "
            f"{file} finds them out, and load_args in the catalog names them."
        )
    counts = Counter(written) | Counter(names)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise DataError(
            f"{file}: column name '{twice[0]}' occurs {counts[twice[0]]} times in the header. Each "
            "column needs a name of its own; a column without a name is called 'Unnamed: ' and its "
            "place, from 0."
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
