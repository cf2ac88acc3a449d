"""Parse the text of a CSV into text cells, or raise an error that says what is wrong."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import DataError, row_list, shown
from tabular_lstm.rows.formats import refuse_other_formats
from tabular_lstm.rows.load_args import dialect_of, refuse_other_arguments

DELIMITERS = ",;\t|"
# Bytes that Arrow parses at a time. A row is no longer than that.
BLOCK = 2**24
END = "end"


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    r"""Parse a CSV into text cells.

    Args:
        content: The file's bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `load_args.LOAD_ARGS`; null is the default,
            and for `header` says that there is none.

    Returns:
        A frame of text, one row per data row, an empty cell as "", the end of a line within a cell
        as "\n" whatever it is in the file.

    Raises:
        DataError: The file is no CSV, is empty, holds a header alone, is not in the declared
            encoding, has another delimiter, ragged rows, a row of more than 16 MB, a quote that is
            never closed or a column name twice; or an argument would not count.
    """
    refuse_other_arguments(file, load_args)
    refuse_other_formats(content, file)
    header = load_args.get("header", "infer")
    given = {name: value for name, value in load_args.items() if value is not None}
    dialect = dialect_of(given)
    text = _decode(content, file, given.get("encoding", "utf-8"))
    # Arrow loses one of "\r\n" in a cell where a block ends.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Lines above the header go first, so that rows are counted from the header on.
    text = _below(text, given.get("skiprows", 0) + (header if isinstance(header, int) else 0))
    if "names" in given and isinstance(header, int):
        while text and _is_blank(text[: text.find("\n") + 1], dialect):
            text = _below(text, 1)
        text = _below(text, 1)
    first = _first_row(text, file, dialect)
    if header is None and "names" not in given:
        raise DataError(
            f"{file}: the catalog says header: null and no names; add names: [...] with one for "
            f"each of the {len(first)} columns."
        )
    names = _column_names(given.get("names", first), file, dialect["delimiter"])
    above = int("names" not in given)  # rows above the data, in what is parsed
    cells = _tokenize(text, file, len(names), above, dialect)[above:]
    frame = _chosen(cells.rename_columns(names).to_pandas(), file, given)
    if frame.empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row per class.")
    return frame


def _decode(content: bytes, file: str, encoding: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode(encoding)
        text.encode()  # which refuses half a pair of surrogates
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise DataError(
            f"{file}, line {line}: byte 0x{content[error.start]:02x} is not {encoding}. Save the "
            "file as UTF-8, or name its encoding in the catalog: "
            f"load_args: {{encoding: {'utf-16' if utf_16 else 'latin-1'}}}."
        ) from error
    except UnicodeEncodeError as error:
        line = text[: error.start].count("\n") + 1
        raise DataError(
            f"{file}, line {line}: {encoding} gives half a character, "
            f"{text[error.start].encode('unicode_escape').decode()}. Save the file as UTF-8."
        ) from error
    except (LookupError, ValueError) as error:
        raise DataError(
            f"{file}: the catalog says encoding: {encoding!r}, by which Python reads no text of "
            "this file; expected a name such as utf-8 or latin-1."
        ) from error
    return text


def _below(text: str, lines: int) -> str:
    """Leave off so many lines."""
    return "".join(text.split("\n", min(lines, len(text)))[lines:])


def _is_blank(line: str, dialect: dict[str, str]) -> bool:
    return not line.strip() and dialect["delimiter"] not in line


def _first_row(text: str, file: str, dialect: dict[str, str]) -> list[str]:
    """Give the cells of the first row, which is the header if there is one."""
    # One line more than there are: a row that takes it too has not ended.
    lines = chain(_lines(text), [""])
    first = next(_rows(lines, len(text), dialect), [])
    if not first:
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    if next(lines, None) is None:
        raise DataError(
            f"{file}: a quote opens {shown(first[-1])!r} in the first row, and is never closed. "
            "Close it, or name another quotechar in the catalog's load_args."
        )
    return first


def _lines(text: str) -> Iterator[str]:
    return (line.group() for line in re.finditer(r".*\n?", text))


def _rows(lines: Iterator[str], longest: int, dialect: dict[str, str]) -> Iterator[list[str]]:
    """Give each row's cells as Python's csv has them, which is slow; blank lines are no rows."""
    limit = csv.field_size_limit(longest)
    try:
        for cells in csv.reader(lines, **dialect):  # type: ignore[arg-type]
            # An empty cell in quotes is a cell.
            if len(cells) > 1 or (cells and not cells[0].isspace()):
                yield cells
    finally:
        csv.field_size_limit(limit)


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
    if len(names) == 1:
        other = max(DELIMITERS.replace(delimiter, ""), key=names[0].count)
        hint = (
            f"It looks separated by {other!r}; say so in the catalog: "
            f'load_args: {{sep: "{repr(other)[1:-1]}"}}.'
            if other in names[0]
            else "Expected a label and at least one feature."
        )
        raise DataError(f"{file}: one column only with the delimiter {delimiter!r}. {hint}")
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


def _tokenize(text: str, file: str, columns: int, above: int, dialect: dict[str, str]) -> pa.Table:
    """Give all rows' cells, the header's first, or name the rows that are ragged."""
    faults: list[str] = []

    def skip(row: arrow.InvalidRow) -> str:
        if not _is_blank(row.text, dialect):
            faults.append(row.text[:99])
        return "skip"

    places = [str(place) for place in range(columns)]
    # A row of one's own at the end: a quote that is never closed would swallow it.
    last = dict.fromkeys(places, END)
    try:
        table = arrow.read_csv(
            pa.BufferReader(f"{text}\n{dialect['delimiter'].join(last.values())}\n".encode()),
            arrow.ReadOptions(column_names=places, block_size=BLOCK),
            arrow.ParseOptions(
                delimiter=dialect["delimiter"],
                quote_char=dialect["quotechar"],
                newlines_in_values=True,
                invalid_row_handler=skip,
            ),
            arrow.ConvertOptions(column_types=dict.fromkeys(places, pa.large_string())),
        )
    except pa.ArrowInvalid as error:
        faults.append(str(error))
    if faults:
        parsed = islice(_rows(_lines(text), len(text), dialect), above, None)
        sizes = [(len(cells), sum(map(len, cells))) for cells in parsed]
        lengths = [length for length, _ in sizes]
        if rows := [row for row, length in enumerate(lengths, 1) if length != columns]:
            raise DataError(
                f"{file}: {row_list(rows)}: expected {columns} cells as there are columns, got "
                f"{lengths[rows[0] - 1]} in row {rows[0]}. Rows are counted from 1 below the "
                "header; a cell that holds the delimiter needs quotes, and each quote that opens a "
                "cell one that closes it."
            )
        if "straddl" in faults[0]:  # Arrow's word for a row longer than a block
            characters, row = max((size, row) for row, (_, size) in enumerate(sizes, 1))
            raise DataError(
                f"{file}: row {row} has {characters} characters; expected at most {BLOCK} bytes in "
                "a row. Shorten its cells."
            )
        raise DataError(f"{file}: it is no CSV with {columns} cells in each row: {faults[0]}")
    if table[-1:].to_pylist() != [last]:
        raise DataError(
            f"{file}: row {table.num_rows - above}: a quote opens a cell and is never closed."
        )
    return table[:-1]


def _chosen(frame: pd.DataFrame, file: str, given: dict[str, Any]) -> pd.DataFrame:
    """Take the columns and rows that the catalog asks for."""
    if (chosen := given.get("usecols")) is not None:
        by_place = dict(enumerate(frame.columns))
        names = [by_place.get(column, column) for column in chosen]
        if unknown := [name for name in names if name not in frame.columns]:
            raise DataError(
                f"{file}: the catalog says usecols: {chosen!r}; expected names or places (from 0) "
                f"of columns, got {unknown[0]!r}. It has: {', '.join(frame.columns)}."
            )
        frame = frame[[name for name in frame.columns if name in names]]
    return frame[: given.get("nrows")]
