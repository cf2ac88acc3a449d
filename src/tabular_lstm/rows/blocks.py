"""A block: some rows that follow each other in one file, numbered as that file has them.

A block of a CSV may be the text that was cut out of the file. Whoever needs its cells parses it,
in whatever process, and may find that it was cut at the wrong place.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.rows.cut_text import BYTES, CutText

Item = TypeVar("Item")

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
class Block:
    """Rows as they were read.

    Attributes:
        file: The file's name inside the folder; None where one file was given.
        first: Number of the block's first row, from 1 below the file's header.
        source: The rows with the types of the file, or the text of some of a CSV.
        path: Of the file, for messages.
        expected: About how many rows there are in all.
    """

    file: str | None
    first: int
    source: pa.Table | CutText
    path: str
    expected: int = 0

    @property
    def place(self) -> tuple[str, int]:
        """Give the file's name, "" of a lone one, and the first row's number."""
        return self.file or "", self.first

    @property
    def count(self) -> int:
        """Count the rows."""
        return int(self.source.rows if isinstance(self.source, CutText) else self.source.num_rows)

    @property
    def size(self) -> int:
        """Count the bytes that travel with the block."""
        if isinstance(self.source, CutText):
            return len(self.source.content)
        return int(self.source.nbytes)

    @cached_property
    def table(self) -> pa.Table:
        """Give the rows, with the types of the file: text of a CSV.

        Raises:
            WronglyCutError: They cannot be parsed by themselves.
        """
        if not isinstance(self.source, CutText):
            return self.source
        if (table := self.source.parsed()) is None:
            raise WronglyCutError(self.place)
        return table

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Give the rows as a frame with a RangeIndex from 0.

        A whole number stays one where another one is missing.

        Raises:
            DataError: A column holds values that Python has not.
            WronglyCutError: See `table`.
        """
        table = self.table
        try:
            frame: pd.DataFrame = table.to_pandas(types_mapper=WHOLE.get, ignore_metadata=True)
            return frame
        except (pa.ArrowException, ValueError) as error:
            for field, column in zip(table.schema, table.columns, strict=True):
                try:
                    column.to_pandas()
                except (pa.ArrowException, ValueError):
                    raise DataError(
                        f"{self.path}: column '{field.name}' of type {field.type} holds values "
                        f"that Python has not: {error}. Write them as text, or leave the column "
                        "out of the file."
                    ) from error
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the block's own rows alone: Arrow would send the whole table that they are of."""
        if isinstance(self.source, CutText):
            return Block, (self.file, self.first, self.source, self.path, self.expected)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        return _sent, (sink.getvalue(), self.file, self.first, self.path, self.expected)


def _sent(table: pa.Buffer, file: str | None, first: int, path: str, expected: int) -> Block:
    return Block(file, first, pa.ipc.open_stream(table).read_all(), path, expected)


class WronglyCutError(Exception):
    """A block cannot be parsed by itself, so that its file is to be parsed as a whole from there.

    Attributes:
        place: Of the block.
        since: From where on the blocks are wanted again.
    """

    def __init__(self, place: tuple[str, int], since: tuple[str, int] | None = None) -> None:
        super().__init__(place)
        self.place, self.since = place, since or place


@dataclass(frozen=True)
class Since:
    """Which blocks are wanted, where some of them were read before.

    Attributes:
        place: Of the first one. Default: the first of all.
        parsed: By file, from which row on it is parsed as a whole. Default: none is.
    """

    place: tuple[str, int] | None = None
    parsed: Mapping[str, int] = field(default_factory=dict)


def again_where_wrongly_cut(items: Callable[[Since], Iterator[Item]]) -> Generator[Item]:
    """Give what is made of blocks, and make it again where one of them was wrongly cut.

    Args:
        items: Gives what is made of the blocks that are wanted, in their order.
    """
    since: Since | None = Since()
    while since is not None:
        try:
            yield from items(since)
        except WronglyCutError as wrong:
            file, row = wrong.place
            since = Since(wrong.since, {**since.parsed, file: row})
        else:
            since = None


def in_blocks(
    batches: Iterable[pa.RecordBatch], rows: int, size: int = BYTES
) -> Iterator[tuple[int, pa.Table]]:
    """Put batches of one file together, and apart again after so many rows.

    Yields:
        The number of the first row, from 1, and the rows; fewer at the end, or where they have
        more bytes than `size`.
    """
    held: list[pa.RecordBatch] = []
    first, count, held_bytes = 1, 0, 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        held_bytes += batch.nbytes
        while count and (count >= rows or held_bytes >= size):
            table = pa.Table.from_batches(held)
            taken = min(rows, count)
            yield first, table.slice(0, taken)
            first, count, held_bytes = first + taken, count - taken, 0
            held = table.slice(taken).to_batches()
    if held:
        yield first, pa.Table.from_batches(held)


def refuse_other_columns(
    columns: Collection[str], file: str, expected: Collection[str], first: str
) -> None:
    """Stop at a file of a directory that has not the columns of the first one.

    Args:
        columns: Of this file.
        file: Its path, for the message.
        expected: The columns of the first file.
        first: Its name.

    Raises:
        DataError: One is lacking, or there is one more.
    """
    lacking = [name for name in expected if name not in columns]
    added = [name for name in columns if name not in expected]
    found = {"lacks": lacking, "has in addition": added}
    faults = [f"{what} {', '.join(map(repr, names))}" for what, names in found.items() if names]
    if faults:
        raise DataError(
            f"{file}: against {first}, the first of the directory, it "
            f"{' and '.join(faults)}; expected the same columns in every file, in any order. "
            "Mend its header, or move the file elsewhere; of a CSV the catalog may also name the "
            "columns that all files have, in load_args: {usecols: [...]}."
        )
