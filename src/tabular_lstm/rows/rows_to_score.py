"""Rows to score: files of a CSV or of Parquet, read as a stream of blocks."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows.blocks import Block, in_blocks, refuse_other_columns
from tabular_lstm.rows.csv_text import columns_of_csv, stream_cells
from tabular_lstm.rows.load_args import MARKS, marks_of
from tabular_lstm.rows.parquet import columns_of_parquet, rows_of_parquet, stream_parquet
from tabular_lstm.rows.schema import Marks

# Rows of a block, fewer where they have many cells.
ROWS = 2**16
CELLS = 2**22
PARQUET = ".parquet"
# What holds whole numbers and booleans beside missing ones; pandas' own choice is floats.
WHOLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


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
        """Name the columns, in the order of the first file, of which the header alone is read.

        Raises:
            DataError: See `blocks`.
        """
        file = self._file(self.names[0])
        with self.open_file(self.names[0]) as content:
            if _is_parquet(file):
                return columns_of_parquet(content, file)
            return columns_of_csv(content, file, dict(self.load_args))

    @property
    def marks(self) -> Marks | None:
        """Give the marks that numbers are written with, None where `load_args` name none."""
        given = {name: self.load_args.get(name) for name in MARKS}
        return marks_of(given) if any(given.values()) else None

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of each file's bytes by its name, without parsing.

        They are read once: what this gives later is the same, whatever the files are then.
        """
        return {name or self.path.rpartition("/")[2]: sha for name, sha in self._hashes.items()}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {name: self._hash(name) for name in self.names}

    def _hash(self, name: str) -> str:
        digest = Digest()
        with self.open_file(name) as content:
            try:
                digest.take(content)
            except OSError as error:
                raise DataError(f"{self._file(name)}: {error.strerror or error}") from error
        return digest.hexdigest()

    def most_rows(self) -> int:
        """Say how many rows there are at most: of Parquet exactly, of a CSV by its bytes."""
        total = 0
        for name in self.names:
            with self.open_file(name) as content:
                if _is_parquet(self._file(name)):
                    total += rows_of_parquet(content, self._file(name))
                else:
                    # A row has at least a mark between its cells, and one at its end.
                    total += (content.seek(0, os.SEEK_END) + 1) // len(self.columns)
        return total

    def about(self, cells: pd.DataFrame) -> int:
        """Say about how many rows there are, where these are the first: of Parquet exactly."""
        if any(_is_parquet(self._file(name)) for name in self.names):
            return self.most_rows()
        characters = sum(int(column.str.len().sum()) for _, column in cells.items())
        share = len(cells) / (characters / cells.shape[1] + len(cells))
        return max(len(cells), round(share * self.most_rows()))

    def blocks(self, rows: int | None = None) -> Iterator[Block]:
        """Read all files, a block after the other, with memory for a few blocks.

        Args:
            rows: Of a block; the last one of a file may be shorter. Default: 65,536, fewer of more
                than 64 columns.

        Raises:
            DataError: A file cannot be read, has other columns than the first one, or its bytes
                are not those of `hashes`, which may be noticed at its end; or there is no row.
        """
        is_empty = True
        hashes = self._hashes
        rows = rows or max(1, min(ROWS, CELLS // len(self.columns)))
        for name, expected in hashes.items():
            digest = Digest()
            for block in self._blocks_of(name, rows, digest):
                is_empty = False
                yield block
            if digest.hexdigest() != expected:
                raise self._changed(name)
        if is_empty:
            raise DataError(f"{self.path}: no rows; expected at least one.")

    def head(self, rows: int) -> pd.DataFrame:
        """Give the first rows of the first file, whatever its hash.

        Raises:
            DataError: See `blocks`.
        """
        for block in self._blocks_of(self.names[0], rows):
            return block.cells
        return pd.DataFrame(columns=self.columns)

    def _blocks_of(self, name: str, rows: int, digest: Digest | None = None) -> Iterator[Block]:
        file = self._file(name)
        with self.open_file(name) as content:
            if _is_parquet(file):
                batches = stream_parquet(content, file, digest)
            else:
                batches = stream_cells(content, file, dict(self.load_args), digest)
            for first, table in in_blocks(batches, rows):
                self._refuse_other_columns(table.column_names, name)
                yield Block(name or None, first, _frame(table.select(self.columns)))

    def _refuse_other_columns(self, columns: list[str], name: str) -> None:
        first = self.names[0]
        if name == first and columns != self.columns:
            raise self._changed(name)
        refuse_other_columns(columns, self._file(name), self.columns, first)

    def _changed(self, name: str) -> DataError:
        return DataError(
            f"{self._file(name)}: the file changed while it was read; expected the bytes that it "
            "had at the start. Run again when it stays as it is."
        )

    def _file(self, name: str) -> str:
        return f"{self.path}/{name}" if name else self.path


def _is_parquet(file: str) -> bool:
    return file.lower().endswith(PARQUET)


def _frame(table: pa.Table) -> pd.DataFrame:
    """Give the rows as a frame; a whole number stays one where another one is missing."""
    frame: pd.DataFrame = table.combine_chunks().to_pandas(
        types_mapper=WHOLE.get, ignore_metadata=True
    )
    return frame
