"""The README's code blocks do what it says, in their order, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.project import ROOT, Project

BLOCK = re.compile(r"^```(bash|python|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(command: list[str], project: Project) -> str:
    bin_folder = Path(sys.executable).parent
    finished = subprocess.run(
        command,
        cwd=project.path,
        # `make` takes the environment that the tests run in for the one it would create.
        env={
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "MAKEFLAGS": f"VENV={bin_folder.parent} --assume-old={bin_folder.parent}/.installed",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, f"{command}: {finished.stdout[-2000:]}{finished.stderr}"
    return finished.stdout


def test_code_blocks_run_in_order(project: Project) -> None:
    shutil.copy(ROOT / "Makefile", project.path)
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert {language for language, _ in blocks} == {"bash", "python", "yaml"}

    printed = []
    for language, code in blocks:
        if language == "yaml":
            path = project.path / code.splitlines()[0].removeprefix("# ")
            path.write_text(code)
        elif language == "python":
            printed.append(run([sys.executable, "-c", code], project))
        else:
            run(["bash", "-euc", code], project)

    runs = [project.metrics(env)["data"] for env in ("", "tutorial", "patients")]
    assert [data["rows"] for data in runs] == [768, 768, 768]
    assert len(project.versions("08_reporting/metrics.json")) == 3
    assert project.metrics()["test"]["decision_threshold"] < 0.3  # a false negative costs 5

    run_id, scored, cross_validated, shuffled, log, champion = printed
    assert run_id.startswith("20")
    assert scored.startswith("[[0.")
    areas = [float(area) for area in cross_validated.strip("[]\n").split()]
    assert len(areas) == 3
    assert min(areas) > 0.75
    assert (project.path / "data/diabetes.keras").exists()

    # Promoted, unchanged, promoted with more rows, rejected with shuffled labels, rolled back.
    nightly = project.path / "data/nightly/08_reporting"
    lines = [json.loads(line) for line in (nightly / "promotions.jsonl").read_text().splitlines()]
    actions = ["promoted", "promoted", "rejected", "rolled_back"]
    assert [line["action"] for line in lines] == actions
    assert [line.split()[2] for line in log.splitlines()[1:]] == actions
    assert lines[-1]["champion"] == lines[0]["champion"]
    assert champion.splitlines()[-1].startswith(f"{lines[-1]['sha256']} [0.")
    assert shuffled == ""
    assert len(list((nightly / "report.html").iterdir())) == 3
