"""The text of a CSV becomes text cells, or what is wrong with it is said."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.errors import DataError, row_list

DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t'", "|": "'|'"}
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
# Bytes that Arrow parses at a time. A row is no longer than that.
BLOCK = 2**24
END = "end"


def _is_character(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


# Of pandas.read_csv, those that say where cells begin and end, each with what it may be. What a
# cell means is for conf.
LOAD_ARGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "sep": ("one character", _is_character),
    "delimiter": ("one character", _is_character),
    "header": ("a number of lines, null or infer", lambda v: v == "infer" or _is_number(v)),
    "names": ("a list of names", _is_list),
    "skiprows": ("a number of lines", _is_number),
    "nrows": ("a number of rows", _is_number),
    "usecols": ("a list of names or places", _is_list),
    "quotechar": ("one character", _is_character),
    "encoding": ("a name", lambda value: isinstance(value, str)),
    "decimal": ("one character", _is_character),
}
# Where null says that the argument is not given.
NULLABLE = {"sep", "delimiter", "header", "names", "nrows", "usecols"}


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    """Parse a CSV into text cells.

    Args:
        content: The file's bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`, see `LOAD_ARGS`.

    Returns:
        A frame of text, one row per data row, an empty cell as "".

    Raises:
        DataError: The file is empty, holds a header alone, is not in the declared encoding, has
            another delimiter, ragged rows or a column name twice; or an argument is not of
            `LOAD_ARGS`.
    """
    _refuse_other_arguments(file, load_args)
    text = _decode(content, file, load_args.get("encoding", "utf-8"))
    header, declared = load_args.get("header", "infer"), load_args.get("names")
    # Lines above the header go first, so that rows are counted from the header on.
    text = _below(text, load_args.get("skiprows", 0) + (header if isinstance(header, int) else 0))
    if declared is not None and isinstance(header, int):
        text = _below(text.lstrip("\r\n"), 1)
    if not text.strip():
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    dialect = {"delimiter": _delimiter(load_args), "quotechar": load_args.get("quotechar", '"')}
    names = _column_names(text, file, load_args, dialect)
    above = int(declared is None)  # rows above the data, in what is parsed
    cells = _tokenize(text, file, len(names), above, dialect)[above:]
    if not cells.num_rows:
        raise DataError(f"{file}: a header and no rows; expected at least one row per class.")
    columns = [pd.array(column, dtype="str") for column in cells.columns]
    return _chosen(pd.DataFrame(dict(zip(names, columns, strict=True))), file, load_args)


def _below(text: str, lines: int) -> str:
    """Leave off so many lines."""
    for _ in range(lines):
        text = text[match.end() :] if (match := LINE.match(text)) else ""
    return text


def _tokenize(text: str, file: str, columns: int, above: int, dialect: dict[str, str]) -> pa.Table:
    """Give all rows' cells, the header's first.

    Raises:
        DataError: A row has another number of cells than there are columns, or a quote is never
            closed.
    """
    ragged: list[str] = []

    def skip(row: arrow.InvalidRow) -> str:
        if row.text.strip():
            ragged.append(row.text[:99])
        return "skip"

    places = [str(place) for place in range(columns)]
    # A row of one's own at the end: a quote that is never closed would swallow it.
    last = [END] * columns
    try:
        table = arrow.read_csv(
            pa.BufferReader(f"{text}\n{dialect['delimiter'].join(last)}\n".encode()),
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
        _refuse_ragged_rows(text, file, columns, above, dialect)
        raise DataError(f"{file}: it cannot be read as a CSV: {error}") from error
    if ragged:
        _refuse_ragged_rows(text, file, columns, above, dialect)
        raise DataError(f"{file}: expected {columns} cells in a row, got {ragged[0]!r}.")
    if [*table.slice(table.num_rows - 1).to_pylist()[0].values()] != last:
        raise DataError(
            f"{file}: row {table.num_rows - above}: a quote opens a cell and is never closed."
        )
    return table[:-1]


def _refuse_ragged_rows(
    text: str, file: str, columns: int, above: int, dialect: dict[str, str]
) -> None:
    """Name the rows with another number of cells than there are columns."""
    reader = csv.reader(_lines(text), **dialect)  # type: ignore[arg-type]
    try:
        lengths = [len(cells) for cells in reader if not _blank(cells)][above:]
    except csv.Error as error:
        raise DataError(
            f"{file}, near line {reader.line_num}: {error}. A quote that opens a cell and never "
            "closes it reads so."
        ) from error
    if rows := [row for row, length in enumerate(lengths, 1) if length != columns]:
        raise DataError(
            f"{file}: {row_list(rows)}: expected {columns} cells as there are columns, got "
            f"{lengths[rows[0] - 1]} in row {rows[0]}. Rows are counted from 1 below the header; "
            "a cell that holds the delimiter needs quotes."
        )


def _lines(text: str) -> Iterator[str]:
    return (match.group() for match in LINE.finditer(text))


def _blank(cells: list[str]) -> bool:
    """Tell whether a line holds nothing but white space: an empty cell in quotes is a cell."""
    return not cells or (len(cells) == 1 and cells[0].isspace())


def _column_names(
    text: str, file: str, load_args: dict[str, Any], dialect: dict[str, str]
) -> list[str]:
    """Give the columns' names: those that conf declares, or the first row's."""
    header, declared = load_args.get("header", "infer"), load_args.get("names")
    reader = csv.reader(_lines(text), **dialect)  # type: ignore[arg-type]
    try:
        first = next(cells for cells in reader if not _blank(cells))
    except csv.Error as error:
        raise DataError(f"{file}, near line {reader.line_num}: {error}.") from error
    if declared is None and header is None:
        raise DataError(
            f"{file}: the catalog says header: null and no names; add names: [...] with one for "
            f"each of the {len(first)} columns."
        )
    names = [str(name).strip() for name in (first if declared is None else declared)]
    if len(names) == 1:
        raise DataError(_one_column(file, names[0], dialect["delimiter"]))
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        places = [str(place) for place, name in enumerate(names, 1) if name == twice[0]]
        raise DataError(
            f"{file}: column name '{twice[0]}' stands {len(places)} times in the header, as "
            f"columns {', '.join(places)}. Each column needs a name of its own."
        )
    # As pandas has it: names count where features are put in order.
    return [name or f"Unnamed: {place}" for place, name in enumerate(names)]


def _chosen(frame: pd.DataFrame, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    """Take the columns and rows that the catalog asks for, decimal points in their numbers."""
    if (chosen := load_args.get("usecols")) is not None:
        by_place = dict(enumerate(frame.columns))
        names = [by_place.get(column, column) for column in chosen]
        if unknown := [name for name in names if name not in frame.columns]:
            raise DataError(
                f"{file}: the catalog says usecols: {chosen!r}; expected names or places (from 0) "
                f"of columns, got {unknown[0]!r}. It has: {', '.join(frame.columns)}."
            )
        frame = frame[[name for name in frame.columns if name in names]]
    frame = frame[: load_args.get("nrows")]
    if (decimal := load_args.get("decimal", ".")) != ".":
        number = rf"^(\s*[+-]?\d*){re.escape(decimal)}(\d*(?:[eE][+-]?\d+)?\s*)$"
        frame = frame.apply(lambda cells: cells.str.replace(number, r"\1.\2", regex=True))
    return frame


def _refuse_other_arguments(file: str, load_args: dict[str, Any]) -> None:
    for name, value in load_args.items():
        expected, fits = LOAD_ARGS.get(name, (f"one of {', '.join(LOAD_ARGS)}", lambda _: False))
        if not (fits(value) or (value is None and name in NULLABLE)):
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


def _delimiter(load_args: dict[str, Any]) -> str:
    return str(load_args.get("sep") or load_args.get("delimiter") or ",")


def _one_column(file: str, header: str, used: str) -> str:
    other = max(DELIMITERS, key=header.count)
    hint = (
        f"It looks separated by {DELIMITERS[other]}; say so in the catalog: "
        f'load_args: {{sep: "{DELIMITERS[other][1:-1]}"}}.'
        if header.count(other)
        else "Expected a label and at least one feature."
    )
    return f"{file}: one column only with the delimiter {DELIMITERS.get(used, repr(used))}. {hint}"
