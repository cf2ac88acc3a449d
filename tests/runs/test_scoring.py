"""What is done before a scoring: what was left unfinished goes, and the same is not done again."""

import os
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.parameters import BLOCKS, Parameters
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.runs.guards import NothingNewError
from tabular_lstm.runs.registry import Registry
from tabular_lstm.runs.scoring import (
    VERSIONED,
    clear_unfinished,
    conditions,
    refuse_parts,
    refuse_scored_before,
    scores,
    unfinished,
    warn_of_other_marks,
)
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import (
    Conditions,
    FileOfRows,
    Manifest,
    ScoredBy,
    part_name,
    publish,
)
from tests.helpers.logs import run
from tests.helpers.project import Project

ENTRY = {"type": "RowsToScoreDataset", "filepath": "rows.csv", "load_args": {"sep": ";"}}


@pytest.fixture
def catalog(project: Project) -> Any:
    with KedroSession.create(project.path) as session:
        return session.load_context().catalog


@pytest.fixture
def registry(project: Project) -> Registry:
    return Registry(project.path / "data/.runs")


def blocks(**changed: dict[str, Any]) -> dict[str, Parameters]:
    columns = {"label": "sold", "positive_class": 1, "negative_class": 0}
    given = {"columns": columns, **changed}
    return {name: block.model_validate(given.get(name, {})) for name, block in BLOCKS.items()}


def test_what_a_scoring_leaves_beside_its_predictions_is_known(
    project: Project, catalog: Any
) -> None:
    pipelines.set_requested(None)
    outputs = pipelines["scoring"].all_outputs()
    assert {*VERSIONED} == {
        name for name in outputs if getattr(catalog.get(name), "_version", None) is not None
    }


def test_a_scoring_is_run_whole_and_by_itself(project: Project) -> None:
    pipelines.set_requested(None)
    whole = pipelines["scoring"]
    assert scores(whole)
    assert not scores(pipelines["retraining"])
    refuse_parts(whole, False, "kedro run")
    for part in (
        whole.to_nodes("scoring.score_rows"),
        whole.from_nodes("scoring.score_rows"),
        whole + pipelines["retraining"],
        whole + pipelines["data_processing"],
    ):
        with pytest.raises(DataError, match="kedro run --env a --pipelines scoring"):
            refuse_parts(part, False, "kedro run --env a")
    with pytest.raises(DataError, match="whole and by itself"):
        refuse_parts(whole, True, "kedro run")


def test_predictions_rest_on_what_changes_them_alone() -> None:
    found = conditions(blocks(), ENTRY)
    assert found.parameters == {
        "columns": {"key": None},
        "validation": {"max_quarantined_fraction": 0.05},
        "scoring": {"pass_through": [], "reasons": 0},
        "rows_to_score": {"type": "RowsToScoreDataset", "load_args": {"sep": ";"}},
    }
    same = [
        (blocks(scoring={"force": True}), ENTRY),
        (blocks(training={"seed": 5}), ENTRY),
        (blocks(), {**ENTRY, "filepath": "elsewhere.csv", "metadata": {"kedro-viz": {}}}),
    ]
    assert all(conditions(*given) == found for given in same)
    other = [
        (blocks(scoring={"reasons": 1}), ENTRY),
        (blocks(validation={"max_quarantined_fraction": 0.1}), ENTRY),
        (blocks(), {**ENTRY, "load_args": {"sep": ","}}),
    ]
    assert all(conditions(*given) != found for given in other)


CHAMPION = Artifact(b"network", "champion.keras", run("a"))
CONDITIONS = Conditions(parameters={}, code_sha256="of the code")


def finish(catalog: Any, run_id: str, rows_sha256: str, champion: Artifact = CHAMPION) -> None:
    """Leave what a finished scoring leaves that scored no row."""
    folder = catalog.get("predictions").folder / run_id
    folder.mkdir(parents=True)
    manifest = Manifest(
        run_id=run_id,
        scored_at="2026-11-26T02:15:00Z",
        champion=ScoredBy.of(champion),
        rows=0,
        scored_rows=0,
        quarantined_rows=0,
        inputs=(FileOfRows(file="rows.csv", rows=0, sha256=rows_sha256),),
        parts=(FileOfRows(file=part_name(0), rows=0, sha256=sha256(b"")),),
        **CONDITIONS.model_dump(),
    )
    (folder / part_name(0)).touch()
    publish(folder, manifest)
    for name in VERSIONED:
        versions = folder_of_versions(catalog.get(name))
        (versions / run_id).mkdir(parents=True)
        (versions / run_id / versions.name).touch()


def test_of_scorings_of_the_same_the_newest_counts_that_is_not_dated_after_now(
    catalog: Any,
) -> None:
    finish(catalog, run("b"), "of the rows")
    finish(catalog, run("c"), "of other rows")
    finish(catalog, run("x"), "of the rows")

    def refuse(rows: str, now: str) -> None:
        refuse_scored_before(catalog, {"rows.csv": rows}, CHAMPION, CONDITIONS, run(now))

    for rows, now, named in (("other ", "f", "c"), ("the ", "z", "x"), ("the ", "a", "x")):
        with pytest.raises(NothingNewError, match=run(named)):
            refuse(f"of {rows}rows", now)
    refuse("of the rows", "f")
    finish(catalog, run("d"), "of the rows", Artifact(b"other", "champion.keras", run("b")))
    refuse("of the rows", "f")


def leave(project: Project, letter: str, registered: bool = True) -> list[Path]:
    """Leave what a killed scoring leaves, and give the paths of it."""
    if registered:
        registry = project.path / "data/.runs"
        registry.mkdir(exist_ok=True)
        (registry / run(letter)).touch()
    left = [
        project.path / "data/07_model_output/predictions" / run(letter) / "part-00000.parquet",
        project.path
        / "data/02_intermediate/quarantined_rows_to_score.csv"
        / run(letter)
        / ".quarantined_rows_to_score.csv.new",
        project.path
        / "data/08_reporting/scoring_summary.json"
        / run(letter)
        / ".scoring_summary.json.new",
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.touch()
    return left


def test_what_a_killed_scoring_left_is_taken_away(
    project: Project, catalog: Any, registry: Registry
) -> None:
    left = leave(project, "a")
    assert unfinished(catalog)[run("a")] == [path.parent for path in left]
    clear_unfinished(catalog, registry)
    assert not any(path.parent.exists() for path in left)
    assert unfinished(catalog) == {}


def test_what_no_registered_run_left_stays(
    project: Project, catalog: Any, registry: Registry
) -> None:
    left = leave(project, "a", registered=False)
    clear_unfinished(catalog, registry)
    assert all(path.exists() for path in left)


def test_what_a_scoring_at_work_has_written_stays_until_it_has_ended(
    project: Project, catalog: Any, registry: Registry
) -> None:
    _, at_work = registry.enter(run("a"))
    left = leave(project, "a", registered=False)
    clear_unfinished(catalog, registry)
    assert all(path.exists() for path in left)
    os.close(at_work)
    clear_unfinished(catalog, registry)
    assert not any(path.exists() for path in left)


def test_what_a_finished_scoring_left_stays_but_for_the_other_name_of_its_manifest(
    project: Project, catalog: Any, registry: Registry
) -> None:
    part, *_ = leave(project, "a")
    part.with_name("manifest.json").touch()
    part.with_name(".manifest.json.new").touch()
    clear_unfinished(catalog, registry)
    assert sorted(path.name for path in part.parent.iterdir()) == ["manifest.json", part.name]


def test_what_cannot_be_deleted_is_warned_of(
    project: Project,
    catalog: Any,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = leave(project, "a")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("tabular_lstm.runs.scoring.shutil.rmtree", refuse)
    clear_unfinished(catalog, registry)
    assert f"{left[0].parent} could not be deleted: Permission denied" in caplog.text


@pytest.mark.parametrize(
    ("marks", "raw", "given", "proposed"),
    [
        (POINT, {"decimal": ","}, {}, 'load_args: {decimal: ","}'),
        (NumberFormat(decimal=",", thousands="."), None, {"sep": ";"}, 'load_args: {decimal: "."}'),
        (POINT, {"decimal": ","}, {"decimal": "."}, ""),
        (POINT, {"decimal": ".", "thousands": None}, {}, ""),
        (NumberFormat(decimal=","), {"decimal": ","}, {}, ""),
    ],
)
def test_rows_to_score_that_may_be_written_as_raw_rows_are_now_are_asked_for(
    marks: NumberFormat,
    raw: dict[str, str] | None,
    given: dict[str, str],
    proposed: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entries = {"raw_rows": {"load_args": raw}, "rows_to_score": {"load_args": given}}
    warn_of_other_marks(marks, entries)
    assert len(caplog.records) == bool(proposed)
    assert proposed in caplog.text
