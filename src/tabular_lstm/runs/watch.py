"""Whoever reads the log of a long run sees that it goes on: a line where it would be silent."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from tabular_lstm.at_work import Work, at_work, now_at_work

# Seconds without a line. Where all cores are busy the next one comes a bit later, and no silence is
# to be longer than ten.
QUIET = 8.0
SECONDS_TO_END = 1.0

logger = logging.getLogger(__name__)


class _Ear(logging.Handler):
    """Hears when the last line was logged, whoever logged it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Note the time."""
        self.heard = time.monotonic()


@contextlib.contextmanager
def watched(what: str) -> Iterator[None]:
    """Log what is at work, and how far, as often as nobody logs anything for some seconds.

    Args:
        what: Is done, where nothing within says more.
    """
    ear, ended = _Ear(), threading.Event()

    def watch() -> None:
        while not ended.wait(max(ear.heard + QUIET - time.monotonic(), 0)):
            if time.monotonic() - ear.heard < QUIET:
                continue
            ear.heard = time.monotonic()
            # A handler that raises does so at the run's own lines too, where it is seen.
            with contextlib.suppress(Exception):
                if line := now_at_work():
                    logger.info("%s", line)

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    logging.root.addHandler(ear)
    try:
        with at_work(Work(what)):
            thread.start()
            yield
    finally:
        ended.set()
        thread.join(SECONDS_TO_END)  # no longer: it may be in a handler that hangs
        logging.root.removeHandler(ear)


class WatchHooks:
    """Watches a run from its first guard to its last line; Kedro calls the methods."""

    def __init__(self) -> None:
        self._until = contextlib.ExitStack()
        self._works: dict[tuple[str, str], contextlib.ExitStack] = {}

    @hook_impl(wrapper=True)
    def before_pipeline_run(self) -> Any:
        """Begin before all other hooks; end where one of them stops the run."""
        self.end()  # a run that was interrupted without `runs.session` told nobody
        self._until.enter_context(watched("The run"))
        try:
            return (yield)
        except BaseException:
            self.end()
            raise

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Say what is read."""
        self._begin("Loading", dataset_name, f"Loading {dataset_name} for {node.name}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """It is."""
        self._done("Loading", dataset_name)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node is at work."""
        self._begin("Running", node.name, node.name)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """It has ended."""
        self._done("Running", node.name)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        """Say what is written."""
        self._begin("Saving", dataset_name, f"Saving {dataset_name}")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """It is."""
        self._done("Saving", dataset_name)

    @hook_impl(wrapper=True)
    def after_pipeline_run(self) -> Any:
        """End after all other hooks."""
        try:
            return (yield)
        finally:
            self.end()

    on_pipeline_error = after_pipeline_run

    def end(self) -> None:
        """End the watch, and what was at work."""
        for work in self._works.values():
            work.close()
        self._works.clear()
        self._until.close()

    def _begin(self, way: str, name: str, what: str) -> None:
        self._works[way, name] = work = contextlib.ExitStack()
        work.enter_context(at_work(Work(what)))

    def _done(self, way: str, name: str) -> None:
        if work := self._works.pop((way, name), None):
            work.close()
