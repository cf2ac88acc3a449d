"""`kedro` as a user runs it, in this process or with a fault, and what it says at its end."""

import contextlib
import functools
import json
import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from kedro.framework.project import pipelines

from tabular_lstm.cli import cli
from tests.helpers import sabotage
from tests.helpers.project import Project

ALARM, UNTRUSTED = 3, 65  # exit codes
RETRAINING = ("run", "--pipelines", "retraining")
ROLLBACK = ("run", "--pipelines", "rollback")


def seed(number: int) -> tuple[str, str]:
    """Arguments that make a retraining one that nobody has judged yet."""
    return "--params", f"training.seed={number}"


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `kedro` in this process, which has imported TensorFlow already."""
    result = CliRunner().invoke(cli, arguments)
    crash = ""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        crash = "".join(traceback.format_exception(result.exception))
    return subprocess.CompletedProcess(
        arguments, result.exit_code, result.stdout, result.stderr + crash
    )


def here_in(project: Project, *arguments: str) -> str:
    """Run `kedro` in a project's folder, see `logged`."""
    with contextlib.chdir(project.path):
        said = logged(*arguments)
    pipelines.set_requested(None)
    return said


def logged(*arguments: str, code: int = 0) -> str:
    """Run `kedro` in this process, to a good end or this exit code, and give what it logged."""
    lines: list[str] = []
    ear, log = logging.Handler(), logging.getLogger("tabular_lstm")
    ear.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(ear)
    try:
        succeeds(here(*arguments), code)
    finally:
        log.removeHandler(ear)
    return "\n".join(lines)


PROGRAM = """
import sys
from kedro.framework.cli.cli import main
sys.argv = ["kedro", *sys.argv[1:]]
try:
    main()
finally:
    print()
    print(*sys.modules)
"""


def with_modules(
    project: Project, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run `kedro` in a process of its own, and give the modules that it imported too."""
    finished = project.python("-c", PROGRAM, *arguments)
    return finished, {*finished.stdout.splitlines()[-1].split()}


def sabotaged(
    project: Project, output: str, fault: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `kedro` with a fault at an output, see `sabotage`."""
    forks, folder = _forks(), str(temporary(project).parent)
    asked = {"folder": folder, "output": output, "fault": fault, "arguments": arguments}
    forks.stdin.write(json.dumps(asked) + "\n")
    forks.stdin.flush()
    answer = json.loads(forks.stdout.readline())
    return subprocess.CompletedProcess(
        arguments, answer["code"], answer["stdout"], answer["stderr"]
    )


@functools.cache
def _forks() -> Any:
    """The process that forks, see `sabotage`; it ends when the tests close its stdin."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, sabotage.__file__], stdin=pipe, stdout=pipe, text=True)


def temporary(project: Project) -> Path:
    """A folder for what a killed run leaves in /tmp."""
    folder = project.path / "tmp"
    folder.mkdir(exist_ok=True)
    return folder


def succeeds(finished: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """Check that a command ended well, and give what it said."""
    assert finished.returncode == code, finished.stderr + finished.stdout
    return finished.stdout


def message_of(finished: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one clear message that a command ended with."""
    assert finished.returncode == code, finished.stderr + finished.stdout
    assert "Traceback" not in finished.stderr + finished.stdout
    assert finished.stderr.startswith("Error: "), finished.stderr
    return finished.stderr.removeprefix("Error: ").strip()
