"""Who serves in a project, and what must hold of it after any fault."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession

from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision
from tests.helpers.logs import write_chained
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


def forge(project: Project, content: bytes) -> None:
    """Put other bytes in the place of each candidate, and their hash in log and decisions."""
    lines, hashed = log_of(project), sha256(content)
    for kept in project.versions("06_models/candidate.keras"):
        kept.write_bytes(content)
    for line in lines:
        decision = project.path / f"data/08_reporting/decision.json/{line['run_id']}/decision.json"
        decision.write_text(decision.read_text().replace(line["sha256"], hashed))
        written = Decision.model_validate_json(decision.read_text())
        line |= {"sha256": hashed, "decision_sha256": written.fingerprint()}
    write_chained(log_path(project), lines)


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
    assert champion.network.calibration == champion.scorer.calibration
    schema = champion.scorer.schema
    rows = np.zeros((2, schema.steps, schema.features_per_step), np.float32)
    assert np.isfinite(champion.score(rows)).all()
    return champion.sha256


def assert_settled(project: Project) -> None:
    """Check that what serves is what the log names, and nothing half written lies beside it."""
    assert on_disk(project) == champion_of(project).sha256 == log_of(project)[-1]["sha256"]
    assert not list(champion_path(project).parent.glob(".*"))
