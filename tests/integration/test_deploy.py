"""What is below deploy/ for systemd and for a container, by the tools that check it."""

import re
import shutil
import subprocess
import sys
import time
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
        about = said("systemd-analyze", "verify", units / instance)
        assert [line for line in about.splitlines() if instance in line] == []


def test_systemd_rates_the_sandbox_as_tight(units: Path) -> None:
    for name in (name for name in UNITS if name.endswith(".service")):
        rated = said("systemd-analyze", "security", "--offline=true", units / name)
        (level,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", rated)
        assert float(level) <= 2.0


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


def script_of(tmp_path: Path, kedro: str) -> Path:
    """The script for cron, in a folder in which `kedro` is another program; called by a link."""
    project = tmp_path / "project"
    (project / "deploy/cron").mkdir(parents=True)
    (project / ".venv/bin").mkdir(parents=True)
    shutil.copy(DEPLOY / "cron/run", project / "deploy/cron")
    program = project / ".venv/bin/kedro"
    program.write_text(f"#!/bin/sh\n{kedro}\n")
    program.chmod(0o755)
    (tmp_path / "link").symlink_to(project / "deploy/cron/run")
    return tmp_path / "link"


def test_what_ends_the_script_of_cron_ends_the_run(tmp_path: Path) -> None:
    script = script_of(tmp_path, "echo $$ > pid\nexec sleep 60")
    with subprocess.Popen([script, "mine", "scoring"], stdout=subprocess.DEVNULL) as run:
        told, until = tmp_path / "project/pid", time.monotonic() + 30
        while not (told.exists() and told.read_text().strip()) and time.monotonic() < until:
            time.sleep(0.05)
        run.terminate()
        assert run.wait(30) == 143
        pid = told.read_text().strip()
        while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert not Path(f"/proc/{pid}").exists()
