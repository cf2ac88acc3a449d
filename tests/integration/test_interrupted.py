"""Ctrl-C while workers of this machine are at work: all end, and none of them says anything."""

import os
import signal
import subprocess

from tests.helpers.clusters import wait_until
from tests.helpers.processes import group_of, started
from tests.helpers.project import QUICK, Project, declare

# Without an end of its own.
ENDLESS = QUICK | {
    "training": {"epochs": 100_000, "patience": 100_000, "groups": 2},
    "engine": {"kind": "dask", "workers": 2},
}


def test_ctrl_c_in_a_terminal_ends_all_and_says_so_by_one_word(quick: Project) -> None:
    """It goes to all processes of the command."""
    declare(quick, **ENDLESS)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(quick, "run", start_new_session=True, **pipes) as run:
        try:
            while "Training 4 members" not in (line := run.stdout.readline()):
                assert line, "the run ended before it trained"
            assert len(group_of(run.pid)) >= 3
            os.killpg(run.pid, signal.SIGINT)
            rest = run.stdout.read()
            assert run.wait() == 1
            assert rest.splitlines()[-1] == "Aborted!"
            assert "Traceback" not in rest
            # The process by which Python counts shared resources ends a moment after the last.
            wait_until(lambda: not group_of(run.pid), 30)
        finally:
            for process in group_of(run.pid):
                os.kill(process, signal.SIGKILL)
