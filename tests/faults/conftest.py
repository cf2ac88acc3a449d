"""Projects in which something serves, and what must hold of them after any fault."""

import json
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.session import KedroSession

from tabular_lstm.cli import run
from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tests.conftest import TINY, Project
from tests.faults import sabotage

RETRAINING = ("run", "--pipelines", "retraining")
LOCK = "data/retraining.lock"
ROLLBACK = ("run", "--pipelines", "rollback")
LABEL = "diabetes"
# With it and the labels below, each candidate is far better than what the gate asks for.
QUICK = {
    **TINY,
    "training": {"epochs": 15, "learning_rate": 0.03},
    "promotion": {"tolerance": {"log_loss": 1.0, "roc_auc": 1.0}},
}


def declare(project: Project, **blocks: Any) -> None:
    """Write parameters to conf/local."""
    (project.path / "conf/local/parameters.yml").write_text(json.dumps(blocks))


def seed(number: int) -> tuple[str, str]:
    """Arguments that make a retraining one that nobody has judged yet."""
    return "--params", f"training.seed={number}"


def rows_to_learn(csv: Path) -> pd.DataFrame:
    """Take the CSV's rows with labels that a tiny network learns and a straight line cannot."""
    rows = pd.read_csv(csv)
    noise = np.random.default_rng(0).random(len(rows)) < 0.02
    return rows.assign(**{LABEL: (rows["glucose"].between(100, 128) ^ noise).astype(int)})


@pytest.fixture
def quick(project: Project) -> Project:
    """A project whose retrainings promote, and take as long as TensorFlow takes to import."""
    rows_to_learn(project.raw).to_csv(project.raw, index=False)
    declare(project, **QUICK)
    return project


@pytest.fixture
def served(quick: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after a first retraining."""
    kept = tmp_path_factory.getbasetemp() / "served"
    if not kept.exists():
        succeeds(quick.command(*RETRAINING))
        shutil.copytree(quick.path, kept)
    shutil.copytree(kept, quick.path, dirs_exist_ok=True)
    return quick


@pytest.fixture
def served_twice(served: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after two retrainings, of which both promoted."""
    kept = tmp_path_factory.getbasetemp() / "served_twice"
    if not kept.exists():
        served.run("retraining", training={"seed": 1})
        shutil.copytree(served.path / "data", kept)
    shutil.copytree(kept, served.path / "data", dirs_exist_ok=True)
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    return served


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `kedro` in this process, which has imported TensorFlow already."""
    result = CliRunner().invoke(run, arguments[1:])
    crash = ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        crash = "".join(traceback.format_exception(result.exception))
    return subprocess.CompletedProcess(
        arguments, result.exit_code, result.stdout, result.stderr + crash
    )


def succeeds(finished: subprocess.CompletedProcess[str]) -> str:
    """Check that a command ended well, and give what it said."""
    assert finished.returncode == 0, finished.stderr + finished.stdout
    return finished.stdout


def sabotaged(
    project: Project, output: str, fault: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `kedro` with a fault at an output, see `sabotage`."""
    return subprocess.run(
        [sys.executable, sabotage.__file__, output, fault, *arguments],
        cwd=project.path,
        env={**os.environ, "KEDRO_ENV": "", "TMPDIR": str(temporary(project))},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def temporary(project: Project) -> Path:
    """A folder for what a killed run leaves in /tmp."""
    folder = project.path / "tmp"
    folder.mkdir(exist_ok=True)
    return folder


def log_path(project: Project) -> Path:
    return project.path / "data/08_reporting/promotions.jsonl"


def champion_path(project: Project) -> Path:
    return project.path / "data/06_models/champion.keras"


def log_of(project: Project) -> list[dict[str, Any]]:
    """All lines of the promotion log, none of them torn."""
    content = log_path(project).read_text()
    assert not content or content.endswith("\n")
    return [json.loads(line) for line in content.splitlines()]


def changes_in(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["action"] != "rejected"]


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
    changes = changes_in(log_of(project))
    assert on_disk(project) in {change["sha256"] for change in changes[-2:]}
    champion = champion_of(project)
    assert champion.sha256 == changes[-1]["sha256"]
    assert 0 < champion.network.threshold < 1
    return champion.sha256


def assert_settled(project: Project) -> None:
    """Check that the champion's file is the one that the log names, and nothing lies beside it."""
    named = changes_in(log_of(project))[-1]["sha256"]
    assert on_disk(project) == champion_of(project).sha256 == named
    assert not list(champion_path(project).parent.glob(".*"))


def note(*cells: object) -> None:
    """Print a line of a table: `pytest -rP` shows it."""
    print("|", " | ".join(map(str, cells)), "|")  # noqa: T201


def message_of(finished: subprocess.CompletedProcess[str]) -> str:
    """The one clear message that a command ended with."""
    assert finished.returncode == 1, finished.stderr + finished.stdout
    assert "Traceback" not in finished.stderr + finished.stdout
    assert finished.stderr.startswith("Error: "), finished.stderr
    return finished.stderr.removeprefix("Error: ").strip()
