"""Parse a CSV into text cells, some rows at a time, or raise an error that says what is wrong."""

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from threading import Lock
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows.formats import refuse_other_formats
from tabular_lstm.rows.header import take_header
from tabular_lstm.rows.load_args import dialect_of, refuse_other_arguments
from tabular_lstm.rows.slow_csv import STRADDLES, is_blank, refuse_rows
from tabular_lstm.rows.text import Text

# Bytes that Arrow parses at a time: it keeps some thirty such pieces in memory. It refuses a row
# that is in three of them, so the pieces are longer where a row is. A row is no longer than BLOCK.
PIECE = 2**20
BLOCK = 2**24
# Bytes of a piece for each column: each piece costs time and memory for each column.
OF_COLUMN = 2**12
END = "end"


def stream_cells(
    content: BinaryIO, file: str, load_args: dict[str, Any], digest: Digest | None = None
) -> Iterator[pa.RecordBatch]:
    r"""Parse a CSV into text cells, with memory for a few pieces of it whatever its size.

    Args:
        content: The file, open for its bytes, which are read from the start to the end.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `load_args.LOAD_ARGS`; null is the default,
            and for `header` says that there is none.
        digest: Becomes that of all bytes of the file. Default: none.

    Yields:
        Rows of text, some at a time: an empty cell as "", the end of a line within a cell as "\n"
        whatever it is in the file.

    Raises:
        DataError: The file is no CSV, is empty, holds a header alone, is not in the declared
            encoding, has another delimiter, ragged rows, a row of more than 16 MB, a quote that is
            never closed or a column name twice; or an argument would not count.
    """
    given = given_of(load_args)
    left, is_empty = given.get("nrows"), True
    for batch in _all_rows(content, file, load_args, digest):
        rows = batch.slice(0, left)
        left = None if left is None else left - rows.num_rows
        if rows.num_rows:
            is_empty = False
            yield rows.select(chosen_of(rows.schema.names, file, given))
    if is_empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row.")


def columns_of_csv(content: BinaryIO, file: str, load_args: dict[str, Any]) -> list[str]:
    """Name the columns; the header alone is read.

    Raises:
        DataError: See `stream_cells`.
    """
    _, names = open_rows(content, file, load_args)
    return chosen_of(names, file, given_of(load_args))


def given_of(load_args: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments that are not null, and always `header`."""
    given = {name: value for name, value in load_args.items() if value is not None}
    return given | {"header": load_args.get("header", "infer")}


def open_rows(
    content: BinaryIO, file: str, load_args: dict[str, Any], digest: Digest | None = None
) -> tuple[Text, list[str]]:
    """Give the text of the rows, and the columns' names; the header alone is read.

    Raises:
        DataError: See `stream_cells`.
    """
    refuse_other_arguments(file, load_args)
    refuse_other_formats(content, file)
    given = given_of(load_args)
    content.seek(0)
    text = Text(content, file, given.get("encoding", "utf-8"), digest)
    return text, take_header(text, file, given)


def chosen_of(names: list[str], file: str, given: dict[str, Any]) -> list[str]:
    """Name the columns that the catalog asks for, in the file's order."""
    if (usecols := given.get("usecols")) is None:
        return names
    by_place = dict(enumerate(names))
    chosen = [by_place.get(column, column) for column in usecols]
    if unknown := [name for name in chosen if name not in names]:
        raise DataError(
            f"{file}: the catalog says usecols: {usecols!r}; expected names or places (from 0) "
            f"of columns, got {unknown[0]!r}. It has: {', '.join(names)}."
        )
    return [name for name in names if name in chosen]


def _all_rows(
    content: BinaryIO, file: str, load_args: dict[str, Any], digest: Digest | None
) -> Iterator[pa.RecordBatch]:
    """Give all rows and columns, parsed in short pieces or, from a long row on, in long ones."""
    text, names = open_rows(content, file, load_args, digest)
    given = given_of(load_args)
    dialect = dialect_of(given)
    done, fault = 0, ""
    for size in (min(max(PIECE, OF_COLUMN * len(names)), BLOCK), BLOCK):
        try:
            for batch in below(_parse(text, file, names, dialect, size), done):
                done += batch.num_rows
                yield batch
            return
        except pa.ArrowInvalid as error:
            fault = str(error)
        text, _ = open_rows(content, file, load_args, digest)
        if STRADDLES not in fault:
            break
    refuse_rows(text, file, len(names), BLOCK, dialect, fault, "names" in given)


def below(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Leave off so many rows; no batch that is left is empty."""
    for batch in batches:
        if batch.num_rows > rows:
            yield batch.slice(rows)
        rows -= min(rows, batch.num_rows)


def _parse(
    text: Text, file: str, names: list[str], dialect: dict[str, str], size: int
) -> Iterator[pa.RecordBatch]:
    """Give all rows, parsed in pieces of so many bytes.

    Raises:
        pa.ArrowInvalid: Rows are ragged, or one is too long.
        DataError: A quote is never closed.
    """
    faults: list[str] = []
    # A row of one's own at the end: a quote that is never closed would swallow it.
    last = dict.fromkeys(names, END)
    end = f"\n{dialect['delimiter'].join(last.values())}\n"
    source = _Bytes(chain(text.rest(), [end]))
    rows, held = 0, None
    try:
        for batch in _batches(source, names, dialect, size, faults):
            if faults:
                break
            if batch.num_rows:
                if held is not None:
                    yield held
                rows, held = rows + batch.num_rows, batch
    finally:
        source.stop()
    if faults:
        raise pa.ArrowInvalid(faults[0])
    if held is None or held[-1:].to_pylist() != [last]:
        raise DataError(f"{file}: row {rows}: a quote opens a cell and is never closed.")
    yield held[:-1]


def _batches(
    source: "_Bytes", names: list[str], dialect: dict[str, str], size: int, faults: list[str]
) -> Iterator[pa.RecordBatch]:
    """Let Arrow parse; rows that are ragged are left out, and the start of each is a fault."""

    def skip(row: arrow.InvalidRow) -> str:
        if not is_blank(row.text, dialect):
            faults.append(row.text[:99])
        return "skip"

    yield from arrow.open_csv(
        pa.PythonFile(source, "r"),
        arrow.ReadOptions(column_names=names, block_size=size),
        arrow.ParseOptions(
            delimiter=dialect["delimiter"],
            quote_char=dialect["quotechar"],
            newlines_in_values=True,
            invalid_row_handler=skip,
        ),
        arrow.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string())),
    )


class _Bytes(io.RawIOBase):
    """Text as the file of UTF-8 that Arrow reads, in a thread of its own and ahead."""

    def __init__(self, text: Iterable[str]) -> None:
        super().__init__()
        self._text, self._held = iter(text), b""
        self._reading = Lock()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give so many bytes, fewer at the end."""
        with self._reading:
            parts, length = [self._held], len(self._held)
            while length < size and (text := next(self._text, None)) is not None:
                parts.append(text.encode())
                length += len(parts[-1])
            whole = b"".join(parts)
            self._held = whole[size:]
            return whole[:size]

    def stop(self) -> None:
        """Read no more: what comes after this has the file for itself."""
        with self._reading:
            self._text, self._held = iter(()), b""
