"""One at a time, and a dead process blocks nobody: real processes."""

import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.session import session

from tabular_lstm.errors import DataError
from tabular_lstm.runs.lock import Lock, claim_run_id
from tests.helpers.logs import run
from tests.helpers.project import Project

HOLD = """
import sys, time
from pathlib import Path
from tabular_lstm.runs.lock import Lock, claim_run_id
from tests.helpers.logs import run
from tests.helpers.project import Project
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


def test_a_lock_file_that_is_removed_while_it_is_held_lets_no_second_run_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "retraining.lock"
    with hold(path) as holder:
        path.unlink()
        with pytest.raises(DataError, match="another run is at work here: which one is not known"):
            Lock.take(path, "run-two")
        path.write_text("")  # another in its place is no better
        with pytest.raises(DataError, match="another run is at work here"):
            Lock.take(path, "run-two")
        holder.kill()
    Lock.take(path, "run-two").release()


def test_without_space_for_the_holder_the_lock_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "retraining.lock"
    finished = subprocess.run(
        [sys.executable, "-c", HOLD, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 1
    assert finished.stderr.endswith(f"File too large: {str(path)!r}\n")


def test_a_lock_of_another_machine_on_a_shared_disk_is_seen_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "retraining.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another run is at work here"):
            Lock.take(path, "run-two")
    Lock.take(path, "run-two").release()


# Run ids


def test_runs_that_begin_in_one_millisecond_have_an_id_each(tmp_path: Path) -> None:
    folder = tmp_path / "data/.runs"
    assert [claim_run_id(folder, run("a")) for _ in range(3)] == [run(name) for name in "abc"]
    assert sorted(os.listdir(folder)) == [run(name) for name in "abc"]


def test_ids_of_other_days_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    for other in ("2036-01-01T00.00.00.000Z", "1970-01-01T00.00.00.000Z"):
        claim_run_id(tmp_path, other)
    claim_run_id(tmp_path, run("a"))
    assert sorted(os.listdir(tmp_path)) == [run("a"), "theirs"]


def test_the_outputs_of_runs_that_begin_in_one_millisecond_are_kept_apart(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "generate_timestamp", lambda: run("a"))
    for _ in "ab":
        project.run("data_processing")
    versions = [path.parent.name for path in project.versions("03_primary/train_rows.parquet")]
    assert versions == [run("a"), run("b")]


def test_a_folder_that_cannot_be_written_is_named(project: Project) -> None:
    (project.path / "data/.runs").write_text("")
    with pytest.raises(DataError, match=r"data/\.runs: File exists"):
        project.run("data_processing")
