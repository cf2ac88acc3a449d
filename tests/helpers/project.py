"""A copy of the project and the ways to run it, with settings that take seconds."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    "network": {"ensemble": {"members": 2, "units": [4]}},
    "training": {"epochs": 2},
    "evaluation": {"bootstrap_resamples": 100, "importance_repeats": 1},
}
# With it and the labels of `write_task`, a candidate is far better than what the gate asks for.
QUICK = {
    **TINY,
    "training": {"epochs": 15, "learning_rate": 0.03},
    "promotion": {"tolerance": {"log_loss": 1.0, "roc_auc": 1.0, "rmse": 1.0, "mae": 1.0}},
}


@dataclass
class Project:
    """A copy of the project: its path and the ways to run it."""

    path: Path

    @classmethod
    def copied_to(cls, path: Path) -> "Project":
        """Copy what a run reads into an empty folder, and make it Kedro's project."""
        others = shutil.ignore_patterns("local")
        for name in ("conf", "data/01_raw"):
            shutil.copytree(ROOT / name, path / name, ignore=others)
        (path / "conf/local").mkdir()
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(ROOT / name, path)
        (path / "src").mkdir()  # Kedro wants it; the code is the installed package's
        bootstrap_project(path)
        return cls(path)

    def run(
        self, *pipeline_names: str, env: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Run pipelines in this process, with the parameters' blocks merged into conf's."""
        with KedroSession.create(self.path, env=env, runtime_params=parameters) as session:
            return session.run(pipeline_names=list(pipeline_names) or None)

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `kedro` as a user would, in a process of its own with these variables."""
        return self.python("-m", "kedro", *arguments, **variables)

    def python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python in this folder, with these variables."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**os.environ, "KEDRO_ENV": "", **variables},
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
        """Every output and its content; a run's claim of its id and its attempt are none."""
        outputs = (
            path
            for path in (self.path / "data").rglob("*")
            if path.is_file()
            and path.parent.name != ".runs"
            and not path.name.endswith("_attempt.json")
        )
        return {str(path.relative_to(self.path)): path.read_bytes() for path in outputs}


def declare(project: Project, **blocks: Any) -> None:
    """Write parameters to conf/local."""
    (project.path / "conf/local/parameters.yml").write_text(json.dumps(blocks))
