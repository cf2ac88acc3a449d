"""A run that is killed at any instant: the old champion serves or the new one, whole.

The tasks take turns: the network's file, the decision and the predictions differ by the task.
"""

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import (
    assert_settled,
    assert_sound,
    champion_of,
    log_of,
    log_path,
    on_disk,
)
from tests.helpers.commands import RETRAINING, ROLLBACK, here, note, sabotaged, seed, succeeds
from tests.helpers.kills import Instant, Timeline, in_turn, killed, strata, timeline_of
from tests.helpers.once import Once
from tests.helpers.project import Project

STRATA = 20
AIMED = 4


def instants() -> Iterator[Instant]:
    """One in each stratum of a run's duration, and some around the commit."""
    rng = random.Random(20261125)
    yield from strata(STRATA, rng)
    for number in range(STRATA, STRATA + AIMED):
        seconds = 0.06 * (number % AIMED + rng.random()) / AIMED
        yield Instant(number, at="promotion.promote.record", seconds=seconds)


@pytest.fixture
def timeline(served: Project, once: Once, tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """The timeline of a run that nobody kills."""
    copy = Project(shutil.copytree(served.path, tmp_path_factory.mktemp("measured") / "project"))
    measured = copy.path / "timeline.json"

    def measure() -> None:
        measured.write_text(json.dumps(timeline_of(copy, *RETRAINING, *seed(99))))

    once("timeline", copy, measure)
    return [(at, seconds) for at, seconds in json.loads(measured.read_text())]


@pytest.mark.parametrize(
    ("instant", "task"), in_turn(instants()), ids=lambda value: str(value).replace(" ", "-")
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
    note(instant, f"{seconds:.2f} s", at, f"{outcome} champion")

    succeeds(here(*RETRAINING, *seed(number)))
    # What would have been promoted is.
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == number


# The steps of the commit, in their order ---------------------------------------------------------


def promote(project: Project, output: str, fault: str) -> subprocess.CompletedProcess[str]:
    return sabotaged(project, output, fault, *RETRAINING, *seed(5))


@pytest.mark.parametrize(
    ("output", "fault", "serves", "task"),
    [
        ("candidate@network", "before=replace", "old", NUMBER),
        ("promotions", "before=write", "old", CLASSES),
        ("promotions", "after=write", "new", NUMBER),
        ("promotions", "before=fsync", "new", TWO_CLASSES),
    ],
)
def test_a_retraining_killed_at_a_step_of_the_commit_has_decided_or_not(
    served: Project, output: str, fault: str, serves: str
) -> None:
    before = log_path(served).read_bytes()
    old = on_disk(served)

    assert promote(served, output, fault).returncode == -signal.SIGKILL
    assert (assert_sound(served, before) == old) == (serves == "old")

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
    assert champion_of(served).sha256 == old

    succeeds(here(*RETRAINING, *seed(5)))
    assert log_path(served).read_bytes().startswith(before)
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)


@pytest.mark.parametrize(
    ("fault", "decided", "task"), [("before=write", 0, NUMBER), ("after=write", 1, CLASSES)]
)
def test_the_first_retraining_of_all_killed_at_its_commit_blocks_nobody(
    quick: Project, fault: str, decided: int
) -> None:
    """It may leave a decision without a log."""
    assert promote(quick, "promotions", fault).returncode == -signal.SIGKILL
    assert len(quick.versions("08_reporting/decision.json")) == 1
    assert decided == (len(log_of(quick)) if log_path(quick).exists() else 0)

    succeeds(here(*RETRAINING, *seed(5)))
    assert len(log_of(quick)) == 1
    assert_settled(quick)


@pytest.mark.parametrize(
    ("output", "fault", "serves", "task"),
    [
        ("decision", "before=replace", "second", CLASSES),
        ("promotions", "before=write", "second", TWO_CLASSES),
        ("promotions", "after=write", "first", NUMBER),
    ],
)
def test_a_rollback_killed_at_a_step_of_its_commit_has_decided_or_not(
    served_twice: Project, output: str, fault: str, serves: str
) -> None:
    before = log_path(served_twice).read_bytes()
    first, second = (line["sha256"] for line in log_of(served_twice))

    assert sabotaged(served_twice, output, fault, *ROLLBACK).returncode == -signal.SIGKILL
    assert assert_sound(served_twice, before) == {"first": first, "second": second}[serves]

    succeeds(here(*RETRAINING, *seed(5)))
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def test_a_rollback_undoes_what_a_killed_retraining_has_decided(served: Project) -> None:
    old = on_disk(served)
    assert promote(served, "promotions", "after=write").returncode == -signal.SIGKILL
    succeeds(here(*ROLLBACK))
    assert log_of(served)[-1]["action"] == "rolled_back"
    assert_settled(served)
    assert on_disk(served) == old
