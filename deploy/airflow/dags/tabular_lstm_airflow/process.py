"""A run of the project in a process group of its own: its lines, and its end."""

import contextlib
import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

# Between SIGTERM and SIGKILL. Airflow ends a task's own process 5 s after its SIGTERM.
GRACE = 3.0
# A line as conf/logging.yml has it.
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)")
RUN = re.compile(r"Run (\S+) of environment ")


class Process:
    """One `kedro run`, from its start to its end.

    Attributes:
        run_id: Of the run; None until it has said so.
        last_line: The last that it said, without time and level.
    """

    def __init__(self, command: list[str], folder: Path, variables: Mapping[str, str]) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            folder: Of the project.
            variables: Of this process's environment; see `for_the_run`.

        Raises:
            OSError: The folder or the program is not there.
        """
        self.run_id: str | None = None
        self.last_line = ""
        self._process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=for_the_run(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )

    def lines(self) -> Iterator[tuple[int, str]]:
        """Give the level and the message of each line as soon as it is said."""
        assert self._process.stdout is not None  # noqa: S101  a pipe was asked for
        for line in self._process.stdout:
            level, message = parsed(line)
            # An error may go on over more lines; its first says what it is.
            if message and not (self.last_line.startswith("Error: ") and message == line.rstrip()):
                self.last_line = message
                if self.run_id is None and (said := RUN.match(message)):
                    self.run_id = said[1]
            yield level, message

    def exit_code(self) -> int:
        """Wait for the end; a negative code is the signal that ended it."""
        return self._process.wait()

    def end(self) -> None:
        """End what still runs of it, and whatever it started."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
            until = time.monotonic() + GRACE
            while self._process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            os.killpg(self._process.pid, signal.SIGKILL)


def for_the_run(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out Airflow's own, with its secrets, and what would lead to other modules or conf."""
    of_airflow = ("AIRFLOW", "_AIRFLOW", "PYTHONPATH", "KEDRO_ENV")
    return {name: value for name, value in variables.items() if not name.startswith(of_airflow)}


def parsed(line: str) -> tuple[int, str]:
    """Take a line apart; what is no line of the log, such as an error's, counts as INFO.

    Examples:
        >>> parsed("2026-11-26 02:15:09 WARNING A file is old.")
        (30, 'A file is old.')
        >>> parsed("Error: another run is at work here")
        (20, 'Error: another run is at work here')
    """
    if found := LINE.fullmatch(line.rstrip()):
        return logging.getLevelNamesMapping()[found[1]], found[2]
    return logging.INFO, line.rstrip()
