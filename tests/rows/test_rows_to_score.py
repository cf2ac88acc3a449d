"""Rows to score come in blocks, and are those of the files that were hashed."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from tabular_lstm.rows.blocks import BYTES, in_blocks
from tabular_lstm.rows.rows_to_score import RowsToScore

from tabular_lstm.errors import DataError
from tabular_lstm.rows import csv_text, text
from tabular_lstm.rows.number_format import NumberFormat

COUNT = 5000
ROWS = pd.DataFrame({"a": np.arange(COUNT), "b": [f"word {place}" for place in range(COUNT)]})


def rows_at(path: Path, **load_args: Any) -> RowsToScore:
    """Rows of a file, or of a folder's files."""
    names = sorted(os.listdir(path)) if path.is_dir() else [""]
    return RowsToScore(str(path), names, lambda name: (path / name).open("rb"), load_args)


def write(path: Path, rows: pd.DataFrame = ROWS) -> Path:
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path)
    return path


@pytest.fixture(params=["rows.csv", "rows.parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(tmp_path / str(request.param))


def folder_of(path: Path, **tables: pa.Table) -> RowsToScore:
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
    assert str(refused.value) == (
        f"{tmp_path}/b.parquet: column 'seen', which is copied, is of type bool; in a.parquet it "
        "is of type int64. Expected one type in all files: write them alike."
    )


@pytest.mark.long
def test_rows_that_are_long_make_shorter_blocks(tmp_path: Path) -> None:
    long = pd.DataFrame({"a": range(3000), "note": ["x" * 100_000] * 3000})
    path = write(tmp_path / "rows.csv", long)
    blocks = list(rows_at(path).blocks())
    assert max(block.table.nbytes for block in blocks) < 2 * BYTES
    assert sum(len(block.cells) for block in blocks) == 3000
    assert [block.first for block in blocks] == np.cumsum(
        [1, *(len(block.cells) for block in blocks[:-1])]
    ).tolist()


def test_row_groups_of_one_row_take_no_longer_each(tmp_path: Path) -> None:
    """Each batch was counted anew for each that came after it."""
    counted: list[int] = []

    class Batch:
        nbytes = 1

        @property
        def num_rows(self) -> int:
            counted.append(1)
            return 1

    with pytest.raises(TypeError):  # no real batches: no table is made of them
        list(in_blocks([Batch()] * 1000, 1000))  # type: ignore[list-item]
    assert len(counted) == 1000


@pytest.mark.parametrize("given", [{"nrows": 5}, {"usecols": ["a"]}, {"sep": ";"}])
def test_what_says_how_a_csv_is_read_is_refused_for_parquet(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    (name,) = given
    rows = rows_at(write(tmp_path / "rows.parquet"), **given, decimal=",")
    with pytest.raises(DataError, match=f"load_args: {name}, which are for a CSV"):
        list(rows.blocks())
    with pytest.raises(DataError, match="decimal: 'ab'"):
        list(rows_at(tmp_path / "rows.parquet", decimal="ab").blocks())


def test_a_value_that_python_has_not_is_named(tmp_path: Path) -> None:
    table = pa.table({"a": [1], "seen": pa.array([0], pa.timestamp("us", "Mars/Olympus"))})
    rows = folder_of(tmp_path, a=table)
    with pytest.raises(DataError, match=r"a\.parquet: column 'seen' of type timestamp.us, tz=Mars"):
        [block.cells for block in rows.blocks()]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=3), st.integers(1, 60))
def test_blocks_have_so_many_rows_of_one_file_and_number_them(counts: list[int], size: int) -> None:
    contents = {
        f"{place}.csv": "a,b\n" + "".join(f"{place},{row}\n" for row in range(1, count + 1))
        for place, count in enumerate(counts)
    }
    rows = RowsToScore(
        "folder", list(contents), lambda name: io.BytesIO(contents[name].encode()), {}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PIECE", 16)
        blocks = list(rows.blocks(size))
    found = [
        (block.file, str(block.first + place), cells["a"], cells["b"])
        for block in blocks
        for place, cells in enumerate(block.cells.to_dict("records"))
    ]
    expected = [
        (f"{place}.csv", str(row), str(place), str(row))
        for place, count in enumerate(counts)
        for row in range(1, count + 1)
    ]
    assert found == expected
    lengths = {name: [len(b.cells) for b in blocks if b.file == name] for name in contents}
    for whole in lengths.values():
        assert set(whole[:-1]) <= {size}
        assert 0 < whole[-1] <= size


def test_the_hashes_are_those_of_the_bytes_and_stay(file: Path) -> None:
    rows = rows_at(file)
    expected = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    assert rows.hashes() == expected
    assert sum(len(block.cells) for block in rows.blocks(999)) == COUNT
    file.write_bytes(b"other")
    assert rows.hashes() == expected


def test_whole_numbers_and_booleans_of_parquet_stay_so_beside_missing_ones(tmp_path: Path) -> None:
    whole = pd.array([2**60 + 1, None, 3], dtype="Int64")
    truth = pd.array([True, None, False], dtype="boolean")
    write(tmp_path / "1.parquet", pd.DataFrame({"whole": whole, "truth": truth}))
    for block in rows_at(tmp_path).blocks(2):
        assert block.cells.dtypes.astype(str).tolist() == ["Int64", "boolean"]
    assert next(rows_at(tmp_path).blocks()).cells["whole"][0] == 2**60 + 1


def test_marks_are_those_that_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert rows_at(path).marks is None
    assert rows_at(path, sep=";", decimal=None).marks is None
    assert rows_at(path, decimal=",").marks == NumberFormat(decimal=",")


def test_the_files_of_a_folder_may_have_their_columns_in_any_order(tmp_path: Path) -> None:
    write(tmp_path / "1.csv")
    write(tmp_path / "2.csv", ROWS[["b", "a"]])
    write(tmp_path / "3.parquet", ROWS[["b", "a"]])
    for block in rows_at(tmp_path).blocks():
        assert block.cells.columns.tolist() == ["a", "b"]
        assert block.cells.to_numpy()[7].tolist() in ([7, "word 7"], ["7", "word 7"])


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.csv")
    write(tmp_path / "2.csv", ROWS.rename(columns={"b": "c"}))
    with pytest.raises(DataError, match=r"2\.csv: against 1\.csv, .* lacks 'b' and has"):
        list(rows_at(tmp_path).blocks())


def test_no_rows_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", ROWS[:0])
    with pytest.raises(DataError, match="no rows; expected at least one"):
        list(rows_at(tmp_path).blocks())
    write(tmp_path / "2.parquet")
    assert [block.file for block in rows_at(tmp_path).blocks()] == ["2.parquet"]


def test_a_block_has_fewer_rows_where_they_have_many_cells(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for columns, size in ((2, 2**16), (2**10, 2**12)):
        line = ",".join(f"f{column}" for column in range(columns))
        path.write_text("\n".join([line, *[line] * (size + 1)]))
        assert [len(block.cells) for block in rows_at(path).blocks()] == [size, 1]


def test_the_head_is_the_first_rows(file: Path) -> None:
    rows = rows_at(file)
    assert rows.columns == ["a", "b"]
    assert rows.head(2)["b"].tolist() == ["word 0", "word 1"]
    assert rows.head(10**6).shape == (COUNT, 2)


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
def test_a_file_that_changed_after_it_was_hashed_is_refused(
    file: Path, change: Callable[[Path], None]
) -> None:
    rows = rows_at(file)
    rows.hashes()
    change(file)
    with pytest.raises(DataError) as error:
        list(rows.blocks(100))
    assert str(file) in str(error.value)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_refused_or_read_as_it_was(
    file: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (text, csv_text):
        monkeypatch.setattr(module, "PIECE", 100)
    monkeypatch.setattr(csv_text, "OF_COLUMN", 1)
    rows = rows_at(file)
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    blocks = rows.blocks(100)
    read = [next(blocks).cells]
    change(file)
    message = ""
    try:
        read += [block.cells for block in blocks]
    except DataError as error:
        message = str(error)
    if message:
        assert str(file) in message
    else:
        # What was opened before it was replaced is what was hashed.
        assert change is replaced
        assert rows.hashes() == {file.name: before}
        assert pd.concat(read)["b"].tolist() == ROWS["b"].tolist()


def test_reading_may_be_given_up_half_way(file: Path) -> None:
    blocks = rows_at(file).blocks(10)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert len(next(rows_at(file).blocks(10)).cells) == 10


def test_of_parquet_alone_columns_are_not_read_that_nobody_needs(tmp_path: Path) -> None:
    for ending, kept in ((".csv", [*ROWS]), (".parquet", ["a"])):
        (tmp_path / ending).mkdir()
        for name in ("1", "2"):
            write(tmp_path / ending / f"{name}{ending}")
        rows = rows_at(tmp_path / ending)
        for block in rows.blocks(without=[*ROWS][1:]):
            assert list(block.cells) == block.table.column_names == kept
    # So no file needs them.
    write(tmp_path / ".parquet" / "2.parquet", ROWS[["a"]])
    rows = rows_at(tmp_path / ".parquet")
    assert len(list(rows.blocks(without=[*ROWS][1:]))) == 2
