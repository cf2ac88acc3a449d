"""Batches of whole customers: rows from anywhere in the files, put together on disk by Arrow."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.rows.batches import BYTES, ROWS, Batch
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.number_format import NumberFormat

# Of 20 million rows or more, batches are larger.
MOST = 300


def by_customer(
    batches: Iterable[Batch], of: str, number_format: NumberFormat, folder: Path | None = None
) -> Iterator[Batch]:
    """Give each customer's rows in one batch, in the order in which they are read.

    A hash of the customer says in which batch, so that the same files give the same batches. The
    rows are written once, but for a few, to a file without a name: however the process ends,
    nothing is left. Memory holds a batch, which is as large as its largest customer at least.

    Args:
        batches: The rows, one batch at least.
        of: The column of customers, see `tabular_lstm.rows.keys.read_key`.
        number_format: What numbers are written with.
        folder: Where the file is, which is about as large as the rows. Default: the system's folder
            for temporary files.

    Raises:
        DataError: A column's types in two files do not go together.
        OSError: No space.
    """
    places: list[list[int]] = []
    with tempfile.SpooledTemporaryFile(BYTES, dir=folder) as held:
        for batch in batches:
            places = places or [[] for _ in range(_count(batch))]
            customers = replace(batch, table=batch.table.select([of])).cells[of]
            names = read_key(customers, number_format)[0].to_numpy(object)
            which = pd.util.hash_array(names, categorize=False) % len(places)
            order = np.argsort(which, kind="stable")
            table = _beside(batch.table, batch.origins).take(order)
            ends = np.cumsum(np.bincount(which.astype(int), minlength=len(places)))
            for of_batch, (start, end) in zip(places, pairwise([0, *ends]), strict=True):
                if start < end:
                    of_batch.append(held.tell())
                    with pa.ipc.new_stream(held, table.schema) as stream:
                        stream.write_table(table[start:end])
        columns = batch.table.num_columns
        for of_batch in filter(None, places):
            tables = []
            for place in of_batch:
                held.seek(place)
                tables.append(pa.ipc.open_stream(held).read_all())
            origin = pa.concat_tables(table.select(range(columns, table.num_columns)) for table in tables)
            try:
                rows = pa.concat_tables(
                    (table.select(range(columns)) for table in tables), promote_options="permissive"
                )
            except pa.ArrowException as error:
                raise DataError(
                    f"{batch.path}: files have a column of different types: {error}. Write it alike "
                    "in all of them."
                ) from error
            yield Batch(
                None,
                0,
                rows.unify_dictionaries().combine_chunks(),
                batch.path,
                batch.expected,
                origin.unify_dictionaries().combine_chunks(),
            )


def _count(first: Batch) -> int:
    """Say how many batches hold about as many rows as others, by the first that is read."""
    size = first.table.nbytes / max(first.count, 1)
    return min(MOST, int(first.expected / min(ROWS, BYTES / size)) + 1)


def _beside(table: pa.Table, other: pa.Table) -> pa.Table:
    for name in other.column_names:
        table = table.append_column(name, other[name])
    return table
