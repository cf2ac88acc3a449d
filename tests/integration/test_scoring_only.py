"""A host that only scores: `make install-scoring`, and the champion of a kept release."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.project import ROOT
from tests.helpers.releases import RELEASES

ENV = "words"
ABSENT = ("tensorflow", "keras", "matplotlib", "kedro_viz")
FIND = f"""
from importlib.util import find_spec
print([name for name in {ABSENT} if find_spec(name)])
"""
PREDICT = f"""
import pandas
from tabular_lstm import load_champion
rows = pandas.read_csv("data/01_raw/{ENV}_to_score.csv", dtype=str)[:-1]
print(*load_champion(".", "{ENV}").predict_proba(rows)[:, 1])
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the smaller installation, in which the champion of the newest release serves."""
    clone = tmp_path_factory.mktemp("host") / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    done = subprocess.run(
        ["make", "install-scoring"], cwd=clone, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    newest = max(RELEASES.glob("[0-9]*"))
    for folder in (f"conf/{ENV}", "data/01_raw", f"data/{ENV}"):
        shutil.copytree(newest / folder, clone / folder, dirs_exist_ok=True)
    return clone


def called(host: Path, *command: str) -> subprocess.CompletedProcess[str]:
    name, *arguments = command
    return subprocess.run(
        [host / f".venv/bin/{name}", *arguments],
        cwd=host,
        env={**os.environ, "KEDRO_ENV": ""},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def last_line(host: Path, *command: str) -> str:
    done = called(host, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()[-1]


def run(host: Path, pipeline: str, *parameters: str) -> str:
    given = ["--params", ",".join(parameters)] if parameters else []
    return last_line(host, "kedro", "run", "--env", ENV, "--pipelines", pipeline, *given)


def test_it_scores_monitors_rolls_back_and_profiles_and_refuses_to_train(host: Path) -> None:
    assert last_line(host, "python", "-c", FIND) == "[]"
    (kept,) = (host / f"data/{ENV}/07_model_output/predictions").glob("*/*.parquet")
    before = pd.read_parquet(kept)
    program = last_line(host, "python", "-c", PREDICT).split()
    assert [*map(float, program)] == pytest.approx(before["probability"].tolist(), abs=1e-6)

    said = run(host, "scoring", "scoring.force=true")
    assert "Scored 119 of 120 rows with the champion of run" in said
    newest = max((host / f"data/{ENV}/07_model_output/predictions").glob("*/*.parquet"))
    scored = pd.read_parquet(newest)
    assert scored["probability"].tolist() == pytest.approx(before["probability"].tolist(), abs=1e-6)
    assert scored["reason_1"].tolist() == before["reason_1"].tolist()
    assert "had the same rows, champion, parameters and code" in run(host, "scoring")

    assert "log loss" in run(host, "monitoring", f"late_labels=data/01_raw/{ENV}_labels.csv")
    page = (host / f"data/{ENV}/08_reporting/latest_monitoring.html").read_text()
    assert "matplotlib is not installed where this page was written" in page
    assert "data:image" not in page
    health = json.loads((host / f"data/{ENV}/08_reporting/latest_monitoring.json").read_text())
    assert health["champions"][-1]["real"]

    assert "Rolled back to the previous champion" in run(host, "rollback")
    assert "kedro run --env fresh" in last_line(
        host, "kedro", "profile", f"data/01_raw/{ENV}.csv", "--env", "fresh"
    )
    assert "monitoring" in called(host, "kedro", "registry", "list").stdout
    files = {path for path in (host / "data").rglob("*") if path.is_file()}
    for pipelines in (["--pipelines", "retraining"], []):
        refused = called(host, "kedro", "run", "--env", ENV, *pipelines)
        assert refused.returncode == 1
        assert refused.stderr.splitlines() == [
            "Error: Training needs TensorFlow, which is not installed here: this installation only "
            "scores, monitors, rolls back and profiles. Train where TensorFlow is installed."
        ]
    left = {path for path in (host / "data").rglob("*") if path.is_file()} - files
    assert {path.name for path in left} == {"retraining_attempt.json"}
