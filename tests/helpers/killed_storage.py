"""`kedro`, killed at calls of the object storage: a run after the other, from one process.

Each line of stdin is JSON: `arguments` of kedro, the `project` to run in, and where to kill, `when`
before or after the call `at`: its number from 1, or what it was, as in `put 08_reporting`. The
process forks for it, so that TensorFlow is imported once, and answers by JSON: the `code` with
which the run ended, and its `calls`.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kedro.framework.cli.cli import main

from tabular_lstm.runs.object_storage import ObjectStorage
from tabular_lstm.tensorflow_import import import_tensorflow

METHODS = ("get", "put", "create", "keys")
# What a run imports, after TensorFlow.
SLOW = ("tabular_lstm.cli", "tabular_lstm.network.build", "sqlalchemy", "sklearn.ensemble")

Kill = Callable[..., tuple[int, list[str]]]


@contextlib.contextmanager
def killing() -> Iterator[Kill]:
    """Give what runs `kedro` in a project and kills it at a call, see above."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, __file__], **pipes) as process:

        def kill(
            project: Any, arguments: tuple[str, ...], when: str, at: int | str
        ) -> tuple[int, list[str]]:
            asked = {"project": str(project.path), "arguments": arguments, "when": when, "at": at}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answered = json.loads(process.stdout.readline())
            return answered["code"], answered["calls"]

        yield kill
        process.stdin.close()


def die_at(when: str, at: int | str, calls: Path) -> None:
    """Write down each call of this process, and die at one."""
    lock, count = threading.Lock(), 0

    def killing_method(name: str) -> Any:
        original = getattr(ObjectStorage, name)

        def call(storage: ObjectStorage, key: str, *arguments: Any, **options: Any) -> Any:
            nonlocal count
            with lock:
                count += 1
                said = f"{name} {key.partition('/')[0]}"
                with calls.open("a") as file:
                    file.write(f"{said}\n")
                its_turn = at in (count, said)
                if its_turn and when == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
            result = original(storage, key, *arguments, **options)
            if its_turn:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in METHODS:
        setattr(ObjectStorage, name, killing_method(name))


def run(asked: dict[str, Any], calls: Path) -> None:
    """Run `kedro` in this process, which ends with it."""
    os.chdir(asked["project"])
    for stream in (1, 2):
        os.dup2(os.open(calls.with_suffix(".log"), os.O_CREAT | os.O_APPEND | os.O_RDWR), stream)
    die_at(asked["when"], asked["at"], calls)
    sys.argv = ["kedro", *asked["arguments"]]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def serve() -> None:
    """Answer each line of stdin."""
    import_tensorflow()
    for name in SLOW:
        importlib.import_module(name)
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            (calls := Path(folder) / "calls").touch()
            if not (child := os.fork()):
                run(json.loads(line), calls)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            answer = {"code": code, "calls": calls.read_text().splitlines()}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    serve()
