"""A batch: consecutive rows of one file, or all rows of some customers, with their numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.errors import DataError

# The most rows, cells and bytes of a batch.
ROWS = 2**16
CELLS = 2**22
BYTES = 2**26
TEXT = pa.large_string()

# Dtypes for columns of whole numbers or booleans with missing cells; pandas would choose floats.
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
        """Give the origin of each row, see `Batch`."""
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
            # As Arrow's text, because Python's takes three times the memory.
            file, mark = rows["file"].cast(TEXT), pa.scalar(":", TEXT)
            names = pc.binary_join_element_wise(file, names.cast(TEXT), mark)
        named: pd.Index = pd.Index(names.to_pandas(), name="row")
        return named

    @property
    def cells(self) -> pd.DataFrame:
        """Give the rows as a frame with a RangeIndex from 0.

        Whole numbers stay whole numbers even if other cells are missing.

        Raises:
            DataError: A column holds values that Python cannot represent.
        """
        try:
            frame: pd.DataFrame = self.table.to_pandas(types_mapper=WHOLE.get, ignore_metadata=True)
            return frame
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
        others = self.file, self.first, self.path, self.expected, self.origin
        return _sent, (sink.getvalue(), *others)


def _sent(table: pa.Buffer, file: str | None, first: int, *others: Any) -> Batch:
    return Batch(file, first, pa.ipc.open_stream(table).read_all(), *others)


def same(text: str, count: int) -> pa.DictionaryArray:
    """Repeat a text `count` times, with memory for one."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([text]))


def rows_of_a_batch(columns: int) -> int:
    """Give the most rows that a batch with this number of columns may have."""
    return max(1, min(ROWS, CELLS // columns))


def in_tables(
    pieces: Iterable[pa.RecordBatch], rows: int, size: int = BYTES
) -> Iterator[tuple[int, pa.Table]]:
    """Regroup the parsed pieces of one file into tables of `rows` rows.

    Yields:
        The number of the first row, counted from 1, and a table. The table has fewer rows at the
        end, or if its rows have more than `size` bytes.
    """
    held: list[pa.RecordBatch] = []
    first, count, held_bytes = 1, 0, 0
    for piece in pieces:
        held.append(piece)
        count += piece.num_rows
        held_bytes += piece.nbytes
        while count and (count >= rows or held_bytes >= size):
            table = pa.Table.from_batches(held)
            taken = min(rows, count)
            yield first, table.slice(0, taken)
            first, count, held_bytes = first + taken, count - taken, 0
            held = table.slice(taken).to_batches()
    if held:
        yield first, pa.Table.from_batches(held)
