"""The raw CSV as the catalog reads it: text cells, and the fingerprint of their bytes."""

import codecs
import csv
import hashlib
import io
import os
import re
from collections import Counter
from typing import Any

import pandas as pd
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.errors import LISTED, DataError, row_list

# Of pandas.read_csv, those that say where cells begin and end. What a cell means is for conf.
LOAD_ARGS = (
    "sep",
    "delimiter",
    "header",
    "names",
    "skiprows",
    "nrows",
    "usecols",
    "quotechar",
    "encoding",
    "decimal",
)
# Dealt with before pandas gets the text.
PREPARED = {"encoding", "skiprows", "header", "decimal"}
DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t'", "|": "'|'"}


class RawCSVDataset(CSVDataset):  # type: ignore[misc]
    """A CSV, or a directory of them, of which every cell stays the text it is in the file.

    `load_args` are those of `pandas.read_csv` that say where cells begin and end (`LOAD_ARGS`),
    with a `sep` of one character and a number for `skiprows`, and `decimal`, the only one to
    change a cell: numbers are given back with a point. The `validate_rows` node turns text into
    numbers and can name each cell that it can't.

    Where `filepath` is a directory, every `*.csv` directly in it that is not hidden is read with
    the same `load_args`, in the order of the names by their bytes, as `LC_ALL=C ls` has it. Each
    needs the same columns, in any order; the first file's order is kept.
    """

    def load(self) -> pd.DataFrame:
        """Read the file, or each file of the directory, once.

        Returns:
            A frame of text, one row per data row. Its index `row` counts from 1 below the header;
            with a directory it is text, file and number, as in `2026-11-01.csv:3`. `attrs` holds
            `file`, the path, and `sha256`, the hash of the bytes that the rows were parsed from:
            of a directory what `cd directory && sha256sum *.csv | sha256sum` prints in C locale,
            and `files`, the names of the files read (for a directory alone).

        Raises:
            DataError: There is no such file, it is empty, holds a header alone, is not in the
                declared encoding, has another delimiter, ragged rows or a column name
                twice. A directory holds no CSV, files of different columns, or one that is gone
                before it is read.
        """
        path = get_filepath_str(self._get_load_path(), self._protocol)
        try:
            content = self._fs.cat_file(path)
        except (FileNotFoundError, IsADirectoryError):
            return self._load_directory(path)
        frame = read_cells(content, path, self._load_args)
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
        frame.attrs = {"file": path, "sha256": hashlib.sha256(content).hexdigest()}
        return frame

    def sha256(self) -> str:
        return self.load().attrs["sha256"]

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows: `nrows` of each file are read, and `nrows` of them all shown."""
        preview = super().preview(nrows)
        return TablePreview(
            {name: part if name == "columns" else part[:nrows] for name, part in preview.items()}
        )

    def _load_directory(self, path: str) -> pd.DataFrame:
        names = self._csv_names(path)
        frames: list[pd.DataFrame] = []
        rows: list[str] = []
        sums = hashlib.sha256()
        for name in names:
            file = f"{path}/{name}"
            try:
                content = self._fs.cat_file(file)
            except (FileNotFoundError, IsADirectoryError) as error:
                raise DataError(
                    f"{file}: no such file, though {path} listed it a moment ago; expected the "
                    "files to stay while they are read. Run again when they do."
                ) from error
            frame = read_cells(content, file, self._load_args)
            if frames:
                _refuse_other_columns(frame, file, frames[0], names[0])
            frames.append(frame)
            rows += [f"{name}:{row}" for row in range(1, len(frame) + 1)]
            # A line of sha256sum's.
            sums.update(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
        # By column name, in the order of the first.
        together = pd.concat(frames).set_axis(pd.Index(rows, name="row"), axis="index")
        together.attrs = {"file": path, "sha256": sums.hexdigest(), "files": names}
        return together

    def _csv_names(self, path: str) -> list[str]:
        # Other storage than the disk may remember what was here yesterday.
        self._invalidate_cache()
        if not self._fs.isdir(path):
            raise DataError(
                f"{path}: no such file or directory. The catalog entry with this filepath says "
                "what is read."
            )
        entries = self._fs.ls(path, detail=True)
        files = [e["name"].rpartition("/")[2] for e in entries if e["type"] != "directory"]
        names = [name for name in files if name.endswith(".csv") and not name.startswith(".")]
        if not names:
            raise DataError(
                f"{path}: the directory holds no CSV; expected at least one file named *.csv "
                f"directly in it, got {', '.join(sorted(files)[:LISTED]) or 'no file'}. The "
                "catalog entry with this filepath says what is read."
            )
        return sorted(names, key=os.fsencode)


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    """Parse a CSV into text cells, or say what is wrong with it.

    Args:
        content: The file's bytes.
        file: The file's name, for messages.
        load_args: Arguments of `pandas.read_csv`.

    Raises:
        DataError: See `RawCSVDataset.load`.
    """
    _refuse_other_arguments(file, load_args)
    text = _decode(content, file, load_args.get("encoding", "utf-8"))
    # Lines above the header go first, so that rows are counted from the header on.
    header = load_args.get("header", "infer")
    above = load_args.get("skiprows", 0) + (header if isinstance(header, int) else 0)
    if above:
        text = "".join(io.StringIO(text).readlines()[above:])
    if not text.strip():
        raise DataError(f"{file}: the file is empty; expected a header and rows.")
    arguments = {
        **{name: value for name, value in load_args.items() if name not in PREPARED},
        "header": 0 if isinstance(header, int) else header,
        "dtype": str,
        "keep_default_na": False,
    }
    names = _column_names(text, file, arguments)
    if len(names) == 1:
        raise DataError(_one_column(file, names[0], arguments))
    _refuse_ragged_rows(text, file, len(names), arguments)
    try:
        frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **arguments)
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{file}: pandas cannot read it: {error}") from error
    if frame.empty:
        raise DataError(f"{file}: a header and no rows; expected at least one row per class.")
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    if (decimal := load_args.get("decimal", ".")) != ".":
        number = rf"^(\s*[+-]?\d*){re.escape(decimal)}(\d*(?:[eE][+-]?\d+)?\s*)$"
        frame = frame.apply(lambda cells: cells.str.replace(number, r"\1.\2", regex=True))
    return frame


def _refuse_other_columns(
    frame: pd.DataFrame, file: str, first: pd.DataFrame, first_name: str
) -> None:
    """Stop at a file of a directory that has not the columns of the first one."""
    lacking = [name for name in first.columns if name not in frame.columns]
    added = [name for name in frame.columns if name not in first.columns]
    found = {"lacks": lacking, "has in addition": added}
    faults = [f"{what} {', '.join(map(repr, names))}" for what, names in found.items() if names]
    if faults:
        raise DataError(
            f"{file}: against {first_name}, the first of the directory, it "
            f"{' and '.join(faults)}; expected the same columns in every file, in any order. "
            "Mend its header, or move the file elsewhere."
        )


def _refuse_other_arguments(file: str, load_args: dict[str, Any]) -> None:
    unknown = [name for name in load_args if name not in LOAD_ARGS]
    expected = {name: f"one of {', '.join(LOAD_ARGS)}" for name in unknown}
    if len(_delimiter(load_args)) != 1:
        expected["sep"] = "one character"
    if not isinstance(load_args.get("skiprows", 0), int):
        expected["skiprows"] = "a number of lines"
    for name, what in expected.items():
        given = f"load_args: {{{name}: {load_args.get(name)!r}}}"
        raise DataError(f"{file}: the catalog says {given}; expected {what}.")


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


def _column_names(text: str, file: str, arguments: dict[str, Any]) -> list[str]:
    """Read the column names as the file has them: pandas would rename a second `age` to `age.1`."""
    if arguments.get("names") is not None:
        return [str(name) for name in arguments["names"]]
    first_line = {**arguments, "header": None, "nrows": 1, "usecols": None}
    names = [str(name).strip() for name in pd.read_csv(io.StringIO(text), **first_line).iloc[0]]
    if arguments["header"] is None:
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


def _refuse_ragged_rows(text: str, file: str, columns: int, arguments: dict[str, Any]) -> None:
    """Stop at rows with another number of cells than there are columns.

    pandas fills short rows up and takes the first cells of long ones for an index, in silence.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=_delimiter(arguments),
        quotechar=arguments.get("quotechar", '"'),
    )
    try:
        lengths = [len(cells) for cells in reader if cells and (len(cells) > 1 or cells[0].strip())]
    except csv.Error as error:
        raise DataError(
            f"{file}, near line {reader.line_num}: {error}. A quote that opens a cell and never "
            "closes it reads so."
        ) from error
    header = arguments["header"]
    has_header = header == 0 or (header == "infer" and arguments.get("names") is None)
    lengths = lengths[int(has_header) :]
    rows = [row for row, length in enumerate(lengths, 1) if length != columns]
    if rows:
        raise DataError(
            f"{file}: {row_list(rows)}: expected {columns} cells as there are columns, got "
            f"{lengths[rows[0] - 1]} in row {rows[0]}. Rows are counted from 1 below the header; "
            "a cell that holds the delimiter needs quotes."
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
