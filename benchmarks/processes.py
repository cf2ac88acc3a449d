"""Run a command as a process of its own: how long it takes, and the most memory that it holds.

Linux counts to a process what its parent held when it was started. So each command is started by
a small process, which is this file as a program, and whoever measures may hold what it likes.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A command that has ended well.

    Attributes:
        seconds: From its start to its exit.
        processor_seconds: Of all its threads.
        peak: Bytes of memory, the most that it held at a time, by `wait4`.
        log: What it printed.
    """

    seconds: float
    processor_seconds: float
    peak: int
    log: str


def run(command: list[str], folder: Path) -> Finished:
    """Run a command of this Python in a folder, such as `["-m", "kedro", "run"]`.

    Raises:
        SystemExit: It failed; with the end of what it printed.
    """
    started = [sys.executable, __file__, sys.executable, *command]
    printed = subprocess.run(started, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(printed.stdout)
    if result.pop("exit_code"):
        sys.exit(f"{' '.join(command)} failed: {result['log'][-2000:]}")
    return Finished(**result)


def main(command: list[str]) -> None:
    """Run a command and print what it took as JSON."""
    began = time.perf_counter()
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **out) as process:  # type: ignore[call-overload]
        log = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finished = Finished(
        seconds=time.perf_counter() - began,
        processor_seconds=used.ru_utime + used.ru_stime,
        peak=used.ru_maxrss * 1024,
        log=log,
    )
    print(json.dumps({"exit_code": process.returncode, **asdict(finished)}))


if __name__ == "__main__":
    main(sys.argv[1:])
