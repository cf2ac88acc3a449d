"""`kedro` with a fault at one moment of a run: python sabotage.py OUTPUT FAULT ARGUMENT...

The fault comes just before that output is saved:

- size=BYTES: from then on the system lets no file grow beyond that, as on a full disk.
- before=CALL, after=CALL: SIGKILL before or after the next call of that function of `os`.
- amid=write: SIGKILL when half of the bytes of the next `os.write` are written.
"""

import os
import resource
import signal
import sys
from typing import Any

from kedro.framework.cli.cli import main
from kedro.framework.hooks import hook_impl

from tabular_lstm import settings


def limit_size(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def die_at(call: str, when: str) -> None:
    original = getattr(os, call)

    def last_call(*arguments: Any, **options: Any) -> None:
        if when == "amid":
            descriptor, content = arguments
            original(descriptor, content[: len(content) // 2])
        elif when == "after":
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
            limit_size(int(self._value))
        else:
            die_at(self._value, self._fault)


if __name__ == "__main__":
    _, of_output, fault, *arguments = sys.argv
    settings.HOOKS = (*settings.HOOKS, Sabotage(of_output, fault))  # type: ignore[assignment]
    sys.argv = ["kedro", *arguments]
    main()
