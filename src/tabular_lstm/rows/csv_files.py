"""CSV files: their load arguments, their header, and their rows as batches of text cells."""

import codecs
import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, BinaryIO, Self

import pyarrow as pa
from pyarrow import csv as arrow
from pydantic import AliasChoices, Field, StrictInt, StrictStr, model_validator

from tabular_lstm.errors import DataError, shown
from tabular_lstm.frozen import Parameters, matching
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_files import is_parquet, refuse_repeated_names

# Load arguments -----------------------------------------------------------------------------------

INFER = ("header", "infer")

NUMBER_FORMAT = ("decimal", "thousands")
MARK = r"[ -*,./:-@\[-`{-~\t]"
Mark = Annotated[StrictStr, matching(MARK, "one ASCII mark")]
Character = Annotated[
    StrictStr,
    matching(rf"{MARK}|[+-]", "one ASCII character other than a letter, a digit or a line break"),
]
Natural = Annotated[StrictInt, Field(ge=0, le=sys.maxsize)]
Columns = Annotated[list[StrictStr | StrictInt], Field(min_length=1)]


class LoadArguments(Parameters):
    """Arguments of `pandas.read_csv`: where cells begin and end, and how numbers are written.

    Conf says what else a cell means. null means the default, but `header: null` means that the file
    has no header. pandas has two names for the character between cells.
    """

    sep: Character | None = Field(None, validation_alias=AliasChoices("sep", "delimiter"))
    quotechar: Character | None = None
    decimal: Mark | None = None
    thousands: Mark | None = None
    header: Natural | None = None
    skiprows: Natural | None = None
    nrows: Natural | None = None
    names: Columns | None = None
    usecols: Columns | None = None
    encoding: StrictStr | None = None

    @model_validator(mode="after")
    def _characters_differ(self) -> Self:
        if (self.sep or ",") == (self.quotechar or '"'):
            raise ValueError("quotechar: expected a character other than the one between cells")
        if (self.decimal or POINT.decimal) == self.thousands:
            raise ValueError(
                "thousands: expected a different mark from decimal's; name both, such as {decimal: "
                "',', thousands: '.'}"
            )
        return self


def read_arguments(file: str, load_args: dict[str, Any]) -> LoadArguments:
    """Check the arguments of a file; a Parquet file has only those of the number format.

    Raises:
        DataError: An argument is unknown or has an impossible value, or two do not fit together.
    """
    of_csv = load_args.keys() - {*NUMBER_FORMAT} if is_parquet(file) else set()
    try:
        if of_csv:
            raise ValueError(f"{min(of_csv)}: expected one of {', '.join(NUMBER_FORMAT)}")
        given = {name: value for name, value in load_args.items() if (name, value) != INFER}
        return LoadArguments.model_validate(given)
    except ValueError as error:
        raise DataError(f"{file}: the catalog's load_args: {error}.") from error


def dialect_of(load_args: dict[str, Any]) -> dict[str, str]:
    """Return the delimiter between cells, and the quote character around a cell."""
    return {
        "delimiter": load_args.get("sep") or load_args.get("delimiter") or ",",
        "quotechar": load_args.get("quotechar") or '"',
    }


def number_format_of(load_args: dict[str, Any]) -> NumberFormat:
    """Return the number format that valid arguments declare."""
    marks = {name: load_args[name] for name in NUMBER_FORMAT if load_args.get(name) is not None}
    return NumberFormat(**marks)


# Header -------------------------------------------------------------------------------------------

DELIMITERS = ",;\t|"
UTF_8 = "utf-8"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# First bytes of workbooks, archives, compressed files and Parquet.
NO_TEXT = (
    rb"PK[\x03\x05]|\xd0\xcf\x11\xe0|\x1f\x8b|BZh[1-9]|\x28\xb5\x2f\xfd|\xfd7zXZ|7z\xbc\xaf|PAR1"
)


def refuse_other_formats(content: BinaryIO, file: str) -> None:
    """Raise an error if the first bytes are those of another format; go back to the file's start.

    Raises:
        DataError: The file is not text.
    """
    content.seek(0)
    start = content.read(8)
    content.seek(0)
    if re.match(NO_TEXT, start):
        raise DataError(
            f"{file}: the file is a workbook, an archive, compressed or Parquet; expected a CSV, "
            "which is text, or Parquet in a file named *.parquet. Unpack it, or export its rows."
        )


def rows_of(lines: Iterable[str], file: str, dialect: dict[str, str]) -> Iterator[list[str]]:
    """Return each row's cells, parsed by Python's `csv`; blank lines are not rows.

    Raises:
        DataError: A cell is too long.
    """
    try:
        yield from filter(_is_row, csv.reader(lines, **dialect))  # type: ignore[arg-type]
    except csv.Error as error:
        raise _no_csv(file, error) from error


def _is_row(cells: list[str]) -> bool:
    """Return whether a line is not blank; an empty cell in quotes is a cell."""
    return len(cells) > 1 or (bool(cells) and not cells[0].isspace())


def _no_csv(file: str, error: Exception) -> DataError:
    return DataError(
        f"{file}: the first lines are not CSV: {error}. Close the quote that opens a cell, or "
        "name the right quotechar in the catalog's load_args."
    )


def read_header(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> tuple[list[str], list[str], int]:
    """Return the names of all columns, those that are read, and the number of lines above the rows.

    If there is neither a header nor `names`, the columns are named f1, f2 and so on.

    Raises:
        DataError: See `stream_cells`.
    """
    arguments = read_arguments(file, load_args)
    refuse_other_formats(content, file)
    encoding, dialect = arguments.encoding or UTF_8, dialect_of(load_args)
    # Lines above the header are skipped first, because rows are counted from the header.
    skipped = (arguments.skiprows or 0) + (arguments.header or 0)
    try:
        text = io.TextIOWrapper(
            content, "utf-8-sig" if codecs.lookup(encoding).name == UTF_8 else encoding
        )
        lines_above = sum(1 for _ in islice(text, skipped))
        reader = csv.reader(text, **dialect)  # type: ignore[arg-type]
        first_cells = next(filter(_is_row, reader), [])
        text.detach()
    except csv.Error as error:
        raise _no_csv(file, error) from error
    except (LookupError, ValueError) as error:
        raise _other_encoding(file, encoding, error) from error
    if not first_cells:
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    given_names = arguments.names
    has_no_header = "header" in arguments.model_fields_set and arguments.header is None
    if has_no_header and given_names is None:
        given_names = [f"f{place}" for place in range(1, len(first_cells) + 1)]
    if given_names is None or arguments.header is not None:
        lines_above += reader.line_num
    names = _column_names(given_names or first_cells, file, dialect["delimiter"])
    return names, _chosen_columns(names, file, arguments.usecols), lines_above


def _column_names(raw_names: Sequence[Any], file: str, delimiter: str) -> list[str]:
    """Return the column names, from the header or from conf."""
    # The names are those of pandas, because the order of features depends on their names.
    names = [str(name).strip() or f"Unnamed: {place}" for place, name in enumerate(raw_names)]
    other_delimiters = DELIMITERS.replace(delimiter, "")
    is_alone = len(names) == 1 and any(mark in names[0] for mark in other_delimiters)
    if is_alone or any("\0" in name for name in names):
        raise DataError(
            f"{file}: the header is not a list of names with {delimiter!r} between them: "
            f"{shown(names[0])!r}. Is the delimiter or the encoding a different one? kedro "
            f"profile {file} finds both; name them in the catalog's load_args."
        )
    refuse_repeated_names(names, file)
    return names


def _chosen_columns(names: list[str], file: str, usecols: list[Any] | None) -> list[str]:
    """Name the columns that the catalog asks for, in the file's order."""
    by_place = dict(enumerate(names))
    chosen = names if usecols is None else [by_place.get(column, column) for column in usecols]
    if unknown := [name for name in chosen if name not in names]:
        raise DataError(
            f"{file}: usecols in the catalog is {usecols!r}; expected names or positions (from 0) "
            f"of columns, got {unknown[0]!r}. It has: {', '.join(names)}."
        )
    return [name for name in names if name in chosen]


def _other_encoding(file: str, encoding: str, error: Exception) -> DataError:
    near = ""
    if isinstance(error, UnicodeDecodeError):
        around = error.object[max(0, error.start - 20) : error.end + 20]
        near = f", near {shown(around.decode(encoding, 'replace'))!r}"
    return DataError(
        f"{file}: the text is not {encoding!r}{near}: {getattr(error, 'reason', error)}. Save the "
        "file as UTF-8, or name its encoding in the catalog, such as load_args: "
        "{encoding: latin-1}."
    )


# Rows ---------------------------------------------------------------------------------------------

# Bytes that Arrow parses at a time; a row may not be longer. Arrow keeps some thirty pieces in
# memory. With many columns pieces are longer, because each piece costs time for each column.
ARROW_PIECE = 2**18
OF_COLUMN = 2**12
LONGEST_PIECE = 2**24
END = "\x04"  # "end of transmission" in ASCII


def stream_cells(
    content: BinaryIO, file: str, load_args: dict[str, Any]
) -> Iterator[pa.RecordBatch]:
    r"""Parse a CSV of any size into text cells, with memory for a few pieces of the file.

    Args:
        content: The file, open for its bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `LoadArguments`.

    Yields:
        Batches of text cells: an empty cell is "", any line end within a cell is "\n".

    Raises:
        DataError: The file is not a CSV, is empty, has only a header, is not in the declared
            encoding, has another delimiter, ragged rows, a row of more than 256 kB (with more than
            64 columns: 4 kB a column), a quote that is never closed or a column name twice; or an
            argument is unknown or would have no effect.
    """
    names, chosen, lines_above = read_header(content, file, load_args)
    dialect, most_rows = dialect_of(load_args), load_args.get("nrows")
    most_rows = sys.maxsize if most_rows is None else most_rows
    # A row of one cell too many ends the text: a quote that is never closed would include it.
    end = dialect["delimiter"].join([END] * (len(names) + 1))
    ragged_rows: list[arrow.InvalidRow] = []

    def handle_ragged(row: arrow.InvalidRow) -> str:
        if not row.text.strip(" "):
            return "skip"  # a blank line is not a row
        ragged_rows.append(row)
        return "skip" if row.text == end else "error"

    rows, text = 0, _recoded(content, file, load_args.get("encoding") or UTF_8, end)
    try:
        for batch in _parsed(text, names, chosen, lines_above, dialect, handle_ragged):
            if count := min(batch.num_rows, most_rows - rows):
                yield batch.slice(0, count)
                rows += count
            if rows == most_rows:
                break
        else:
            if not ragged_rows:
                fault = "a quote that opens a cell and is never closed"
                raise _malformed(file, f"row {rows}", names, fault)
    except pa.ArrowInvalid as error:
        row = f"row {rows + 1} or one below it"
        fault = f"a row that is longer than {ARROW_PIECE} bytes, or a quote that is never closed"
        if ragged_rows:
            row = f"row {ragged_rows[0].number - lines_above}"
            fault = str(ragged_rows[0].actual_columns)
        raise _malformed(file, row, names, fault) from error
    if not rows:
        raise DataError(
            f"{file}: a header and no rows, or a quote in the header is never closed; expected at "
            "least one row."
        )


def _parsed(
    text: pa.NativeFile,
    names: list[str],
    chosen: list[str],
    lines_above: int,
    dialect: dict[str, str],
    handle_ragged: Callable[[arrow.InvalidRow], str],
) -> Iterator[pa.RecordBatch]:
    size = min(max(ARROW_PIECE, OF_COLUMN * len(names)), LONGEST_PIECE)
    return arrow.open_csv(  # type: ignore[no-any-return]
        text,
        # Arrow knows row numbers only in one thread.
        arrow.ReadOptions(
            column_names=names, skip_rows=lines_above, block_size=size, use_threads=False
        ),
        arrow.ParseOptions(
            delimiter=dialect["delimiter"],
            quote_char=dialect["quotechar"],
            newlines_in_values=True,
            invalid_row_handler=handle_ragged,
        ),
        arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()), include_columns=chosen
        ),
    )


def _malformed(file: str, row: str, names: list[str], fault: str) -> DataError:
    return DataError(
        f"{file}: {row}: expected {len(names)} cells, one for each column, got {fault}. Rows are "
        "counted from 1 below the header; a cell that contains the delimiter, a quote or a line "
        "break must be enclosed in quotes."
    )


def _recoded(content: BinaryIO, file: str, encoding: str, end: str) -> pa.NativeFile:
    r"""Return the text of a file as UTF-8, with `end` as its last line; each line ends in \n."""
    content.seek(0)
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    ends = iter([f"\n{end}\n".encode()])

    def recode(piece: pa.Buffer) -> bytes:
        try:
            text = decoder.decode(bytes(piece), final=not len(piece)).encode()
        except ValueError as error:
            raise _other_encoding(file, encoding, error) from error
        return text if len(piece) else text + next(ends, b"")

    return pa.TransformInputStream(pa.PythonFile(content, "r"), recode)
