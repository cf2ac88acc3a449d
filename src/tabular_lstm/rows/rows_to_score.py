"""Rows to score: files of a CSV or of Parquet, read as a stream of blocks."""

import contextlib
import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows.blocks import Block, Since, WronglyCutError, in_blocks, refuse_other_columns
from tabular_lstm.rows.csv_text import below, columns_of_csv, stream_cells
from tabular_lstm.rows.cut_text import NotCutError, cut_rows
from tabular_lstm.rows.load_args import MARKS, marks_of, refuse_other_arguments
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.parquet import rows_of_parquet, stream_parquet, types_of_parquet

# Rows of a block, fewer where they have many cells.
ROWS = 2**16
CELLS = 2**22
PARQUET = ".parquet"
ALL = Since()


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
                return list(types_of_parquet(content, file))
            return columns_of_csv(content, file, dict(self.load_args))

    def types(self, columns: Collection[str]) -> dict[str, pa.DataType]:
        """Give the type that these columns have in all files: text in a CSV.

        Raises:
            DataError: A column is of different types, or see `blocks`.
        """
        types: dict[str, pa.DataType] = dict.fromkeys(columns, pa.null())
        since: dict[str, str] = {}
        for name in self.names:
            for column, kind in self._types_of(name).items():
                known = types.get(column)
                if known is None or pa.types.is_null(kind):
                    continue
                if not pa.types.is_null(known) and known != kind:
                    raise DataError(
                        f"{self._file(name)}: column '{column}', which is copied, is of type "
                        f"{kind}; in {since[column]} it is of type {known}. Expected one type in "
                        "all files: write them alike."
                    )
                types[column] = kind
                since.setdefault(column, name)
        return {n: pa.string() if pa.types.is_null(kind) else kind for n, kind in types.items()}

    def _types_of(self, name: str) -> dict[str, pa.DataType]:
        if not _is_parquet(self._file(name)):
            return dict.fromkeys(self.columns, pa.string())
        with self.open_file(name) as content:
            return types_of_parquet(content, self._file(name))

    @property
    def marks(self) -> NumberFormat | None:
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
        if self._are_parquet:
            return self.most_rows()
        characters = sum(int(column.str.len().sum()) for _, column in cells.items())
        share = len(cells) / (characters / cells.shape[1] + len(cells))
        return max(len(cells), round(share * self.most_rows()))

    @property
    def _are_parquet(self) -> bool:
        return any(_is_parquet(self._file(name)) for name in self.names)

    def blocks(
        self,
        rows: int | None = None,
        texts: Collection[str] = (),
        without: Collection[str] = (),
        since: Since = ALL,
    ) -> Iterator[Block]:
        """Read all files, a block after the other, with memory for a few blocks.

        Those of a CSV are cut out of its text, and not parsed yet, where that can be done.

        Args:
            rows: Of a block; the last one of a file may be shorter. Default: 65,536, fewer of more
                than 64 columns.
            texts: Columns that are text, also where a Parquet file has them as bytes.
            without: Columns that are not read of a Parquet file, and that no file needs then; of a
                CSV, which is read as a whole, all are.
            since: Which blocks are wanted. Default: all.

        Raises:
            DataError: A file cannot be read, has other columns than the first one, or its bytes
                are not those of `hashes`, which may be noticed at its end; or there is no row.
        """
        is_empty = True
        hashes = self._hashes
        first = self.names.index(since.place[0]) if since.place else 0
        for name in self.names[first:]:
            digest = Digest()
            for block in self._blocks_of(
                name, rows, digest, texts, without, since.parsed.get(name)
            ):
                is_empty = False
                if since.place is None or name != since.place[0] or block.place >= since.place:
                    yield replace(block, expected=self.expected)
            if digest.hexdigest() != hashes[name]:
                raise self._changed(name)
        if is_empty:
            raise DataError(f"{self.path}: no rows; expected at least one.")

    @cached_property
    def expected(self) -> int:
        """Say about how many rows there are, by the first of them."""
        # No row of Parquet is read for it: nobody may need the columns that cannot be read.
        first = pd.DataFrame() if self._are_parquet else self.head(self._rows_of_a_block)
        return self.about(first)

    @property
    def _rows_of_a_block(self) -> int:
        return max(1, min(ROWS, CELLS // len(self.columns)))

    def head(self, rows: int) -> pd.DataFrame:
        """Give the first rows of the first file, whatever its hash.

        Raises:
            DataError: See `blocks`.
        """
        for parsed in (None, 1):
            with contextlib.suppress(WronglyCutError):
                for block in self._blocks_of(self.names[0], rows, parsed=parsed):
                    return block.cells
        return pd.DataFrame(columns=self.columns)

    def _blocks_of(
        self,
        name: str,
        rows: int | None,
        digest: Digest | None = None,
        texts: Collection[str] = (),
        without: Collection[str] = (),
        parsed: int | None = None,
    ) -> Iterator[Block]:
        file, columns, first = self._file(name), self.columns, 1
        rows = rows or self._rows_of_a_block
        with self.open_file(name) as content:
            if _is_parquet(file):
                self._refuse_arguments_of_a_csv(file)
                columns = [column for column in columns if column not in without]
                batches = stream_parquet(content, file, digest, texts=texts, without=without)
            else:
                left = (
                    1
                    if parsed == 1
                    else (yield from self._cut(name, content, rows, digest, parsed))
                )
                if left is None:
                    return
                first = left
                batches = below(
                    stream_cells(content, file, dict(self.load_args), digest), first - 1
                )
            for start, read in in_blocks(batches, rows):
                self._refuse_other_columns(read.column_names, name, columns)
                table = read.select(columns).combine_chunks()
                yield Block(name or None, first - 1 + start, table, file)

    def _cut(
        self, name: str, content: BinaryIO, rows: int, digest: Digest | None, parsed: int | None
    ) -> Generator[Block, None, int | None]:
        """Cut a CSV into blocks; return from which row on it is to be parsed, if it is."""
        first, file = 1, self._file(name)
        try:
            for cut in cut_rows(content, file, dict(self.load_args), rows, digest):
                self._refuse_other_columns(list(cut.chosen), name, self.columns)
                chosen = replace(cut, chosen=tuple(self.columns))
                yield Block(name or None, first, chosen, file)
                first += cut.rows
                if parsed is not None and first >= parsed:
                    return first
        except NotCutError:
            return first
        # None at all is an error, which is said by whoever parses.
        return None if first > 1 else first

    def _refuse_arguments_of_a_csv(self, file: str) -> None:
        given = {name: value for name, value in self.load_args.items() if value is not None}
        refuse_other_arguments(file, given)
        if others := [name for name in given if name not in MARKS]:
            raise DataError(
                f"{file}: the catalog says load_args: {', '.join(others)}, which are for a CSV; a "
                f"Parquet file is read whole. Expected none but {' and '.join(MARKS)}, for numbers "
                "that are text."
            )

    def _refuse_other_columns(self, columns: list[str], name: str, expected: list[str]) -> None:
        first = self.names[0]
        if name == first and columns != expected:
            raise self._changed(name)
        refuse_other_columns(columns, self._file(name), expected, first)

    def _changed(self, name: str) -> DataError:
        return DataError(
            f"{self._file(name)}: the file changed while it was read; expected the bytes that it "
            "had at the start. Run again when it stays as it is."
        )

    def _file(self, name: str) -> str:
        return f"{self.path}/{name}" if name else self.path


def _is_parquet(file: str) -> bool:
    return file.lower().endswith(PARQUET)
