"""Progress of long loops: a bar on a terminal; otherwise log lines, fewer as time passes."""

import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import TypeVar

from tqdm import tqdm

from tabular_lstm.errors import printable

Step = TypeVar("Step")

SECONDS_BETWEEN_LINES = 10.0  # at first; doubled after each line
SECONDS_BETWEEN_BARS = 0.5

logger = logging.getLogger(__name__)


class Progress(tqdm):  # type: ignore[misc]  # tqdm has no types
    """A tqdm bar that writes log lines if there is no terminal."""

    monitor_interval = 0  # no thread that watches slow bars

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the progress; tqdm passes a message only to clear a bar."""
        if self.ncols != 0:
            super().display(msg, pos)
        elif msg is None:
            logger.info("%s", str(self))  # as it is now
            self.mininterval *= 2


# By default tqdm makes a lock for processes, but processes do not share a bar here.
Progress.set_lock(threading.RLock())


def progress(steps: Iterable[Step], work: str, count: int | None = None) -> Iterator[Step]:
    """Yield one step after the other, and show how many are done.

    Args:
        steps: The steps.
        work: The work, in words for the user.
        count: Maximal number of steps. Default: their length, if they have one.
    """
    with progress_bar(work, count or length_hint(steps) or None) as bar:
        for step in steps:  # here, because tqdm counts wrong if its interval changes
            yield step
            bar.update()


def progress_bar(work: str, count: int | None, unit: str = "it") -> Progress:
    """Return a bar for a loop that counts its own steps; it shows nothing if INFO is not logged.

    Use the bar in a `with` statement; `update(n)` counts n steps, and `set_postfix_str` adds words.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    seconds = SECONDS_BETWEEN_BARS if on_terminal else SECONDS_BETWEEN_LINES
    return Progress(
        desc=printable(work),
        total=count,
        leave=False,
        ncols=None if on_terminal else 0,
        mininterval=seconds,
        delay=seconds,  # quicker loops show nothing
        miniters=1,
        unit=unit,
        unit_scale=unit != "it",
        disable=not logger.isEnabledFor(logging.INFO),
    )
