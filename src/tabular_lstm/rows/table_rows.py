"""Rows of any table that a catalog entry loads: a frame, or an iterator of frames.

Arrow writes the rows once to a file without a name, so that a query runs only once and memory holds
only some rows of a table of any size. A small table stays in memory.
"""

import contextlib
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import IO, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.rows.content_hash import Total
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_files import (
    RawFiles,
    one_type,
    plain_batch,
    refuse_repeated_names,
    text_array,
)
from tabular_lstm.rows.raw_rows import BYTES, Batch, Table, in_tables, rows_of_a_batch


class NoRowsError(DataError):
    """A table has no rows."""


@dataclass(frozen=True, kw_only=True)
class LoadedTable(Table):
    """The rows of a table, numbered from 1 in the order in which they came.

    Attributes:
        content: Arrow's streams, one for each batch.
        places: Where each stream begins in `content`.
        count: How many rows all streams have.
        schema: The columns, with the types that hold the values of all batches.
        content_sha256: SHA-256 of the content, the same for the same rows in any order.
        ordered_sha256: Another one for each order: without a key, numbers name the rows.
        mixed: The columns in which numbers with a fraction became text, because other values are
            texts or decimals of other places.
    """

    content: IO[bytes]
    places: tuple[int, ...]
    count: int
    schema: pa.Schema
    content_sha256: str
    ordered_sha256: str
    mixed: frozenset[str]

    @classmethod
    def of(cls, table: Any, name: str) -> Self:
        """Write the rows of a table to a file without a name.

        Args:
            table: A frame of pandas, Polars, Arrow or Ibis, or an iterator of frames.
            name: Name of the catalog entry, for messages.

        Raises:
            DataError: The value is not a table, has no rows or a column name twice, or its frames
                have different columns or types.
            OSError: No space.
        """
        content: Any = tempfile.SpooledTemporaryFile(BYTES)  # noqa: SIM115  until the run ends
        places, schemas, total = list[int](), list[pa.Schema](), Total()
        mixed = set[str]()
        for schema, pieces in groupby(_plain_batches(table, name, mixed), attrgetter("schema")):
            for _, part in in_tables(pieces, rows_of_a_batch(max(1, len(schema)))):
                if part.num_rows:
                    places.append(content.tell())
                    schemas.append(schema)
                    total.add(part)
                    with pa.ipc.new_stream(content, schema) as stream:
                        stream.write_table(part)
        if not schemas:
            raise NoRowsError(f"{name}: the table has no rows; expected at least one.")
        return cls(
            files=RawFiles(None, name, ("",)),
            content=content,
            places=tuple(places),
            count=total.rows,
            schema=_schema_of_all(schemas, name),
            content_sha256=total.sha256(),
            ordered_sha256=total.ordered.hexdigest(),
            mixed=frozenset(mixed),
        )

    def sha256(self) -> str:
        """Return the hash of the content, see `LoadedTable`."""
        return self.content_sha256

    def hashes(self, key: str | None) -> dict[str, str]:
        """Return the hash of the content by the entry's name; without a key, in its order."""
        return {self.file: self.content_sha256 if key else self.ordered_sha256}

    def format_of(self, columns: Iterable[str], champions: NumberFormat) -> NumberFormat:
        """Return the champion's format of numbers that are text.

        Raises:
            DataError: A number that became text would be another number in that format.
        """
        if champions != POINT and (columns := self.mixed.intersection(columns)):
            raise DataError(
                f"{self.file}: column '{min(columns)}' holds values of several types, so its "
                f"numbers became text. The champion reads text with {champions}, and so would "
                "read 1.234 as 1234. Convert the column to one type where the rows are read."
            )
        return champions

    def _types_of(self, name: str) -> dict[str, pa.DataType]:
        """Return the type of each column."""
        return {field.name: field.type for field in self.schema}

    def batches(self, without: Collection[str] = ()) -> Iterator[Batch]:
        """Read the rows from the start, see `Table.batches`."""
        names, first = [name for name in self.columns if name not in without], 1
        schema = pa.schema([self.schema.field(name) for name in names])
        for place in self.places:
            self.content.seek(place)
            with one_type(self.file):
                table = pa.ipc.open_stream(self.content).read_all().select(names).cast(schema)
            yield Batch(None, first, table.combine_chunks(), self.file, self.count)
            first += table.num_rows


def _frames(table: Any, name: str, mixed: set[str]) -> Iterator[pa.Table]:
    """Return a table, or the tables of an iterator, as Arrow tables.

    For `mixed` see `LoadedTable`; columns are added to it.
    """
    if isinstance(table, pd.DataFrame):
        yield _table_of_frame(table, mixed)
    elif isinstance(table, pa.Table | pa.RecordBatch):
        yield pa.table(table)
    elif hasattr(table, "__arrow_c_stream__"):  # Arrow's readers, Polars, Ibis, DuckDB
        columns, dtypes = getattr(table, "columns", ()), getattr(table, "dtypes", ())
        # Polars exports such cells as addresses; not each library has both attributes.
        kinds = zip(columns, map(str, dtypes), strict=False)
        if objects := [column for column, kind in kinds if kind == "Object"]:
            raise DataError(
                f"{name}: column '{objects[0]}' holds Python objects; expected text, numbers or "
                "dates. Convert the column where the rows are read."
            )
        for batch in pa.RecordBatchReader.from_stream(table):
            yield from _frames(batch, name, mixed)
    elif hasattr(table, "collect"):  # Polars' lazy frame
        yield from _frames(table.collect(), name, mixed)
    elif isinstance(table, Iterable) and not isinstance(table, str | bytes | dict):
        for frame in table:
            yield from _frames(frame, name, mixed)
    else:
        raise DataError(
            f"{name}: expected a table: a frame of pandas, Polars, Arrow or Ibis, or an iterator "
            "of frames, as a dataset of kedro-datasets loads one; got "
            f"{type(table).__name__}."
        )


def _table_of_frame(frame: pd.DataFrame, mixed: set[str]) -> pa.Table:
    """Convert a frame to Arrow; a column with values of several types becomes text, as in a CSV."""
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    arrays = [_array_of_series(frame.iloc[:, place], mixed) for place in range(frame.shape[1])]
    return pa.table(arrays, [str(column) for column in frame])


def _array_of_series(cells: pd.Series, mixed: set[str]) -> pa.Array:
    """Convert a column to Arrow's type if all its values have one, or else to text.

    The name of a column whose numbers with a fraction became text is added to `mixed`.
    """
    # After a date, Arrow reads any number or time in the column as a date.
    objects = cells.dropna() if cells.dtype == object else cells[:0]
    kinds = {*map(type, objects)}
    # Arrow writes all decimals with the most places that one of them has: 5 beside 0.25 as 5.00.
    places = {cell.as_tuple().exponent for cell in objects} if kinds == {Decimal} else set()
    are_numbers = all(issubclass(kind, float | int | np.number) for kind in kinds)
    if len(places) < 2 and (len(kinds) < 2 or are_numbers):
        with contextlib.suppress(pa.ArrowException, OverflowError):
            array = pa.array(cells, from_pandas=True)
            if not isinstance(array.type, pa.BaseExtensionType):  # such as numbers for months
                return array
    if any(issubclass(kind, float | np.floating | Decimal) for kind in kinds):
        mixed.add(str(cells.name))
    return text_array([None if pd.isna(cell) is True else cell for cell in cells])


def _plain_batches(table: Any, name: str, mixed: set[str]) -> Iterator[pa.RecordBatch]:
    """Return the rows of a table in the types that the readers of cells accept."""
    for frame in _frames(table, name, mixed):
        refuse_repeated_names(frame.column_names, name)
        for batch in frame.to_batches():
            yield plain_batch(batch, name)


def _schema_of_all(schemas: list[pa.Schema], name: str) -> pa.Schema:
    """Return the types that hold the values of all frames."""
    for schema in schemas:
        if other_names := sorted({*schema.names} ^ {*schemas[0].names}):
            raise DataError(
                f"{name}: column '{other_names[0]}' is in some frames of the table and not in "
                "others; expected the same columns in all."
            )
    with one_type(name):
        for column in schemas[0].names:
            types = {schema.field(column).type for schema in schemas}
            if any(map(pa.types.is_decimal, types)) and any(map(pa.types.is_floating, types)):
                raise pa.ArrowTypeError(f"'{column}' holds decimals and floats, which round them")
        return pa.unify_schemas(schemas, promote_options="permissive")
