"""A run that is killed at any instant: the old champion serves or the new one, and the next run
finishes what this one did not."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.helpers.champions import (
    assert_settled,
    assert_sound,
    champion_of,
    champion_path,
    log_of,
    log_path,
    on_disk,
)
from tests.helpers.commands import (
    RETRAINING,
    ROLLBACK,
    here,
    note,
    sabotaged,
    seed,
    succeeds,
    temporary,
)
from tests.helpers.once import Once
from tests.helpers.project import Project

STRATA = 30
AIMED = 4


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


def instants() -> Iterator[Instant]:
    """One in each stratum of a run's duration, and some around the commit."""
    rng = random.Random(20261125)
    for number in range(STRATA):
        yield Instant(number, share=(number + rng.random()) / STRATA)
    nodes = ["promotion.promote.record"] * AIMED + ["promotion.promote.promote"] * AIMED
    for number, node in enumerate(nodes, STRATA):
        yield Instant(number, at=node, seconds=0.06 * (number % AIMED + rng.random()) / AIMED)


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """Start `kedro` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=project.path,
        env={**os.environ, "KEDRO_ENV": "", "TMPDIR": str(temporary(project))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def watch(run: subprocess.Popen[str]) -> Iterator[tuple[str, float]]:
    """Tell what a run is at, by its log, and after how many seconds it came to that."""
    began = time.monotonic()
    yield START, 0.0
    for line in run.stdout:
        if found := re.search(r" INFO +(?:Running (\S+)|(Run) |(Promoted) run)", line):
            node, first, last = found.groups()
            yield node or (first and CHECKS) or (last and EXIT), time.monotonic() - began
    yield END, time.monotonic() - began


@pytest.fixture
def timeline(served: Project, once: Once, tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """The timeline of a run that nobody kills."""
    copy = Project(shutil.copytree(served.path, tmp_path_factory.mktemp("measured") / "project"))
    measured = copy.path / "timeline.json"

    def measure() -> None:
        with start(copy, *RETRAINING, *seed(99)) as run:
            seen = list(watch(run))
        assert run.returncode == 0
        measured.write_text(json.dumps(seen))

    once("timeline", copy, measure)
    return [(at, seconds) for at, seconds in json.loads(measured.read_text())]


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
    with start(project, *arguments) as run:
        for stage, came in watch(run):
            seen.append((stage, came))
            if stage == at:
                time.sleep(rest * came / since if since else rest)
                # It is not waited for yet, so that the number is its own, dead or alive.
                os.killpg(run.pid, signal.SIGKILL)
                seconds = came + rest
    assert run.returncode in {-signal.SIGKILL, 0}
    return seen[-2 if run.returncode else -1][0], seconds


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(
            instant,
            id=str(instant).replace(" ", "-"),
        )
        for instant in instants()
    ],
)
def test_a_retraining_killed_at_any_instant_leaves_the_old_or_the_new_champion(
    served: Project, timeline: Timeline, instant: Instant
) -> None:
    before = log_path(served).read_bytes()
    old = on_disk(served)
    number = 100 + instant.number

    at, seconds = killed(served, instant, timeline, *RETRAINING, *seed(number))
    outcome = "old" if assert_sound(served, before) == old else "new"
    assert outcome == ("new" if len(log_of(served)) == 2 else "old")
    file = "old" if on_disk(served) == old else "new"
    note(instant, f"{seconds:.2f} s", at, f"{outcome} champion", f"{file} file")

    succeeds(here(*RETRAINING, *seed(number)))
    # What would have been promoted is.
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == number


# The steps of the commit, in their order ---------------------------------------------------------


def promote(project: Project, output: str, fault: str) -> subprocess.CompletedProcess[str]:
    return sabotaged(project, output, fault, *RETRAINING, *seed(5))


@pytest.mark.parametrize(
    ("output", "fault", "serves", "file"),
    [
        ("promotions", "before=write", "old", "old"),
        ("promotions", "after=write", "new", "old"),
        ("champion", "before=fsync", "new", "old"),
        ("champion", "before=replace", "new", "old"),
        ("champion", "after=replace", "new", "new"),
    ],
)
def test_a_retraining_killed_at_a_step_of_the_commit_is_finished_by_the_next(
    served: Project, output: str, fault: str, serves: str, file: str
) -> None:
    before = log_path(served).read_bytes()
    old = on_disk(served)

    assert promote(served, output, fault).returncode == -signal.SIGKILL
    assert (assert_sound(served, before) == old) == (serves == "old")
    assert (on_disk(served) == old) == (file == "old")

    succeeds(here(*RETRAINING, *seed(5)))
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == 5


def test_a_line_that_was_cut_off_counts_for_nothing_and_the_next_run_takes_it_away(
    served: Project,
) -> None:
    """As a power failure leaves it: a killed process has written its line whole or not at all."""
    before, old = log_path(served).read_bytes(), on_disk(served)

    assert promote(served, "promotions", "amid=write").returncode == -signal.SIGKILL
    torn = log_path(served).read_bytes()
    assert torn.startswith(before)
    assert not torn.endswith(b"\n")
    assert champion_of(served).sha256 == on_disk(served) == old

    succeeds(here(*RETRAINING, *seed(5)))
    assert log_path(served).read_bytes().startswith(before)
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)


def test_the_first_retraining_of_all_killed_amid_its_commit_is_finished_by_the_next(
    quick: Project,
) -> None:
    assert promote(quick, "champion", "before=replace").returncode == -signal.SIGKILL
    assert not champion_path(quick).exists()
    assert champion_of(quick).sha256 == log_of(quick)[0]["sha256"]

    succeeds(here(*RETRAINING, *seed(5)))
    assert len(log_of(quick)) == 1
    assert_settled(quick)


@pytest.mark.parametrize(
    ("output", "fault", "serves"),
    [
        ("promotions", "before=write", "second"),
        ("promotions", "after=write", "first"),
        ("champion", "before=replace", "first"),
        ("champion", "after=replace", "first"),
    ],
)
def test_a_rollback_killed_at_a_step_of_its_commit_is_finished_by_the_next_run(
    served_twice: Project, output: str, fault: str, serves: str
) -> None:
    before = log_path(served_twice).read_bytes()
    first, second = (line["sha256"] for line in log_of(served_twice))

    assert sabotaged(served_twice, output, fault, *ROLLBACK).returncode == -signal.SIGKILL
    assert assert_sound(served_twice, before) == {"first": first, "second": second}[serves]

    succeeds(here(*RETRAINING, *seed(5)))
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def test_a_rollback_finishes_what_a_killed_retraining_did_not_before_it_undoes_it(
    served: Project,
) -> None:
    old = on_disk(served)
    assert promote(served, "champion", "before=replace").returncode == -signal.SIGKILL

    succeeds(here(*ROLLBACK))
    actions = [line["action"] for line in log_of(served)]
    assert actions == ["promoted", "promoted", "rolled_back"]
    assert_settled(served)
    assert on_disk(served) == old
