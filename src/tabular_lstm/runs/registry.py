"""The registry: a file for each run that may have outputs, locked while the run is at work."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tabular_lstm.files import open_no_link
from tabular_lstm.runs.lock import lock_file
from tabular_lstm.serving.run_id import is_run_id, next_run_id


@dataclass(frozen=True)
class Registry:
    """A folder of files, each named by the run id of a run that may have written outputs.

    The system lets go of a file's lock when its run ends, however it ends. What is not registered,
    no run wrote.
    """

    folder: Path

    def enter(self, run_id: str) -> tuple[str, int]:
        """Register a run that begins, before it writes anything.

        Args:
            run_id: The time when it began. Where another run has this id, it gets the next one
                that is free.

        Returns:
            Its run id, and a descriptor to be closed when the run ends.

        Raises:
            OSError: No permission, no space, or the file system knows no locks or hard links.
            DataError: The system is none on which a run keeps out of another's way.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f".{run_id}.{uuid.uuid4().hex}.new"
        file = open_no_link(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            # Locked before it has its name: nobody finds it there and free.
            lock_file(file, wait=True)
            return self._link(beside, run_id), file
        except BaseException:
            os.close(file)
            raise
        finally:
            beside.unlink()

    def _link(self, beside: Path, run_id: str) -> str:
        """Name a file by the first run id that is free, from this one on."""
        while True:
            try:
                # Not a rename, which would take the place of another run's.
                os.link(beside, self.folder / run_id)
                return run_id
            except FileExistsError:
                run_id = next_run_id(run_id)

    def runs(self) -> list[str]:
        """Give the run ids of all that are registered, sorted.

        Raises:
            OSError: It is no folder, or may not be read.
        """
        try:
            return sorted(filter(is_run_id, os.listdir(self.folder)))
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def finished(self, run_id: str) -> Iterator[bool]:
        """Tell whether a registered run is no longer at work."""
        file = open_no_link(self.folder / run_id, os.O_RDWR)
        try:
            lock_file(file)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(file)

    def leave(self, run_id: str) -> None:
        """Forget a run of which no output is left."""
        (self.folder / run_id).unlink(missing_ok=True)
