"""Keep runs apart: locks, and a unique run id for each run."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tabular_lstm.errors import DataError, shown
from tabular_lstm.files import opened, writing
from tabular_lstm.serving.promotion_log import far_apart, is_run_id, next_run_id

KEPT_CLAIMS = timedelta(days=1)


class LockedError(DataError):
    """Another run is at work; the same command may succeed later."""


@contextlib.contextmanager
def locked(path: Path, run_id: str) -> Iterator[None]:
    """Lock a file and its folder for this process.

    The system releases both locks when the process ends, so a dead process blocks nobody. The lock
    on the folder holds even if the file is removed. The lock on the file works on a disk that
    several machines share. The file names the holder.

    Raises:
        LockedError: Another process holds the lock. The error names its run, process, machine and
            start.
        DataError: The file cannot be opened or written.
    """
    with contextlib.ExitStack() as held:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = held.enter_context(opened(path.parent))
            with contextlib.suppress(OSError):  # some shared disks have no locks on folders
                _lock(folder, path)
            file = held.enter_context(opened(path, os.O_RDWR | os.O_CREAT))
            _lock(file, path)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = f"run {run_id}, process {os.getpid()} on {os.uname().nodename}, since {since}"
            os.ftruncate(file, 0)
            os.write(file, holder.encode())
        held.callback(os.ftruncate, file, 0)
        yield


def _lock(descriptor: int, path: Path) -> None:
    try:
        lock_file(descriptor)
    except BlockingIOError as error:
        holder = path.read_text(errors="replace") if path.exists() else "this file is gone"
        raise LockedError(
            f"{path}: another run is at work here: {shown(holder, 200)}. This run "
            "has done nothing; wait until the other one ends."
        ) from error


def lock_file(descriptor: int, shared: bool = False, wait: bool = False) -> None:
    """Lock an open file or folder for this process, until it is closed or the process ends.

    Args:
        descriptor: The descriptor of the file or folder.
        shared: Whether other processes may have a shared lock too. Default: False.
        wait: Whether to wait for the holder. Default: False.

    Raises:
        BlockingIOError: Another process has the lock, and `wait` is False.
        OSError: The file system has no locks.
        DataError: The operating system, such as Windows, does not have these locks.
    """
    try:
        import fcntl  # noqa: PLC0415  Windows has no such module
    except ImportError as error:
        raise DataError(
            "This operating system does not have Unix file locks. Run in WSL 2 or in a container; "
            "LSTMClassifier and load_champion work here too."
        ) from error
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)


def claim_run_id(folder: Path, run_id: str) -> str:
    """Return this run id, or the next free one: two runs may begin in the same millisecond.

    Args:
        folder: Has an empty file for each run of the last day.
        run_id: The time when the run began.

    Raises:
        DataError: The folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                (folder / run_id).touch(exist_ok=False)
                break
            except FileExistsError:
                run_id = next_run_id(run_id)
        for claimed in filter(is_run_id, os.listdir(folder)):
            if far_apart(claimed, run_id, KEPT_CLAIMS):
                (folder / claimed).unlink(missing_ok=True)
    return run_id
