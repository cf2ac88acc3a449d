"""Rows that are drawn from a table as it passes by."""

import numpy as np
import pyarrow as pa
import pytest

from tabular_lstm.profiling.sample import ROWS, EvenRows, rows_of


@pytest.mark.parametrize("count", [1, 3999, 8000, 8001, 100_003])
@pytest.mark.parametrize("piece", [777, 50_000])
def test_rows_are_drawn_evenly_and_of_a_small_table_all(count: int, piece: int) -> None:
    even = EvenRows(["a"])
    for above in range(0, count, piece):
        numbers = range(above, min(above + piece, count))
        even.add(pa.RecordBatch.from_pydict({"a": [str(x) for x in numbers]}), "", above)
    rows = even.rows()
    assert even.passed == count
    assert [int(cell) + 1 for cell in rows["a"]] == [*rows.index]
    assert len({*np.diff(rows.index)}) <= 1
    assert len(rows) == count if count <= 2 * ROWS else ROWS <= len(rows) <= 2 * ROWS


def test_rows_of_a_folder_are_named_by_their_files() -> None:
    even = EvenRows(["b", "a"])
    batch = pa.RecordBatch.from_pydict({"a": ["1", "2"], "b": ["x", "y"]})
    even.add(batch, "one.csv", 0)
    even.add(batch, "two.csv", 5)
    rows = even.rows()
    assert [*rows.index] == ["one.csv:1", "one.csv:2", "two.csv:6", "two.csv:7"]
    assert [*rows.columns] == ["b", "a"]
    assert [*rows_of(batch, "two.csv", 5).index] == ["two.csv:6", "two.csv:7"]
