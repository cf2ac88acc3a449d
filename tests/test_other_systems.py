"""A system that lacks what only Unix has: what can work there does, and a run says why not."""

from pathlib import Path

import pandas as pd

from tabular_lstm.serving.champion import load_champion
from tests.helpers.project import Project

# What Windows has not; nothing else of it is to be had here.
WINDOWS = """
import os, sys
sys.modules["fcntl"] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "killpg", "setxattr", "getxattr"):
    delattr(os, name)
"""


def test_the_champion_scores_where_there_are_no_locks(served: Project, tmp_path: Path) -> None:
    rows = pd.read_csv(served.raw)[:5]
    program = """
import pandas as pd
from tabular_lstm import load_champion
rows = pd.read_csv("data/01_raw/diabetes.csv")[:5]
print(load_champion(".").predict_proba(rows)[:, 1].tolist())
"""
    done = served.python("-c", WINDOWS + program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(load_champion(served.path).predict_proba(rows)[:, 1].tolist())


def test_a_run_is_refused_in_a_line_where_there_are_no_locks(project: Project) -> None:
    program = """
from kedro.framework.cli.cli import main
sys.argv = ["kedro", "run", "--pipelines", "retraining"]
main()
"""
    before = project.files()
    done = project.python("-c", WINDOWS + program)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This operating system does not have Unix file locks")
    assert "WSL 2" in done.stderr
    assert project.files() == before
