"""Raw rows come in batches, and are those of the files that were hashed."""

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.rows import csv_files
from tabular_lstm.rows import raw_files as parquet_pieces
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.raw_rows import BYTES, Table
from tests.helpers.raw_rows import rows_at, whole

COUNT = 5000
ROWS = pd.DataFrame({"a": np.arange(COUNT), "b": [f"word {place}" for place in range(COUNT)]})


def write(path: Path, rows: pd.DataFrame = ROWS) -> Path:
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path)
    return path


@pytest.fixture(params=["rows.csv", "rows.parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(tmp_path / str(request.param))


def folder_of(path: Path, **tables: pa.Table) -> Table:
    for name, table in tables.items():
        parquet.write_table(table, path / f"{name}.parquet")
    return rows_at(path)


def test_a_column_has_one_type_in_all_files(tmp_path: Path) -> None:
    days = {
        "a": pa.table({"note": pa.nulls(2), "seen": [1, 2]}),
        "b": pa.table({"note": pa.array(["x", None], pa.large_string()), "seen": [True, False]}),
        "c": pa.table({"note": pa.array(["x", "y"]).dictionary_encode(), "seen": [1, 2]}),
    }
    rows = folder_of(tmp_path, **days)
    assert rows.types(["note"]) == {"note": pa.string()}
    with pytest.raises(DataError) as refused:
        rows.types(["note", "seen"])
    assert f"{tmp_path}: a column has different types: " in str(refused.value)
    assert "Field seen has incompatible types: int64 vs bool" in str(refused.value)


@pytest.mark.long
def test_rows_that_are_long_make_shorter_batches(tmp_path: Path) -> None:
    long = pd.DataFrame({"a": range(3000), "note": ["x" * 100_000] * 3000})
    batches = list(rows_at(write(tmp_path / "rows.csv", long)).batches())
    assert max(batch.table.nbytes for batch in batches) < 2 * BYTES
    counts = [batch.count for batch in batches]
    assert sum(counts) == 3000
    assert [batch.first for batch in batches] == np.cumsum([1, *counts[:-1]]).tolist()


@pytest.mark.parametrize("given", [{"nrows": 5}, {"usecols": ["a"]}, {"sep": ";"}])
def test_what_says_how_a_csv_is_read_is_refused_for_parquet(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    (name,) = given
    rows = rows_at(write(tmp_path / "rows.parquet"), **given, decimal=",")
    with pytest.raises(DataError, match=rf"load_args: {name}: expected one of decimal, thousands"):
        list(rows.batches())
    with pytest.raises(DataError, match="decimal = 'ab'"):
        list(rows_at(tmp_path / "rows.parquet", decimal="ab").batches())


def unknown(zone: str) -> None:
    raise KeyError(zone)


# Arrow asks pytz where it is installed: it is not in the lock, but pandas users often have it.
@pytest.mark.parametrize("pytz", [None, SimpleNamespace(timezone=unknown)])
def test_a_value_that_python_has_not_is_named(
    pytz: SimpleNamespace | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytz", pytz)
    table = pa.table({"a": [1], "seen": pa.array([0], pa.timestamp("us", "Mars/Olympus"))})
    rows = folder_of(tmp_path, a=table)
    with pytest.raises(DataError, match=r"a\.parquet: a column holds values that Python cannot"):
        [batch.cells for batch in rows.batches()]


@pytest.mark.parametrize("size", [1, 3, 60])
def test_batches_have_so_many_rows_of_one_file_and_number_them(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"0.csv": 7, "1.csv": 1, "2.csv": 50}
    for name, count in counts.items():
        rows = "".join(f"{name},{row}\n" for row in range(1, count + 1))
        (tmp_path / name).write_text(f"a,b\n{rows}")
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 48)
    monkeypatch.setattr(csv_files, "OF_COLUMN", 1)
    monkeypatch.setattr("tabular_lstm.rows.raw_rows.ROWS", size)
    batches = list(rows_at(tmp_path).batches())
    found = [
        (batch.file, str(batch.first + place), cells["a"], cells["b"])
        for batch in batches
        for place, cells in enumerate(batch.cells.to_dict("records"))
    ]
    expected = [
        (name, str(row), name, str(row)) for name in counts for row in range(1, counts[name] + 1)
    ]
    assert found == expected
    assert [name for batch in batches for name in batch.names] == [
        f"{file}:{row}" for file, row, *_ in expected
    ]
    for name in counts:
        lengths = [batch.count for batch in batches if batch.file == name]
        assert set(lengths[:-1]) <= {size}
        assert 0 < lengths[-1] <= size


def test_a_batch_travels_with_its_own_rows_alone(file: Path) -> None:
    (batch,) = rows_at(file).batches()
    few = replace(batch, table=batch.table.slice(7, 3))
    sent = pickle.dumps(few)
    assert len(sent) < 2000
    assert pickle.loads(sent) == few


def test_whole_numbers_and_booleans_of_parquet_stay_so_beside_missing_ones(tmp_path: Path) -> None:
    whole = pd.array([2**60 + 1, None, 3], dtype="Int64")
    truth = pd.array([True, None, False], dtype="boolean")
    write(tmp_path / "1.parquet", pd.DataFrame({"whole": whole, "truth": truth}))
    for batch in rows_at(tmp_path).batches():
        assert batch.cells.dtypes.astype(str).tolist() == ["Int64", "boolean"]
    assert next(rows_at(tmp_path).batches()).cells["whole"][0] == 2**60 + 1


def test_a_number_format_is_the_one_that_is_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    champions = NumberFormat(thousands="'")
    assert rows_at(path).format_of([], champions) == champions
    assert rows_at(path, sep=";", decimal=None).format_of([], champions) == champions
    assert rows_at(path, decimal=",").format_of([], champions) == NumberFormat(decimal=",")
    assert rows_at(path).number_format == NumberFormat()


def test_the_files_of_a_folder_may_have_their_columns_in_any_order(tmp_path: Path) -> None:
    for kind, seven in (("csv", "7"), ("parquet", 7)):
        folder = tmp_path / kind
        folder.mkdir()
        write(folder / f"1.{kind}")
        write(folder / f"2.{kind}", ROWS[["b", "a"]])
        for batch in rows_at(folder).batches():
            assert batch.cells.columns.tolist() == ["a", "b"]
            assert batch.cells.to_numpy()[7].tolist() == [seven, "word 7"]


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.csv")
    write(tmp_path / "2.csv", ROWS.rename(columns={"b": "c"}))
    with pytest.raises(
        DataError,
        match=r"2\.csv: expected the columns of 1\.csv, .* only one of the two files has 'b', 'c'",
    ):
        list(rows_at(tmp_path).batches())


def test_no_rows_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", ROWS[:0])
    with pytest.raises(DataError, match="no rows; expected at least one"):
        list(rows_at(tmp_path).batches())
    write(tmp_path / "2.parquet")
    assert [batch.file for batch in rows_at(tmp_path).batches()] == ["2.parquet"]


def test_a_block_has_fewer_rows_where_they_have_many_cells(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for columns, size in ((2, 2**16), (2**10, 2**12)):
        line = ",".join(f"f{column}" for column in range(columns))
        path.write_text("\n".join([line, *[line] * (size + 1)]))
        assert [len(batch.cells) for batch in rows_at(path).batches()] == [size, 1]


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_how_many_rows_there_are_is_known_about(tmp_path: Path, count: int) -> None:
    (tmp_path / "days").mkdir()
    for name in ("rows.csv", "rows.parquet", "days/1.csv", "days/2.csv"):
        write(tmp_path / name, ROWS[:count])
    for name, expected in (("rows.csv", count), ("days", 2 * count)):
        first = next(rows_at(tmp_path / name).batches())
        assert first.expected == pytest.approx(expected, rel=0.15, abs=3)
    assert next(rows_at(tmp_path / "rows.parquet").batches()).expected == count


def replaced(path: Path) -> None:
    """Put another file in its place."""
    other = write(path.with_name(f"other{path.suffix}"), ROWS.iloc[::-1])
    other.replace(path)


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"1,x\n")


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 7)


def overwritten(path: Path) -> None:
    """Change bytes and leave the length."""
    content = path.read_bytes()
    path.write_bytes(content[:-12] + bytes(reversed(content[-12:-8])) + content[-8:])


CHANGES = [replaced, grown, truncated, overwritten]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before it is read", "while it is read"])
def test_a_file_that_changes_is_refused(
    file: Path, change: Callable[[Path], None], when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 100)
    monkeypatch.setattr(parquet_pieces, "PIECE", 100)
    monkeypatch.setattr(csv_files, "OF_COLUMN", 1)
    monkeypatch.setattr("tabular_lstm.rows.raw_rows.ROWS", 100)
    rows = rows_at(file)
    rows.sha256()
    batches = rows.batches()
    if when == "while it is read":
        next(batches)
        if change is replaced:  # what was opened is read to its end
            change(file)
            assert 100 + sum(batch.count for batch in batches) == COUNT
            return
    change(file)
    with pytest.raises(DataError) as error:
        list(batches)
    assert str(file) in str(error.value)


def test_of_parquet_alone_columns_are_not_read_that_nobody_needs(tmp_path: Path) -> None:
    for ending, kept in ((".csv", [*ROWS]), (".parquet", ["a"])):
        (tmp_path / ending).mkdir()
        for name in ("1", "2"):
            write(tmp_path / ending / f"{name}{ending}")
        rows = rows_at(tmp_path / ending)
        for batch in rows.batches(without=[*ROWS][1:]):
            assert list(batch.cells) == batch.table.column_names == kept
    # So no file needs them.
    write(tmp_path / ".parquet" / "2.parquet", ROWS[["a"]])
    rows = rows_at(tmp_path / ".parquet")
    assert len(list(rows.batches(without=[*ROWS][1:]))) == 2


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_hash_of_chosen_rows_is_theirs_alone(tmp_path: Path, suffix: str) -> None:
    own = pd.DataFrame({"store": [7, 7], "price": [1.5, 2.5], "age": [40, 50], "row": [1, 1]})
    other = pd.DataFrame({"store": [8], "price": [3.5], "age": [60], "row": [1]})
    empty = pd.DataFrame({"store": [None], "price": [3.5], "age": [None], "row": [1]})
    tables = {
        "at_first": [own, other],
        "another_is_added": [own, other, other],
        "another_makes_them_7.0": [own, other, empty],
        "another_before": [other, own],
        "turned_around": [own[::-1], other],
        "one_changes": [own.assign(price=[1.5, 2.0]), other],
        "its_row_changes": [own.assign(row=[1, 3]), other],
    }
    hashes = {}
    for name, parts in tables.items():
        table = pd.concat(parts, ignore_index=True)
        table["list"] = [["a"]] * len(table)  # Parquet may hold lists
        path = write(tmp_path / f"{name}{suffix}", table)
        rows = replace(rows_at(path), where={"store": "7"})
        assert whole(rows)["price"].astype(float).sum() in {4.0, 3.5}
        hashes[name] = rows.sha256(), *rows.hashes("id").values(), *rows.hashes(None).values()
        assert hashes[name][0] == hashes[name][1]
        assert rows_at(path).sha256() == sha256(path.read_bytes())
    at_first = hashes["at_first"]
    for name in ("another_is_added", "another_makes_them_7.0", "another_before"):
        assert hashes[name][:2] == at_first[:2], name
    # Without a key, their numbers name the rows: the whole file counts.
    assert len({hashes[name][2] for name in tables}) == len(tables)
    assert len({hashes[name][0] for name in tables}) == len(tables) - 3


def test_where_compares_cells_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("code;x\n10.001;1\n 10.001 ;2\n10.002;3\n7,0;4\n")
    for value, chosen in (("10.001", "12"), ("10001", "12"), (" 10.002", "3"), ("7", "4")):
        rows = rows_at(path, sep=";", decimal=",", thousands=".")
        assert "".join(whole(replace(rows, where={"code": value}))["x"]) == chosen
