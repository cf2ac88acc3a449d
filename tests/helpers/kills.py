"""Runs that are killed at an instant of their duration, by what they are at then."""

import itertools
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.processes import PIPED, started
from tests.helpers.project import Project

START, CHECKS, EXIT, END = "start", "checks and imports", "exit", "end"
# What a run was at from which second on, with START first and END last.
Timeline = list[tuple[str, float]]


@dataclass(frozen=True)
class Instant:
    """When a run is killed: after a share of its duration, or some time into what it is at."""

    number: int
    share: float | None = None
    at: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.share is not None:
            return f"{100 * self.share:.1f} % of a run"
        return f"{1000 * self.seconds:.0f} ms into {self.at}"


def strata(count: int, rng: random.Random) -> Iterator[Instant]:
    """Give an instant in each of so many equal parts of a run's duration."""
    for number in range(count):
        yield Instant(number, share=(number + rng.random()) / count)


def in_turn(instants: Iterable[Instant]) -> list[tuple[Instant, str]]:
    """Give each instant a task, one after the other."""
    return [*zip(instants, itertools.cycle((TWO_CLASSES, CLASSES, NUMBER)), strict=False)]


def watch(run: subprocess.Popen[str]) -> Iterator[tuple[str, float]]:
    """Tell what a run is at, by its log, and after how many seconds it came to that."""
    began = time.monotonic()
    yield START, 0.0
    for line in run.stdout:
        if found := re.search(
            r" (?:INFO|DEBUG) +(?:Running (\S+)|(Run) |(Promoted|Scored) )", line
        ):
            node, first, last = found.groups()
            yield node or (first and CHECKS) or (last and EXIT), time.monotonic() - began
    yield END, time.monotonic() - began


def timeline_of(project: Project, *arguments: str) -> Timeline:
    """Measure a run that nobody kills."""
    with started(project, *arguments, each_node=True, **PIPED) as run:
        seen = list(watch(run))
    assert run.returncode == 0
    return seen


def killed(
    project: Project, instant: Instant, timeline: Timeline, *arguments: str
) -> tuple[str, float]:
    """Start a run, kill it and all that it started; give what it was at, and after what time.

    What the share of a duration falls into, the kill falls into, whether the machine is as busy as
    when the timeline was measured or not.
    """
    at, since, rest = instant.at, 0.0, instant.seconds
    if instant.share is not None:
        second = instant.share * timeline[-1][1]
        at, since = [stage for stage in timeline if stage[1] <= second][-1]
        rest = second - since
    seen: Timeline = []
    seconds = 0.0
    with started(project, *arguments, each_node=True, **PIPED) as run:
        for stage, came in watch(run):
            seen.append((stage, came))
            if stage == at:
                time.sleep(rest * came / since if since else rest)
                # It is not waited for yet, so that the number is its own, dead or alive.
                os.killpg(run.pid, signal.SIGKILL)
                seconds = came + rest
    assert run.returncode in {-signal.SIGKILL, 0}
    return seen[-2 if run.returncode else -1][0], seconds
