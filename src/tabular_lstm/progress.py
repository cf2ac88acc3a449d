"""Progress of long loops: a bar on a terminal, elsewhere lines of log, fewer as time passes."""

import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from tabular_lstm.errors import printable

Step = TypeVar("Step")

SECONDS_BETWEEN_LINES = 10.0  # at first; twice as many after each line
SECONDS_BETWEEN_BARS = 0.5

logger = logging.getLogger(__name__)


class Progress(tqdm):  # type: ignore[misc]  # tqdm has no types
    """A bar of tqdm's, which writes lines of log where it has no columns for a bar."""

    monitor_interval = 0  # no thread looks at bars that are slow

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show how far the loop is; a message is only given to clear a bar."""
        if self.ncols != 0:
            super().display(msg, pos)
        elif msg is None:
            logger.info("%s", str(self))  # as it is now
            self.mininterval *= 2


# By default tqdm makes a lock for processes, which share no bar here.
Progress.set_lock(threading.RLock())


def progress(steps: Iterable[Step], what: str, count: int | None = None) -> Iterator[Step]:
    """Take one step after the other, and show how many are done.

    Args:
        steps: The steps.
        what: The work, as it is named to the user.
        count: How many steps there are at most. Default: their length, if they have one.
    """
    return iter(progress_bar(what, count, steps=steps))


def progress_bar(
    what: str, count: int | None, unit: str = "it", steps: Iterable[Any] | None = None
) -> Progress:
    """Give the bar of a loop that counts its own steps; where INFO is not logged, it shows nothing.

    Use the bar in a `with` statement; `update(n)` counts n steps, and `set_postfix_str` adds words.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    seconds = SECONDS_BETWEEN_BARS if on_terminal else SECONDS_BETWEEN_LINES
    return Progress(
        steps,
        printable(what),
        count,
        leave=False,
        ncols=None if on_terminal else 0,
        mininterval=seconds,
        delay=seconds,  # what is quicker shows nothing
        miniters=1,
        unit=unit,
        unit_scale=unit != "it",
        disable=not logger.isEnabledFor(logging.INFO),
    )
