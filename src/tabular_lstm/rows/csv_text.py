"""Parse the text of a CSV into text cells, or raise an error that says what is wrong."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import DataError, row_list

# Of pandas.read_csv, those that say where cells begin and end. What a cell means is for conf.
CHARACTERS = ("sep", "delimiter", "quotechar", "decimal")
NUMBERS = ("header", "skiprows", "nrows")
LISTS = ("names", "usecols")
LOAD_ARGS = (*CHARACTERS, *NUMBERS, *LISTS, "encoding")

DELIMITERS = ",;\t|"
# Bytes that Arrow parses at a time. A row is no longer than that.
BLOCK = 2**24
END = "end"


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    r"""Parse a CSV into text cells.

    Args:
        content: The file's bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `LOAD_ARGS`; null is the default, and for
            `header` says that there is none.

    Returns:
        A frame of text, one row per data row, an empty cell as "", the end of a line within a cell
        as "\n" whatever it is in the file.

    Raises:
        DataError: The file is empty, holds a header alone, is not in the declared encoding, has
            another delimiter, ragged rows, a row of more than 16 MB or a column name twice; or an
            argument is not of `LOAD_ARGS`.
    """
    _refuse_other_arguments(file, load_args)
    header = load_args.get("header", "infer")
    given = {name: value for name, value in load_args.items() if value is not None}
    text = _decode(content, file, given.get("encoding", "utf-8"))
    # Arrow loses one of "\r\n" in a cell where a block ends.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Lines above the header go first, so that rows are counted from the header on.
    text = _below(text, given.get("skiprows", 0) + (header if isinstance(header, int) else 0))
    dialect = {
        "delimiter": given.get("sep", given.get("delimiter", ",")),
        "quotechar": given.get("quotechar", '"'),
    }
    if "names" in given and isinstance(header, int):
        while text and _is_blank(text[: text.find("\n") + 1], dialect):
            text = _below(text, 1)
        text = _below(text, 1)
    if not text.strip():
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    first = next(_rows(text, dialect))
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


def _refuse_other_arguments(file: str, load_args: dict[str, Any]) -> None:
    for name, value in load_args.items():
        if name in CHARACTERS:
            expected = "one ASCII character"
            fits = isinstance(value, str) and len(value) == 1 and value.isascii()
        elif name in NUMBERS:
            fits = (type(value) is int and value >= 0) or (name, value) == ("header", "infer")
            expected = "a whole number, 0 or more"
        elif name in LISTS:
            expected = "a list of at least one name or number"
            kinds = {*map(type, value)} if isinstance(value, list | tuple) else set()
            fits = bool(kinds) and kinds <= {str, int}
        elif name == "encoding":
            expected, fits = "a name", isinstance(value, str)
        else:
            expected, fits = f"one of {', '.join(LOAD_ARGS)}", False
        if not fits and not (value is None and name in LOAD_ARGS):
            raise DataError(
                f"{file}: the catalog says load_args: {{{name}: {value!r}}}; expected {expected}."
            )


def _decode(content: bytes, file: str, encoding: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode(encoding)
    except LookupError as error:
        raise DataError(
            f"{file}: the catalog says encoding: {encoding}, which Python does not know; "
            "expected a name such as utf-8 or latin-1."
        ) from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise DataError(
            f"{file}, line {line}: byte 0x{content[error.start]:02x} is not {encoding}. Save the "
            "file as UTF-8, or name its encoding in the catalog: "
            f"load_args: {{encoding: {'utf-16' if utf_16 else 'latin-1'}}}."
        ) from error


def _below(text: str, lines: int) -> str:
    """Leave off so many lines."""
    return "".join(text.split("\n", lines)[lines:])


def _is_blank(line: str, dialect: dict[str, str]) -> bool:
    return not line.strip() and dialect["delimiter"] not in line


def _rows(text: str, dialect: dict[str, str]) -> Iterator[list[str]]:
    """Give each row's cells as Python's csv has them, which is slow; blank lines are no rows."""
    lines = (line.group() for line in re.finditer(r".*\n?", text))
    limit = csv.field_size_limit(len(text))
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
    if len(names) == 1:
        other = max(DELIMITERS, key=names[0].count)
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
        sizes = [(len(cells), sum(map(len, cells))) for cells in _rows(text, dialect)][above:]
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
    """Take the columns and rows that the catalog asks for, decimal points in their numbers."""
    if (chosen := given.get("usecols")) is not None:
        by_place = dict(enumerate(frame.columns))
        names = [by_place.get(column, column) for column in chosen]
        if unknown := [name for name in names if name not in frame.columns]:
            raise DataError(
                f"{file}: the catalog says usecols: {chosen!r}; expected names or places (from 0) "
                f"of columns, got {unknown[0]!r}. It has: {', '.join(frame.columns)}."
            )
        frame = frame[[name for name in frame.columns if name in names]]
    frame = frame[: given.get("nrows")]
    if (decimal := given.get("decimal", ".")) != ".":
        number = rf"^(\s*[+-]?\d*){re.escape(decimal)}(\d*(?:[eE][+-]?\d+)?\s*)$"
        frame = frame.apply(lambda cells: cells.str.replace(number, r"\1.\2", regex=True))
    return frame
