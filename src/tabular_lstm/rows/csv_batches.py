"""Parse a CSV into batches of text cells, or raise an error that says what is wrong, and where."""

import contextlib
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import LISTED, DataError, row_list
from tabular_lstm.rows.csv_header import Pieces, refuse_other_formats, take_header
from tabular_lstm.rows.load_args import dialect_of, refuse_other_arguments

# Bytes that Arrow parses at a time; a row may not be longer. Arrow keeps some thirty pieces in
# memory. With many columns pieces are longer, because each piece costs time for each column.
PIECE = 2**18
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
        load_args: Arguments of `pandas.read_csv`, see `load_args.LOAD_ARGS`. null means the
            default, but `header: null` means that the file has no header.

    Yields:
        Batches of text cells: an empty cell is "", any line end within a cell is "\n".

    Raises:
        DataError: The file is not a CSV, is empty, has only a header, is not in the declared
            encoding, has another delimiter, ragged rows, a row of more than 256 kB (with more than
            64 columns: 4 kB a column), a quote that is never closed or a column name twice; or an
            argument is unknown or would have no effect.
    """
    given, names, text = _opened(content, file, load_args)
    left, is_empty = given.get("nrows"), True
    for batch in _parsed(text, file, names, _chosen(names, file, given), dialect_of(given)):
        if rows := batch.slice(0, left):
            is_empty = False
            yield rows
        left = None if left is None else left - len(rows)
        if left == 0:
            break
    if is_empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row.")


def columns_of_csv(content: BinaryIO, file: str, load_args: dict[str, Any]) -> list[str]:
    """Name the columns; only the header is read.

    Raises:
        DataError: See `stream_cells`.
    """
    given, names, _ = _opened(content, file, load_args)
    return _chosen(names, file, given)


def _opened(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> tuple[dict[str, Any], list[str], Iterator[bytes]]:
    """Give the arguments that are not null, and `header`; all column names; the rows' text."""
    refuse_other_arguments(file, load_args)
    refuse_other_formats(content, file)
    given = {name: value for name, value in load_args.items() if value is not None}
    given |= {"header": load_args.get("header", "infer")}
    return given, *take_header(content, file, given)


def _chosen(names: list[str], file: str, given: dict[str, Any]) -> list[str]:
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


class _Ragged:
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


def _parsed(
    text: Iterable[bytes], file: str, names: list[str], chosen: list[str], dialect: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    """Give all rows, or raise for a ragged one, a long one or a quote that is never closed."""
    # A row is added at the end, because a quote that is never closed would include it. A line end
    # is added at the start, because Arrow would drop a U+FEFF there.
    end = f"\n{dialect['delimiter'].join([END] * len(names))}\n".encode()
    source = io.BufferedReader(Pieces(chain([b"\n"], text, [end])), PIECE)
    size = min(max(PIECE, OF_COLUMN * len(names)), LONGEST_PIECE)
    ragged, rows = _Ragged(dialect["delimiter"]), 0
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
