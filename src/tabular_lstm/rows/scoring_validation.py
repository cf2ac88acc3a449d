"""Rows to score, checked: batch by batch those that can be scored, the others to quarantine."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError, counted
from tabular_lstm.rows.batches import Batch
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.quarantine import Quarantine, set_aside
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import lay_out

Result = TypeVar("Result")

MEND = (
    "Rows are counted from 1 below the header; this run's quarantined_rows_to_score.csv holds "
    "them all. Mend them. Bounds, codes for no value, formats of dates and marks of numbers are "
    "those that the champion was trained with; if these files write numbers otherwise, say how in "
    "load_args of rows_to_score in the catalog, by decimal and thousands."
)


@dataclass(frozen=True)
class CheckedBatch:
    """The rows of a batch that can be scored, and what is wrong with the others.

    Attributes:
        file: Their file inside the folder; None where one file was given.
        first: Number of the batch's first row, from 1 below the file's header.
        count: Rows of the batch, the quarantined ones too.
        expected: About how many rows there are in all.
        rows: int64 (rows,), the numbers of those that can be scored.
        sequences: float32 (rows, steps, features_per_step).
        copied: Their key as text, and the columns that are passed through, with their types.
        problems: By column, what is wrong with which cells, by their place in the batch.
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
        number_format: Of numbers that are text. Default: the schema's.
    """

    schema: Schema
    key: str | None
    copied: dict[str, pa.DataType]
    number_format: NumberFormat | None = None

    def of(self, batch: Batch) -> CheckedBatch:
        """Check a batch.

        Raises:
            DataError: See `Batch.cells`.
        """
        cells = batch.cells
        sequences, problems = lay_out(cells, self.schema, self.number_format)
        copied = {n: batch.table[n].combine_chunks().cast(kind) for n, kind in self.copied.items()}
        if self.key is not None:
            keys, of_key = read_key(cells[self.key], self.number_format or self.schema.marks)
            copied[self.key] = pa.array(keys, pa.string())
            problems = {self.key: of_key, **problems}
        rows = pd.RangeIndex(batch.first, batch.first + batch.count, name="row")
        aside, is_left = set_aside(cells.set_axis(rows), problems)
        if batch.file is not None:
            aside.insert(0, "file", batch.file, allow_duplicates=True)
        numbers = rows.to_numpy(np.int64)
        if len(aside):
            numbers, sequences = numbers[is_left], sequences[is_left]
            copied = {name: values.filter(pa.array(is_left)) for name, values in copied.items()}
        return CheckedBatch(
            file=batch.file,
            first=batch.first,
            count=batch.count,
            expected=batch.expected,
            rows=numbers,
            sequences=sequences,
            copied=copied,
            problems={name: of_column for name, of_column in problems.items() if of_column},
            aside=aside,
        )


@dataclass(frozen=True)
class CheckedRows:
    """A stream of checked rows.

    Attributes:
        source: The rows as they are read.
        check: What they are checked by.
        max_quarantined_fraction: Share of quarantined rows above which the stream ends in an error.
        without: Columns that need not be read, see `RawRows.batches`. Default: none.
        quarantine: What the bad rows pass through.
    """

    source: RawRows
    check: Check
    max_quarantined_fraction: float
    without: frozenset[str] = frozenset()
    quarantine: Quarantine = field(default_factory=Quarantine)

    def read(self) -> Iterator[Batch]:
        """Read the rows as they are.

        Raises:
            DataError: See `RawRows.batches`.
        """
        key = self.check.key
        texts = {*self.check.schema.columns, *([] if key is None else [key])}
        return self.source.batches(texts, self.without)

    def counted(
        self, results: Iterator[Result], batches_of: Callable[[Result], Sequence[CheckedBatch]]
    ) -> Generator[Result]:
        """Pass on what comes of the batches, in their order, and quarantine their bad rows.

        Raises:
            DataError: Too many rows were quarantined, at the end.
        """
        count, is_whole = 0, False
        try:
            for result in results:
                for batch in batches_of(result):
                    rows = pd.RangeIndex(batch.first, batch.first + batch.count)
                    self.quarantine.kinds.add(batch.problems, rows, batch.file)
                    self.quarantine.add(batch.aside)
                    count += batch.count
                yield result
            is_whole = True
        finally:
            self.quarantine.close(is_whole)
        if (bad := self.quarantine.rows) > self.max_quarantined_fraction * count:
            raise DataError(
                f"{self.source.file}: {bad} of {counted(count, 'row')} went to quarantine, and "
                f"max_quarantined_fraction = {self.max_quarantined_fraction} allows fewer. There "
                "are no predictions:",
                *self.quarantine.kinds.listed(),
                MEND,
            )
