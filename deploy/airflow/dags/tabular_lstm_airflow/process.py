"""A run of the project in a process group of its own: its lines, and how the run ends."""

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
# A line in the format of conf/logging.yml.
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)")
RUN = re.compile(r"tabular-lstm \S+: run (\S+) of environment ")


class Process:
    """One `kedro run`, from its start to its end.

    Attributes:
        run_id: The id of the run; None until the run has logged its id.
        last_line: The last line of the log, without time and level.
    """

    def __init__(self, command: list[str], folder: Path, variables: Mapping[str, str]) -> None:
        """Start the run.

        Args:
            command: The program and its arguments.
            folder: The folder of the project.
            variables: The environment variables of this process; see `for_the_run`.

        Raises:
            OSError: The folder or the program does not exist.
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
        """Give the level and the message of each line as soon as the run writes the line."""
        assert self._process.stdout is not None  # noqa: S101  a pipe was asked for
        for line in self._process.stdout:
            level, message = parsed(line)
            # An error may have several lines; the first line is the summary.
            if message and not (self.last_line.startswith("Error: ") and message == line.rstrip()):
                self.last_line = message
                if self.run_id is None and (said := RUN.match(message)):
                    self.run_id = said[1]
            yield level, message

    def exit_code(self) -> int:
        """Wait for the end of the run; a negative code is the signal that ended the run."""
        return self._process.wait()

    def end(self) -> None:
        """End the run, if it still runs, and all processes that it started."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
            until = time.monotonic() + GRACE
            while self._process.poll() is None and time.monotonic() < until:
                time.sleep(0.05)
            os.killpg(self._process.pid, signal.SIGKILL)


def for_the_run(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out Airflow's variables, which have secrets, and those that change modules or conf."""
    of_airflow = ("AIRFLOW", "_AIRFLOW", "PYTHONPATH", "KEDRO_ENV")
    return {name: value for name, value in variables.items() if not name.startswith(of_airflow)}


def parsed(line: str) -> tuple[int, str]:
    """Split a line into level and message. A line in another format, such as an error's, is INFO.

    Examples:
        >>> parsed("2026-11-26 02:15:09 WARNING A file is old.")
        (30, 'A file is old.')
        >>> parsed("Error: another run is at work here")
        (20, 'Error: another run is at work here')
    """
    if found := LINE.fullmatch(line.rstrip()):
        return logging.getLevelNamesMapping()[found[1]], found[2]
    return logging.INFO, line.rstrip()
