"""A run that is killed at any instant: the old champion serves or the new one, and the next run
finishes what this one did not."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import Project
from tests.faults.conftest import (
    RETRAINING,
    ROLLBACK,
    assert_settled,
    assert_sound,
    champion_of,
    champion_path,
    here,
    log_of,
    log_path,
    note,
    on_disk,
    sabotaged,
    seed,
    succeeds,
    temporary,
)

STRATA = 30
AIMED = 4
# Of the instants, those that are not too many for every test run.
FEW = {19, STRATA, STRATA + AIMED}


@dataclass(frozen=True)
class Instant:
    """When a run is killed: after a share of its duration, or some time after a line of its log."""

    number: int
    share: float = 0.0
    line: str | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.line is None:
            return f"{100 * self.share:.1f} % of a run"
        return f"{1000 * self.seconds:.0f} ms after {self.line}"


def instants() -> Iterator[Instant]:
    """One in each stratum of a run's duration, and some around the commit."""
    rng = random.Random(20261125)
    for number in range(STRATA):
        yield Instant(number, share=(number + rng.random()) / STRATA)
    lines = ["promotion.record"] * AIMED + ["promotion.promote"] * AIMED
    for number, line in enumerate(lines, STRATA):
        yield Instant(number, line=line, seconds=0.06 * (number % AIMED + rng.random()) / AIMED)


def killed(
    project: Project, instant: Instant, duration: float, *arguments: str
) -> tuple[str, float]:
    """Start a run, kill it and all that it started; give what it was at, and after what time."""
    began = time.monotonic()
    run = subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=project.path,
        env={**os.environ, "KEDRO_ENV": "", "TMPDIR": str(temporary(project))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # Until it is waited for, the number is its own, dead or alive.
    timer = threading.Timer(instant.share * duration, os.killpg, (run.pid, signal.SIGKILL))
    said = ""
    with run:
        if instant.line is None:
            timer.start()
        for text in run.stdout:
            said += text
            if instant.line is not None and f"Running {instant.line}" in text:
                time.sleep(instant.seconds)
                os.killpg(run.pid, signal.SIGKILL)
        seconds = time.monotonic() - began
        timer.cancel()
    assert run.returncode in {-signal.SIGKILL, 0}, said
    return phase(said), seconds


def phase(log: str) -> str:
    """Say what a run was at, by its log."""
    if re.search(r"(Promoted|Rejected) run", log):
        return "after its last line"
    nodes = re.findall(r"Running (\S+)", log)
    return nodes[-1] if nodes else "before its first node" if log else "before its first line"


@pytest.fixture
def duration(served: Project, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that a retraining takes, from start to exit."""
    measured = tmp_path_factory.getbasetemp() / "duration"
    if not measured.exists():
        copy = shutil.copytree(served.path, tmp_path_factory.mktemp("measured") / "project")
        began = time.monotonic()
        succeeds(Project(copy).command(*RETRAINING, *seed(99)))
        seconds = time.monotonic() - began
        measured.write_text(str(seconds))
    return float(measured.read_text())


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(
            instant,
            id=str(instant).replace(" ", "-"),
            marks=[] if instant.number in FEW else pytest.mark.faults,
        )
        for instant in instants()
    ],
)
def test_a_retraining_killed_at_any_instant_leaves_the_old_or_the_new_champion(
    served: Project, duration: float, instant: Instant
) -> None:
    before = log_path(served).read_bytes()
    old = on_disk(served)
    number = 100 + instant.number

    at, seconds = killed(served, instant, duration, *RETRAINING, *seed(number))
    serving = assert_sound(served, before)
    outcome = "old" if serving == old else "new"
    assert outcome == ("new" if len(log_of(served)) == 2 else "old")
    file = "old" if on_disk(served) == old else "new"
    note(instant, f"{seconds:.2f} s of {duration:.2f} s", at, outcome, f"{file} file")

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
        pytest.param("promotions", "before=write", "old", "old", marks=pytest.mark.faults),
        pytest.param("promotions", "after=write", "new", "old", marks=pytest.mark.faults),
        pytest.param("champion", "before=fsync", "new", "old", marks=pytest.mark.faults),
        ("champion", "before=replace", "new", "old"),
        pytest.param("champion", "after=replace", "new", "new", marks=pytest.mark.faults),
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


@pytest.mark.faults
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


@pytest.mark.faults
def test_the_first_retraining_of_all_killed_amid_its_commit_is_finished_by_the_next(
    quick: Project,
) -> None:
    assert promote(quick, "champion", "before=replace").returncode == -signal.SIGKILL
    assert not champion_path(quick).exists()
    assert champion_of(quick).sha256 == log_of(quick)[0]["sha256"]

    succeeds(here(*RETRAINING, *seed(5)))
    assert len(log_of(quick)) == 1
    assert_settled(quick)


@pytest.mark.faults
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


@pytest.mark.faults
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
