"""What is below deploy/ for systemd and for a container, by the tools that check it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.champions import assert_settled, log_of
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import finished

DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
# Read-only but for data/, as by ProtectSystem=strict or a container's --read-only.
READ_ONLY = """
mount --bind "$1" "$1" && mount --bind "$1/data" "$1/data" && mount -o remount,bind,ro "$1"
cd "$1" && ! touch conf/here 2>/dev/null
shift && exec "$@"
"""


def said(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, of a project that is there: its paths are looked up."""
    for path in (DEPLOY / "systemd").iterdir():
        at = str(tmp_path / "project")
        (tmp_path / path.name).write_text(path.read_text().replace("/srv/tabular-lstm", at))
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.venv").symlink_to(sys.prefix)
    return tmp_path


def test_systemd_knows_all_that_the_units_say(units: Path) -> None:
    assert len(UNITS) == 4
    for name in UNITS:
        instance = name.replace("@", "@patients")
        shutil.copy(units / name, units / instance)
        if name.endswith(".service"):  # as for all models
            edited = units / f"{instance}.d"
            edited.mkdir()
            (edited / "override.conf").write_text("[Service]\nEnvironment=COMMAND=run-models\n")
        about = said("systemd-analyze", "verify", units / instance)
        assert [line for line in about.splitlines() if instance in line] == []


def test_runs_write_below_data_alone(quick: Project) -> None:
    for pipeline in ("retraining", "scoring"):
        command = [sys.executable, "-m", "kedro", "run", "--pipelines", pipeline]
        said("unshare", "-m", "sh", "-ec", READ_ONLY, "sh", quick.path, *command)
    assert [line["action"] for line in log_of(quick)] == ["promoted"]
    assert len(finished(quick)) == 1
    assert_settled(quick)


def test_the_dockerfile_is_as_hadolint_wants_it() -> None:
    assert said(Path(sys.prefix) / "bin/hadolint", DEPLOY / "container/Dockerfile") == ""


def test_the_container_has_the_versions_of_the_project() -> None:
    locks = (DEPLOY / "container/requirements.lock", ROOT / "requirements.lock")
    pins = (re.findall(r"^\S+==\S+", lock.read_text(), re.MULTILINE) for lock in locks)
    container, project = map(set, pins)
    assert container < project
    names = {pin.partition("==")[0] for pin in container}
    assert {"tensorflow", "kedro", "llvmlite"} <= names
    assert not names & {"pytest", "kedro-viz", "mypy"}
