"""The project as a package: its wheel, and the conf beside it, in a folder with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.project import ROOT

SCORES = """
import tabular_lstm, pandas
champion = tabular_lstm.load_champion(".")
rows = pandas.read_csv("data/01_raw/rows_to_score.csv")
print(tabular_lstm.__file__, len(champion.predict_proba(rows)))
"""


def done(*command: str | Path, folder: Path, **variables: str) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "KEDRO_ENV": "", **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_wheel_retrains_and_scores_by_the_conf_beside_it(tmp_path: Path) -> None:
    clone, installed, elsewhere = tmp_path / "clone", tmp_path / "site", tmp_path / "elsewhere"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    done(sys.executable, "-m", "kedro", "package", folder=clone, PYTHONPATH=str(clone / "src"))
    (wheel,) = (clone / "dist").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", installed]
    done(*pip, wheel, folder=tmp_path)
    shutil.copytree(clone / "data", elsewhere / "data")
    conf = f"--conf-source={clone / 'dist/conf-tabular_lstm.tar.gz'}"
    run = [sys.executable, "-m", "tabular_lstm", conf, "--pipelines", "retraining"]
    says = {"PYTHONPATH": str(installed), "KEDRO_LOGGING_CONFIG": str(clone / "conf/logging.yml")}
    assert "Promoted run" in done(*run, folder=elsewhere, **says).splitlines()[-1]
    where, count = done(sys.executable, "-c", SCORES, folder=elsewhere, **says).split()
    assert Path(where).is_relative_to(installed)
    assert count == "20"
