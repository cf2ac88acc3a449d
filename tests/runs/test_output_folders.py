"""What is deleted of old runs, and what is kept whatever comes."""

import shutil
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from tabular_lstm.parameters.runs import PromotionOptions, RetentionOptions
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.output_folders import HOLD_ROWS, delete_rows, prune
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.commands import RETRAINING, ROLLBACK, here, logged, seed, succeeds
from tests.helpers.logs import letters, promotion, rejection, run
from tests.helpers.objects import Objects
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING

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


# Retention ----------------------------------------------------------------------------------------

OLD, AHEAD = "2024-01-01T00.00.00.000Z", "2136-01-01T00.00.00.000Z"


def of_run(project: Project, version: str) -> set[str]:
    """Name the outputs that have a version of this run."""
    return {path.parent.name for path in (project.path / "data").glob(f"0*/*/{version}")}


def test_rows_and_predictions_older_than_conf_says_are_deleted_and_nothing_else(
    served: Project,
) -> None:
    succeeds(here(*SCORING))
    outputs = [*(served.path / "data").glob("0*/*/20*")]
    for path in outputs:  # as if each were of a run long ago, and of one whose clock was ahead
        for version in (OLD, AHEAD):
            shutil.copytree(path, path.with_name(version))
    everything = {path.parent.name for path in outputs}
    assert everything > {"train_rows.parquet", "predictions", "candidate.keras", "reference.json"}
    assert of_run(served, OLD) == everything
    hold_rows = {"candidate_predictions.csv", "baseline_predictions.json"}
    hold_rows |= {"champion_predictions.csv", "quarantined_rows.csv"}
    hold_rows |= {f"{side}_rows.parquet" for side in ("train", "test", "history")}
    scored = {"predictions", "quarantined_rows_to_score.csv"}
    scored |= {"scoring_summary.json", "scoring_drift.json"}

    # A night with nothing new deletes them too; without the block none does.
    unchanged = logged(*RETRAINING)
    assert "Unchanged: " in unchanged
    assert of_run(served, OLD) == everything
    said = logged(*RETRAINING, "--params", "retention.rows=30 days")
    assert "Deleted the rows of 1 old run, by retention.rows: 30 days" in said
    assert of_run(served, OLD) == everything - hold_rows
    logged(*SCORING, "--params", "retention.predictions=400 days")
    assert of_run(served, OLD) == everything - hold_rows - scored
    assert of_run(served, AHEAD) == everything
    assert {path for path in outputs if not path.exists()} == set()


@pytest.mark.long
def test_the_way_back_is_open_when_all_rows_are_gone(served: Project) -> None:
    succeeds(here(*RETRAINING, *seed(1)))
    for output in HOLD_ROWS["rows"]:
        for path in (served.path / "data").glob(f"0*/{output}.*"):
            shutil.rmtree(path)
    assert "Rolled back to the previous champion" in logged(*ROLLBACK)
    succeeds(here(*SCORING))
    succeeds(here(*RETRAINING, *seed(2)))


def test_rows_in_object_storage_go_too(tmp_path: Path) -> None:
    names = sorted({name for names in HOLD_ROWS.values() for name in names})
    entry = {"type": "json.JSONDataset", "versioned": True}
    catalog = DataCatalog.from_config(
        {name: {**entry, "filepath": str(tmp_path / name)} for name in (*names, "candidate")}
    )
    kept = [*names, "candidate"]
    objects = Objects((f"{name}/{run(each)}/{name}", b"") for name in kept for each in "ab")
    (tmp_path / ".runs").mkdir()
    outputs = KeptOutputs(objects, tmp_path)  # type: ignore[arg-type]
    retention = RetentionOptions(rows="3 days", predictions="40 days")
    left_at = {
        "2026-11-27T02.15.00.000Z": names,
        "2026-12-25T02.15.00.000Z": HOLD_ROWS["predictions"],
        "2027-01-25T02.15.00.000Z": [],
    }
    for now, left in left_at.items():
        delete_rows(catalog, retention, now, outputs)
        there = [name for name in names if objects.keys(name)]
        assert there == sorted(left)
    assert len(objects.keys("candidate")) == 2
