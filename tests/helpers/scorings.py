"""Scorings of rows with the champion, and what they leave, read as a user would."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession

from tests.helpers.project import Project

SCORING = ("run", "--pipelines", "scoring")


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


def quarantine_of(project: Project, env: str = "") -> pd.DataFrame:
    """The newest quarantine of a scoring, cells as they were."""
    path = project.versions("02_intermediate/quarantined_rows_to_score.csv", env)[-1]
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def summary_of(project: Project) -> dict[str, Any]:
    """The newest summary of a scoring."""
    return json.loads(project.versions("08_reporting/scoring_summary.json")[-1].read_text())
