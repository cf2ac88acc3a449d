"""Who serves in a project, and what must hold of it after any fault."""

import json
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession

from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.project import Project

LOCK = "data/retraining.lock"


def log_path(project: Project) -> Path:
    return project.path / "data/08_reporting/promotions.jsonl"


def champion_path(project: Project) -> Path:
    """The file of the candidate that the last line of the log names."""
    run = log_of(project)[-1]["serves_now"]
    return project.path / f"data/06_models/candidate.keras/{run}/candidate.keras"


def log_of(project: Project) -> list[dict[str, Any]]:
    """All lines of the promotion log, none of them torn."""
    content = log_path(project).read_text()
    assert not content or content.endswith("\n")
    return [json.loads(line) for line in content.splitlines()]


def champion_of(project: Project) -> Artifact:
    """The champion as a program that serves gets it: from the catalog."""
    with KedroSession.create(project.path) as session:
        return session.load_context().catalog.load("champion")


def on_disk(project: Project) -> str:
    """The hash of the champion's file."""
    return sha256(champion_path(project).read_bytes())


def assert_sound(project: Project, before: bytes) -> str:
    """Check what must hold whatever happened to a run, and give the hash of what serves.

    Args:
        project: A project with a champion.
        before: The promotion log before the run.
    """
    after = log_path(project).read_bytes()
    assert after.startswith(before)
    assert after[len(before) :].count(b"\n") <= 1
    champion = champion_of(project)
    assert champion.sha256 == on_disk(project) == log_of(project)[-1]["sha256"]
    assert 0 < champion.network.calibration.threshold < 1
    return champion.sha256


def assert_settled(project: Project) -> None:
    """Check that what serves is what the log names, and nothing half written lies beside it."""
    assert on_disk(project) == champion_of(project).sha256 == log_of(project)[-1]["sha256"]
    assert not list(champion_path(project).parent.glob(".*"))
