"""All rows at a path, read a piece at a time: how they are laid out, and what each column holds."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow as pa

from tabular_lstm.datasets.rows_to_score import CSV
from tabular_lstm.profiling.distinct import Counted
from tabular_lstm.profiling.layout import Layout, layout_of, with_marks
from tabular_lstm.profiling.names import names_an_identifier
from tabular_lstm.profiling.number_marks import marks_of_table
from tabular_lstm.profiling.profile import Profile, profile_of
from tabular_lstm.profiling.sample import EvenRows, rows_of
from tabular_lstm.rows.csv_batches import columns_of_csv, stream_cells
from tabular_lstm.rows.load_args import dialect_of
from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import refuse_other_columns

# Pieces of a file, of a megabyte, that are counted together: more take more memory, fewer time.
TOGETHER = 4
HINT = "Name a CSV, or a folder of them."


@dataclass(frozen=True)
class Profiled:
    """What was found at a path.

    Attributes:
        rows: Some of them, drawn evenly: text cells, with the index `row`.
        again: Gives all of them once more, some at a time, likewise.
    """

    layout: Layout
    profile: Profile
    rows: pd.DataFrame
    again: Callable[[], Iterator[pd.DataFrame]]


def profiled(file: Path, shown: str) -> Profiled:
    """Look at all cells of all files at a path.

    Args:
        file: A CSV or a folder of them.
        shown: The same as messages and conf name it.

    Raises:
        DataError: There is none, or one is no CSV, is empty or has other columns than the first.
    """
    files = RawFiles.at(fsspec.filesystem("file"), os.path.abspath(file), CSV, HINT)
    names = [*files.names]
    files.warn_of_others()
    with files.open(names[0]) as content:
        layout = layout_of(content, _called(shown, names[0]))
    counts, even = _count(files, names, shown, layout)
    # What was counted goes, column after column.
    cells = {name: counts.counted.pop(name).cells() for name in [*counts.counted]}
    layout = with_marks(
        layout, marks_of_table(cells.values(), dialect_of(layout.load_args)["delimiter"])
    )
    unique = counts.identifying if len(names) > 1 else set()
    profile = profile_of(cells, even.passed, shown, layout.marks, unique)

    def again() -> Iterator[pd.DataFrame]:
        for name in names:
            for batch, above in _batches(files, name, shown, layout):
                yield rows_of(batch, name, above)

    return Profiled(layout, profile, even.rows(), again)


class _Counts:
    """The cells of each column, and which columns name the rows.

    Attributes:
        identifying: Columns that are called as identifiers are, of which each cell was once in each
            file so far; a later file may correct a row.
    """

    def __init__(self, columns: list[str]) -> None:
        self.counted = {name: Counted() for name in columns}
        self.identifying = {name for name in columns if names_an_identifier(name)}
        self._of_file: dict[str, Counted] = {}
        self._columns = columns
        self._waiting: list[pa.RecordBatch] = []

    def begin_file(self) -> None:
        self._of_file = {name: Counted() for name in self.identifying}

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch.select(self._columns))
        if len(self._waiting) == TOGETHER:
            self._count()

    def end_file(self) -> None:
        if self._waiting:
            self._count()
        for name, of_file in self._of_file.items():
            self.counted[name].take(of_file)
            if not of_file.are_unique():
                self.identifying.discard(name)

    def _count(self) -> None:
        rows = pa.Table.from_batches(self._waiting)
        self._waiting.clear()
        for name, counted in self.counted.items():
            self._of_file.get(name, counted).add(rows.column(name))


def _count(
    files: RawFiles, names: list[str], shown: str, layout: Layout
) -> tuple[_Counts, EvenRows]:
    """Count the cells of all files, and draw some rows."""
    with files.open(names[0]) as content:
        columns = columns_of_csv(content, _called(shown, names[0]), layout.load_args)
    counts, even = _Counts(columns), EvenRows(columns)
    for name in names:
        counts.begin_file()
        for batch, above in _batches(files, name, shown, layout):
            if not above:
                refuse_other_columns(batch.schema.names, _called(shown, name), columns, names[0])
            counts.add(batch)
            even.add(batch, name, above)
        counts.end_file()
    return counts, even


def _batches(
    files: RawFiles, name: str, shown: str, layout: Layout
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Give the rows of a file, some at a time, and how many are above them."""
    above = 0
    with files.open(name) as content:
        for batch in stream_cells(content, _called(shown, name), layout.load_args):
            yield batch, above
            above += batch.num_rows


def _called(shown: str, name: str) -> str:
    return f"{shown}/{name}".removesuffix("/")
