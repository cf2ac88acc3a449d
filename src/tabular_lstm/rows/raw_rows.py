"""Raw rows: the only reader of files, batch by batch, for training, scoring and a profile."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import DataError, no_column, shown
from tabular_lstm.rows.cells import texts
from tabular_lstm.rows.content_hash import Total
from tabular_lstm.rows.csv_files import (
    NUMBER_FORMAT,
    number_format_of,
    read_arguments,
    read_header,
    stream_cells,
)
from tabular_lstm.rows.number_format import AS_FLOAT, POINT, NumberFormat, pointed, without_fraction
from tabular_lstm.rows.raw_files import (
    RawFiles,
    is_parquet,
    one_type,
    open_parquet,
    stream_parquet,
    types_of_parquet,
)

# Batches ------------------------------------------------------------------------------------------

# The most rows, cells and bytes of a batch.
ROWS = 2**16
CELLS = 2**22
BYTES = 2**26
TEXT = pa.large_string()

# Dtypes for columns of whole numbers or booleans with missing cells; pandas would choose floats.
WHOLE = {
    pa.bool_(): pd.BooleanDtype(),
    **{
        pa.type_for_alias(name.lower()): pd.api.types.pandas_dtype(name)
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    },
}


@dataclass(frozen=True)
class Batch:
    """Rows as they were read.

    Attributes:
        file: Name of the file inside the folder; None if there is a single file, or if the rows
            come from several files.
        first: Number of the batch's first row, counted from 1 below the file's header.
        table: The rows: typed columns from Parquet or a table, or text from a CSV.
        path: Path of the file, for messages.
        expected: About how many rows all batches have together. Default: 0, not known.
        origin: The number of each row, `row`, and in a folder its `file`. Default: the rows are
            consecutive.
    """

    file: str | None
    first: int
    table: pa.Table
    path: str
    expected: int = 0
    origin: pa.Table | None = None

    @property
    def count(self) -> int:
        """Count the rows."""
        return int(self.table.num_rows)

    @property
    def origins(self) -> pa.Table:
        """Return the origin of each row, see `Batch`."""
        if self.origin is not None:
            return self.origin
        file = {} if self.file is None else {"file": same(self.file, self.count)}
        return pa.table(file | {"row": np.arange(self.first, self.first + self.count)})

    @property
    def names(self) -> pd.Index:
        """Name the rows: by number or, in a folder, by file and number, `2026-11-01.csv:3`."""
        if self.file is None and self.origin is None:
            return pd.RangeIndex(self.first, self.first + self.count, name="row")
        rows = self.origins
        names = rows["row"]
        if "file" in rows.column_names:
            # As Arrow's text, because Python's takes three times the memory. pandas makes Python's
            # of it when it looks anything up among the names: also an attribute that a column
            # lacks, as NumPy and Arrow ask for. So rows give them `to_numpy()` or `array`.
            file, mark = rows["file"].cast(TEXT), pa.scalar(":", TEXT)
            names = pc.binary_join_element_wise(file, names.cast(TEXT), mark)
        return cast(pd.Index, pd.Index(names.to_pandas(), name="row"))

    @property
    def cells(self) -> pd.DataFrame:
        """Return the rows as a frame with a RangeIndex from 0.

        Whole numbers stay whole numbers even if other cells are missing.

        Raises:
            DataError: A column holds values that Python cannot represent.
        """
        try:
            return cast(
                pd.DataFrame, self.table.to_pandas(types_mapper=WHOLE.get, ignore_metadata=True)
            )
        except (pa.ArrowException, ValueError, KeyError) as error:  # KeyError: no such time zone
            raise DataError(
                f"{self.path}: a column holds values that Python cannot represent: {error}. Write "
                "them as text, or leave the column out of the file."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the batch's own rows: Arrow would pickle the whole table that holds them."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        other_fields = self.file, self.first, self.path, self.expected, self.origin
        return _unpickled_batch, (sink.getvalue(), *other_fields)


def _unpickled_batch(table: pa.Buffer, file: str | None, first: int, *other_fields: Any) -> Batch:
    return Batch(file, first, pa.ipc.open_stream(table).read_all(), *other_fields)


def same(text: str, count: int) -> pa.DictionaryArray:
    """Repeat a text `count` times, with memory for one."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([text]))


def rows_of_a_batch(columns: int) -> int:
    """Return the most rows that a batch with this number of columns may have."""
    return max(1, min(ROWS, CELLS // columns))


def in_tables(
    pieces: Iterable[pa.RecordBatch], rows: int, size: int = BYTES
) -> Iterator[tuple[int, pa.Table]]:
    """Regroup the parsed pieces of one file into tables of `rows` rows.

    Yields:
        The number of the first row, counted from 1, and a table. The table has fewer rows at the
        end, or if its rows have more than `size` bytes.
    """
    pending: list[pa.RecordBatch] = []
    first, count, pending_bytes = 1, 0, 0
    for piece in pieces:
        pending.append(piece)
        count += piece.num_rows
        pending_bytes += piece.nbytes
        while count and (count >= rows or pending_bytes >= size):
            table = pa.Table.from_batches(pending)
            slice_rows = min(rows, count)
            yield first, table.slice(0, slice_rows)
            first, count, pending_bytes = first + slice_rows, count - slice_rows, 0
            pending = table.slice(slice_rows).to_batches()
    if pending:
        yield first, pa.Table.from_batches(pending)


# Raw rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """The rows of a file, or of the files of a folder in the order of their names.

    A file is Parquet if its name ends in `.parquet`, and a CSV otherwise. All files need the
    columns of the first file, in any order.

    Attributes:
        files: The files.
        load_args: Load arguments of a CSV, see `tabular_lstm.rows.csv_files.LoadArguments`.
        where: Only rows that have this value in this column count, see `values`. Default: all rows.
    """

    files: RawFiles
    load_args: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Return the path of the file or the folder."""
        return self.files.path

    @property
    def names(self) -> tuple[str, ...]:
        """Name the files in the folder; empty for a single file."""
        return () if self.files.names == ("",) else self.files.names

    @property
    def number_format(self) -> NumberFormat:
        """Return the number format. Default: a point before the fraction."""
        return number_format_of(self.load_args)

    def format_of(self, columns: Iterable[str], champions: NumberFormat) -> NumberFormat:
        """Return the format of numbers that are text: the declared one, else the champion's."""
        is_declared = any(self.load_args.get(name) for name in NUMBER_FORMAT)
        return self.number_format if is_declared else champions

    def sha256(self) -> str:
        """Return the hash of the files, see `RawFiles.sha256`; with `where`, of the chosen rows."""
        return self._hash_of_chosen() if self.where else self.files.sha256()

    def hashes(self, key: str | None) -> dict[str, str]:
        """Return the hash of each file by its name, see `RawFiles.hashes`.

        With `where` and a `key`, it is the hash of all chosen rows. Without a key their numbers
        name the rows, and so the whole files count.
        """
        hashes = self.files.hashes()
        return dict.fromkeys(hashes, self._hash_of_chosen()) if self.where and key else hashes

    def _hash_of_chosen(self) -> str:
        """Hash the chosen rows in their order, once for each state of the files."""
        read = (str(self.where), self.files.sha256())
        if read not in self.files.hashed:
            total = Total()
            for batch in self._chosen():
                names = batch.table.column_names
                cells = [_cells_to_hash(batch.table[name], self.number_format) for name in names]
                total.add(pa.table(cells, names))
            self.files.hashed[read] = total.ordered.hexdigest()
        return self.files.hashed[read]

    @cached_property
    def columns(self) -> list[str]:
        """Name the columns in the order of the first file; only its header is read.

        Raises:
            DataError: See `batches`.
        """
        return list(self._types_of(self.files.names[0]))

    def types(self, columns: Collection[str]) -> dict[str, pa.DataType]:
        """Return the type of these columns in all files: text in a CSV, or if no file has a cell.

        Raises:
            DataError: A column is of different types, or see `batches`.
        """
        file_types = [self._types_of(name) for name in self.files.names]
        schemas = [
            pa.schema({n: t for n, t in types.items() if n in columns}) for types in file_types
        ]
        with one_type(self.file):
            schema = pa.unify_schemas(schemas)
        found = {field.name: field.type for field in schema if not pa.types.is_null(field.type)}
        return {column: found.get(column, pa.string()) for column in columns}

    def _types_of(self, name: str) -> dict[str, pa.DataType]:
        """Return the type of each column of a file, from its header; in a CSV it is text."""
        file = self.files.file(name)
        with self.files.open(name) as content:
            if is_parquet(file):
                return types_of_parquet(content, file)
            return dict.fromkeys(read_header(content, file, self.load_args)[1], pa.string())

    def batches(self, without: Collection[str] = ()) -> Iterator[Batch]:
        """Read all files from the start, batch by batch, with memory for a few batches.

        A batch has 65,536 rows; fewer at the end of a file, with more than 64 columns, or if rows
        are long.

        Args:
            without: Columns that are not read from Parquet files, which need not have them. A CSV
                is always read with all columns.

        Raises:
            DataError: A file cannot be read, has other columns than the first one, or changes while
                it is read; or there is no row.
        """
        self.files.warn_of_others()
        is_empty = True
        for batch in self._chosen(without):
            if batch.count:
                is_empty = False
                yield batch
        if is_empty:
            where = "".join(f" where {c} is '{shown(v)}'" for c, v in self.where.items())
            raise DataError(f"{self.file}: no rows{where}; expected at least one.")

    def _chosen(self, without: Collection[str] = ()) -> Iterator[Batch]:
        """Read as `batches` does, but a batch may have no row, and so may all batches."""
        expected = 0
        for column in self.where.keys() - {*self.columns}:
            raise no_column(self.file, column, self.columns, "The catalog names it under where")
        for name in self.files.names:
            with self.files.open_hashed(name) as content:
                for read in self._batches_of(name, content, {*without} - self.where.keys()):
                    expected = expected or self._expected(read)
                    batch = replace(read, expected=expected)
                    if self.where:
                        matches = [
                            self.values(read, c) == self.spelt(v) for c, v in self.where.items()
                        ]
                        is_chosen = pa.array(np.all(matches, axis=0))
                        table = read.table.filter(is_chosen).combine_chunks()
                        batch = replace(batch, table=table, origin=read.origins.filter(is_chosen))
                    yield batch

    def values(self, batch: Batch, column: str) -> np.ndarray:
        """Return the cells of a column as text, (rows,), as they are compared with `where`.

        The text is stripped of white space, and "" where the cell is missing; 7.0 is 7, because
        pandas writes it so if another cell of the column is missing.
        """
        cells = replace(batch, table=batch.table.select([column])).cells[column]
        places, distinct = pd.factorize(texts(cells))
        return np.array([*map(self.spelt, distinct), ""], object)[places]

    def spelt(self, value: str) -> str:
        """Spell a value of `where` as the cells that are compared with it."""
        return without_fraction(pointed(value.strip(), self.number_format) or value.strip())

    def parts(self) -> Iterator[pd.DataFrame]:
        """Read all files from the start, as frames of text with the index `row`.

        The index counts from 1 below the header; in a folder it is text, file and number, as in
        `2026-11-01.csv:3`.

        Raises:
            DataError: See `batches`.
        """
        for batch in self.batches():
            yield batch.cells.set_axis(batch.names)

    def _batches_of(
        self, name: str, content: BinaryIO, without: Collection[str]
    ) -> Iterator[Batch]:
        file, columns = self.files.file(name), self.columns
        if is_parquet(file):
            read_arguments(file, self.load_args)
            columns = [column for column in columns if column not in without]
            pieces = stream_parquet(content, file, without)
        else:
            pieces = stream_cells(content, file, self.load_args)
        for first, table in in_tables(pieces, rows_of_a_batch(len(self.columns))):
            _refuse_other_columns(table.column_names, file, columns, self.files.names[0])
            yield Batch(name or None, first, table.select(columns).combine_chunks(), file)

    def _expected(self, first: Batch) -> int:
        """Estimate the number of all rows from the first batch; for Parquet give it exactly."""
        if not is_parquet(first.path):
            # Beside a cell's text Arrow keeps 8 bytes, and the file has 1, the delimiter.
            batch_size = first.table.nbytes - 7 * first.count * first.table.num_columns
            sizes = [self.files.fs.size(self.files.file(name)) or 0 for name in self.files.names]
            return max(first.count, round(first.count * int(sum(sizes)) / int(batch_size)))
        rows = 0
        for name in self.files.names:
            with self.files.open(name) as content, open_parquet(content, name) as parquet_file:
                rows += parquet_file.metadata.num_rows
        return rows


def _cells_to_hash(
    cells: pa.ChunkedArray, number_format: NumberFormat
) -> pa.ChunkedArray | pa.Array:
    """Return cells for a hash: text without blanks around, and 7.0 as 7.

    pandas writes all whole numbers of a column as 7.0 if one cell is missing. With a decimal comma,
    7.0 is no number.
    """
    if not pa.types.is_string(cells.type):
        return cells
    texts = pc.utf8_trim_whitespace(cells)
    if number_format.decimal != POINT.decimal:
        return texts
    whole = pc.utf8_slice_codeunits(texts, 0, -2)
    return pc.if_else(pc.match_substring_regex(texts, AS_FLOAT), whole, texts)


def refuse_missing_columns(rows: Table, needed: dict[str, str]) -> None:
    """Raise an error if the rows lack a needed column; `needed` says who needs each column.

    Raises:
        DataError: Names the first such column, and a similar one if there is any.
    """
    for name, needed_by in needed.items():
        if name not in rows.columns:
            raise no_column(rows.file, name, rows.columns, needed_by)


def _refuse_other_columns(
    columns: Collection[str], file: str, expected: Collection[str], first: str
) -> None:
    """Raise a `DataError` if a file's columns are not those of the directory's first file."""
    if {*columns} != {*expected}:
        differing = ", ".join(map(repr, sorted({*columns} ^ {*expected})))
        raise DataError(
            f"{file}: expected the columns of {first}, the first file of the directory, in any "
            f"order; only one of the two files has {differing}. Correct its header, or move the "
            "file elsewhere; for a CSV the catalog may also name the columns that all files have, "
            "in load_args: {usecols: [...]}."
        )
