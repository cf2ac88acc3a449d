"""The champion replaced, rolled back or damaged amid a scoring: who began to score has scored."""

import os
import signal

import pytest

from tests.helpers.champions import champion_path, log_of, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.processes import at_work
from tests.helpers.project import Project
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    predictions_of,
    rows_at,
    write_rows,
)


def replaced(project: Project) -> None:
    succeeds(here(*RETRAINING, *seed(5)))
    assert log_of(project)[-1]["action"] == "promoted"


def rolled_back(project: Project) -> None:
    succeeds(here(*ROLLBACK))


def damaged(project: Project) -> None:
    champion_path(project).write_bytes(b"none")


@pytest.mark.parametrize("node", ["scoring.validate_rows_to_score", "scoring.score_rows"])
@pytest.mark.parametrize("change", [replaced, rolled_back, damaged])
def test_what_becomes_of_the_champion_amid_a_scoring_changes_nothing_in_it(
    served_twice: Project, change: object, node: str
) -> None:
    write_rows(served_twice, "rows.csv", 150_000)
    before, sha256 = log_of(served_twice)[-1]["run_id"], on_disk(served_twice)
    with at_work(served_twice, *SCORING, *rows_at("rows.csv"), node=node) as scoring:
        change(served_twice)  # type: ignore[operator]
        os.killpg(scoring.pid, signal.SIGCONT)
        rest = scoring.stdout.read()
        assert scoring.wait() == 0, rest
    assert len(assert_sound(served_twice)) == 1
    assert finished(served_twice)[0]["champion"] == {"run_id": before, "sha256": sha256}
    scored = predictions_of(served_twice)
    assert set(scored["champion"]) == {before}
    assert set(scored["champion_sha256"]) == {sha256}


def test_a_damaged_champion_scores_nothing(served_twice: Project) -> None:
    damaged(served_twice)
    message = message_of(here(*SCORING))
    assert str(champion_path(served_twice)) in message
    assert "kedro run --pipelines rollback" in message
    assert finished(served_twice) == []
