"""Check rows to score, batch by batch: usable rows are scored, the others go to quarantine."""

import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError, counted
from tabular_lstm.rows.cells import Problems, problems_at, read_category
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.labels import are_unlabelled
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.raw_rows import BYTES, ROWS, Batch, RawRows
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import lay_out
from tabular_lstm.rows.timeline import Roles, histories, read_roles
from tabular_lstm.rows.validation import Quarantine, set_aside

# Customer batches ---------------------------------------------------------------------------------

# The largest number of batches; with 20 million rows or more, batches become larger.
MOST = 300


def whole_customers(
    batches: Iterable[Batch], of: str, number_format: NumberFormat, folder: Path | None = None
) -> Iterator[Batch]:
    """Put all rows of a customer into one batch, in the order in which they are read.

    A hash of the customer, in the column `of`, chooses the batch, so that the same files give the
    same batches. If there are many rows, they are written once to a file without a name; the system
    deletes the file, however the process ends. Memory holds one batch, with at least all rows of
    its largest customer.

    The file is in `folder` (default: the system's temporary folder), and is about as large as the
    rows. `batches` has at least one batch.

    Raises:
        DataError: The types of a column in two files do not fit together.
        OSError: No space.
    """
    places: list[list[int]] = []
    types: dict[str, tuple[pa.DataType, str]] = {}
    with tempfile.SpooledTemporaryFile(BYTES, dir=str(folder) if folder else None) as held:
        for batch in batches:
            _refuse_other_types(types, batch)
            places = places or [[] for _ in range(_count(batch))]
            customers = replace(batch, table=batch.table.select([of])).cells[of]
            names = read_key(customers, number_format)[0].to_numpy(object)
            which = pd.util.hash_array(names, categorize=False) % len(places)
            order = np.argsort(which, kind="stable")
            starts = np.searchsorted(which[order], np.arange(len(places) + 1)).tolist()
            both = [table.take(order) for table in (batch.table, batch.origins)]
            for of_batch, (start, end) in zip(places, pairwise(starts), strict=True):
                if start < end:
                    of_batch.append(held.tell())
                    for table in both:
                        with pa.ipc.new_stream(held, table.schema) as stream:
                            stream.write_table(table[start:end])
        for of_batch in filter(None, places):
            read = []
            for place in of_batch:
                held.seek(place)
                read.append([pa.ipc.open_stream(held).read_all() for _ in range(2)])
            try:
                rows, origin = (
                    pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
                    for tables in zip(*read, strict=True)
                )
            except pa.ArrowInvalid as error:
                raise DataError(
                    f"{batch.path}: a column has whole numbers in one file and float64 in another, "
                    f"and float64 cannot hold all of them: {error}. Write the files alike."
                ) from error
            yield replace(batch, file=None, table=rows.combine_chunks(), origin=origin)


def _refuse_other_types(types: dict[str, tuple[pa.DataType, str]], batch: Batch) -> None:
    """Raise an error if a column has another type in this file than in the files before.

    A column may be empty in some files. Whole numbers and float64 fit together, because pandas
    writes whole numbers as float64 where a cell is missing. float32 and float64 do not: 0.1 would
    become two different numbers.
    """
    for column in batch.table.schema:
        was, file = types.setdefault(column.name, (column.type, str(batch.file)))
        kinds = {was, column.type} - {pa.null()}
        if pa.types.is_null(was):
            types[column.name] = column.type, str(batch.file)
        if len(kinds) > 1 and not (
            all(map(pa.types.is_dictionary, kinds)) or kinds == {pa.int64(), pa.float64()}
        ):
            raise DataError(
                f"{batch.path}: column '{column.name}' is {column.type}, and {was} in {file}; "
                "expected one type in all files, because a customer's rows may be in several. "
                "Write the files alike."
            )


def _count(first: Batch) -> int:
    """Choose how many batches to make, so that they are about as large as other batches."""
    size = first.table.nbytes / first.count
    return min(MOST, int(first.expected / min(ROWS, BYTES / size)) + 1)


# Scoring validation -------------------------------------------------------------------------------

YES, NO = ("1", "yes", "true"), ("0", "no", "false")

Result = TypeVar("Result")

MEND = (
    "Rows are counted from 1 below the header; this run's quarantined_rows_to_score.csv lists "
    "them all. Mend them. Bounds, codes for no value, formats of dates and the number format are "
    "those that the champion was trained with; if these files have another number format, declare "
    "it in load_args of rows_to_score in the catalog, by decimal and thousands."
)


@dataclass(frozen=True)
class CheckedBatch:
    """The rows of a batch that get a prediction, and what is wrong with the others.

    Attributes:
        read: How many rows of the batch each file has, quarantined ones too; "" is a single file.
        history: How many usable rows get no prediction.
        expected: About how many rows all batches have together.
        origin: The origin of the rows that get a prediction, see `Batch`.
        sequences: float32 (rows, steps, features_per_step), or their histories; the histories'
            table has all usable rows.
        copied: The key of these rows as text, and the columns that are copied, with their types.
        problems: By column, what is wrong with cells, by their place in the batch.
        names: Names of the rows with a problem, for messages, by their place.
        aside: The rows set aside, see `set_aside`.
    """

    read: Counter[str]
    history: int
    expected: int
    origin: pa.Table
    sequences: Sequences
    copied: dict[str, pa.Array]
    problems: dict[str, Problems]
    names: dict[int, int | str]
    aside: pd.DataFrame

    @property
    def count(self) -> int:
        """Count the rows of the batch, the quarantined ones too."""
        return self.read.total()


@dataclass(frozen=True)
class Check:
    """The rules by which rows are checked.

    Attributes:
        schema: The champion's schema.
        key: The column that identifies a row, if there is one.
        copied: The types of the columns that are copied.
        number_format: The format of numbers that are text.
        predict: The column that marks the rows of histories which get a prediction. Default: each
            customer's last row, in the order of `Timeline.of`, gets one.
    """

    schema: Schema
    key: str | None
    copied: dict[str, pa.DataType]
    number_format: NumberFormat
    predict: str | None = None

    @property
    def names(self) -> list[str]:
        """Name the columns that identify a row: key and customer, if there are any."""
        of = self.schema.history.of if self.schema.history else None
        return [name for name in (self.key, of) if name is not None]

    def of(self, batch: Batch) -> CheckedBatch:
        """Check a batch; for histories, a batch of whole customers.

        Raises:
            DataError: See `Batch.cells`.
        """
        cells, origin = batch.cells, batch.origins
        table, problems = lay_out(cells, self.schema, self.number_format)
        copied = {n: batch.table[n].combine_chunks().cast(kind) for n, kind in self.copied.items()}
        identity = pd.DataFrame(index=cells.index)
        if self.key is not None:
            identity["key"], of_key = read_key(cells[self.key], self.number_format)
            copied[self.key] = pa.array(identity["key"], pa.string())
            problems = {self.key: of_key, **problems}
        roles, marked = None, None
        if self.schema.history is not None:
            roles, of_roles = read_roles(cells, self.schema, self.number_format)
            identity["customer"] = roles.customers
            copied[self.schema.history.of] = pa.array(roles.customers, pa.string())
            problems |= of_roles
        if self.predict is not None:
            marked, problems[self.predict] = _marks(cells[self.predict], self.number_format)
        rows = pd.Index(origin["row"].to_numpy(), name="row")
        aside, is_left = set_aside(cells.set_axis(rows), problems)
        names = batch.names[~is_left] if len(aside) else ()
        read = Counter({"": batch.count})
        scored = np.flatnonzero(is_left)
        if "file" in origin.column_names:
            files = origin["file"].to_pandas()
            of_aside = files[~is_left].astype("str").to_numpy()
            aside.insert(0, "file", of_aside, allow_duplicates=True)
            read = Counter(files.value_counts().to_dict())
            if self.key is not None and roles is not None:
                # As in training, a row without a label does not replace a row with one.
                if self.schema.label in cells:
                    without = are_unlabelled(cells[self.schema.label], self.schema)[scored]
                    scored = scored[np.argsort(~without, kind="stable")]
                scored = np.sort(scored[~identity.iloc[scored].duplicated(keep="last")])
        sequences: Sequences = table[scored]
        if roles is not None:
            of_scored = Roles(roles.customers[scored], roles.time[scored], roles.labels[scored])
            of_all = histories(of_scored, table[scored], self.schema)
            which = of_all.are_last if marked is None else marked[scored]
            scored, sequences = scored[which], of_all[which]
        return CheckedBatch(
            read=read,
            history=int(is_left.sum()) - len(scored),
            expected=batch.expected,
            origin=origin.take(scored),
            sequences=sequences,
            copied={name: values.take(pa.array(scored)) for name, values in copied.items()},
            problems={name: of_column for name, of_column in problems.items() if of_column},
            names=dict(zip(np.flatnonzero(~is_left).tolist(), names, strict=True)),
            aside=aside,
        )


def _marks(cells: pd.Series, number_format: NumberFormat) -> tuple[np.ndarray, Problems]:
    """Read which rows get a prediction, bool (rows,); and which cells say neither yes nor no."""
    said = read_category(cells, (), number_format).str.lower()
    odd = said.notna() & ~said.isin([*YES, *NO])
    fault = "is neither 1, yes or true nor 0, no or false"
    return said.isin(YES).to_numpy(), problems_at(cells, odd.to_numpy(), fault, quoted=True)


@dataclass(frozen=True)
class CheckedRows:
    """A stream of checked rows.

    Attributes:
        source: The rows as they are read.
        check: The rules by which they are checked.
        max_quarantined_fraction: With a larger share in quarantine, the stream raises an error.
        without: Columns that need not be read, see `RawRows.batches`. Default: none.
        quarantine: Gets the bad rows.
    """

    source: RawRows
    check: Check
    max_quarantined_fraction: float
    without: frozenset[str] = frozenset()
    quarantine: Quarantine = field(default_factory=Quarantine)

    def read(self, folder: Path | None = None) -> Iterator[Batch]:
        """Read the rows without checks; for histories, grouped by customer, see `whole_customers`.

        Raises:
            DataError: See `RawRows.batches` and `whole_customers`.
        """
        history = self.check.schema.history
        batches = self.source.batches(self.without)
        if history is None:
            return batches
        return whole_customers(batches, history.of, self.check.number_format, folder)

    def counted(
        self, results: Iterator[Result], batches_of: Callable[[Result], Sequence[CheckedBatch]]
    ) -> Generator[Result]:
        """Pass on the results of the batches, in their order, and quarantine the bad rows.

        Raises:
            DataError: At the end, too many rows are in quarantine.
        """
        count, is_whole = 0, False
        try:
            for result in results:
                for batch in batches_of(result):
                    self.quarantine.kinds.add(batch.problems, batch.names)
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
