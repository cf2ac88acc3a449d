"""A tuning that is killed at any moment goes on, and finds what it would have found."""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.tuning.study import read
from tests.helpers.commands import here, logged, message_of, note, succeeds
from tests.helpers.kills import start
from tests.helpers.once import Once
from tests.helpers.processes import at_work
from tests.helpers.project import TINY, Project, declare

TUNING = ("run", "--pipelines", "tuning")
TRIALS = 4
KILLS = 4
TUNED: dict[str, Any] = {
    "network": TINY["network"],
    "training": {"epochs": 30, "patience": 30},
    "tuning": {
        "trials": TRIALS,
        "space": {"training.learning_rate": {"low": 0.001, "high": 0.05, "log": True}},
    },
}


def tried(project: Project) -> list[dict[str, Any]]:
    (path,) = (project.path / "data/06_models/studies").glob("*.jsonl")
    return [trial.model_dump() for trial in read(path).trials]


def unbroken(project: Project) -> None:
    succeeds(here(*TUNING))
    (project.path / "expected.json").write_text(json.dumps(tried(project)))


@pytest.mark.parametrize("number", range(KILLS))
def test_a_tuning_killed_at_any_moment_goes_on_to_the_same_study(
    project: Project, once: Once, tmp_path_factory: pytest.TempPathFactory, number: int
) -> None:
    declare(project, **TUNED)
    copy = Project.copied_to(tmp_path_factory.mktemp("unbroken"))
    declare(copy, **TUNED)
    os.chdir(copy.path)
    once("unbroken tuning", copy, lambda: unbroken(copy))
    os.chdir(project.path)
    expected = json.loads((copy.path / "expected.json").read_text())

    rng, seen = random.Random(number), 0
    with start(project, *TUNING) as run:
        # After so many trials, and some way into the next.
        for line in run.stdout:
            seen += "trials have ended; the last one" in line or "A new study" in line
            if seen == 1 + number % TRIALS:
                time.sleep(rng.random())
                os.killpg(run.pid, signal.SIGKILL)
                break
        run.stdout.read()
    assert run.returncode == -signal.SIGKILL
    left = len(tried(project))
    note(f"killed after {left} trials")
    assert left <= TRIALS
    assert not [*Path("data/06_models").glob("best_parameters.json/*")]

    succeeds(here(*TUNING))
    assert tried(project) == expected
    assert len([*Path("data/06_models").glob("best_parameters.json/*")]) == 1


def test_of_two_tunings_at_once_one_works_and_the_other_says_so(project: Project) -> None:
    declare(project, **TUNED)
    with at_work(project, *TUNING, node="A new study"):
        assert "another run is at work here: run 2" in message_of(here(*TUNING), 75)
    # The lock of a dead process blocks nobody.
    assert "A new study" in logged(*TUNING)
