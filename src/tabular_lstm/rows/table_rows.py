"""Rows of any table that a catalog entry loads: a frame, or frames that come one after the other.

The rows are written once, by Arrow, to a file without a name, so that a query is asked once and a
table of any size is read with memory for some of its rows. What is small stays in memory.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Self
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import DataError
from tabular_lstm.rows.batches import BYTES, Batch, in_tables, rows_of_a_batch
from tabular_lstm.rows.cells import written
from tabular_lstm.rows.parquet import plain, plain_batch
from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import RawRows

EXPECTED = (
    "expected a table: a frame of pandas, Polars, Arrow or Ibis, or an iterator of frames, as a "
    "dataset of kedro-datasets loads one"
)
SECOND = np.uint64(0x9E3779B97F4A7C15)  # any number: rows are hashed twice


@dataclass(frozen=True, kw_only=True)
class TableRows(RawRows):
    """The rows of a table, numbered from 1 in the order in which they came.

    Attributes:
        content: Arrow's streams, one for each batch.
        places: Where each stream begins in `content`.
        counts: How many rows each has.
        schema: The columns, with the types that hold the values of all batches.
        content_sha256: SHA-256 of the content, the same for the same rows in any order.
    """

    content: IO[bytes]
    places: tuple[int, ...]
    counts: tuple[int, ...]
    schema: pa.Schema
    content_sha256: str

    @classmethod
    def of(cls, table: Any, name: str) -> Self:
        """Write the rows of a table to a file without a name.

        Args:
            table: See `EXPECTED`.
            name: Of the catalog entry, for messages.

        Raises:
            DataError: It is no table, has no rows, a column name twice, or columns or types that
                are not the same in all frames.
            OSError: No space.
        """
        content: Any = tempfile.SpooledTemporaryFile(BYTES)  # noqa: SIM115  until the run ends
        places, counts, total = list[int](), list[int](), Total()
        schemas: list[pa.Schema] = []
        for frame in _frames(table, name):
            if not frame.num_rows:
                continue
            if not schemas:
                _refuse_names_twice(frame, name)
            rows = rows_of_a_batch(frame.num_columns)
            for _, part in in_tables(frame.to_batches(), rows):
                places.append(content.tell())
                counts.append(part.num_rows)
                schemas.append(pa.schema([of.with_type(plain(of.type)) for of in part.schema]))
                total.add(part)
                with pa.ipc.new_stream(content, part.schema) as stream:
                    stream.write_table(part)
        if not schemas:
            raise DataError(f"{name}: the table has no rows; expected at least one.")
        schema = _schema_of_all(schemas, name)
        files = RawFiles(None, name, ("",), (), {})
        return cls(
            files=files,
            content=content,
            places=tuple(places),
            counts=tuple(counts),
            schema=schema,
            content_sha256=total.sha256(),
        )

    def sha256(self) -> str:
        """Give the hash of the content, see `TableRows`."""
        return self.content_sha256

    def hashes(self) -> dict[str, str]:
        """Give the hash of the content, by the name of the catalog entry."""
        return {self.file: self.content_sha256}

    @property
    def columns(self) -> list[str]:
        """Name the columns, in their order."""
        return list(self.schema.names)

    def types(self, columns: Collection[str]) -> dict[str, pa.DataType]:
        """Give the type of these columns."""
        return {name: self.schema.field(name).type for name in columns}

    def batches(
        self, texts: Collection[str] = (), without: Collection[str] = ()
    ) -> Iterator[Batch]:
        """Read the rows from the start, see `RawRows.batches`."""
        names, first = [name for name in self.columns if name not in without], 1
        for place, count in zip(self.places, self.counts, strict=True):
            self.content.seek(place)
            table = pa.ipc.open_stream(self.content).read_all().select(names).combine_chunks()
            (rows,) = table.to_batches()
            read = pa.Table.from_batches([plain_batch(rows, texts, self.file, first)])
            kept = [of if of.name in texts else self.schema.field(of.name) for of in read.schema]
            yield Batch(None, first, read.cast(pa.schema(kept)), self.file, sum(self.counts))
            first += count


def _frames(table: Any, name: str) -> Iterator[pa.Table]:
    """Give a table, or the tables of an iterator, as Arrow's."""
    if isinstance(table, pd.DataFrame):
        yield _of_pandas(table, name)
    elif isinstance(table, pa.Table | pa.RecordBatch):
        yield pa.table(table)
    elif hasattr(table, "__arrow_c_stream__"):  # Arrow's readers, Polars, Ibis, DuckDB
        for batch in pa.RecordBatchReader.from_stream(table):
            yield pa.Table.from_batches([batch])
    elif hasattr(table, "collect"):  # Polars' lazy frame
        yield from _frames(table.collect(), name)
    elif isinstance(table, Iterable) and not isinstance(table, str | bytes | dict):
        for frame in table:
            yield from _frames(frame, name)
    else:
        raise DataError(f"{name}: {EXPECTED}; got {type(table).__name__}.")


def _of_pandas(frame: pd.DataFrame, name: str) -> pa.Table:
    """Give a frame as Arrow's; a column of values of several kinds becomes text, as in a CSV."""
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    frame = frame.set_axis([str(column) for column in frame], axis="columns")
    arrays = []
    for place in range(frame.shape[1]):
        cells = frame.iloc[:, place]
        try:
            arrays.append(pa.array(cells, from_pandas=True))
        except (pa.ArrowException, OverflowError):
            values = cells.to_numpy(object)
            missing = pd.isna(cells).to_numpy()
            said = [None if no else written(v) for v, no in zip(values, missing, strict=True)]
            arrays.append(pa.array(said, pa.string()))
    return pa.table(arrays, [str(column) for column in frame])


def _refuse_names_twice(frame: pa.Table, name: str) -> None:
    """Stop at two columns of one name."""
    names = frame.column_names
    if twice := [of for of in names if names.count(of) > 1]:
        raise DataError(
            f"{name}: column name '{twice[0]}' stands {names.count(twice[0])} times in the table; "
            "each column needs a name of its own."
        )


def _schema_of_all(schemas: list[pa.Schema], name: str) -> pa.Schema:
    """Give the types that hold the values of all frames."""
    first = schemas[0]
    for schema in schemas:
        if {*schema.names} != {*first.names}:
            odd = sorted({*schema.names} ^ {*first.names})
            raise DataError(
                f"{name}: column '{odd[0]}' is in some frames of the table and not in others; "
                "expected the same columns in all."
            )
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{name}: a column has types in some frames that do not go together: {error}. Expected "
            "one type in all: convert the column where the rows are read, in SQL by CAST."
        ) from error


class Total:
    """A hash of rows in whatever order: the sum of the rows' hashes.

    A number counts the same whether it is whole, has a fraction or is decimal, because a query may
    give a column of whole numbers as one of fractions where a cell is missing.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._rows, self._sums = 0, np.zeros(2, np.uint64)

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._names, self._rows = sorted(table.column_names), self._rows + table.num_rows
        hashes = np.zeros(table.num_rows, np.uint64)
        for name, column in zip(table.column_names, table.columns, strict=True):
            of_name = np.uint64(crc32(name.encode()))
            hashes += pd.util.hash_array(_cell_hashes(column) ^ of_name)
        both = (pd.util.hash_array(hashes), pd.util.hash_array(hashes ^ SECOND))
        self._sums += np.array([of.sum(dtype=np.uint64) for of in both])

    def sha256(self) -> str:
        """Hash the columns' names, the number of rows and the sums."""
        return sha256(repr((self._names, self._rows, self._sums.tolist())).encode()).hexdigest()


def _cell_hashes(column: pa.ChunkedArray) -> np.ndarray:
    """Hash each cell, uint64 (rows,); 0 where it is missing."""
    kind, missing = plain(column.type), column.is_null().to_numpy()
    if pa.types.is_null(kind):
        return np.zeros(len(column), np.uint64)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif pa.types.is_decimal(kind) or column.type != kind:
        column = column.cast(pa.float64() if pa.types.is_decimal(kind) else kind)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy() + 0.0
        missing = missing | np.isnan(numbers)
        hashes = pd.util.hash_array(numbers)
    else:
        texts = np.array([str(value) for value in column.to_pylist()], object)
        hashes = pd.util.hash_array(texts)
    return np.where(missing, np.uint64(0), hashes)
