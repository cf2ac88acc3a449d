"""Batches of whole customers: Arrow groups the rows of all files by customer, on disk."""

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
    for field in batch.table.schema:
        was, file = types.setdefault(field.name, (field.type, str(batch.file)))
        kinds = {was, field.type} - {pa.null()}
        if pa.types.is_null(was):
            types[field.name] = field.type, str(batch.file)
        if len(kinds) > 1 and not (
            all(map(pa.types.is_dictionary, kinds)) or kinds == {pa.int64(), pa.float64()}
        ):
            raise DataError(
                f"{batch.path}: column '{field.name}' is {field.type}, and {was} in {file}; "
                "expected one type in all files, because a customer's rows may be in several. "
                "Write the files alike."
            )


def _count(first: Batch) -> int:
    """Choose how many batches to make, so that they are about as large as other batches."""
    size = first.table.nbytes / first.count
    return min(MOST, int(first.expected / min(ROWS, BYTES / size)) + 1)
