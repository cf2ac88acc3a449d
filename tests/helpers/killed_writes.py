"""Files of conf, written and killed at each step: python killed_writes.py FOLDER.

For the first, second, … thing that is asked of the system a child of this process writes files of
the folder, and is killed just before that. What the folder then holds is printed, a line of JSON
for each time, and the folder is again as it was.
"""

import json
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from tabular_lstm.runs.written_conf import written

NEW = {"catalog.yml": "new", "parameters.yml": "new"}


def killed_at(step: int, folder: Path) -> bool:
    """Write the files in a child, and tell whether it came to this step."""
    child = os.fork()
    if not child:
        seen = 0

        def count_down(event: str, _: Any) -> None:
            nonlocal seen
            seen += event.startswith(("os.", "shutil.", "open", "ctypes.dlsym"))
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count_down)
        with written(folder, NEW, set()):
            pass
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def texts(folder: Path) -> dict[str, str]:
    """What a folder holds."""
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.is_dir() else {}


def main(folder: Path) -> None:
    """Kill a writer at each step, until one comes to its end."""
    before = folder.with_name("before")
    if folder.exists():
        shutil.copytree(folder, before)
    for step in count(1):
        killed = killed_at(step, folder)
        found = texts(folder)
        # What was left beside hinders nobody, and goes.
        with written(folder, NEW, set()):
            pass
        state = [found, texts(folder), sorted(os.listdir(folder.parent))]
        sys.stdout.write(f"{json.dumps(state)}\n")
        if not killed:
            return
        shutil.rmtree(folder)
        if before.exists():
            shutil.copytree(before, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
