"""The catalog gives the predictions of a run that has finished, and knows of no other."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tabular_lstm.datasets import predictions as module
from tabular_lstm.datasets.predictions import PredictionsDataset
from tabular_lstm.files import sha256
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest, ScoredBy, publish
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import run


def finish(folder: Path, letter: str, *parts: list[int]) -> Path:
    """Write the predictions of a run, with these rows in its parts."""
    path = folder / run(letter)
    path.mkdir(parents=True)
    files = []
    for number, rows in enumerate(parts):
        file = path / f"part-{number:05}.parquet"
        name = pa.array([f"file {number}"] * len(rows)).dictionary_encode()
        parquet.write_table(pa.table({"file": name, "row": pa.array(rows, pa.int64())}), file)
        digest = sha256(file.read_bytes())
        files.append(FileOfRows(file=file.name, rows=len(rows), sha256=digest))
    count = sum(map(len, parts))
    publish(
        path,
        Manifest(
            run_id=run(letter),
            scored_at="2026-11-26T02:15:00Z",
            champion=ScoredBy(run_id=run("a"), sha256="of the champion"),
            rows=count,
            scored_rows=count,
            quarantined_rows=0,
            inputs=(FileOfRows(file="rows.csv", rows=count, sha256="of the rows"),),
            parts=tuple(files),
            **Conditions(parameters={}, code_sha256="of the code").model_dump(),
        ),
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs that finished, and a later one that did not."""
    finish(tmp_path, "b", [1, 2, 3], [4])
    finish(tmp_path, "c", [1, 2])
    shutil.copytree(tmp_path / run("b"), tmp_path / run("d"))
    (tmp_path / run("d") / "manifest.json").unlink()
    return tmp_path


def test_the_newest_run_that_finished_is_loaded(folder: Path) -> None:
    dataset = PredictionsDataset(str(folder))
    assert dataset.exists()
    assert dataset.load()["row"].tolist() == [1, 2]
    assert dataset.preview()["data"] == [["file 0", 1], ["file 0", 2]]


def test_a_run_dated_after_now_is_not_the_newest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        shutil.copytree(folder / run("b"), folder / f"2036-01-0{day}T00.00.00.000Z")
    assert PredictionsDataset(str(folder)).load()["row"].tolist() == [1, 2]
    # Where all of them are, the last one is.
    for day in (1, 2):
        shutil.rmtree(folder / f"2036-01-0{day}T00.00.00.000Z")
    monkeypatch.setattr(module, "generate_timestamp", lambda: run("a"))
    assert PredictionsDataset(str(folder)).load()["row"].tolist() == [1, 2]


def test_another_run_is_loaded_by_its_id_all_parts_together(folder: Path) -> None:
    dataset = PredictionsDataset(str(folder), run_id=run("b"))
    loaded = dataset.load()
    assert loaded["row"].tolist() == [1, 2, 3, 4]
    assert isinstance(loaded["file"].dtype, pd.CategoricalDtype)
    assert loaded["file"].tolist() == ["file 0"] * 3 + ["file 1"]
    assert len(dataset.preview()["data"]) == 3  # of the first part


def test_a_run_that_has_not_finished_is_refused_by_its_id(folder: Path) -> None:
    with raises_data_error(match="has no manifest.json") as refused:
        PredictionsDataset(str(folder), run("d"), "kedro run --env clinic").load()
    assert f"Finished runs: {run('b')}, {run('c')}." in str(refused.value)
    assert "kedro run --env clinic --pipelines scoring" in str(refused.value)


def test_where_none_has_finished_it_is_said_how_to_score(tmp_path: Path) -> None:
    (tmp_path / run("d")).mkdir()
    dataset = PredictionsDataset(str(tmp_path))
    assert not dataset.exists()
    with raises_data_error(match="no scoring has finished yet. kedro run --pipelines scoring"):
        dataset.load()


def test_one_damaged_part_of_several_gives_no_rows_at_all(folder: Path) -> None:
    part = folder / run("b") / "part-00001.parquet"
    part.write_bytes(part.read_bytes() + b"\0")
    with raises_data_error(match="part-00001.parquet: expected SHA-256"):
        PredictionsDataset(str(folder), run("b")).load()
