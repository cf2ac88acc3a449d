"""Any table is rows: of whatever library, in whatever pieces, known by its content."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tabular_lstm.rows import table_rows
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.table_rows import LoadedTable
from tests.helpers.errors import raises_data_error

ROWS = pd.DataFrame(
    {
        "id": [7, 8, 9],
        "age": [20.5, np.nan, 41.0],
        "color": ["red", None, "blue"],
        "seen": [datetime(2026, 1, 1), datetime(2026, 1, 2, 3), None],
    }
)


def of(table: Any) -> LoadedTable:
    return LoadedTable.of(table, "raw_rows")


def hash_of(table: Any) -> str:
    return of(table).sha256()


def cells_of(rows: LoadedTable, **arguments: Any) -> pd.DataFrame:
    return pd.concat([batch.cells.set_axis(batch.names) for batch in rows.batches(**arguments)])


# Of each library


def by_duckdb(rows: pd.DataFrame) -> Any:
    return duckdb.connect().from_df(rows)


def by_ibis(rows: pd.DataFrame) -> Any:
    backend = ibis.duckdb.connect()
    backend.con.register("frame", rows)
    backend.raw_sql("CREATE TABLE rows AS SELECT * FROM frame")
    return backend.table("rows")


LIBRARIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda rows: rows,
    "named index": lambda rows: rows.set_index("id"),
    "arrow": pa.Table.from_pandas,
    "record batch": pa.RecordBatch.from_pandas,
    "reader": lambda rows: pa.Table.from_pandas(rows).to_reader(2),
    "polars": pl.from_pandas,
    "lazy": lambda rows: pl.from_pandas(rows).lazy(),
    "polars categories": lambda rows: pl.from_pandas(rows).with_columns(
        pl.col("color").cast(pl.Categorical)
    ),
    "duckdb": by_duckdb,
    "ibis": by_ibis,
    "frames": lambda rows: (rows[row : row + 1] for row in range(len(rows))),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_gives_the_same_cells_and_hash(library: str) -> None:
    rows = of(LIBRARIES[library](ROWS))
    assert rows.columns == [*ROWS]
    cells = cells_of(rows)
    assert cells.index.tolist() == [1, 2, 3]
    assert cells["id"].tolist() == [7, 8, 9]
    assert cells["color"].astype(object).where(cells["color"].notna(), None).tolist() == [
        "red",
        None,
        "blue",
    ]
    np.testing.assert_array_equal(cells["age"], ROWS["age"])
    assert (
        cells["seen"]
        .astype("datetime64[us]")
        .equals(ROWS["seen"].astype("datetime64[us]").set_axis(cells.index))
    )
    assert rows.sha256() == hash_of(ROWS)
    assert rows.hashes(None) == of(ROWS).hashes(None) != of(ROWS[::-1]).hashes(None)
    assert rows.hashes("id") == of(ROWS[::-1]).hashes("id")


def test_a_column_that_is_left_out_is_not_read_and_bytes_are_text() -> None:
    rows = of(pd.DataFrame({"name": [b"\xc3\xa4"], "other": [b"\xff"], "y": [1]}))
    cells = cells_of(rows, without=["y"])
    assert cells.to_dict("records") == [{"name": "ä", "other": "\\xff"}]
    assert rows.sha256() == hash_of(pd.DataFrame({"name": ["ä"], "other": ["\\xff"], "y": [1]}))


def test_the_types_of_all_frames_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first a cell is missing, and what is whole there has a fraction later."""
    monkeypatch.setattr(table_rows, "rows_of_a_batch", lambda columns: 2)
    frames = [
        {"x": [None, None], "whole": [1, 2], "paid": [Decimal("1.5"), None]},
        {"x": ["a", "b"], "whole": [3, 4], "paid": [Decimal("1000.25"), None]},
        {"whole": [0.5, None], "x": ["a", "b"], "paid": [None, None]},
    ]
    rows = of(pd.DataFrame(frame) for frame in frames)
    assert [batch.table.schema for batch in rows.batches()] == [rows.schema] * 3
    assert rows.types(["x", "whole"]) == {"x": pa.string(), "whole": pa.float64()}
    cells = cells_of(rows)
    assert cells["whole"].tolist()[:5] == [1, 2, 3, 4, 0.5]
    assert cells["paid"].tolist()[2] == Decimal("1000.25")


def test_small_frames_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "rows_of_a_batch", lambda columns: 4)
    rows = of(pd.DataFrame({"x": [row]}) for row in range(10))
    assert [batch.count for batch in rows.batches()] == [4, 4, 2]
    assert [(batch.first, batch.expected) for batch in rows.batches()] == [
        (1, 10),
        (5, 10),
        (9, 10),
    ]
    assert cells_of(rows)["x"].tolist() == [*range(10)]


def test_a_rounded_number_beside_texts_is_no_key() -> None:
    keys = cells_of(of(pd.DataFrame({"id": ["A7", 7.0, 123456789012340002.0]})))["id"]
    read, problems = read_key(keys)
    assert read[:2].tolist() == ["A7", "7"]
    assert problems[2].endswith("is a rounded number, not a key")


def test_decimals_are_not_rounded_to_the_floats_of_other_frames() -> None:
    frames = [pd.DataFrame({"id": [Decimal("5.10")]}), pd.DataFrame({"id": [0.5]})]
    with raises_data_error(match="raw_rows: .*'id' holds decimals and floats"):
        of(iter(frames))


def test_numbers_beside_texts_are_not_read_in_a_format_of_texts() -> None:
    """In which 5.123 would be 5123."""
    frame = pd.DataFrame({"a": [5.123, "k.A."], "b": ["5,1", "6"], "c": [1.5, 2.5]})
    rows, german = LoadedTable.of(frame, "visits"), NumberFormat(decimal=",", thousands=".")
    assert rows.format_of(["b", "c"], german) == german
    assert rows.format_of(["a"], NumberFormat()) == NumberFormat()
    with raises_data_error(
        match="visits: column 'a' holds values of several types.* 1.234 as 1234"
    ):
        rows.format_of(["a", "b"], german)


def test_a_cell_that_no_type_holds_beside_the_others_is_its_text() -> None:
    """As in a workbook, whose column has numbers, words and dates."""
    mixed = [1, "x", 2.0, None, True, date(2026, 1, 2), 2**70]
    ids = [uuid.UUID(int=number) for number in range(7)]
    lists = [[number] for number in range(7)]
    cells = cells_of(of(pd.DataFrame({"mixed": mixed, "id": ids, "list": lists})))
    said = ["1", "x", "2", None, "True", "2026-01-02", str(2**70)]
    assert cells["mixed"].astype(object).where(cells["mixed"].notna(), None).tolist() == said
    assert cells["id"].tolist() == [*map(str, ids)]
    assert cells["list"].tolist() == [*map(str, lists)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([datetime(2026, 1, 2, 3), 5], ["2026-01-02 03:00:00", "5"]),
        ([date(2026, 1, 2), datetime(2026, 1, 2, 3)], ["2026-01-02", "2026-01-02 03:00:00"]),
        ([pd.Period("2026-01"), pd.Period("2026-02")], ["2026-01", "2026-02"]),
    ],
)
def test_no_cell_becomes_another_date_or_number(cells: list[Any], said: list[str]) -> None:
    assert cells_of(of(pd.DataFrame({"x": cells})))["x"].tolist() == said


# The hash of the content

BIG = 2**53


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        ([1, 2], [1.0, 2.0]),
        ([1, None], pd.array([1, None], "Int8")),
        ([1, 2], [Decimal("1.00"), Decimal("2.00")]),
        ([0.1, 2.5], [Decimal("0.10"), Decimal("2.50")]),
        ([0.0], [-0.0]),
        ([BIG + 2, BIG], [Decimal(BIG + 2), float(BIG)]),
        ([np.nan], [None]),
        (["a", "b"], pd.Categorical(["b", "a"])),
        ([pd.Timestamp("2026-01-02")], [date(2026, 1, 2)]),
        (*(pd.Series([pd.Timestamp(2026, 1, 2)]).astype(f"M8[{unit}]") for unit in ("s", "ns")),),
        (
            [pd.Timestamp("2026-01-02T01:00+01:00")],
            pd.Series([pd.Timestamp("2026-01-02", tz="UTC")]).astype("datetime64[ms, UTC]"),
        ),
    ],
)
def test_the_same_content_has_the_same_hash(one: Any, other: Any) -> None:
    assert hash_of(pd.DataFrame({"x": one})) == hash_of(pd.DataFrame({"x": other}))


def test_neither_pieces_nor_columns_order_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.DataFrame({"x": range(100), "y": [f"w{row % 7}" for row in range(100)]})
    whole = hash_of(rows)
    monkeypatch.setattr(table_rows, "rows_of_a_batch", lambda columns: 7)
    shuffled = rows.sample(frac=1, random_state=0)[["y", "x"]]
    assert hash_of(shuffled[row : row + 11] for row in range(0, 100, 11)) == whole


OTHERS: dict[str, pd.DataFrame] = {
    "a row twice": pd.concat([ROWS, ROWS[:1]]),
    "a row less": ROWS[1:],
    "another name": ROWS.rename(columns={"age": "years"}),
    "cells swapped between rows": ROWS.assign(color=["blue", None, "red"]),
    "cells swapped between columns": pd.DataFrame({"x": [1], "y": [2]}),
    "likewise": pd.DataFrame({"x": [2], "y": [1]}),
    "two rows twice": pd.DataFrame({"x": [1, 1, 2, 2]}),
    "and three times": pd.DataFrame({"x": [1, 1, 1, 2]}),
    "a missing cell": pd.DataFrame({"x": [1, None], "y": [None, 1]}),
    "in another column": pd.DataFrame({"x": [1, 1], "y": [None, None]}),
    "a number 0": pd.DataFrame({"x": [1.0, 0.0], "y": [None, 1]}),
    "a word": pd.DataFrame({"x": ["True"]}),
    "a whole number that float64 has not": pd.DataFrame({"x": [BIG + 1]}),
    "its neighbor": pd.DataFrame({"x": [BIG]}),
    "a time": pd.DataFrame({"x": [datetime(2026, 1, 1)]}),
    "a microsecond later": pd.DataFrame({"x": [datetime(2026, 1, 1) + timedelta(microseconds=1)]}),
}


def test_each_other_content_has_another_hash() -> None:
    cells = {
        f"cell {row} of {name}": ROWS.assign(
            **{name: [None if place == row else cell for place, cell in enumerate(ROWS[name])]}
        )
        for name in ROWS
        for row in range(3)
        if not pd.isna(ROWS[name][row])
    }
    others = {"as it is": ROWS} | cells | OTHERS
    assert len({hash_of(table) for table in others.values()}) == len(others)


# What is refused


def words_then_numbers() -> Iterator[pd.DataFrame]:
    yield pd.DataFrame({"x": ["a"]})
    yield pd.DataFrame({"x": [1]})


def another_column() -> Iterator[pd.DataFrame]:
    yield pd.DataFrame({"x": [1], "y": [1]})
    yield pd.DataFrame({"x": [1], "z": [1]})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"a": ROWS},
            "expected a table: a frame of pandas, Polars, Arrow or Ibis, or an iterator ",
        ),
        ([{"a": 1}], "; got dict."),
        ("SELECT 1", "; got str."),
        (ROWS[:0], "the table has no rows; expected at least one."),
        (iter(()), "the table has no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column name 'a' occurs 2 times"),
        (ROWS.set_index(pd.Index([1, 2, 3], name="id")), "column name 'id' occurs 2 times"),
        (another_column(), "column 'y' is in some frames of the table and not in others"),
        (words_then_numbers(), "a column has different types: Unable to merge: "),
        (pl.DataFrame({"x": [UUID(int=1)]}, {"x": pl.Object}), "column 'x' holds Python objects"),
    ],
)
def test_what_is_no_table_of_rows_is_refused(table: Any, said: str) -> None:
    with raises_data_error() as error:
        of(table)
    assert str(error.value).startswith("raw_rows: ")
    assert said in str(error.value)


def test_a_decimal_is_as_a_csv_has_it_whatever_other_rows_hold() -> None:
    cells = [Decimal(0), Decimal("0.5"), Decimal("1E-7")]
    longer = [*cells, Decimal("500.25")]
    alone, grown = (cells_of(of(pd.DataFrame({"k": k, "y": 1})))["k"] for k in (cells, longer))
    assert alone.tolist() == grown[:3].tolist() == ["0", "0.5", "0.0000001"]


def test_a_whole_number_that_is_no_float_is_not_rounded_in_silence() -> None:
    frames = [pd.DataFrame({"x": [BIG + 1]}), pd.DataFrame({"x": [0.5]})]
    with raises_data_error() as error:
        cells_of(of(iter(frames)))
    assert f"a column has different types: Integer value {BIG + 1} not in range" in str(error.value)
