"""`kedro`, killed at a call of the object storage: python killed_storage.py FAULT FILE ARGUMENT...

FAULT is before=N or after=N: SIGKILL before or after the call N, from 1. FILE gets what the call
was, as in `put 08_reporting`.
"""

import itertools
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from kedro.framework.cli.cli import main

from tabular_lstm.runs.object_storage import ObjectStorage

CALLS = ("get", "put", "create", "keys")
LOCK = threading.Lock()


def die_at(when: str, number: int, file: Path) -> None:
    count = itertools.count(1)

    def killing(name: str) -> Any:
        original = getattr(ObjectStorage, name)

        def call(storage: ObjectStorage, key: str, *arguments: Any, **options: Any) -> Any:
            with LOCK:
                place = next(count)
            if place == number:
                file.write_text(f"{name} {key.partition('/')[0]}")
            if place == number and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(storage, key, *arguments, **options)
            if place == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in CALLS:
        setattr(ObjectStorage, name, killing(name))


if __name__ == "__main__":
    _, fault, at, *arguments = sys.argv
    moment, _, place_of = fault.partition("=")
    die_at(moment, int(place_of), Path(at))
    sys.argv = ["kedro", *arguments]
    main()
