"""The champion replaced, rolled back or damaged amid a scoring: who began to score has scored."""

import os
import shutil
import signal
from collections.abc import Callable

import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import champion_path, log_of, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.processes import at_work
from tests.helpers.project import QUICK, ROOT, Project
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    predictions_of,
    rows_at,
    write_rows,
)
from tests.helpers.tables import write_task

Change = Callable[[Project], None]


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


VALIDATE, SCORE = "scoring.validate_rows_to_score", "scoring.score_rows"


@pytest.mark.parametrize(
    ("change", "node", "task"),
    [
        (replaced, VALIDATE, NUMBER),
        (replaced, SCORE, TWO_CLASSES),
        (rolled_back, VALIDATE, TWO_CLASSES),
        (rolled_back, SCORE, CLASSES),
        (damaged, VALIDATE, CLASSES),
        (damaged, SCORE, NUMBER),
        (succeeded_by(CLASSES), SCORE, NUMBER),
        (succeeded_by(NUMBER), VALIDATE, TWO_CLASSES),
    ],
)
def test_what_becomes_of_the_champion_amid_a_scoring_changes_nothing_in_it(
    served_twice: Project, change: Change, node: str
) -> None:
    write_rows(served_twice, "rows.csv", 150_000)
    before, sha256 = log_of(served_twice)[-1]["run_id"], on_disk(served_twice)
    with at_work(served_twice, *SCORING, *rows_at("rows.csv"), node=node) as scoring:
        change(served_twice)
        os.killpg(scoring.pid, signal.SIGCONT)
        rest = scoring.stdout.read()
        assert scoring.wait() == 0, rest
    assert len(assert_sound(served_twice)) == 1
    assert finished(served_twice)[0]["champion"] == {"run_id": before, "sha256": sha256}
    scored = predictions_of(served_twice)
    assert set(scored["champion"]) == {before}
    assert set(scored["champion_sha256"]) == {sha256}


@pytest.mark.parametrize(("task", "other"), [(CLASSES, TWO_CLASSES), (NUMBER, CLASSES)])
def test_who_goes_back_to_a_champion_of_another_task_sets_conf_back_first(
    served: Project, task: str, other: str
) -> None:
    first = champion_path(served)
    succeeds(here(*SCORING))
    succeeded_by(other)(served)
    second = on_disk(served)
    message = message_of(here(*ROLLBACK))
    assert message.startswith(f"{first}: the champion gives")
    assert "Set conf back" in message
    assert on_disk(served) == second
    succeeds(here(*SCORING))

    label_of(served, task)
    succeeds(here(*ROLLBACK))
    assert champion_path(served) == first
    succeeds(here(*SCORING))
    # Of both tasks, one after the other; the newest are loaded.
    tasks = [manifest.get("task", TWO_CLASSES) for manifest in finished(served)]
    assert tasks == [task, other, task]
    assert len(assert_sound(served)) == 3


def test_a_damaged_champion_scores_nothing(served_twice: Project) -> None:
    damaged(served_twice)
    message = message_of(here(*SCORING))
    assert str(champion_path(served_twice)) in message
    assert "kedro run --pipelines rollback" in message
    assert finished(served_twice) == []
