"""What is deleted of old runs, and what is kept whatever comes."""

import shutil
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from tabular_lstm.parameters import Promotion
from tabular_lstm.runs.pruning import prune
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.logs import promotion, rejection

RUNS = list("abcdef")
LOG = [promotion("a"), promotion("b", "a"), *(rejection(run, "b") for run in "cdef")]
WRITTEN = ("candidate@network", "metrics", "decision", "promotions")


def pipeline() -> Pipeline:
    return Pipeline([Node(lambda: None, None, list(WRITTEN), name="all")])


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    """Entries with a version of each run; one more that no pipeline writes."""
    entries = {
        name: {
            "type": "json.JSONDataset",
            "filepath": str(tmp_path / file_of(name)),
            "versioned": name != "promotions",
        }
        for name in (*WRITTEN, "theirs")
    }
    for name in entries:
        if name == "promotions":
            (tmp_path / file_of(name)).touch()
            continue
        for run in RUNS:
            path = tmp_path / file_of(name) / run / file_of(name)
            path.parent.mkdir(parents=True)
            path.touch()
    return DataCatalog.from_config(entries)


def file_of(name: str) -> str:
    return f"{name.partition('@')[0]}.json"


def left(tmp_path: Path, name: str) -> str:
    return "".join(sorted(path.name for path in (tmp_path / file_of(name)).iterdir()))


def pruned(catalog: DataCatalog, log: list[LogEntry], candidates: int, champions: int) -> None:
    kept = {"keep_candidates": candidates, "keep_champions": champions}
    prune(catalog, pipeline(), log, Promotion.model_validate(kept))


@pytest.mark.parametrize(
    ("log", "candidates", "champions", "expected"),
    [
        (LOG, 2, 2, "abef"),
        (LOG, 1, 1, "bf"),
        (LOG, 10, 1, "abcdef"),
        ([], 3, 5, "def"),
    ],
)
def test_the_newest_and_the_champions_are_kept(
    tmp_path: Path,
    catalog: DataCatalog,
    log: list[LogEntry],
    candidates: int,
    champions: int,
    expected: str,
) -> None:
    pruned(catalog, log, candidates, champions)
    assert left(tmp_path, "candidate") == left(tmp_path, "metrics") == expected
    for name in ("decision", "theirs"):
        assert left(tmp_path, name) == "abcdef"
    assert (tmp_path / "promotions.json").is_file()


def test_the_newest_candidates_are_kept_though_runs_without_one_are_newer(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    for run in "ef":
        shutil.rmtree(tmp_path / "candidate.json" / run)
    pruned(catalog, LOG[:2], 2, 1)
    assert left(tmp_path, "candidate") == "bcd"
    assert left(tmp_path, "metrics") == "bcdef"


def test_what_cannot_be_deleted_is_warned_of(
    tmp_path: Path,
    catalog: DataCatalog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    delete = shutil.rmtree

    def refuse(path: Path) -> None:
        if path.parts[-2:] == ("metrics.json", "c"):
            raise OSError("not permitted")
        delete(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with caplog.at_level("INFO", "tabular_lstm"):
        pruned(catalog, LOG, 1, 1)
    assert left(tmp_path, "metrics") == "bcf"
    assert left(tmp_path, "candidate") == "bf"
    assert f"{tmp_path}/metrics.json/c could not be deleted: not permitted" in caplog.text
    assert "Deleted the outputs of 4 old runs, decisions kept" in caplog.text
