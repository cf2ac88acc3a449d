"""One at a time, and a dead process blocks nobody: real processes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.runs.lock import claim_run_id, locked
from tests.helpers.logs import run

HOLD = """
import sys, time
from pathlib import Path
from tabular_lstm.runs.lock import locked
with locked(Path(sys.argv[1]), "run-one"):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Start a process that takes the lock, and wait until it has it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_holds_it_and_a_killed_process_blocks_nobody(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data/retraining.lock"
    with hold(path) as holder:
        with pytest.raises(DataError) as refused, locked(path, "run-two"):
            pass
        # To remove the file, or to put another in its place, lets no second run in.
        for change in (path.unlink, path.touch):
            change()
            with (
                pytest.raises(DataError, match="another run is at work here"),
                locked(path, "run-two"),
            ):
                pass
        holder.send_signal(signal.SIGKILL)
    message = str(refused.value)
    assert str(path) in message
    assert f"run run-one, process {holder.pid} on {os.uname().nodename}, since " in message
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.", message)
    raises = pytest.raises(DataError, match="run run-two")
    with locked(path, "run-two"), raises, locked(path, "run-three"):
        pass
    with locked(path, "run-three"):
        pass


def test_runs_that_begin_in_one_millisecond_have_an_id_each(tmp_path: Path) -> None:
    folder = tmp_path / "data/.runs"
    assert [claim_run_id(folder, run("a")) for _ in range(3)] == [run(name) for name in "abc"]
    assert sorted(os.listdir(folder)) == [run(name) for name in "abc"]
    # Ids of other days are forgotten.
    (folder / "theirs").touch()
    for other in ("2036-01-01T00.00.00.000Z", "1970-01-01T00.00.00.000Z"):
        claim_run_id(folder, other)
    claim_run_id(folder, run("a"))
    assert sorted(os.listdir(folder)) == [run("a"), "theirs"]
