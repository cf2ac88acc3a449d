"""What the installations of docs/production.md take: time, disk, and the first prediction.

    python benchmarks/installation.py

Each is installed in a temporary clone. Then processes of their own, five times each,
import `load_champion`, load a small champion of `tests/releases` and score a row; and run a scoring
of its 120 rows. The time of an installation depends on the network.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tables import markdown

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 5
PREDICTION = """
import pandas
from tabular_lstm import load_champion
row = pandas.read_csv("data/01_raw/words_to_score.csv", dtype=str)[:1]
print(load_champion(".", "words").predict_proba(row))
"""
SCORING = ["run", "--env", "words", "--pipelines", "scoring", "--params", "scoring.force=true"]
PINNED_WHEEL = r"""
grep == deploy/container/requirements.lock | sed 's/ \\$//; s/^tensorflow==/{}==/' > pins.txt
python3 -m venv .venv
.venv/bin/pip install --no-deps -r pins.txt dist/*.whl
"""
INSTALLATIONS = {
    "everything": "make install",
    "wheel": PINNED_WHEEL.format("tensorflow"),
    "wheel with tensorflow-cpu": PINNED_WHEEL.format("tensorflow-cpu"),
    "scoring alone": "make install-scoring",
}


def seconds(command: list[str | Path], folder: Path) -> float:
    """Run a command, and return how long it took; stop if it failed."""
    start = time.perf_counter()
    ended = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{command} failed: {(ended.stdout + ended.stderr)[-2000:]}")
    return time.perf_counter() - start


def copy_release(folder: Path) -> None:
    """Copy the newest kept release as a project."""
    newest = max((ROOT / "tests/releases").glob("[0-9]*"))
    shutil.copytree(newest, folder)
    for name in ("pyproject.toml", ".telemetry", "conf/logging.yml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "conf/local").mkdir()
    (folder / "src").mkdir()


def measure(name: str, installation: str) -> dict[str, str]:
    """Install by a shell's commands, and give a line of the table."""
    with tempfile.TemporaryDirectory() as temporary:
        clone, project = Path(temporary) / "clone", Path(temporary) / "project"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        seconds(["make", "wheel"], clone)
        installing = seconds(["sh", "-ec", installation], clone)
        copy_release(project)
        binaries = clone / ".venv/bin"
        commands: list[list[str | Path]] = [
            [binaries / "python", "-c", PREDICTION],
            [binaries / "kedro", *SCORING],
        ]
        first, scoring = (
            statistics.median(seconds(command, project) for _ in range(REPEATS))
            for command in commands
        )
        files = [path for path in (clone / ".venv").rglob("*") if not path.is_symlink()]
        return {
            "installed": name,
            "packages": f"{sum(path.name.endswith('.dist-info') for path in files)}",
            "MB": f"{sum(path.stat().st_blocks * 512 for path in files) / 1e6:,.0f}",
            "s to install": f"{installing:.0f}",
            "s to the first prediction": f"{first:.1f}",
            "s for a scoring": f"{scoring:.1f}",
        }


if __name__ == "__main__":
    os.environ["KEDRO_ENV"] = ""
    print(markdown([measure(*item) for item in INSTALLATIONS.items()]))
