"""Log the progress of what takes long."""

import contextlib
import logging
import sys
import time
from collections.abc import Collection, Iterator
from typing import Any, Self, TypeVar

import click
import numpy as np

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 1.0
SECONDS_BETWEEN_STEPS = 10.0

Step = TypeVar("Step")


def told(steps: Collection[Step], what: str) -> Iterator[Step]:
    """Take one step after the other; log a line each ten seconds, none if it takes less."""
    began = last = time.monotonic()
    for place, step in enumerate(steps):
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_STEPS:
            last = now
            left = (now - began) / place * (len(steps) - place)
            logger.info("%s: %d of %d, about %.0f s left", what, place, len(steps), left)
        yield step


class Progress:
    """Log a line an epoch, at most one a second, without control characters."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.first_epoch_ended = self.last_line = 0.0
        self.best = np.inf

    def log(self, epoch: int, loss: float, validation_loss: float | None = None) -> None:
        """Log the epoch, counted from 1, its losses, and how long training may still take."""
        if validation_loss is not None:
            self.best = min(self.best, validation_loss)
        now = time.monotonic()
        if epoch == 1:
            self.first_epoch_ended = now
        elif epoch < self.epochs and now - self.last_line < SECONDS_BETWEEN_LINES:
            return
        self.last_line = now
        # Not from the first epoch, most of which is compilation.
        left = (now - self.first_epoch_ended) / max(epoch - 1, 1) * (self.epochs - epoch)
        logger.info(
            "epoch %d of at most %d: loss %.4f%s%s",
            epoch,
            self.epochs,
            loss,
            ""
            if validation_loss is None
            else f", on the members' folds {validation_loss:.4f} (best {self.best:.4f})",
            f", at most {left:.0f} s left" if epoch > 1 else "",
        )


class RowsDone:
    """Tell how many rows are done, how fast, and how long the others may take.

    On a terminal this is a bar, anywhere else a line of the log each ten seconds. Use it in a
    `with` statement.
    """

    def __init__(self, what: str, expected: int) -> None:
        """Begin.

        Args:
            what: Is done with the rows, for the line.
            expected: About how many rows there will be.
        """
        self._what, self._expected = what, expected
        self._done = 0
        self._began = self._last_line = time.monotonic()
        self._bar: Any = None
        self._until = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if sys.stdout is not None and sys.stdout.isatty():
            options: dict[str, Any] = {"show_pos": True, "item_show_func": lambda _: self._rate()}
            bar = click.progressbar(length=self._expected, label=self._what, **options)
            self._bar = self._until.enter_context(bar)
        return self

    def __exit__(self, *raised: object) -> None:
        self._until.close()

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self._done += rows
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(rows, self._done)
        elif now - self._last_line >= SECONDS_BETWEEN_STEPS:
            self._last_line = now
            left = (now - self._began) / self._done * max(0, self._expected - self._done)
            said = f"{self._what}: {self._done:,} rows of about {max(self._expected, self._done):,}"
            logger.info("%s, %s, about %.0f s left", said, self._rate(), left)

    def _rate(self) -> str:
        return f"{self._done / max(time.monotonic() - self._began, 1e-9):,.0f} rows/s"
