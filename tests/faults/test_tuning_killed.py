"""A tuning that is killed at any moment goes on, and finds what it would have found."""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.helpers.commands import here, logged, message_of, note, succeeds
from tests.helpers.kills import start
from tests.helpers.once import Once
from tests.helpers.processes import at_work
from tests.helpers.project import TINY, Project, declare

TUNING = ("run", "--pipelines", "tuning")
TRIALS = 4
KILLS = 2
TUNED: dict[str, Any] = {
    "network": TINY["network"],
    "training": {"epochs": 30, "patience": 30},
    "tuning": {
        "trials": TRIALS,
        "space": {"training.learning_rate": {"low": 0.001, "high": 0.05, "log": True}},
    },
}


def tried(project: Project) -> list[list[Any]]:
    """The values and the log loss of each trial that has ended, as Optuna reads them."""
    (study,) = optuna.storages.RDBStorage(
        f"sqlite:///{project.path}/data/06_models/studies.db"
    ).get_all_studies()
    loaded = optuna.load_study(
        study_name=study.study_name, storage=f"sqlite:///{project.path}/data/06_models/studies.db"
    )
    ended = loaded.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [[trial.user_attrs["values"], trial.value] for trial in ended]


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
            seen += "trials have ended; the last one" in line or (
                "of 4 trials" in line and "Study" in line
            )
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
    with at_work(project, *TUNING, node="has 0 of 4 trials"):
        assert "another run is at work here: run 2" in message_of(here(*TUNING), 75)
    # The lock of a dead process blocks nobody.
    assert "has 0 of 4 trials" in logged(*TUNING)
