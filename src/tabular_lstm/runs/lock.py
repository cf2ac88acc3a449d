"""One run at a time where the champion can change."""

import fcntl
import json
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

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, run_id: str) -> Self:
        """Lock the file, or say who has it.

        Raises:
            DataError: Another process holds the lock; names its run, process, machine and start.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holding = _read(descriptor)
            os.close(descriptor)
            raise DataError(
                f"{path}: another run is at work here: {holding}. Two at once could each promote a "
                "candidate; this one ends without having done anything. Wait for the other to end."
            ) from error
        holder = {
            "run": run_id,
            "process": os.getpid(),
            "machine": os.uname().nodename,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let the next run in."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def _read(descriptor: int) -> str:
    """Say who holds the lock; the holder may not have written it down yet."""
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
    except ValueError:
        return "it has only just started"
    return "run {run}, process {process} on {machine}, since {since}".format(**holder)
