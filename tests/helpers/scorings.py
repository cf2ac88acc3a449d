"""Scorings of rows with the champion, and what they leave, read as a user would."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession

from tabular_lstm.datasets.predictions import PredictionsDataset
from tabular_lstm.files import sha256
from tabular_lstm.task import NUMBER
from tests.helpers.project import Project
from tests.helpers.tables import LABELS

SCORING = ("run", "--pipelines", "scoring")
# Of the rows that `write_rows` writes, one has a bad cell.
BAD_EVERY = 50
REPORTED = ("scoring_summary", "scoring_drift")


def rows_at(path: Path | str, *parameters: str) -> tuple[str, str]:
    """Arguments that name the rows to score, and give other parameters; `--params` counts once."""
    return "--params", ",".join([f"rows_to_score={path}", *parameters])


def folder_of(project: Project, env: str = "") -> Path:
    """The folder that has a folder for each scoring."""
    return project.path / "data" / env / "07_model_output/predictions"


def finished(project: Project, env: str = "") -> list[dict[str, Any]]:
    """The manifests of all finished scorings, oldest first."""
    paths = sorted(folder_of(project, env).glob("*/manifest.json"))
    return [json.loads(path.read_text()) for path in paths]


def predictions_of(project: Project, env: str | None = None) -> pd.DataFrame:
    """The newest predictions, as the catalog gives them."""
    with KedroSession.create(project.path, env=env) as session:
        return session.load_context().catalog.load("predictions")


def quarantine_of(project: Project, run: str = "*") -> pd.DataFrame:
    """The quarantine of a scoring, by default the newest, cells as they were."""
    name = "quarantined_rows_to_score.csv"
    paths = sorted((project.path / "data/02_intermediate" / name).glob(f"{run}/{name}"))
    return pd.read_csv(paths[-1], dtype=str, keep_default_na=False)


def summary_of(project: Project) -> dict[str, Any]:
    """The newest summary of a scoring."""
    return json.loads(project.versions("08_reporting/scoring_summary.json")[-1].read_text())


def write_rows(project: Project, name: str, count: int) -> Path:
    """Write so many rows without a label, of which every fiftieth has a bad cell."""
    rows = pd.read_csv(project.raw, dtype=str).drop(columns=LABELS, errors="ignore")
    rows = pd.concat([rows] * -(-count // len(rows)), ignore_index=True)[:count]
    rows.loc[::BAD_EVERY, "age"] = "old"
    path = project.path / name
    rows.to_csv(path, index=False)
    return path


def predicted_by(manifest: dict[str, Any]) -> list[str]:
    """Name the columns of numbers that predictions have, as their manifest says."""
    if manifest.get("task") == NUMBER:
        return ["prediction", "lower", "upper"]
    if "classes" in manifest:
        return [f"probability_{value}" for value in manifest["classes"]]
    return ["probability"]


def assert_sound(project: Project) -> list[str]:
    """Check what must hold whatever happened to scorings, and name the runs that finished.

    Each finished run has all its rows once, scored by numbers of its task or in its quarantine;
    what the catalog loads is of the newest of them; and whatever else can be loaded is whole.
    """
    manifests = finished(project)
    for manifest in manifests:
        run = manifest["run_id"]
        parts = [folder_of(project) / run / part["file"] for part in manifest["parts"]]
        for path, part in zip(parts, manifest["parts"], strict=True):
            assert sha256(path.read_bytes()) == part["sha256"]
        scored = pd.concat([pd.read_parquet(path) for path in parts])
        assert np.isfinite(scored[predicted_by(manifest)]).all(axis=None)
        aside = quarantine_of(project, run)["row"].astype(int)
        assert len(scored) == manifest["scored_rows"]
        assert len(aside) == manifest["quarantined_rows"]
        rows = sorted([*scored["row"], *aside])
        assert rows == list(range(1, manifest["rows"] + 1))
    if manifests:
        newest = PredictionsDataset(str(folder_of(project))).load()
        assert set(newest["run_id"]) == {manifests[-1]["run_id"]}
        assert len(newest) == manifests[-1]["scored_rows"]
    for name in REPORTED:
        for path in (project.path / f"data/08_reporting/{name}.json").glob(f"*/{name}.json"):
            json.loads(path.read_text())
            assert path.parent.name in {manifest["run_id"] for manifest in manifests}
    return [manifest["run_id"] for manifest in manifests]


def unfinished(project: Project) -> list[str]:
    """What scorings left that is no whole output: folders without manifest, and hidden files."""
    whole = {manifest["run_id"] for manifest in finished(project)}
    folders = [path for path in folder_of(project).glob("*/") if path.name not in whole]
    hidden = (project.path / "data").rglob(".*.new")
    return [str(path) for path in (*folders, *hidden)]
