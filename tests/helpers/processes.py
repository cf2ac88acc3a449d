"""Runs in processes of their own, some of which stand still while a test does something."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.helpers.project import Project


def started(project: Project, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A run in a process of its own, with the options of `Popen`."""
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=project.path,
        env={**os.environ, "KEDRO_ENV": ""},
        text=True,
        **options,
    )


@contextlib.contextmanager
def at_work(
    project: Project, *arguments: str, node: str = "Running"
) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun a node, by default its first, and stands still until SIGCONT."""
    with started(
        project,
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as run:
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
