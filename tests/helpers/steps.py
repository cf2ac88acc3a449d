"""All states of the files that a run passes through, each of which a kill may leave."""

import builtins
import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
Look = Callable[[str, str], Any]


class Watch:
    """Calls a function before each change of a file; Python keeps an audit hook for good."""

    def __init__(self) -> None:
        self.look: Look | None = None
        self.folder, self.is_looking, self.alone = "", False, threading.RLock()
        sys.addaudithook(self.before_change)

    def before_change(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.look and (
            event in CHANGES
            or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)
        ):
            path = arguments[event == "os.rename"]
            if not isinstance(path, int):
                self.step(event, os.path.abspath(os.fsdecode(path)))

    def step(self, event: str, path: str) -> None:
        with self.alone:
            if self.look and path.startswith(self.folder) and not self.is_looking:
                self.is_looking = True
                try:
                    self.look(event, path)
                finally:
                    self.is_looking = False

    def step_of(self, event: str, descriptor: int) -> None:
        self.step(event, os.readlink(f"/proc/self/fd/{descriptor}"))


WATCH = Watch()


@contextlib.contextmanager
def at_each_step(folder: Path, look: Look) -> Iterator[None]:
    """Call `look` with event and path whenever this process will change a file below a folder.

    From one call to the next a kill leaves the same files, but for one that is open for writing:
    it is looked at while it is still empty. Of an `os.write`, as that of the lock, half is written
    first.
    """
    write, fsync, really_open = os.write, os.fsync, io.open

    def open_and_look(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        opened = really_open(file, mode, *arguments, **options)
        if not isinstance(file, int) and {*mode} & {*"wxa+"}:
            WATCH.step("opened", os.path.abspath(os.fsdecode(file)))
        return opened

    def write_halves(descriptor: int, content: bytes) -> int:
        WATCH.step_of("write", descriptor)
        half = write(descriptor, content[: len(content) // 2])
        WATCH.step_of("write", descriptor)
        return half + write(descriptor, content[half:])

    def settle(descriptor: int) -> None:
        WATCH.step_of("fsync", descriptor)
        fsync(descriptor)

    WATCH.look, WATCH.folder = look, str(folder)
    os.write, os.fsync = write_halves, settle  # type: ignore[assignment]
    io.open = builtins.open = open_and_look  # type: ignore[assignment]
    try:
        yield
    finally:
        os.write, os.fsync, WATCH.look = write, fsync, None
        io.open = builtins.open = really_open
