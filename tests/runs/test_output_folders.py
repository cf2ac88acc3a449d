"""What is deleted of old runs, and what is kept whatever comes."""

from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.output_folders import prune
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.logs import letters, promotion, rejection, run
from tests.helpers.objects import Objects

LOG = [promotion("a"), promotion("b", "a"), *(rejection(name, "b") for name in "cdef")]
WRITTEN = ("candidate@network", "metrics", "decision", "promotions")
VERSIONED = (*WRITTEN[:-1], "theirs")
NOW = "2026-12-25T02.15.00.000Z"


def pipeline() -> Pipeline:
    return Pipeline([Node(lambda: None, None, list(WRITTEN), name="all")])


def file_of(name: str) -> str:
    return f"{name.partition('@')[0]}.json"


def write(folder: Path, version: str) -> None:
    """Write a version of each output."""
    for name in VERSIONED:
        path = folder / file_of(name) / version / file_of(name)
        path.parent.mkdir(parents=True)
        path.touch()


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    """Entries with a version of each run, and a folder that no run wrote."""
    for version in (*map(run, "abcdef"), "keep this"):
        write(tmp_path, version)
    (tmp_path / "promotions.json").touch()
    paths = {name: str(tmp_path / file_of(name)) for name in (*VERSIONED, "promotions")}
    return DataCatalog.from_config(
        {
            name: {"type": "json.JSONDataset", "filepath": path, "versioned": name in VERSIONED}
            for name, path in paths.items()
        }
    )


def versions(folder: Path, name: str) -> list[str]:
    *runs, theirs = sorted(path.name for path in (folder / file_of(name)).iterdir())
    assert theirs == "keep this"
    return runs


def left(folder: Path, name: str) -> str:
    return letters(versions(folder, name))


def pruned(
    catalog: DataCatalog,
    log: list[LogEntry],
    candidates: int,
    champions: int,
    now: str = NOW,
    outputs: KeptOutputs | None = None,
) -> None:
    kept = PromotionOptions.model_validate(
        {"keep_candidates": candidates, "keep_champions": champions}
    )
    prune(catalog, pipeline(), log, kept, now, outputs)


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
    # What is less than a day old stays, for its run may be at work; also if the clock is set back.
    for now in ("2026-11-26T02.00.00.000Z", "2026-11-24T03.00.00.000Z"):
        pruned(catalog, log, 1, 1, now)
        assert left(tmp_path, "metrics") == left(tmp_path, "candidate") == "abcdef"
    pruned(catalog, log, candidates, champions)
    assert left(tmp_path, "candidate") == left(tmp_path, "metrics") == expected
    for name in ("decision", "theirs"):
        assert left(tmp_path, name) == "abcdef"
    assert (tmp_path / "promotions.json").is_file()


def test_runs_dated_after_now_push_no_other_run_out(tmp_path: Path, catalog: DataCatalog) -> None:
    later = [f"2036-01-{day:02}T00.00.00.000Z" for day in range(1, 11)]
    for version in later:
        write(tmp_path, version)
    pruned(catalog, [], 10, 1)
    # The six of this year, and of the others the last four.
    assert versions(tmp_path, "metrics") == [*map(run, "abcdef"), *later[-4:]]
    pruned(catalog, [], 6, 1)
    assert left(tmp_path, "metrics") == left(tmp_path, "candidate") == "abcdef"


def test_in_object_storage_the_same_runs_go_whether_they_are_here_or_not(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    names = [*map(file_of, VERSIONED)]
    objects = Objects((f"{name}/{run(each)}/{name}", b"") for name in names for each in "abcdefgh")
    (tmp_path / ".runs").mkdir()
    pruned(catalog, LOG, 2, 2, outputs=KeptOutputs(objects, tmp_path))  # type: ignore[arg-type]
    assert left(tmp_path, "metrics") == "abef"
    there = {name: letters([Path(key).parts[1] for key in objects.keys(name)]) for name in names}
    everything = dict.fromkeys(("decision.json", "theirs.json"), "abcdefgh")
    assert there == {"candidate.json": "abgh", "metrics.json": "abgh", **everything}
