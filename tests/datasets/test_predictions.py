"""Predictions of runs that have finished, and the quarantine, there once all rows have passed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tabular_lstm.datasets import predictions as module
from tabular_lstm.datasets.predictions import PredictionsDataset, ScoringPlanDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest, ScoredBy, publish
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import run

BIG = 2**53  # from here on, floats lack whole numbers


def finish(folder: Path, letter: str, *parts: list[int]) -> None:
    """Write the predictions of a run, with these rows in its parts."""
    path = folder / run(letter)
    path.mkdir(parents=True)
    files = []
    for number, rows in enumerate(parts):
        file = path / f"part-{number:05}.parquet"
        name = pa.array([f"file {number}"] * len(rows)).dictionary_encode()
        account = pa.array([BIG + row if row > 1 else None for row in rows])
        columns = {"file": name, "row": pa.array(rows, pa.int64()), "account": account}
        parquet.write_table(pa.table(columns), file)
        digest = sha256(file.read_bytes())
        files.append(FileOfRows(file=file.name, rows=len(rows), sha256=digest))
    count = sum(map(len, parts))
    manifest = Manifest(
        run_id=run(letter),
        scored_at="2026-11-26T02:15:00Z",
        champion=ScoredBy(run_id=run("a"), sha256="of the champion"),
        rows=count,
        scored_rows=count,
        quarantined_rows=0,
        inputs=(FileOfRows(file="rows.csv", rows=count, sha256="of the rows"),),
        parts=tuple(files),
        **Conditions(parameters={}, code_sha256="of the code").model_dump(),
    )
    publish(path, manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs that finished, and a later one that did not."""
    finish(tmp_path, "b", [1, 2, 3], [4])
    finish(tmp_path, "c", [1, 2])
    shutil.copytree(tmp_path / run("b"), tmp_path / run("d"))
    (tmp_path / run("d") / "manifest.json").unlink()
    return tmp_path


def test_the_newest_run_that_finished_is_loaded_or_another_by_its_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = PredictionsDataset(str(folder))
    assert dataset.exists()
    assert dataset.load()["row"].tolist() == [1, 2]
    by_id = PredictionsDataset(str(folder), run_id=run("b"))
    loaded = by_id.load()
    assert loaded["row"].tolist() == [1, 2, 3, 4]
    assert loaded["account"][1:].tolist() == [BIG + 2, BIG + 3, BIG + 4]
    assert (loaded["row"].dtype, loaded["account"].dtype) == ("int64", "Int64")
    assert isinstance(loaded["file"].dtype, pd.CategoricalDtype)
    assert loaded["file"].tolist() == ["file 0"] * 3 + ["file 1"]
    # A run dated after now is not the newest.
    for day in (1, 2):
        shutil.copytree(folder / run("b"), folder / f"2036-01-0{day}T00.00.00.000Z")
    assert PredictionsDataset(str(folder)).load()["row"].tolist() == [1, 2]
    # Where all of them are, the last one is.
    for day in (1, 2):
        shutil.rmtree(folder / f"2036-01-0{day}T00.00.00.000Z")
    monkeypatch.setattr(module, "generate_timestamp", lambda: run("a"))
    assert PredictionsDataset(str(folder)).load()["row"].tolist() == [1, 2]


def test_a_run_that_has_not_finished_is_refused_by_its_id(folder: Path) -> None:
    with raises_data_error(match="has no manifest.json") as refused:
        PredictionsDataset(str(folder), run("d"), "kedro run --env clinic").load()
    assert "kedro run --env clinic --pipelines scoring" in str(refused.value)
    none = PredictionsDataset(str(folder / "none"))
    assert not none.exists()
    with raises_data_error(match="no scoring has finished yet. kedro run --pipelines scoring"):
        none.load()


def test_one_damaged_part_of_several_gives_no_rows_at_all(folder: Path) -> None:
    part = folder / run("b") / "part-00001.parquet"
    part.write_bytes(part.read_bytes() + b"\0")
    with raises_data_error(match="part-00001.parquet: expected SHA-256"):
        PredictionsDataset(str(folder), run("b")).load()


# A plan that is saved

ASIDE = pd.DataFrame(
    {"row": [1, 5], "reason": ["age: 'ä, \"' is …", "id: no key"], "id": ["007", ""]}
)
BATCHES = [ASIDE[:1], ASIDE[:0], ASIDE[1:]]


def save(folder: Path, batches: list[pd.DataFrame], fault: Exception | None = None) -> None:
    """Save a plan that sets aside these rows, a part for each batch, and may fail at the end."""

    def parts(_: Path) -> Iterator[Any]:
        counts = SimpleNamespace(predicted=SimpleNamespace(rows=0))
        for batch in batches:
            yield SimpleNamespace(aside=[batch], content=b"", counts=counts)
            assert ".q.csv.new" in files(folder)[-1]
        if fault:
            raise fault

    def refuse(_: Any) -> None:
        raise DataError("not these rows")

    plan: Any = SimpleNamespace(scorer=SimpleNamespace(run_id=run("a")), parts=parts, refuse=refuse)
    ScoringPlanDataset(str(folder / "p"), {"filepath": str(folder / "q.csv")}).save(plan)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("aside", [ASIDE, ASIDE[:0]], ids=["two rows", "a header alone"])
def test_rows_set_aside_are_kept_as_they_were_once_all_have_passed_though_none_is_scored(
    tmp_path: Path, aside: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "reduce", lambda *_: None)
    with raises_data_error(match="not these rows"):
        save(tmp_path, [aside[:1], aside[:0], aside[1:]])
    quarantine = tmp_path / "q.csv" / run("a") / "q.csv"
    assert files(tmp_path) == ["p", "q.csv", f"q.csv/{run('a')}", f"q.csv/{run('a')}/q.csv"]
    loaded = pd.read_csv(quarantine, dtype=str, keep_default_na=False)
    assert loaded.to_numpy().tolist() == aside.astype(str).to_numpy().tolist()
    assert loaded.columns.tolist() == ["row", "reason", "id"]


def test_rows_that_are_not_all_leave_nothing_and_what_cannot_be_written_is_named(
    tmp_path: Path,
) -> None:
    for batches in (BATCHES, []):
        with raises_data_error(match="no more"):
            save(tmp_path, batches, DataError("no more"))
        assert files(tmp_path) == ["p", "q.csv"]
    (tmp_path / "q.csv").rmdir()
    (tmp_path / "q.csv").write_text("a file where the folder should be")
    with raises_data_error(match=r"q\.csv.*: Not a directory"):
        save(tmp_path, BATCHES)
    assert files(tmp_path) == ["p", "q.csv"]
