"""What is deleted of old runs, and what is kept whatever comes."""

import fcntl
import shutil
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from tabular_lstm.parameters import Promotion
from tabular_lstm.runs.pruning import prune, warn_of_later_runs
from tabular_lstm.runs.registry import Registry
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.logs import letters, promotion, rejection, run

RUNS = list("abcdef")
LOG = [promotion("a"), promotion("b", "a"), *(rejection(name, "b") for name in "cdef")]
WRITTEN = ("candidate@network", "metrics", "decision", "promotions")
NOW = run("g")


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
    for letter in RUNS:
        write(tmp_path, run(letter))
    (tmp_path / "promotions.json").touch()
    return DataCatalog.from_config(entries)


def write(tmp_path: Path, version: str, registered: bool = True) -> None:
    """Write a version of each output, as a run does that has ended since."""
    for name in (*WRITTEN, "theirs"):
        if name != "promotions":
            path = tmp_path / file_of(name) / version / file_of(name)
            path.parent.mkdir(parents=True)
            path.touch()
    if registered:
        path = tmp_path / ".runs" / version
        path.parent.mkdir(exist_ok=True)
        path.touch()


def file_of(name: str) -> str:
    return f"{name.partition('@')[0]}.json"


def versions(tmp_path: Path, name: str) -> list[str]:
    return sorted(path.name for path in (tmp_path / file_of(name)).iterdir())


def left(tmp_path: Path, name: str) -> str:
    return letters(versions(tmp_path, name))


def registered(tmp_path: Path) -> str:
    return letters(Registry(tmp_path / ".runs").runs())


def pruned(
    catalog: DataCatalog,
    tmp_path: Path,
    log: list[LogEntry],
    candidates: int,
    champions: int,
    now: str = NOW,
    run_id: str = NOW,
) -> None:
    kept = Promotion.model_validate({"keep_candidates": candidates, "keep_champions": champions})
    prune(catalog, pipeline(), log, kept, Registry(tmp_path / ".runs"), now, run_id)


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
    pruned(catalog, tmp_path, log, candidates, champions)
    assert left(tmp_path, "candidate") == left(tmp_path, "metrics") == expected
    assert registered(tmp_path) == expected
    for name in ("decision", "theirs"):
        assert left(tmp_path, name) == "abcdef"
    assert (tmp_path / "promotions.json").is_file()


def test_the_newest_candidates_are_kept_though_runs_without_one_are_newer(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    for letter in "ef":
        shutil.rmtree(tmp_path / "candidate.json" / run(letter))
    pruned(catalog, tmp_path, LOG[:2], 2, 1)
    assert left(tmp_path, "candidate") == "bcd"
    assert left(tmp_path, "metrics") == "bcdef"


def test_what_cannot_be_deleted_is_warned_of_and_tried_again(
    tmp_path: Path,
    catalog: DataCatalog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    delete = shutil.rmtree

    def refuse(path: Path) -> None:
        if path.parts[-2:] == ("metrics.json", run("c")):
            raise OSError("not permitted")
        delete(path)

    with monkeypatch.context() as refused:
        refused.setattr(shutil, "rmtree", refuse)
        with caplog.at_level("INFO", "tabular_lstm"):
            pruned(catalog, tmp_path, LOG, 1, 1)
    assert left(tmp_path, "metrics") == "bcf"
    assert left(tmp_path, "candidate") == "bf"
    assert f"{tmp_path}/metrics.json/{run('c')} could not be deleted: not permitted" in caplog.text
    assert "Deleted the outputs of 4 old runs, decisions kept" in caplog.text
    pruned(catalog, tmp_path, LOG, 1, 1)
    assert left(tmp_path, "metrics") == registered(tmp_path) == "bf"


# Whose outputs are not deleted


def test_a_run_that_is_at_work_keeps_its_outputs_until_it_has_ended(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    with (tmp_path / ".runs" / run("c")).open() as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        pruned(catalog, tmp_path, LOG, 1, 1)
        assert left(tmp_path, "metrics") == left(tmp_path, "candidate") == "bcf"
        assert registered(tmp_path) == "bcf"
    pruned(catalog, tmp_path, LOG, 1, 1)
    assert left(tmp_path, "metrics") == registered(tmp_path) == "bf"


@pytest.mark.parametrize("name", ["keep this", "zz", "0000", run("0"), run("z")])
def test_a_folder_that_no_run_wrote_is_never_deleted_and_pushes_nothing_out(
    tmp_path: Path, catalog: DataCatalog, name: str
) -> None:
    write(tmp_path, name, registered=False)
    pruned(catalog, tmp_path, LOG, 2, 1)
    for output in ("candidate", "metrics"):
        assert [v for v in versions(tmp_path, output) if v != name] == [*map(run, "bef")]
        assert (tmp_path / file_of(output) / name / file_of(output)).is_file()


def test_what_is_registered_and_is_no_run_id_is_no_name_of_a_folder_to_delete(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    write(tmp_path, "mine")
    pruned(catalog, tmp_path, LOG, 1, 1)
    assert "mine" in versions(tmp_path, "metrics")


def test_a_run_never_deletes_its_own_outputs_whatever_the_clock_says(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    """It began as run a; the clock was set back or ahead since."""
    for now in (run("0"), run("f"), "2036-01-01T00.00.00.000Z"):
        pruned(catalog, tmp_path, [], 1, 1, now=now, run_id=run("a"))
        assert "a" in left(tmp_path, "metrics")


# A clock that is or was wrong


def test_runs_dated_after_now_push_no_other_run_out(tmp_path: Path, catalog: DataCatalog) -> None:
    later = [f"2036-01-{day:02}T00.00.00.000Z" for day in range(1, 11)]
    for version in later:
        write(tmp_path, version)
    pruned(catalog, tmp_path, [], 10, 1, now=run("f"), run_id=run("f"))
    # The six of today, and of the others the last four.
    assert versions(tmp_path, "metrics") == [*map(run, "abcdef"), *later[-4:]]
    pruned(catalog, tmp_path, [], 6, 1, now=run("f"), run_id=run("f"))
    assert left(tmp_path, "metrics") == left(tmp_path, "candidate") == "abcdef"


def test_champions_dated_after_now_are_kept(tmp_path: Path, catalog: DataCatalog) -> None:
    pruned(catalog, tmp_path, [promotion("f")], 2, 1, now=run("d"), run_id=run("d"))
    assert left(tmp_path, "candidate") == "cdf"


def test_with_a_clock_of_1970_the_last_runs_and_the_champions_are_kept(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    first = "1970-01-01T00.00.00.000Z"
    write(tmp_path, first)
    now = "1970-01-01T00.10.00.000Z"
    pruned(catalog, tmp_path, LOG, 3, 2, now=now, run_id=first)
    assert versions(tmp_path, "metrics") == [first, *map(run, "abef")]


def test_runs_dated_after_now_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(tmp_path / ".runs")
    write(tmp_path, run("a"))
    warn_of_later_runs(registry, NOW)
    assert caplog.text == ""
    write(tmp_path, "2036-01-01T00.00.00.000Z")
    warn_of_later_runs(registry, NOW)
    said = f"It is {NOW} by this machine's clock, and there are outputs of runs that began later: "
    assert f"{said}2036-01-01T00.00.00.000Z. They count as the oldest. If" in caplog.text
