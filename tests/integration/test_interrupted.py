"""Ctrl-C while workers of this machine are at work: all end, and none of them says anything."""

import json
import os
import signal
import subprocess
import sys

from tests.helpers.clusters import wait_until
from tests.helpers.processes import group_of, started
from tests.helpers.project import QUICK, Project, declare

# Without an end of its own.
ENDLESS = QUICK | {
    "training": {"epochs": 100_000, "patience": 100_000, "groups": 2},
    "engine": {"kind": "dask", "workers": 2},
}
# As a notebook: it is interrupted while the groups train, and goes on.
PROGRAM = """
import json, logging, multiprocessing, os, signal, threading
from pathlib import Path
from kedro.framework.project import settings
from kedro.framework.startup import bootstrap_project
from tabular_lstm.runs import watch
from tabular_lstm.runs.lock import Lock

class Interrupting(logging.Handler):
    def emit(self, record):
        if "Groups of members: 0 of 2" in record.getMessage():
            logging.root.removeHandler(self)
            during.update(left())
            os.kill(os.getpid(), signal.SIGINT)

def left():
    return {
        "workers": len(multiprocessing.active_children()),
        "watches": [thread.name for thread in threading.enumerate()].count("watch"),
    }

if __name__ == "__main__":
    during = {}
    watch.QUIET = 0.5
    bootstrap_project(Path.cwd())
    logging.root.addHandler(Interrupting())
    session = settings.SESSION_CLASS.create(Path.cwd())
    try:
        session.run(pipeline_names=["retraining"])
    except KeyboardInterrupt:
        Lock.take(Path("data/retraining.lock"), "another run").release()
        print(json.dumps([during, left()]))
"""


def test_a_process_that_goes_on_keeps_no_workers_and_no_watch(quick: Project) -> None:
    declare(quick, **ENDLESS)
    program = quick.path / "notebook.py"
    program.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, program], check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    during, after = json.loads(ended.stdout.splitlines()[-1])
    assert during == {"workers": 2, "watches": 1}
    assert after == {"workers": 0, "watches": 0}
    assert "Traceback" not in ended.stdout + ended.stderr


def test_ctrl_c_in_a_terminal_ends_all_and_says_so_by_one_word(quick: Project) -> None:
    """It goes to all processes of the command."""
    declare(quick, **ENDLESS)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(quick, "run", start_new_session=True, **pipes) as run:
        try:
            while "Training 2 groups" not in (line := run.stdout.readline()):
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
