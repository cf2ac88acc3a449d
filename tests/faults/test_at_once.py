"""Runs beside each other: of those that decide, the second ends at once and says who is at work;
whoever began to score has scored with its champion, each its own rows, whole."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import load_champion
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers import scorings
from tests.helpers.champions import (
    assert_settled,
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
    message_of,
    sabotaged,
    seed,
    succeeds,
)
from tests.helpers.processes import at_work, started
from tests.helpers.project import QUICK, ROOT, Project
from tests.helpers.scorings import (
    SCORING,
    finished,
    predictions_of,
    rows_at,
    unfinished,
    write_rows,
)
from tests.helpers.tables import write_task

# The exit code where another run is at work.
TRY_LATER = 75
Change = Callable[[Project], None]


def test_a_run_beside_a_retraining_ends_at_once_and_says_who_is_at_work(
    served_twice: Project,
) -> None:
    log, old = log_path(served_twice).read_bytes(), on_disk(served_twice)
    with at_work(served_twice, *RETRAINING, *seed(5)) as first:
        before = served_twice.files()
        message = message_of(served_twice.command(*ROLLBACK), TRY_LATER)
        holder = (served_twice.path / "data/retraining.lock").read_text()
        assert f"process {first.pid} on " in holder
        assert holder in message
        assert served_twice.files() == before

        os.killpg(first.pid, signal.SIGCONT)
        rest = first.stdout.read()
        assert first.wait() == 0, rest
    assert f"Promoted {holder.partition(',')[0]}" in rest
    assert log_path(served_twice).read_bytes().startswith(log)
    assert len(log_of(served_twice)) == 3
    assert on_disk(served_twice) != old
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def test_of_three_retrainings_and_two_rollbacks_at_once_each_decides_alone_or_not_at_all(
    served_twice: Project,
) -> None:
    before = log_path(served_twice).read_bytes()
    commands = [(*RETRAINING, *seed(10 + number)) for number in range(3)] + [ROLLBACK] * 2
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    runs = [started(served_twice, *command, **pipes) for command in commands]
    messages = [run.communicate(timeout=300)[1] for run in runs]
    decided = [run.returncode == 0 for run in runs]
    assert any(decided)
    for alone, message in zip(decided, messages, strict=True):
        refused = (
            "another run is at work here" in message or "There is no champion before" in message
        )
        assert alone != refused, message
        assert "Traceback" not in message
    assert log_path(served_twice).read_bytes().startswith(before)
    assert len(log_of(served_twice)) == 2 + sum(decided)
    assert_settled(served_twice)


def test_a_champion_that_is_loaded_amid_a_commit_is_the_old_one(
    served_twice: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retraining promotes between the reader's look at the log and that at the file."""
    before, read = log_of(served_twice)[-1], Artifact.read

    def after_a_promotion(path: Path) -> Artifact:
        succeeds(sabotaged(served_twice, "", "", *RETRAINING, *seed(5)))
        return read(path)

    monkeypatch.setattr(Artifact, "read", after_a_promotion)
    assert load_champion(served_twice.path).sha256 == before["sha256"]
    assert len(log_of(served_twice)) == 3


# Scorings


def test_scorings_at_once_each_give_their_own_rows_and_take_nothing_of_another_away(
    served: Project,
) -> None:
    counts = [1000, 2000, 3000]
    for count in counts:
        write_rows(served, f"rows_{count}.csv", count)
    slow, *others = [
        (*SCORING, *rows_at(f"rows_{count}.csv", "monitoring.exit_on_alarm=0")) for count in counts
    ]
    with at_work(served, *slow, node="scoring.score_rows") as first:
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        runs = [started(served, *command, **pipes) for command in others]
        messages = [run.communicate(timeout=300)[1] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], messages
        os.killpg(first.pid, signal.SIGCONT)
        rest = first.stdout.read()
        assert first.wait() == 0, rest
    assert len(scorings.assert_sound(served)) == len(counts)
    assert sorted(manifest["rows"] for manifest in finished(served)) == counts
    assert unfinished(served) == []
    # The newest is one that began last.
    assert len(predictions_of(served)) > 1000


def replaced(project: Project) -> None:
    succeeds(here(*RETRAINING, *seed(5)))
    assert log_of(project)[-1]["action"] == "promoted"


def rolled_back(project: Project) -> None:
    succeeds(here(*ROLLBACK))


def damaged(project: Project) -> None:
    champion_path(project).write_bytes(b"none")


def label_of(project: Project, task: str) -> None:
    """Give the rows a label of that task, and declare it, whatever label they had."""
    shutil.copy(ROOT / "data/01_raw/diabetes.csv", project.raw)
    write_task(project, task, **QUICK)


def succeeded_by(task: str) -> Change:
    """Let a champion of another label follow, which is another task's."""

    def change(project: Project) -> None:
        label_of(project, task)
        succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
        assert log_of(project)[-1]["action"] == "promoted"

    return change


@pytest.mark.parametrize(
    ("change", "node", "task"),
    [
        (replaced, "score_rows", TWO_CLASSES),
        (rolled_back, "validate_rows_to_score", CLASSES),
        (damaged, "score_rows", NUMBER),
        (succeeded_by(NUMBER), "validate_rows_to_score", TWO_CLASSES),
    ],
)
def test_what_becomes_of_the_champion_amid_a_scoring_changes_nothing_in_it(
    served_twice: Project, change: Change, node: str
) -> None:
    write_rows(served_twice, "rows.csv", 3000)
    before, sha256 = log_of(served_twice)[-1]["run_id"], on_disk(served_twice)
    command = (*SCORING, *rows_at("rows.csv", "monitoring.exit_on_alarm=0"))
    with at_work(served_twice, *command, node=f"scoring.{node}") as scoring:
        change(served_twice)
        os.killpg(scoring.pid, signal.SIGCONT)
        rest = scoring.stdout.read()
        assert scoring.wait() == 0, rest
    assert len(scorings.assert_sound(served_twice)) == 1
    assert finished(served_twice)[0]["champion"] == {"run_id": before, "sha256": sha256}
    scored = predictions_of(served_twice)
    assert set(scored["champion"]) == {before}
    assert set(scored["champion_sha256"]) == {sha256}


def test_who_goes_back_to_a_champion_of_another_task_sets_conf_back_first(served: Project) -> None:
    first = champion_path(served)
    succeeds(here(*SCORING))
    succeeded_by(CLASSES)(served)
    second = on_disk(served)
    message = message_of(here(*ROLLBACK))
    assert message.startswith(f"{first}: the champion gives")
    assert "Change conf back" in message
    assert on_disk(served) == second
    succeeds(here(*SCORING))

    label_of(served, TWO_CLASSES)
    succeeds(here(*ROLLBACK))
    assert champion_path(served) == first
    succeeds(here(*SCORING))
    # Of both tasks, one after the other; the newest are loaded.
    tasks = [manifest.get("task", TWO_CLASSES) for manifest in finished(served)]
    assert tasks == [TWO_CLASSES, CLASSES, TWO_CLASSES]
    assert len(scorings.assert_sound(served)) == 3
