"""The catalog reads rows to score from a CSV or a Parquet file, or from a folder of either."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from tabular_lstm.datasets.rows_to_score import RowsToScoreDataset
from tabular_lstm.rows.schema import Marks
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
    assert rows.marks == Marks(decimal=",")
    assert next(rows.blocks()).cells.to_dict("records") == [{"a": "1,5", "b": "x"}]


def test_a_folder_of_parquet_files_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("2.parquet", "1.parquet"):
        ROWS.to_parquet(tmp_path / name)
    rows = RowsToScoreDataset(str(tmp_path)).load()
    blocks = [(block.file, block.first) for block in rows.blocks(2)]
    assert blocks == [("1.parquet", 1), ("1.parquet", 3), ("2.parquet", 1), ("2.parquet", 3)]


def test_kedro_viz_previews_the_first_rows(csv: Path) -> None:
    preview = RowsToScoreDataset(str(csv)).preview(2)
    assert preview["columns"] == ["a", "b"]
    assert preview["data"] == [["1", "x, y"], ["2", ""]]


def test_it_is_read_only(csv: Path) -> None:
    with raises_data_error(match="is read only here"):
        RowsToScoreDataset(str(csv)).save(ROWS)
