"""Rows to score, checked: block by block those that can be scored, the others to quarantine."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError, no_column
from tabular_lstm.rows.blocks import Block, Since
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.quarantine import Quarantine, set_aside
from tabular_lstm.rows.rows_to_score import ALL, RowsToScore
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import lay_out

Result = TypeVar("Result")

MEND = (
    "\nRows are counted from 1 below the header; this run's quarantined_rows_to_score.csv holds "
    "them all. Mend them. Bounds, codes for no value, formats of dates and marks of numbers are "
    "those that the champion was trained with; if these files write numbers otherwise, say how in "
    "load_args of rows_to_score in the catalog, by decimal and thousands."
)


@dataclass(frozen=True)
class CheckedBlock:
    """The rows of a block that can be scored, and what is wrong with the others.

    Attributes:
        file: Their file inside the folder; None where one file was given.
        first: Number of the block's first row, from 1 below the file's header.
        count: Rows of the block, the quarantined ones too.
        expected: About how many rows there are in all.
        rows: int64 (rows,), the numbers of those that can be scored.
        sequences: float32 (rows, steps, features_per_step).
        copied: Their key as text, and the columns that are passed through, with their types.
        problems: By column, what is wrong with which cells, by their place in the block.
        aside: The rows set aside, see `set_aside`.
    """

    file: str | None
    first: int
    count: int
    expected: int
    rows: np.ndarray
    sequences: np.ndarray
    copied: dict[str, pa.Array]
    problems: dict[str, Problems]
    aside: pd.DataFrame


@dataclass(frozen=True)
class Check:
    """What rows are checked by.

    Attributes:
        schema: The champion's.
        key: The column that identifies a row, if there is one.
        copied: The types of the columns that are copied, the key first.
        marks: What numbers that are text are written with. Default: the schema's.
    """

    schema: Schema
    key: str | None
    copied: dict[str, pa.DataType]
    marks: NumberFormat | None = None

    def of(self, block: Block) -> CheckedBlock:
        """Check a block.

        Raises:
            DataError: See `Block.cells`, as for `WronglyCutError`.
        """
        cells = block.cells
        sequences, problems = lay_out(cells, self.schema, self.marks)
        copied = {n: block.table[n].combine_chunks().cast(kind) for n, kind in self.copied.items()}
        if self.key is not None:
            keys, of_key = read_key(cells[self.key], self.marks or self.schema.marks)
            copied[self.key] = pa.array(keys, pa.string())
            problems = {self.key: of_key, **problems}
        rows = pd.RangeIndex(block.first, block.first + len(cells), name="row")
        aside, is_left = set_aside(cells.set_axis(rows), problems)
        if block.file is not None:
            aside.insert(0, "file", block.file, allow_duplicates=True)
        numbers = rows.to_numpy(np.int64)
        if len(aside):
            numbers, sequences = numbers[is_left], sequences[is_left]
            copied = {name: values.filter(pa.array(is_left)) for name, values in copied.items()}
        found = {name: of_column for name, of_column in problems.items() if of_column}
        return CheckedBlock(
            file=block.file,
            first=block.first,
            count=len(cells),
            expected=block.expected,
            rows=numbers,
            sequences=sequences,
            copied=copied,
            problems=found,
            aside=aside,
        )


@dataclass(frozen=True)
class CheckedRows:
    """A stream of checked rows.

    Attributes:
        source: The rows as they are read.
        check: What they are checked by.
        max_quarantined_fraction: Share of quarantined rows above which the stream ends in an error.
        without: Columns that need not be read, see `RowsToScore.blocks`. Default: none.
        quarantine: What the bad rows pass through.
    """

    source: RowsToScore
    check: Check
    max_quarantined_fraction: float
    without: frozenset[str] = frozenset()
    quarantine: Quarantine = field(default_factory=Quarantine)

    def read(self, since: Since = ALL) -> Iterator[Block]:
        """Read the rows as they are, from some place on.

        Raises:
            DataError: See `RowsToScore.blocks`.
        """
        key = self.check.key
        texts = {*self.check.schema.columns, *([] if key is None else [key])}
        return self.source.blocks(texts=texts, without=self.without, since=since)

    def counted(
        self, results: Iterator[Result], blocks_of: Callable[[Result], Sequence[CheckedBlock]]
    ) -> Generator[Result]:
        """Pass on what comes of the blocks, in their order, and quarantine their bad rows.

        Raises:
            DataError: Too many rows were quarantined, at the end or as soon as no later row could
                change that.
        """
        count, most, kept = 0, self.source.most_rows(), False
        try:
            for result in results:
                for block in blocks_of(result):
                    count += block.count
                    rows = pd.RangeIndex(block.first, block.first + block.count)
                    self.quarantine.kinds.add(block.problems, rows, block.file)
                    self.quarantine.add(block.aside)
                    if self._too_many(most):
                        kept = True
                        raise self._refusal(count)
                yield result
            kept = True
            if self._too_many(count):
                raise self._refusal(count)
        finally:
            self.quarantine.close(kept)

    def _too_many(self, rows: int) -> bool:
        return self.quarantine.rows > self.max_quarantined_fraction * rows

    def _refusal(self, count: int) -> DataError:
        return DataError(
            f"{self.source.path}: {self.quarantine.rows} of the {count} rows that were read went "
            f"to quarantine, and max_quarantined_fraction = {self.max_quarantined_fraction} allows "
            f"fewer, whatever comes after them. There are no predictions:"
            f"{self.quarantine.kinds.listed()}{MEND}"
        )


def refuse_missing_columns(source: RowsToScore, needed: dict[str, str]) -> None:
    """Stop where the rows lack a column.

    Args:
        source: The rows; of their first file the header is read.
        needed: For each column that is needed, who needs it.

    Raises:
        DataError: Names the first such column, and a similar one if there is any.
    """
    for name, who in needed.items():
        if name not in source.columns:
            raise no_column(source.path, name, source.columns, who)
