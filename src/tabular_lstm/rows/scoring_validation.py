"""Check rows to score, batch by batch: usable rows are scored, the others go to quarantine."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError, counted
from tabular_lstm.parameters.columns import History
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.labels import are_unlabelled
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.raw_files import one_type
from tabular_lstm.rows.raw_rows import BYTES, ROWS, Batch, Table
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import slots_of
from tabular_lstm.rows.timeline import Roles, histories, read_roles
from tabular_lstm.rows.validation import Kinds, may_be_predicted, set_aside

# Customer batches ---------------------------------------------------------------------------------

# The largest number of batches; with 20 million rows or more, batches become larger.
MOST = 300


def whole_customers(
    batches: Iterable[Batch],
    customer: str,
    number_format: NumberFormat,
    folder: Path | None = None,
) -> Iterator[Batch]:
    """Put all rows of a customer into one batch, in the order in which they are read.

    A hash of the customer, in the column `customer`, chooses the batch, so that the same files give
    the same batches. If there are many rows, they are written once to a file without a name; the
    system deletes the file, however the process ends. Memory holds one batch, with at least all
    rows of its largest customer.

    The file is in `folder` (default: the system's temporary folder), and is about as large as the
    rows. `batches` has at least one batch.

    Raises:
        DataError: The types of a column in two files do not fit together.
        OSError: No space.
    """
    positions: list[list[int]] = []
    types: dict[str, pa.DataType] = {}
    with tempfile.SpooledTemporaryFile(BYTES, dir=str(folder) if folder else None) as row_file:
        for batch in batches:
            _refuse_other_types(types, batch)
            positions = positions or [[] for _ in range(_batches_needed(batch))]
            customers = replace(batch, table=batch.table.select([customer])).cells[customer]
            names = read_key(customers, number_format)[0].to_numpy(object)
            batch_numbers = pd.util.hash_array(names, categorize=False) % len(positions)
            order = np.argsort(batch_numbers, kind="stable")
            starts = np.searchsorted(batch_numbers[order], np.arange(len(positions) + 1)).tolist()
            batch_tables = [table.take(order) for table in (batch.table, batch.origins)]
            for batch_positions, (start, end) in zip(positions, pairwise(starts), strict=True):
                if start < end:
                    batch_positions.append(row_file.tell())
                    for table in batch_tables:
                        with pa.ipc.new_stream(row_file, table.schema) as stream:
                            stream.write_table(table[start:end])
        for batch_positions in filter(None, positions):
            parts = []
            for position in batch_positions:
                row_file.seek(position)
                parts.append([pa.ipc.open_stream(row_file).read_all() for _ in range(2)])
            with one_type(batch.path):  # float64 does not hold all whole numbers of other files
                rows, origin = (
                    pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
                    for tables in zip(*parts, strict=True)
                )
            yield replace(batch, file=None, table=rows.combine_chunks(), origin=origin)


def _refuse_other_types(types: dict[str, pa.DataType], batch: Batch) -> None:
    """Raise an error if a column has another type in this file than in the files before.

    A column may be empty in some files. Whole numbers and float64 fit together, because pandas
    writes whole numbers as float64 where a cell is missing. float32 and float64 do not: 0.1 would
    become two different numbers.
    """
    for column in batch.table.schema:
        if pa.types.is_null(column.type):
            continue
        earlier = types.setdefault(column.name, column.type)
        if earlier.id != column.type.id and {earlier, column.type} != {pa.int64(), pa.float64()}:
            raise DataError(
                f"{batch.path}: column '{column.name}' is {column.type}, and {earlier} in an "
                "earlier file; expected the same type in all files, because a customer's rows may "
                "be in several. Write the column with one type."
            )


def _batches_needed(first: Batch) -> int:
    """Choose how many batches to make, so that they are about as large as other batches."""
    size = first.table.nbytes / first.count
    return min(MOST, int(first.expected / min(ROWS, BYTES / size)) + 1)


# Scoring validation -------------------------------------------------------------------------------

ADVICE = (
    "Rows are counted from 1 below the header; this run's quarantined_rows_to_score.csv lists "
    "them all. Correct them. Bounds, codes for missing values, units, date formats and the number "
    "format are those that the champion was trained with; if these files have another number "
    "format, declare it in load_args of rows_to_score in the catalog, by decimal and thousands."
)


@dataclass(frozen=True)
class CheckedBatch:
    """The rows of a batch that get a prediction, and those that were set aside.

    Attributes:
        rows: How many rows each file has in the batch, quarantined ones too; "" is a single file.
        expected: About how many rows all batches have together.
        origin: The origin of the rows that get a prediction, see `Batch`.
        sequences: float32 (rows, steps, features_per_step), or their histories; the histories'
            table has all usable rows.
        copied: The key of these rows as text, and the columns that are copied, with their types.
        kinds: What is wrong with the rows set aside.
        aside: The rows set aside, see `set_aside`; `file` comes first if there are several.
    """

    rows: Counter[str]
    expected: int
    origin: pa.Table
    sequences: Sequences
    copied: dict[str, pa.Array]
    kinds: Kinds
    aside: pd.DataFrame


@dataclass(frozen=True)
class RowCheck:
    """The rules by which rows are checked.

    Attributes:
        schema: The champion's schema.
        key: The column that identifies a row, if there is one.
        copied: The types of the columns that are copied.
        number_format: The format of numbers that are text.
        history: Which rows of histories get a prediction: those that `predict` marks; or, in the
            order of `Timeline.of`, each customer's last row, or its last one of the values there.
            Default: without histories, each row.
    """

    schema: Schema
    key: str | None
    copied: dict[str, pa.DataType]
    number_format: NumberFormat
    history: History | None = None

    @property
    def names(self) -> list[str]:
        """Name the columns that identify a row: key and customer, if there are any."""
        customer = self.schema.history.of if self.schema.history else None
        return [name for name in (self.key, customer) if name is not None]

    def of(self, batch: Batch) -> CheckedBatch:
        """Check a batch; for histories, a batch of whole customers.

        Raises:
            DataError: See `Batch.cells`.
        """
        cells, origin = batch.cells, batch.origins
        table, problems = slots_of(cells, self.schema, self.number_format)
        copied = {n: batch.table[n].combine_chunks().cast(kind) for n, kind in self.copied.items()}
        if self.key is not None:
            keys, key_problems = read_key(cells[self.key], self.number_format)
            copied[self.key] = pa.array(keys, pa.string())
            problems = {self.key: key_problems, **problems}
        roles = None
        if self.history is not None:
            roles, role_problems = read_roles(cells, self.schema, self.number_format)
            copied[self.history.of] = pa.array(roles.customers, pa.string())
            problems |= role_problems
        rows = pd.Index(origin["row"].to_numpy(), name="row")
        bad_rows, is_left = set_aside(cells.set_axis(rows), problems)
        kinds = Kinds()
        if len(bad_rows):
            kinds.add(problems, batch.names.tolist())
        file_counts, is_folder = Counter({"": batch.count}), "file" in origin.column_names
        if is_folder:
            files = origin["file"].to_pandas()
            bad_files = files[~is_left].astype("str").to_numpy()
            bad_rows.insert(0, "file", bad_files, allow_duplicates=True)
            file_counts = Counter(files.value_counts().to_dict())
        scored = np.flatnonzero(is_left)
        sequences: Sequences = table[scored]
        if self.history is not None and roles is not None:
            if is_folder and self.key is not None:
                scored = self._without_superseded(scored, cells, keys, roles.customers)
            scored_roles = Roles(roles.customers[scored], *(part[scored] for part in roles[1:]))
            scored_histories = histories(scored_roles, table[scored], self.schema)
            may_be = may_be_predicted(cells, self.history, self.number_format)[scored]
            scored, sequences = scored[may_be], scored_histories[may_be]
            if self.history.scored != "marked rows":
                scored, sequences = scored[sequences.are_last], sequences[sequences.are_last]
        return CheckedBatch(
            rows=file_counts,
            expected=batch.expected,
            origin=origin.take(scored),
            sequences=sequences,
            copied={name: values.take(pa.array(scored)) for name, values in copied.items()},
            kinds=kinds,
            aside=bad_rows,
        )

    def _without_superseded(
        self, places: np.ndarray, cells: pd.DataFrame, keys: pd.Series, customers: pd.Series
    ) -> np.ndarray:
        """Keep of the rows at these places only the last one of each key and customer.

        As in training, a row without a label does not replace a row with one.
        """
        if self.schema.label in cells:
            is_unlabelled = are_unlabelled(cells[self.schema.label], self.schema)[places]
            places = places[np.argsort(~is_unlabelled, kind="stable")]
        identity = pd.DataFrame({"key": keys, "customer": customers}).iloc[places]
        return np.sort(places[~identity.duplicated(keep="last")])


@dataclass(frozen=True)
class CheckedRows:
    """Rows to score, which are read and checked batch by batch.

    Attributes:
        source: The rows as they are read.
        check: The rules by which they are checked.
        max_quarantined_fraction: With a larger share in quarantine there are no predictions.
        without: Columns that need not be read, see `Table.batches`. Default: none.
    """

    source: Table
    check: RowCheck
    max_quarantined_fraction: float
    without: frozenset[str] = frozenset()

    def read(self, folder: Path | None = None) -> Iterator[Batch]:
        """Read the rows without checks; for histories, grouped by customer, see `whole_customers`.

        Raises:
            DataError: See `Table.batches` and `whole_customers`.
        """
        history = self.check.schema.history
        batches = self.source.batches(self.without)
        if history is None:
            return batches
        return whole_customers(batches, history.of, self.check.number_format, folder)

    def refuse_many_quarantined(self, quarantined: int, rows: int, kinds: Kinds) -> None:
        """Raise a `DataError` if too many of the rows are in quarantine."""
        if quarantined > self.max_quarantined_fraction * rows:
            raise DataError(
                f"{self.source.file}: {quarantined} of {counted(rows, 'row')} went to quarantine, "
                f"and max_quarantined_fraction = {self.max_quarantined_fraction} allows fewer. "
                "There are no predictions:",
                *kinds.listed(),
                ADVICE,
            )
