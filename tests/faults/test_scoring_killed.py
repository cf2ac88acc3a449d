"""A scoring that is killed at any instant: nothing unfinished is read, and the next one starts
from the rows and takes away what this one left. The tasks take turns: predictions, manifest and
summary differ by the task."""

import json
import random
import shutil
import signal
from collections.abc import Iterator

import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, here, note, sabotaged, seed, succeeds
from tests.helpers.kills import Instant, Timeline, in_turn, killed, strata, timeline_of
from tests.helpers.once import Once
from tests.helpers.project import Project
from tests.helpers.scorings import (
    REPORTED,
    SCORING,
    assert_sound,
    finished,
    rows_at,
    unfinished,
    write_rows,
)

STRATA = 30
AIMED = 6
ROWS = 150_000
LIMIT = "validation.max_quarantined_fraction=0.1"


def instants() -> Iterator[Instant]:
    """One in each stratum of a run's duration, and some around the end of the predictions."""
    rng = random.Random(20261126)
    yield from strata(STRATA, rng)
    for number in range(AIMED):
        share = (number + rng.random()) / AIMED
        yield Instant(STRATA + number, at="scoring.summarize_scoring", seconds=0.2 * share)


@pytest.fixture
def scored(served: Project, once: Once, task: str) -> Project:
    """A project with rows to score, in which others were scored before."""

    def steps() -> None:
        succeeds(here(*SCORING))
        write_rows(served, "rows.csv", ROWS)

    return once(f"scored {task}", served, steps)


@pytest.fixture
def timeline(scored: Project, once: Once, tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """The timeline of a scoring that nobody kills."""
    copy = Project(shutil.copytree(scored.path, tmp_path_factory.mktemp("measured") / "project"))
    measured = copy.path / "timeline.json"

    def measure() -> None:
        rows = rows_at("rows.csv", LIMIT)
        measured.write_text(json.dumps(timeline_of(copy, *SCORING, *rows)))

    once("timeline of a scoring", copy, measure)
    return [(at, seconds) for at, seconds in json.loads(measured.read_text())]


def assert_next_one_finishes(project: Project, before: str) -> None:
    """Check that the next scoring gives all rows, and leaves nothing of the one that was killed."""
    succeeds(here(*SCORING, *rows_at("rows.csv", LIMIT)))
    runs = assert_sound(project)
    assert runs[0] == before
    assert finished(project)[-1]["rows"] == ROWS
    assert unfinished(project) == []
    reports = project.path / "data/08_reporting"
    assert all([*reports.glob(f"{name}*/{runs[-1]}")] for name in REPORTED)


@pytest.mark.parametrize(
    ("instant", "task"), in_turn(instants()), ids=lambda value: str(value).replace(" ", "-")
)
def test_a_scoring_killed_at_any_instant_leaves_nothing_that_is_read_unless_it_has_finished(
    scored: Project, timeline: Timeline, instant: Instant
) -> None:
    (before,) = assert_sound(scored)

    at, seconds = killed(scored, instant, timeline, *SCORING, *rows_at("rows.csv", LIMIT))
    runs = assert_sound(scored)
    note(instant, f"{seconds:.2f} s", at, f"{len(runs) - 1} finished", *unfinished(scored))

    assert_next_one_finishes(scored, before)


@pytest.mark.parametrize(
    ("output", "fault", "is_finished", "task"),
    [
        ("quarantined_rows_to_score", "before=fsync", False, TWO_CLASSES),
        ("predictions", "before=fsync", False, NUMBER),
        ("predictions", "before=rename", False, CLASSES),
        ("predictions", "before=replace", False, TWO_CLASSES),
        ("predictions", "after=replace", True, NUMBER),
        ("scoring_summary", "before=fsync", True, CLASSES),
        ("scoring_summary", "after=replace", True, NUMBER),
        ("scoring_drift", "before=fsync", True, CLASSES),
    ],
)
def test_a_scoring_killed_at_a_step_of_its_end_has_finished_or_not(
    scored: Project, output: str, fault: str, is_finished: bool
) -> None:
    (before,) = assert_sound(scored)
    ended = sabotaged(scored, output, fault, *SCORING, *rows_at("rows.csv", LIMIT))
    assert ended.returncode == -signal.SIGKILL, ended.stderr + ended.stdout
    assert len(assert_sound(scored)) == 1 + is_finished
    note(output, fault, *unfinished(scored))

    assert_next_one_finishes(scored, before)
    # Nothing is new then.
    runs = assert_sound(scored)
    succeeds(here(*SCORING, *rows_at("rows.csv", LIMIT)))
    assert assert_sound(scored) == runs


def test_a_retraining_leaves_what_a_killed_scoring_left_to_the_next_scoring(
    scored: Project,
) -> None:
    (before,) = assert_sound(scored)
    sabotaged(scored, "predictions", "before=replace", *SCORING, *rows_at("rows.csv", LIMIT))
    left = unfinished(scored)
    assert left
    parameters = f"{seed(5)[1]},promotion.keep_candidates=1,promotion.keep_champions=1"
    succeeds(here(*RETRAINING, "--params", parameters))
    assert len(log_of(scored)) == 2
    assert unfinished(scored) == left

    assert_next_one_finishes(scored, before)
