"""Runs in processes of their own, some of which stand still while a test does something."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.commands import temporary
from tests.helpers.project import Project

# Options of `started`: what a run says on one pipe, in a process group of its own.
PIPED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
PIPED["start_new_session"] = True


def started(
    project: Project, *arguments: str, each_node: bool = False, **options: Any
) -> subprocess.Popen[str]:
    """A run in a process of its own, with the options of `Popen`; its log may name each node."""
    env = {**os.environ, "KEDRO_ENV": "", "TMPDIR": str(temporary(project))}
    if each_node:
        conf = yaml.safe_load((project.path / "conf/logging.yml").read_text())
        conf["loggers"]["tabular_lstm"]["level"] = "DEBUG"
        logging = project.path / "conf/each_node.yml"
        logging.write_text(yaml.safe_dump(conf))
        env["KEDRO_LOGGING_CONFIG"] = str(logging)
    command = [sys.executable, "-m", "kedro", *arguments]
    return subprocess.Popen(command, cwd=project.path, env=env, text=True, **options)


@contextlib.contextmanager
def at_work(
    project: Project, *arguments: str, node: str = "Running"
) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun a node, by default its first, and stands still until SIGCONT."""
    with started(project, *arguments, each_node=True, **PIPED) as run:
        try:
            said = ""
            while node not in said:
                said = run.stdout.readline()
                assert said, f"the run ended before {node}"
            os.killpg(run.pid, signal.SIGSTOP)
            yield run
        finally:
            # No harm to one that has ended: it is not waited for yet.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


def group_of(leader: int) -> list[int]:
    """The processes of a group that are there, without those that only wait to be waited for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def wait_until(there: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)
