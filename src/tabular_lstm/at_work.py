"""What is at work now, how far it is, and how long it may still take.

What takes long says so here, and logs nothing: whoever watches a run says it where the log would
be silent else (`tabular_lstm.runs.watch`).
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Step = TypeVar("Step")


class Work:
    """Something that takes time.

    Attributes:
        what: Is done, for a sentence.
        steps: How many it has; 0 where they cannot be counted.
        done: How many of them are done.
    """

    def __init__(self, what: str, steps: int = 0) -> None:
        self.what, self.steps, self.done = what, steps, 0
        self.began = self.stepped = time.monotonic()

    def step(self, count: int = 1) -> None:
        """Count steps that are done."""
        self.done, self.stepped = self.done + count, time.monotonic()

    def said(self) -> str:
        """Say how far it is, and how long the other steps may take if they take as long."""
        now = time.monotonic()
        so_far = f"{now - self.began:.0f} s so far"
        if not self.steps:
            return f"{self.what}: still at work, {so_far}"
        far = f"{self.what}: {self.done:,} of {self.steps:,}"
        left = self.seconds_left(now)
        return f"{far}, {so_far}" if left is None else f"{far}, about {left:.0f} s left"

    def seconds_left(self, now: float) -> float | None:
        """Say how long it may still take; None where no step is done, or one takes longer."""
        if not self.done:
            return None
        of_a_step = (self.stepped - self.began) / self.done
        left = of_a_step * max(self.steps - self.done, 0) - (now - self.stepped)
        return left if left >= 1 else None


# Of this process, the innermost last.
_works: list[Work] = []


@contextlib.contextmanager
def at_work(work: Work) -> Iterator[Work]:
    """Let it be known that this is at work."""
    _works.append(work)
    try:
        yield work
    finally:
        _works.remove(work)


def told(steps: Iterable[Step], what: str, count: int | None = None) -> Iterator[Step]:
    """Take one step after the other, and let it be known how many are done.

    Args:
        steps: What to take.
        what: They are, for a sentence.
        count: How many there are at most. Default: their length.
    """
    if count is None:
        count = len(steps) if isinstance(steps, Sized) else 0
    with at_work(Work(what, count)) as work:
        for step in steps:
            yield step
            work.step()


def now_at_work() -> str:
    """Say what is at work now; nothing where nothing is, or where it shows itself."""
    return _works[-1].said() if _works else ""
