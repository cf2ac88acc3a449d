"""The wheel in an environment of its own: a project of the starter, and its upgrade."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documents import BLOCK, OF_THE_STARTER, run_block, run_blocks, text
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import finished

UV = Path(sys.executable).parent / "uv"
# A version with a parameter more, and a dataset that a node more writes.
NEWER = {
    "src/tabular_lstm/__init__.py": ('__version__ = "', '__version__ = "9.'),
    "src/tabular_lstm/parameters/runs.py": (
        "class ReportOptions(Parameters):\n",
        "class ReportOptions(Parameters):\n    rows: bool = True\n",
    ),
    "src/tabular_lstm/pipelines/scoring/pipeline.py": (
        "        [\n",
        '        [\n            Node(lambda options: {"rows": options["rows"]}, '
        '"params:report", "asked", name="ask"),\n',
    ),
    "conf/base/catalog.yml": (
        "# 08_reporting\n",
        '# 08_reporting\n\nasked: {type: json.JSONDataset, filepath: "${outputs:}/asked.json"}\n',
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clone, in which the README begins."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run(["git", "clone", "-q", ROOT, folder / "tabular-lstm"], check=True)
    return folder


@pytest.fixture(scope="module")
def pip(folder: Path) -> str:
    """What installs as pip does, but in seconds, and the versions of the lock."""
    lock = (ROOT / "requirements.lock").read_text()
    pins = folder / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^([\w.-]+==[^\\\n]+)", lock, re.MULTILINE)))
    return f"{UV} pip install --quiet --constraint {pins}"


@pytest.fixture(scope="module")
def churn(folder: Path, pip: str) -> Project:
    """A project of the starter, made as the README says."""
    (start,) = [code for kind, code in BLOCK.findall(text("README.md")) if kind == "sh"]
    quick = start.replace("pip install", pip)
    assert quick != start
    run_block(["bash", "-euc", quick], folder, str(folder / ".venv/bin/python"))
    return Project(folder / "churn")


@pytest.fixture(scope="module")
def python(folder: Path, churn: Project) -> str:
    return str(folder / ".venv/bin/python")


def kedro(churn: Project, python: str, *arguments: str) -> str:
    return run_block([str(Path(python).with_name("kedro")), *arguments], churn.path, python)


def test_readme_and_the_pages_that_go_on_with_it(churn: Project, python: str) -> None:
    printed = run_blocks(OF_THE_STARTER, churn.path, python)

    (
        area,
        compared,
        joined,
        by_candidate,
        by_champion,
        shuffled,
        _,
        two_models,
        champion,
        *rest,
    ) = printed
    predictions, _, told = rest
    assert float(area) > 0.75
    assert re.match(r"(better|level|worse) (True|False) .*log loss [+-]0\.\d+, at worst", compared)
    assert re.match(r"(better|level|worse) difference=[+-]?0\.\d+", two_models)
    assert " than the champion " in champion
    assert (churn.path / "data/diabetes.keras").exists()
    assert by_champion.startswith("[[0.")
    assert re.search(r"P749 +36 +0\.\d+", joined)
    assert re.search(r"^0 +1 +0\.\d+ +[01] +\w+ +-?0\.\d+$", predictions, re.MULTILINE)
    assert told.startswith("scored 768 Scored 768 of 768 rows with the champion of run 20")
    run_id, _, scored = by_candidate.partition("\n")
    assert run_id.startswith("20")
    assert scored.startswith("[[0.")
    assert shuffled == ""

    assert churn.metrics()["data"]["rows"] == 768
    patients = churn.path / "data/patients"
    rows = [
        json.loads(path.read_text())["data"]["rows"]
        for path in churn.versions("08_reporting/metrics.json", "patients")
    ]
    # A run, a first night, a second one with more rows, and one with shuffled labels.
    assert rows == [600, 600, 768, 768]
    log = (patients / "08_reporting/promotions.jsonl").read_text().splitlines()
    actions = [json.loads(line)["action"] for line in log]
    assert actions == ["promoted", "promoted", "rolled_back", "rejected"]
    assert len(list((patients / "08_reporting/report.html").iterdir())) == 5
    (manifest,) = finished(churn, "tracks")
    assert (manifest["scored_rows"], manifest["history_rows"]) == (12, 35)


def test_other_commands_work_there(churn: Project, python: str) -> None:
    # Not what the starter's README shows last, because it takes longest.
    kedro(churn, python, "viz", "build")
    shown = json.loads((churn.path / "build/api/main").read_text())
    assert (len(shown["layers"]), shown["layers"][0]) == (8, "01_raw")
    assert {"__default__", "retraining"} < {pipeline["id"] for pipeline in shown["pipelines"]}
    assert "base" in kedro(churn, python, "overview")
    wrapper = [str(churn.path / "deploy/cron/run"), "patients", "monitoring"]
    (churn.path / ".venv").symlink_to(Path(python).parents[1])
    assert run_block(wrapper, churn.path, python) == ""  # cron mails nothing
    assert list(churn.path.glob("logs/patients/monitoring/*.log"))
    refused = subprocess.run(
        [Path(python).with_name("kedro"), "run", "--env", "patient"],
        cwd=churn.path,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert refused.returncode == 1
    assert "did you mean 'patients'?" in refused.stderr.splitlines()[-1]


def test_the_test_of_the_starter_passes_there(churn: Project, python: str, pip: str) -> None:
    run_block(["bash", "-euc", f"VIRTUAL_ENV={Path(python).parents[1]} {pip} pytest"], churn.path)
    assert "1 passed" in run_block([python, "-m", "pytest", "-q", "tests"], churn.path, python)


def test_an_upgrade_goes_on_and_nothing_is_edited(
    folder: Path, churn: Project, python: str, pip: str
) -> None:
    champion = f"""
import tabular_lstm, pandas
champion = tabular_lstm.load_champion({str(churn.path)!r}, env="patients")
rows = pandas.read_csv({str(churn.raw)!r})
print(champion.run_id, champion.predict_proba(rows)[:, 1].tolist())
"""
    before = run_block([python, "-c", champion], folder, python)
    conf = {path: path.read_bytes() for path in (churn.path / "conf").rglob("*.yml")}
    newer = folder / "newer"
    shutil.copytree(folder / "tabular-lstm", newer)
    for path, (old, new) in NEWER.items():
        assert old in (newer / path).read_text()
        (newer / path).write_text((newer / path).read_text().replace(old, new, 1))
    run_block(["make", "wheel"], newer)
    upgrade = f"VIRTUAL_ENV={Path(python).parents[1]} {pip} --upgrade newer/dist/*.whl"
    run_block(["bash", "-euc", upgrade], folder)

    assert run_block([python, "-c", champion], folder, python) == before
    scored = kedro(churn, python, "run", "--env", "patients", "--pipelines", "scoring")
    assert "tabular-lstm 9." in scored
    assert "Scored" in scored.splitlines()[-1]
    assert json.loads((churn.path / "data/patients/asked.json").read_text()) == {"rows": True}
    night = kedro(churn, python, "run", "--env", "patients", "--pipelines", "retraining")
    assert "had the same data and parameters, and it " in night.splitlines()[-1]
    assert {path: path.read_bytes() for path in (churn.path / "conf").rglob("*.yml")} == conf


def test_what_cannot_be_made_ends_in_a_sentence(tmp_path: Path, python: str) -> None:
    def refusal(python: str, name: str) -> str:
        ended = subprocess.run(
            [python, "-m", "kedro", "new", "--starter", "tabular-lstm", "--name", name],
            cwd=tmp_path,
            env=os.environ | {"DO_NOT_TRACK": "1", "PYTHONPATH": ""},
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert ended.returncode == 1
        return ended.stderr

    for name in ("tabular-lstm", "keras", "2fast"):
        package = name.replace("-", "_")
        assert f"The package of a project cannot be called {package}: " in refusal(python, name)
    clone = refusal(sys.executable, "another")
    assert "only a wheel contains the whole starter: run make wheel" in clone
    assert [*tmp_path.iterdir()] == []
