"""The catalog reads rows to score from a CSV or a Parquet file, or from a folder of either."""

import hashlib
import os
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from tabular_lstm.datasets.rows_to_score import RowsToScoreDataset
from tabular_lstm.errors import DataError
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.errors import raises_data_error

ROWS = pd.DataFrame({"a": [1, 2, 3], "b": ["x, y", "", "z"]})


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    ROWS.to_csv(path, index=False)
    return path


def test_a_csv_is_read_in_blocks_of_text(csv: Path) -> None:
    rows = RowsToScoreDataset(str(csv)).load()
    assert (rows.path, rows.columns, rows.marks) == (str(csv), ["a", "b"], None)
    assert rows.hashes() == {"rows.csv": hashlib.sha256(csv.read_bytes()).hexdigest()}
    found = [(block.file, block.first, block.cells.to_numpy().tolist()) for block in rows.blocks(2)]
    assert found == [(None, 1, [["1", "x, y"], ["2", ""]]), (None, 3, [["3", "z"]])]


def test_load_args_reach_the_parser(csv: Path) -> None:
    csv.write_text("1,5;x\n")
    load_args = {"sep": ";", "decimal": ",", "header": None, "names": ["a", "b"]}
    rows = RowsToScoreDataset(str(csv), load_args).load()
    assert rows.marks == NumberFormat(decimal=",")
    assert next(rows.blocks()).cells.to_dict("records") == [{"a": "1,5", "b": "x"}]


def test_a_folder_of_parquet_files_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("2.parquet", "1.parquet"):
        ROWS.to_parquet(tmp_path / name)
    rows = RowsToScoreDataset(str(tmp_path)).load()
    blocks = [(block.file, block.first) for block in rows.blocks(2)]
    assert blocks == [("1.parquet", 1), ("1.parquet", 3), ("2.parquet", 1), ("2.parquet", 3)]


def test_a_folder_of_both_is_refused(tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "1.parquet")
    ROWS.to_csv(tmp_path / "1.csv", index=False)
    with raises_data_error(match="holds CSV and Parquet, as if the same rows were there twice"):
        RowsToScoreDataset(str(tmp_path)).load()


def test_a_folder_of_neither_is_refused_and_what_is_passed_over_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "_SUCCESS").write_text("")
    with raises_data_error(match=r"holds no CSV and no Parquet file; .* \*\.csv or \*\.parquet"):
        RowsToScoreDataset(str(tmp_path)).load()
    ROWS.to_parquet(tmp_path / "part-0.PARQUET")
    assert RowsToScoreDataset(str(tmp_path)).load().columns == ["a", "b"]
    assert f"{tmp_path}: passed over _SUCCESS; only files named *.csv or *.parquet" in caplog.text


def test_a_fifo_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    for path in (tmp_path, tmp_path / "rows.csv"):
        with raises_data_error(match="it is a FIFO, a socket or a device"):
            RowsToScoreDataset(str(path)).load()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    dataset = RowsToScoreDataset(str(tmp_path / "absent.csv"))
    assert not dataset.exists()
    with raises_data_error(match=r"absent\.csv: no such file or directory"):
        dataset.load()


def test_a_file_that_is_gone_since_is_refused_by_name(csv: Path) -> None:
    rows = RowsToScoreDataset(str(csv)).load()
    csv.unlink()
    for read in (rows.hashes, lambda: rows.columns, lambda: list(rows.blocks())):
        with pytest.raises(DataError, match=r"rows\.csv: no such file, though it was there"):
            read()


def test_other_storage_than_the_disk_is_read(csv: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/to_score.csv", csv.read_bytes())
    rows = RowsToScoreDataset("memory:///to_score.csv").load()
    assert [len(block.cells) for block in rows.blocks(2)] == [2, 1]


def test_kedro_viz_previews_the_first_rows(csv: Path) -> None:
    preview = RowsToScoreDataset(str(csv)).preview(2)
    assert preview["columns"] == ["a", "b"]
    assert preview["data"] == [["1", "x, y"], ["2", ""]]


def test_it_is_read_only(csv: Path) -> None:
    with raises_data_error(match="is read only here"):
        RowsToScoreDataset(str(csv)).save(ROWS)
