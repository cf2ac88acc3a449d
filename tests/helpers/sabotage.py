"""`kedro` with a fault, each time in a fork of one process that has imported TensorFlow.

Each line of stdin is JSON: the `folder` of a project, the `arguments` of kedro, and the `fault`
that comes just before the `output` is saved:

- size=BYTES: from then on the system lets no file grow beyond that, as on a full disk.
- before=CALL, after=CALL: SIGKILL before or after the next call of that function of `os`.

The answer is a line of JSON: the `code` with which the run ended, its `stdout` and `stderr`.
"""

import fcntl
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from kedro.framework.cli.cli import main
from kedro.framework.hooks import hook_impl

from tabular_lstm import settings
from tabular_lstm.tensorflow_import import import_tensorflow

# What a run imports, after TensorFlow.
SLOW = ("tabular_lstm.cli", "tabular_lstm.network.build", "sklearn.ensemble")
# What a run says fits in a pipe of so many bytes, which no limit of a file's size holds back.
MOST = 2**20


def die_at(call: str, when: str) -> None:
    original = getattr(os, call)

    def last_call(*arguments: Any, **options: Any) -> None:
        if when == "after":
            original(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, call, last_call)


class Sabotage:
    """A hook beside the project's."""

    def __init__(self, output: str, fault: str) -> None:
        self._output = output
        self._fault, _, self._value = fault.partition("=")

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        if dataset_name != self._output:
            return
        if self._fault == "size":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(self._value), resource.RLIM_INFINITY))
        else:
            die_at(self._value, self._fault)


def run(pipes: tuple[int, ...], folder: str, output: str, fault: str, arguments: list[str]) -> None:
    """Run `kedro` in this process, which ends with it."""
    os.chdir(folder)
    for stream, pipe in enumerate(pipes, 1):
        os.dup2(pipe, stream)
    os.environ |= {"TMPDIR": f"{folder}/tmp", "KEDRO_ENV": ""}
    tempfile.tempdir = None
    settings.HOOKS = (*settings.HOOKS, Sabotage(output, fault))  # type: ignore[assignment]
    sys.argv, code = ["kedro", *arguments], 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])  # where conf/logging.yml is
    import_tensorflow()
    for module in SLOW:
        importlib.import_module(module)
    for line in sys.stdin:
        reads, pipes = zip(*(os.pipe() for _ in range(2)), strict=True)
        for pipe in pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, MOST)
        if not (child := os.fork()):
            run(pipes, **json.loads(line))
        answer: dict[str, Any] = {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}
        for name, read, pipe in zip(("stdout", "stderr"), reads, pipes, strict=True):
            os.close(pipe)
            with open(read) as said:
                answer[name] = said.read()
        print(json.dumps(answer), flush=True)  # noqa: T201
