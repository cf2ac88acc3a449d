"""Log the progress of what takes long."""

import contextlib
import logging
import sys
import time
from typing import Any, Self

import click
import numpy as np

from tabular_lstm.at_work import Work, at_work

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 1.0


class Progress(Work):
    """Log a line an epoch, at most one a second, without control characters."""

    def __init__(self, epochs: int, who: str = "") -> None:
        """Begin.

        Args:
            epochs: At most.
            who: Is trained, where others may be trained beside them.
        """
        super().__init__(f"Epochs of training of {who}" if who else "Epochs of training", epochs)
        self.who = f"{who}, " if who else ""
        self.first_epoch_ended = self.last_line = 0.0
        self.best = np.inf

    def log(self, epoch: int, loss: float, validation_loss: float | None = None) -> None:
        """Log the epoch, counted from 1, its losses, and how long training may still take."""
        if validation_loss is not None:
            self.best = min(self.best, validation_loss)
        self.step()
        now = time.monotonic()
        if epoch == 1:
            self.first_epoch_ended = now
        elif epoch < self.steps and now - self.last_line < SECONDS_BETWEEN_LINES:
            return
        self.last_line = now
        # Not from the first epoch, most of which is compilation.
        left = (now - self.first_epoch_ended) / max(epoch - 1, 1) * (self.steps - epoch)
        logger.info(
            "%sepoch %d of at most %d: loss %.4f%s%s",
            self.who,
            epoch,
            self.steps,
            loss,
            ""
            if validation_loss is None
            else f", on the members' folds {validation_loss:.4f} (best {self.best:.4f})",
            f", at most {left:.0f} s left" if epoch > 1 else "",
        )


class RowsDone(Work):
    """Tell how many rows are done, how fast, and how long the others may take.

    On a terminal this is a bar, anywhere else it is said where a run's log would be silent. Use it
    in a `with` statement.
    """

    def __init__(self, what: str, expected: int) -> None:
        """Begin.

        Args:
            what: Is done with the rows, for the line.
            expected: About how many rows there will be.
        """
        super().__init__(what, expected)
        self._bar: Any = None
        self._until = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if sys.stdout is not None and sys.stdout.isatty():
            options: dict[str, Any] = {"show_pos": True, "item_show_func": lambda _: self._rate()}
            bar = click.progressbar(length=self.steps, label=self.what, **options)
            self._bar = self._until.enter_context(bar)
        self._until.enter_context(at_work(self))
        return self

    def __exit__(self, *raised: object) -> None:
        self._until.close()

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self.step(rows)
        if self._bar is not None:
            self._bar.update(rows, self.done)

    def said(self) -> str:
        """Say how far it is; nothing beside a bar."""
        if self._bar is not None:
            return ""
        now = time.monotonic()
        left = self.seconds_left(now)
        return (
            f"{self.what}: {self.done:,} rows of about {max(self.steps, self.done):,}, "
            f"{self._rate()}{'' if left is None else f', about {left:.0f} s left'}"
        )

    def _rate(self) -> str:
        return f"{self.done / max(time.monotonic() - self.began, 1e-9):,.0f} rows/s"
