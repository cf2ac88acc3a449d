"""Rows to score: files of a CSV or of Parquet, read as a stream of blocks."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.rows.blocks import Block
from tabular_lstm.rows.csv_text import read_cells
from tabular_lstm.rows.load_args import MARKS, marks_of
from tabular_lstm.rows.schema import Marks

# Rows of a block.
ROWS = 2**16
PARQUET = ".parquet"


@dataclass(frozen=True)
class RowsToScore:
    """One file of rows, or the files of a folder in the order of their names.

    Attributes:
        path: The file or the folder, for messages.
        names: Of the files in the folder; of a lone file "" alone.
        open_file: Opens one of them to read its bytes.
        load_args: Of a CSV, see `tabular_lstm.rows.load_args.LOAD_ARGS`.
    """

    path: str
    names: Sequence[str]
    open_file: Callable[[str], BinaryIO] = field(repr=False)
    load_args: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def columns(self) -> list[str]:
        """Name the columns, in the order of the first file, of which the header alone is read."""
        return [str(name) for name in next(self.blocks(1)).cells.columns]

    @property
    def marks(self) -> Marks | None:
        """Give the marks that numbers are written with, None where `load_args` name none."""
        given = {name: self.load_args.get(name) for name in MARKS}
        return marks_of(given) if any(given.values()) else None

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of each file's bytes by its name, read once and without parsing."""
        return dict(self._hashes)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        found = {}
        for name in self.names:
            with self.open_file(name) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            found[name or self.path.rpartition("/")[2]] = digest
        return found

    def blocks(self, rows: int = ROWS) -> Iterator[Block]:
        """Read all files, a block after the other.

        Args:
            rows: Of a block; the last one of a file may be shorter.

        Raises:
            DataError: A file cannot be read, has other columns than the first one, or its bytes
                are not those of `hashes`; at the end of that file at the latest.
        """
        for name in self.names:
            cells = self._cells(name)
            for start in range(0, len(cells), rows):
                part = cells.iloc[start : start + rows].reset_index(drop=True)
                yield Block(name or None, start + 1, part)

    def _cells(self, name: str) -> pd.DataFrame:
        file = f"{self.path}/{name}" if name else self.path
        with self.open_file(name) as opened:
            content = opened.read()
        if file.lower().endswith(PARQUET):
            try:
                table = parquet.read_table(pa.BufferReader(content))
            except pa.ArrowInvalid as error:
                raise DataError(f"{file}: {error}") from error
            frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
            return frame
        return read_cells(content, file, dict(self.load_args))
