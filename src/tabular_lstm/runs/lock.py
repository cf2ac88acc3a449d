"""A lock: of the runs that can change the champion, one works at a time."""

import contextlib
import fcntl
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tabular_lstm.errors import DataError


class Lock:
    """An open file that the system has locked for this process.

    The system lets go of it when the process ends, however it ends, so the lock of a dead process
    blocks nobody. The file stays.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path, run_id: str) -> Self:
        """Lock the file, or say who has it.

        Raises:
            DataError: Another process holds the lock; names its run, process, machine and start.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as closed_on_failure:
            file = closed_on_failure.enter_context(path.open("a+b", buffering=0))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = path.read_text() or "it has only just started"
                raise DataError(
                    f"{path}: another run is at work here: {holder}. Two at once could each "
                    "promote a candidate; this one ends without having done anything. Wait for the "
                    "other to end."
                ) from error
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = f"run {run_id}, process {os.getpid()} on {os.uname().nodename}, since {since}"
            file.truncate(0)
            file.write(holder.encode())
            closed_on_failure.pop_all()
        return cls(file)

    def release(self) -> None:
        """Let the next run in."""
        with self._file as file:
            file.truncate(0)
