"""Rows to score, checked: block by block those that can be scored, the others to quarantine."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError, no_column
from tabular_lstm.rows.blocks import Block
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.quarantine import Quarantine, set_aside
from tabular_lstm.rows.rows_to_score import RowsToScore
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import lay_out

MEND = (
    "\nRows are counted from 1 below the header; this run's quarantined_rows_to_score.csv holds "
    "them all. Mend them. Bounds, codes for no value, formats of dates and marks of numbers are "
    "those that the champion was trained with; if these files write numbers otherwise, say so in "
    "load_args of rows_to_score in the catalog: {decimal: ',', thousands: '.'}."
)


@dataclass(frozen=True)
class CheckedBlock:
    """The rows of a block that can be scored, and how many there were.

    Attributes:
        file: Their file inside the folder; None where one file was given.
        count: Rows of the block, the quarantined ones too.
        expected: About how many rows there are in all.
        rows: int64 (rows,), the numbers of those that can be scored.
        sequences: float32 (rows, steps, features_per_step).
        copied: Their key as text, and the columns that are passed through, with their types.
    """

    file: str | None
    count: int
    expected: int
    rows: np.ndarray
    sequences: np.ndarray
    copied: dict[str, pa.Array]


@dataclass(frozen=True)
class CheckedRows:
    """A stream of checked rows.

    Attributes:
        source: The rows as they are read.
        schema: What they are checked by, the champion's.
        key: The column that identifies a row, if there is one.
        copied: The types of the columns that are copied, the key first.
        max_quarantined_fraction: Share of quarantined rows above which the stream ends in an error.
        without: Columns that need not be read, see `RowsToScore.blocks`. Default: none.
        quarantine: What the bad rows pass through.
    """

    source: RowsToScore
    schema: Schema
    key: str | None
    copied: dict[str, pa.DataType]
    max_quarantined_fraction: float
    without: frozenset[str] = frozenset()
    quarantine: Quarantine = field(default_factory=Quarantine)

    def blocks(self) -> Iterator[CheckedBlock]:
        """Read and check the rows, once.

        Raises:
            DataError: See `RowsToScore.blocks`; or too many rows were quarantined, at the end or as
                soon as no later row could change that.
        """
        count, most, expected, kept = 0, self.source.most_rows(), 0, False
        try:
            for block in self.source.blocks(texts=self._texts, without=self.without):
                expected = expected or self.source.about(block.cells)
                count += len(block.cells)
                checked = self._check(block, expected)
                if self._too_many(most):
                    kept = True
                    raise self._refusal(count)
                yield checked
            kept = True
            if self._too_many(count):
                raise self._refusal(count)
        finally:
            self.quarantine.close(kept)

    def _too_many(self, rows: int) -> bool:
        return self.quarantine.rows > self.max_quarantined_fraction * rows

    @property
    def _texts(self) -> set[str]:
        return {*self.schema.columns, *([] if self.key is None else [self.key])}

    def _check(self, block: Block, expected: int) -> CheckedBlock:
        cells = block.cells
        sequences, problems = lay_out(cells, self.schema, self.source.marks)
        copied = {n: block.table[n].combine_chunks().cast(kind) for n, kind in self.copied.items()}
        if self.key is not None:
            keys, of_key = read_key(cells[self.key], self.source.marks or self.schema.marks)
            copied[self.key] = pa.array(keys, pa.string())
            problems = {self.key: of_key, **problems}
        rows = pd.RangeIndex(block.first, block.first + len(cells), name="row")
        aside, is_left = set_aside(cells.set_axis(rows), problems)
        if block.file is not None:
            aside.insert(0, "file", block.file, allow_duplicates=True)
        self.quarantine.kinds.add(problems, rows, block.file)
        self.quarantine.add(aside)
        numbers = rows.to_numpy(np.int64)
        if len(aside):
            numbers, sequences = numbers[is_left], sequences[is_left]
            copied = {name: values.filter(pa.array(is_left)) for name, values in copied.items()}
        return CheckedBlock(block.file, len(cells), expected, numbers, sequences, copied)

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
