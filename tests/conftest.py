"""A temporary copy of the project to run for real, with settings that take seconds."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

# Before any test imports TensorFlow, so that it computes as in a run.
import tabular_lstm  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "network": {"ensemble": {"members": 2, "units": [4]}},
    "training": {"epochs": 2},
    "evaluation": {"bootstrap_resamples": 100, "importance_repeats": 1},
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("REQUIRE_BROWSER"),
    reason="needs a browser: apt-get install chromium",
)
# What metrics.json holds of every model.
JUDGED = {
    "accuracy",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier_score",
    "expected_calibration_error",
    "confusion_matrix",
    "decision_threshold",
    "interval",
}


@dataclass
class Project:
    """A copy of the project: its path and the ways to run it."""

    path: Path

    def run(
        self, *pipeline_names: str, env: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Run pipelines in this process, with the parameters' blocks merged into conf's."""
        with KedroSession.create(self.path, env=env, runtime_params=parameters) as session:
            return session.run(pipeline_names=list(pipeline_names) or None)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `kedro` as a user would, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.path,
            env={**os.environ, "KEDRO_ENV": ""},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    @property
    def raw(self) -> Path:
        """The CSV that the base environment reads."""
        return self.path / "data/01_raw/diabetes.csv"

    def versions(self, output: str, env: str = "") -> list[Path]:
        """All versions of an output below data/, oldest first."""
        folder = self.path / "data" / env / output
        return [version / folder.name for version in sorted(folder.iterdir())]

    def metrics(self, env: str = "") -> dict[str, Any]:
        """The newest metrics.json."""
        return json.loads(self.versions("08_reporting/metrics.json", env)[-1].read_text())

    def rows(self, side: str) -> pd.DataFrame:
        """The rows of a side, `train` or `test`."""
        return pd.read_parquet(self.versions(f"03_primary/{side}_rows.parquet")[-1])

    def files(self) -> dict[str, bytes]:
        """Every output and its content."""
        outputs = (path for path in (self.path / "data").rglob("*") if path.is_file())
        return {str(path.relative_to(self.path)): path.read_bytes() for path in outputs}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Copy what a run reads into an empty folder, and work from there."""
    others = shutil.ignore_patterns("local")
    for name in ("conf", "data/01_raw"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=others)
    (tmp_path / "conf/local").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").mkdir()  # Kedro wants it; the code is the installed package's
    monkeypatch.chdir(tmp_path)
    bootstrap_project(tmp_path)
    yield Project(tmp_path)
    pipelines.set_requested(None)


def in_a_browser(
    address: str, *options: str, virtual_seconds: int = 30
) -> subprocess.CompletedProcess[str]:
    """Open a page in headless Chromium: what became of it is on stdout, as HTML."""
    assert CHROMIUM, "REQUIRE_BROWSER is set and there is no chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={profile}",
                f"--virtual-time-budget={virtual_seconds}000",
                *options,
                "--dump-dom",
                address,
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
