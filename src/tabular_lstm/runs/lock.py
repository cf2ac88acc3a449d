"""A lock: of the runs that can change the champion, one works at a time."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tabular_lstm.errors import DataError, shown
from tabular_lstm.files import open_no_link, read_regular, refuse_irregular

BOTH_PROMOTE = "Two at once could each promote a candidate"
NAMED = 200  # characters in which a holder is named


class LockedError(DataError):
    """Another run is at work; the same command may succeed later."""


class Lock:
    """A folder and a file in it that the system has locked for this process.

    The system lets go of them when the process ends, however it ends, so the lock of a dead process
    blocks nobody. The file stays, with the name of the holder; where it is removed, the lock on the
    folder still holds. On a disk that several machines share, the file's is the one that they see.
    """

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    @classmethod
    def take(cls, path: Path, run_id: str, why: str = BOTH_PROMOTE) -> Self:
        """Lock the file and its folder, or say who has them, and why one has to wait.

        Raises:
            LockedError: Another process holds the lock; names its run, process, machine and start.
            OSError: The file cannot be opened or written, or is a link or no file; names it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as closed_on_failure:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            closed_on_failure.callback(os.close, folder)
            with contextlib.suppress(OSError):  # not every shared disk knows locks on folders
                _lock(folder, path, why)
            file = open_no_link(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK)
            closed_on_failure.callback(os.close, file)
            refuse_irregular(file, path)
            _lock(file, path, why)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = f"run {run_id}, process {os.getpid()} on {os.uname().nodename}, since {since}"
            try:
                os.ftruncate(file, 0)
                os.write(file, holder.encode())
            except OSError as error:  # which names no file
                raise OSError(error.errno, error.strerror, str(path)) from error
            closed_on_failure.pop_all()
        return cls(file, folder)

    def release(self) -> None:
        """Let the next run in."""
        file, folder = self._descriptors
        os.ftruncate(file, 0)
        os.close(file)
        os.close(folder)


def _lock(descriptor: int, path: Path, why: str) -> None:
    try:
        lock_file(descriptor)
    except BlockingIOError as error:
        raise LockedError(
            f"{path}: another run is at work here: {_holder(path)}. {why}; this one ends without "
            "having done anything. Wait for the other to end."
        ) from error


def _holder(path: Path) -> str:
    try:
        said = read_regular(path, NAMED).decode(errors="replace")
        return shown(said, NAMED) or "it has only just started"
    except OSError:
        return "which one is not known, for this file was removed or replaced"


def lock_file(file: int, wait: bool = False) -> None:
    """Lock an open file for this process, until it is closed or the process ends.

    Raises:
        BlockingIOError: Another process has it, and this one is not to wait.
        OSError: The file system knows no locks.
        DataError: The system knows none that end with their process.
    """
    try:
        import fcntl  # noqa: PLC0415  Windows has no such module
    except ImportError as error:
        raise DataError(
            "This system has no locks as Unix has, by which runs keep out of each other's way. Run "
            "it in WSL 2 or in a container; LSTMClassifier and load_champion work here too."
        ) from error
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
