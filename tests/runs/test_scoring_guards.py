"""What is done before a scoring: what was left unfinished goes, and the same is not done again."""

from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import BLOCKS, Parameters
from tabular_lstm.runs.guards import (
    clear_unfinished,
    conditions,
    refuse_parts_of_scoring,
    scores,
)
from tests.helpers.logs import run
from tests.helpers.project import Project

ENTRY = {
    "type": "tabular_lstm.datasets.RawRowsDataset",
    "filepath": "rows.csv",
    "load_args": {"sep": ";"},
}


@pytest.fixture
def catalog(project: Project) -> Any:
    with KedroSession.create(project.path) as session:
        return session.load_context().catalog


def blocks(**changed: dict[str, Any]) -> dict[str, Parameters]:
    columns = {"label": "sold", "positive_class": 1, "negative_class": 0}
    given = {"columns": columns, **changed}
    return {name: block.model_validate(given.get(name, {})) for name, block in BLOCKS.items()}


def test_a_scoring_is_run_whole_and_by_itself(project: Project) -> None:
    pipelines.set_requested(None)
    whole = pipelines["scoring"]
    assert scores(whole)
    assert not scores(pipelines["retraining"])
    refuse_parts_of_scoring(whole, False, "kedro run")
    for part in (whole.to_nodes("scoring.score_rows"), whole + pipelines["retraining"]):
        with pytest.raises(DataError, match="kedro run --env a --pipelines scoring"):
            refuse_parts_of_scoring(part, False, "kedro run --env a")
    with pytest.raises(DataError, match="whole and without other pipelines"):
        refuse_parts_of_scoring(whole, True, "kedro run")


def leave(project: Project, letter: str) -> list[Path]:
    """Leave what a killed scoring leaves, and give the folders of it."""
    left = [
        "07_model_output/predictions/RUN/part-00000.parquet",
        "02_intermediate/quarantined_rows_to_score.csv/RUN/.quarantined_rows_to_score.csv.new",
        "08_reporting/scoring_summary.json/RUN/.scoring_summary.json.new",
    ]
    paths = [project.path / "data" / path.replace("RUN", run(letter)) for path in left]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    return [path.parent for path in paths]


def test_what_a_killed_scoring_left_is_taken_away_and_what_is_finished_stays(
    project: Project, catalog: Any
) -> None:
    finished = catalog.get("predictions").folder / run("b") / "manifest.json"
    finished.parent.mkdir(parents=True)
    finished.touch()
    before = project.files()
    left = leave(project, "a")
    with clear_unfinished(catalog):
        assert project.files() == before
        left = leave(project, "c")
        with clear_unfinished(catalog):  # beside another scoring nothing is taken away
            assert all(folder.exists() for folder in left)


def test_predictions_rest_on_what_changes_them_alone() -> None:
    found = conditions(blocks(), ENTRY)
    same = [
        (blocks(scoring={"force": True}, training={"seed": 5}), ENTRY),
        (blocks(), {**ENTRY, "filepath": "elsewhere.csv", "metadata": {"kedro-viz": {}}}),
    ]
    assert all(conditions(*given) == found for given in same)
    other = [
        (blocks(scoring={"reasons": 1}), ENTRY),
        (blocks(validation={"max_quarantined_fraction": 0.1}), ENTRY),
        (blocks(), {**ENTRY, "load_args": {"sep": ","}}),
    ]
    assert all(conditions(*given) != found for given in other)
