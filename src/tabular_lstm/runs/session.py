"""A session of Kedro's, after which nothing of a run is left, however the run ended."""

import contextlib
from typing import Any

from kedro.framework.project import settings
from kedro.framework.session import KedroSession


class Session(KedroSession):
    """Tells the project's hooks of an interruption too: Kedro tells them of an `Exception` alone.

    After Ctrl-C a process may go on, as a notebook's does, and is not to keep the run's lock, its
    workers and its watch.
    """

    def run(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Run pipelines: see `KedroSession.run`."""
        with contextlib.ExitStack() as ends:
            for hooks in settings.HOOKS:
                if hasattr(hooks, "end"):  # those of a plugin have none
                    ends.callback(hooks.end)
            result: dict[str, Any] = super().run(*arguments, **options)
        return result
