"""The raw CSV as the catalog reads it: text cells in parts, and the SHA-256 of the file's bytes."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import CSVDataset

from tabular_lstm.datasets.kedro_private import TablePreview
from tabular_lstm.datasets.raw_files import RawFiles
from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows.blocks import in_blocks, refuse_other_columns
from tabular_lstm.rows.csv_text import stream_cells
from tabular_lstm.rows.load_args import marks_of, refuse_other_arguments
from tabular_lstm.rows.raw_rows import RawRows

CSV = {".csv": "CSV"}
# Rows of a part, fewer where they are long.
ROWS = 2**17
TEXT = pa.large_string()


class RawCSVDataset(CSVDataset):  # type: ignore[misc]
    """A CSV, or a directory of them, of which every cell stays the text it is in the file.

    `load_args` are those of `pandas.read_csv` that say where cells begin and end, and which marks
    numbers are written with, see `tabular_lstm.rows.load_args.LOAD_ARGS`.

    Where `filepath` is a directory, every file directly in it that is named `*.csv`, in whatever
    case, and is not hidden is read with the same `load_args`, in the order of the names by their
    bytes, as `LC_ALL=C ls` has it. Each needs the same columns, in any order; the first file's
    order is kept. What else is in the directory is named in a warning.
    """

    def load(self) -> RawRows:
        """List the files; their bytes are read by `parts` of what is given.

        Returns:
            The rows. `sha256` is of a directory what
            `cd directory && sha256sum *.[cC][sS][vV] | sha256sum` prints in C locale, of names
            without backslash and line end.

        Raises:
            DataError: There is no such file, it is no regular file, or a directory holds no CSV or
                one whose name is not UTF-8. And as the parts are read: a file cannot be opened,
                `tabular_lstm.rows.csv_text.stream_cells` cannot read it, files have different
                columns, or one has changed since its parts were read before.
        """
        files = self._files()
        names, others = files.names()
        files.warn_of_others(others)
        refuse_other_arguments(files.file(names[0]), self._load_args)
        reading = _Reading(files, tuple(names), self._load_args)
        of_folder = () if names == [""] else tuple(names)
        marks = marks_of(self._load_args)
        return RawRows(files.path, reading.parts, reading.sha256, marks, of_folder)

    def sha256(self) -> str:
        """Give the hash that `load` would, without parsing; raise what it would of a path."""
        files = self._files()
        names, _ = files.names()
        return _hash_of({name: files.read(self._hash, name) for name in names})

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows: `nrows` of each file are read, and `nrows` of them all shown."""
        first = self._copy()
        first._load_args = {**self._load_args, "nrows": nrows}
        rows: dict[str, Any] = first.load().whole()[:nrows].to_dict(orient="split")
        return TablePreview(rows)

    def _files(self) -> RawFiles:
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return RawFiles(self._fs, str(path), CSV)

    def _hash(self, path: str) -> str:
        with self._fs.open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Reading:
    """Reads the files' rows, and remembers the columns of the first and what bytes they had."""

    files: RawFiles
    names: tuple[str, ...]
    load_args: dict[str, Any]
    columns: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    def parts(self) -> Iterator[pd.DataFrame]:
        for name in self.names:
            file, digest = self.files.file(name), Digest()
            with self.files.open(name) as content:
                batches = stream_cells(content, file, self.load_args, digest)
                for first, table in in_blocks(batches, ROWS):
                    self._compare(name, table.column_names)
                    # By column name, in the order of the first file.
                    frame: pd.DataFrame = table.select(self.columns).combine_chunks().to_pandas()
                    frame.index = _named(name, first, len(frame))
                    yield frame
            if self.hashes.setdefault(name, digest.hexdigest()) != digest.hexdigest():
                raise _changed(file)

    def _compare(self, name: str, columns: list[str]) -> None:
        """Stop where a file has other columns than the first one, or this one than before."""
        if not self.columns:
            self.columns.extend(columns)
        if name == self.names[0] and columns != self.columns:
            raise _changed(self.files.file(name))
        refuse_other_columns(columns, self.files.file(name), self.columns, self.names[0])

    def sha256(self) -> str:
        return _hash_of(self.hashes)


def _named(name: str, first: int, rows: int) -> pd.Index:
    """Name the rows of a part: as Arrow's text, since Python's takes three times the memory."""
    numbers: pd.Index = pd.RangeIndex(first, first + rows, name="row")
    if not name:
        return numbers
    texts = pa.array(numbers.to_numpy()).cast(TEXT)
    joined = pc.binary_join_element_wise(pa.scalar(name, TEXT), texts, pa.scalar(":", TEXT))
    named: pd.Index = pd.Index(joined.to_pandas(), name="row")
    return named


def _changed(file: str) -> DataError:
    return DataError(
        f"{file}: the file changed while it was read; expected the bytes that it had at first. Run "
        "again when it stays as it is."
    )


def _hash_of(hashes: Mapping[str, str]) -> str:
    """Give the file's hash, or of a directory that of the lines that sha256sum prints."""
    if "" in hashes:
        return hashes[""]
    lines = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    return hashlib.sha256(lines.encode()).hexdigest()
