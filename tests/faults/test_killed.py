"""Runs that are stopped at any instant: the old champion serves or the new one, whole; predictions
of a scoring count once it has finished; the next run succeeds.

Between two changes of files a kill leaves the same files, so each run is looked at before each of
its changes, and goes on; a few are really killed, and so no other process is missed. The tasks take
turns: the network's file, the decision, predictions and their manifest differ by the task.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines

from tabular_lstm.rows import csv_files, raw_rows
from tabular_lstm.serving import prediction_parts
from tabular_lstm.serving.champion import load_champion
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers import scorings
from tests.helpers.champions import (
    assert_settled,
    assert_sound,
    champion_of,
    log_of,
    log_path,
    on_disk,
)
from tests.helpers.commands import RETRAINING, ROLLBACK, here, sabotaged, seed, succeeds
from tests.helpers.project import Project
from tests.helpers.scorings import REPORTED, SCORING, rows_at, unfinished, write_rows
from tests.helpers.steps import at_each_step

# Copies of so many states, evenly spread, are gone on from.
GONE_ON_FROM = 3
SCORE = (
    *SCORING,
    *rows_at("rows.csv", "validation.max_quarantined_fraction=0.1", "monitoring.exit_on_alarm=0"),
)


class Steps:
    """What a look at each step of a run found, and some of the states, as copies."""

    def __init__(self, project: Project, folder: Path, every: int) -> None:
        self.project, self.folder, self.every = project, folder, every
        self.looks: list[tuple[str, bool, Any]] = []

    @contextlib.contextmanager
    def of_a_run(self, find: Any) -> Iterator[None]:
        def look(event: str, path: str) -> None:
            made = event == "opened" and os.path.getsize(path) == 0
            self.looks.append((path, made, find()))
            if len(self.looks) % self.every == 0:
                copy = self.folder / str(len(self.looks))
                shutil.copytree(self.project.path, copy)
                path, made, _ = self.looks[-2]
                written = copy / Path(path).relative_to(self.project.path)
                if made and written.is_file():  # a kill may come amid the writing of it
                    os.truncate(written, written.stat().st_size // 2)

        with at_each_step(self.project.path / "data", look):
            yield

    def found(self) -> list[Any]:
        return [found for _, _, found in self.looks]

    def states(self) -> Iterator[Project]:
        """Work in each copy."""
        copies = sorted(self.folder.iterdir(), key=lambda copy: int(copy.name))
        assert len(copies) >= GONE_ON_FROM
        for copy in copies:
            with contextlib.chdir(copy):
                yield Project(copy)
            pipelines.set_requested(None)


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_a_retraining_stopped_at_any_step_leaves_the_old_champion_or_the_new_one(
    served: Project, task: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before, old = log_path(served).read_bytes(), on_disk(served)
    steps = Steps(served, tmp_path_factory.mktemp("states"), every=36)
    with steps.of_a_run(lambda: load_champion(served.path).sha256):
        succeeds(here(*RETRAINING, *seed(5)))
    new = on_disk(served)
    olds, news = steps.found().count(old), steps.found().count(new)
    assert steps.found() == [old] * olds + [new] * news
    # The last step before the new one serves is the rename to the log.
    assert steps.looks[olds - 1][0] == str(log_path(served))
    assert olds > 100
    assert new != old
    for state in steps.states():
        assert_sound(state, before)
        succeeds(here(*RETRAINING, *seed(5)))
        # What would have been promoted is.
        assert [line["action"] for line in log_of(state)] == ["promoted", "promoted"]
        assert_settled(state)
        assert champion_of(state).network.training["seed"] == 5


def test_a_rollback_stopped_at_any_step_leaves_one_of_both_champions(
    served_twice: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = (line["sha256"] for line in log_of(served_twice))
    before = log_path(served_twice).read_bytes()
    steps = Steps(served_twice, tmp_path_factory.mktemp("states"), every=6)
    with steps.of_a_run(lambda: load_champion(served_twice.path).sha256):
        succeeds(here(*ROLLBACK))
    seconds, firsts = steps.found().count(second), steps.found().count(first)
    assert steps.found() == [second] * seconds + [first] * firsts
    assert seconds > 10
    assert firsts > 1
    for state in steps.states():
        assert_sound(state, before)
        if on_disk(state) == second:
            succeeds(here(*ROLLBACK))
        assert on_disk(state) == first
        assert_settled(state)


@pytest.fixture
def scored(served: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with rows to score, of several batches and parts; others were scored before."""
    succeeds(here(*SCORING))
    monkeypatch.setattr(raw_rows, "ROWS", 500)
    monkeypatch.setattr(prediction_parts, "ROWS_OF_A_PART", 1000)
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 2**14)
    write_rows(served, "rows.csv", 3000)
    return served


def assert_next_scoring_finishes(project: Project, before: str) -> None:
    """Check that the next scoring gives all rows, and leaves nothing of the one that was killed."""
    succeeds(here(*SCORE))
    runs = scorings.assert_sound(project)
    assert runs[0] == before
    assert scorings.finished(project)[-1]["rows"] == 3000
    assert unfinished(project) == []
    reports = project.path / "data/08_reporting"
    assert all([*reports.glob(f"{name}*/{runs[-1]}")] for name in REPORTED)


@pytest.mark.parametrize("task", [TWO_CLASSES, NUMBER])
def test_a_scoring_stopped_at_any_step_leaves_nothing_that_is_read_unless_it_has_finished(
    scored: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (before,) = scorings.assert_sound(scored)
    steps = Steps(scored, tmp_path_factory.mktemp("states"), every=12)
    with steps.of_a_run(lambda: len(scorings.assert_sound(scored))):
        succeeds(here(*SCORE))
    ones, twos = steps.found().count(1), steps.found().count(2)
    assert steps.found() == [1] * ones + [2] * twos
    assert ones > 15
    assert twos > 3
    for state in steps.states():
        assert_next_scoring_finishes(state, before)
        # Nothing is new then.
        runs = scorings.assert_sound(state)
        succeeds(here(*SCORE))
        assert scorings.assert_sound(state) == runs


# Really killed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "fault", "serves", "following", "task"),
    [
        ("candidate@network", "before=replace", "old", RETRAINING, NUMBER),
        ("promotions", "before=replace", "old", RETRAINING, CLASSES),
        ("promotions", "after=replace", "new", RETRAINING, TWO_CLASSES),
        ("promotions", "after=replace", "new", ROLLBACK, CLASSES),
    ],
)
def test_a_retraining_killed_at_its_commit_has_decided_or_not(
    served: Project, output: str, fault: str, serves: str, following: tuple[str, ...]
) -> None:
    before, old = log_path(served).read_bytes(), on_disk(served)
    killed = sabotaged(served, output, fault, *RETRAINING, *seed(5))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (assert_sound(served, before) == old) == (serves == "old")

    succeeds(here(*following, *(seed(5) if following is RETRAINING else ())))
    assert log_path(served).read_bytes().startswith(before)
    assert_settled(served)
    if following is ROLLBACK:
        assert on_disk(served) == old
    else:
        assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]


@pytest.mark.parametrize(
    ("fault", "decided", "task"), [("before=replace", 0, NUMBER), ("after=replace", 1, CLASSES)]
)
def test_the_first_retraining_of_all_killed_at_its_commit_blocks_nobody(
    quick: Project, fault: str, decided: int
) -> None:
    """It may leave a decision without a log."""
    killed = sabotaged(quick, "promotions", fault, *RETRAINING, *seed(5))
    assert killed.returncode == -signal.SIGKILL
    assert len(quick.versions("08_reporting/decision.json")) == 1
    assert decided == (len(log_of(quick)) if log_path(quick).exists() else 0)
    succeeds(here(*RETRAINING, *seed(5)))
    assert len(log_of(quick)) == 1
    assert_settled(quick)


def test_what_a_killed_scoring_left_a_retraining_leaves_to_the_next_scoring(
    scored: Project,
) -> None:
    (before,) = scorings.assert_sound(scored)
    killed = sabotaged(scored, "predictions@plan", "before=replace", *SCORE)
    assert killed.returncode == -signal.SIGKILL
    left = unfinished(scored)
    assert left
    parameters = f"{seed(5)[1]},promotion.keep_candidates=1,promotion.keep_champions=1"
    succeeds(here(*RETRAINING, "--params", parameters))
    assert len(log_of(scored)) == 2
    assert unfinished(scored) == left
    assert_next_scoring_finishes(scored, before)
