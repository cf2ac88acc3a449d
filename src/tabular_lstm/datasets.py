"""The raw CSV as the catalog reads it: text cells, and the fingerprint of their bytes."""

import codecs
import csv
import hashlib
import io
from collections import Counter
from typing import Any

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.errors import DataError, row_list

# The arguments under which rows can be told apart without pandas, to count their cells.
COUNTABLE = {"sep", "delimiter", "header", "names", "encoding", "quotechar", "usecols", "nrows"}
DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t'", "|": "'|'"}


class RawCSVDataset(CSVDataset):  # type: ignore[misc]
    """A CSV of which every cell stays the text it is in the file.

    `load_args` are those of `pandas.read_csv`; `sep`, `header`, `names`, `encoding`,
    `quotechar`, `skiprows` and `usecols` are the useful ones. `dtype` and the handling of
    missing values are fixed: the `validate_rows` node turns text into numbers and can
    name each cell that it can't.
    """

    def load(self) -> pd.DataFrame:
        """Read the file once.

        Returns:
            A frame of text, one row per data row; `attrs` holds `file`, its path, and
            `sha256`, the hash of the bytes that the rows were parsed from.

        Raises:
            DataError: There is no such file, it is empty, holds a header alone, is not in the
                declared encoding, has another delimiter, ragged rows or a column name
                twice.
        """
        path = get_filepath_str(self._get_load_path(), self._protocol)
        try:
            content = self._fs.cat_file(path)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise DataError(
                f"{path}: no such file. The catalog entry with this filepath says what is read."
            ) from error
        frame = read_cells(content, path, self._load_args)
        frame.attrs = {"file": path, "sha256": hashlib.sha256(content).hexdigest()}
        return frame


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    """Parse a CSV into text cells, or say what is wrong with it.

    Args:
        content: The file's bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`.

    Raises:
        DataError: See `RawCSVDataset.load`.
    """
    text = _decode(content, file, load_args.get("encoding", "utf-8"))
    if not text.strip():
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    arguments = {**load_args, "dtype": str, "keep_default_na": False, "na_values": []}
    arguments.pop("encoding", None)
    header = _header(text, file, arguments)
    _refuse_ragged_rows(text, file, len(header), load_args)
    try:
        frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **arguments)
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{file}: pandas cannot read it: {error}") from error
    if len(header) == 1:
        raise DataError(_one_column(file, header[0], arguments))
    if frame.empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row per class.")
    return frame


def _decode(content: bytes, file: str, encoding: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{file}, line {line}: byte 0x{content[error.start]:02x} is not {encoding}. Save the "
            "file as UTF-8, or name its encoding in the catalog: load_args: {encoding: latin-1}."
        ) from error


def _header(text: str, file: str, arguments: dict[str, Any]) -> list[str]:
    """Read the column names as the file has them: pandas would rename a second `age` to `age.1`."""
    if arguments.get("names") is not None:
        return [str(name) for name in arguments["names"]]
    first = pd.read_csv(io.StringIO(text), **{**arguments, "header": None, "nrows": 1})
    names = [str(name) for name in first.iloc[0]]
    if arguments.get("header", "infer") is None:
        raise DataError(
            f"{file}: the catalog says header: null and no names; add names: [...] with one for "
            f"each of the {len(names)} columns."
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        places = [str(place) for place, name in enumerate(names, 1) if name == twice[0]]
        raise DataError(
            f"{file}: column name '{twice[0]}' stands {len(places)} times in the header, as "
            f"columns {', '.join(places)}. Each column needs a name of its own."
        )
    return names


def _refuse_ragged_rows(text: str, file: str, columns: int, load_args: dict[str, Any]) -> None:
    """Stop at rows with another number of cells than there are columns.

    pandas fills short rows up and takes the first cells of long ones for an index, in silence.
    """
    delimiter = _delimiter(load_args)
    if len(delimiter) > 1 or not set(load_args) <= COUNTABLE:
        return
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=load_args.get("quotechar", '"'),
    )
    lengths = [len(cells) for cells in reader if cells and (len(cells) > 1 or cells[0].strip())]
    headers = {"infer": 0 if load_args.get("names") else 1, None: 0}
    header = load_args.get("header", "infer")
    lengths = lengths[headers[header] if header in headers else header + 1 :]
    rows = [row for row, length in enumerate(lengths, 1) if length != columns]
    if rows:
        raise DataError(
            f"{file}: {row_list(rows)}: expected {columns} cells as there are columns, got "
            f"{lengths[rows[0] - 1]} in row {rows[0]}. "
            "A cell that holds the delimiter needs quotes."
        )


def _delimiter(load_args: dict[str, Any]) -> str:
    return str(load_args.get("sep") or load_args.get("delimiter") or ",")


def _one_column(file: str, header: str, arguments: dict[str, Any]) -> str:
    used = _delimiter(arguments)
    other = max(DELIMITERS, key=header.count)
    hint = (
        f"It looks separated by {DELIMITERS[other]}; say so in the catalog: "
        f'load_args: {{sep: "{DELIMITERS[other][1:-1]}"}}.'
        if header.count(other)
        else "Expected a label and at least one feature."
    )
    return f"{file}: one column only with the delimiter {DELIMITERS.get(used, repr(used))}. {hint}"
