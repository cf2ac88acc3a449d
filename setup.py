"""Completes the package of a wheel: its catalog, and the starter with what the clone has too.

pyproject.toml says all else. No file is in the repository twice.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHARED = (
    ".gitignore",
    ".telemetry",
    "conf/base/parameters_data_processing.yml",
    "conf/local/.gitkeep",
    "conf/logging.yml",
    "data/README.md",
    *(f"data/01_raw/{name}.csv" for name in ("concrete", "diabetes", "rows_to_score")),
    *(f"data/01_raw/{name}.csv" for name in ("storms", "storms_to_score")),
    *(str(path) for path in Path("data").glob("0*/.gitkeep")),
    *(str(path) for path in Path("deploy").glob("c*/*")),
    *(str(path) for path in Path("deploy/systemd").glob("*")),
    "notebooks/explore.ipynb",
    "requirements-scoring.lock",
)


class WithStarter(build_py):
    """Copies what is no Python file into the built package."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, "tabular_lstm")
        shutil.copy("conf/base/catalog.yml", package)
        shutil.rmtree(package / "starter", ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree("src/tabular_lstm/starter", package / "starter", ignore=ignored)
        for path in SHARED:
            copied = package / "starter/{{ cookiecutter.repo_name }}" / path
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)


setup(cmdclass={"build_py": WithStarter})
