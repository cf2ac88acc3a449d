"""One at a time, and a dead process blocks nobody: real processes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.runs.lock import Lock

HOLD = """
import sys, time
from pathlib import Path
from tabular_lstm.runs.lock import Lock
lock = Lock.take(Path(sys.argv[1]), "run-one")
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


def test_the_second_is_told_who_holds_it_since_when(tmp_path: Path) -> None:
    path = tmp_path / "data/retraining.lock"
    with hold(path) as holder:
        with pytest.raises(DataError) as refused:
            Lock.take(path, "run-two")
        holder.kill()
    message = str(refused.value)
    assert str(path) in message
    assert f"run run-one, process {holder.pid} on {os.uname().nodename}, since " in message
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.", message)


def test_a_killed_process_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "retraining.lock"
    with hold(path) as holder:
        holder.send_signal(signal.SIGKILL)
    lock = Lock.take(path, "run-two")
    with pytest.raises(DataError, match="run run-two"):
        Lock.take(path, "run-three")
    lock.release()
    Lock.take(path, "run-three").release()


def test_a_holder_that_has_not_said_who_it_is_yet(tmp_path: Path) -> None:
    path = tmp_path / "retraining.lock"
    lock = Lock.take(path, "a run of a long name" * 10)
    os.truncate(path, 0)
    with pytest.raises(DataError, match="it has only just started"):
        Lock.take(path, "run-two")
    lock.release()


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "retraining.lock"
    Lock.take(path, "a run of a long name").release()
    lock = Lock.take(path, "b")
    with pytest.raises(DataError, match="run b, process"):
        Lock.take(path, "run-two")
    lock.release()
