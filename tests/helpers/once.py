"""What takes long is done once for all tests, and each test gets a copy of what it left."""

import fcntl
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kedro.framework.project import pipelines

from tests.helpers.project import Project


@dataclass(frozen=True)
class Once:
    """Projects as runs left them, in a folder that all processes of the tests share."""

    folder: Path

    def __call__(self, name: str, project: Project, steps: Callable[[], object]) -> Project:
        """Take the steps in a project, or copy into it what they left in another one.

        Args:
            name: The same for the same steps from the same start.
            project: Where the steps start from.
            steps: What to do where no test has done it yet.
        """
        left = self.folder / name
        with (self.folder / f"{name}.lock").open("w") as lock:
            # Another process that needs the same waits.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not left.exists():
                steps()
                pipelines.set_requested(None)
                new = self.folder / f"{name}.new"
                shutil.copytree(project.path, new)
                new.rename(left)
                return project
        shutil.copytree(left, project.path, dirs_exist_ok=True)
        return project
