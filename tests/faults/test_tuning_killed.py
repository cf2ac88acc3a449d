"""A tuning that is killed at any moment goes on, and finds what it would have found."""

import os
import random
import shutil
import signal
import time
from typing import Any

import optuna
from optuna.trial import TrialState

from tests.helpers.commands import here, note, succeeds
from tests.helpers.processes import PIPED, started
from tests.helpers.project import TINY, Project, declare

TUNING = ("run", "--pipelines", "tuning")
KILLS = 2
TUNED: dict[str, Any] = {
    "network": TINY["network"],
    "training": {"epochs": 30, "patience": 30},
    "tuning": {
        "trials": 4,
        "space": {"training.learning_rate": {"low": 0.001, "high": 0.05, "log": True}},
    },
}


def tried(project: Project) -> list[list[Any]]:
    """The values and the log loss of each trial that has ended, as Optuna reads them."""
    # The only study of the file.
    database = f"sqlite:///{project.path}/data/06_models/studies.db"
    loaded = optuna.load_study(study_name=None, storage=database)
    ended = loaded.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [[trial.user_attrs["values"], trial.value] for trial in ended]


def test_a_tuning_killed_at_any_moment_goes_on_to_the_same_study(project: Project) -> None:
    declare(project, **TUNED)
    succeeds(here(*TUNING))
    models = project.path / "data/06_models"
    expected, found = tried(project), models / "best_parameters.json"
    for number in range(KILLS):
        shutil.rmtree(models)
        rng, seen = random.Random(number), 0
        with started(project, *TUNING, **PIPED) as run:
            # After so many trials, and some way into the next.
            for line in run.stdout:
                seen += "of 4 trials" in line
                if seen == 1 + number:
                    time.sleep(rng.random())
                    os.killpg(run.pid, signal.SIGKILL)
                    break
            run.stdout.read()
        assert run.returncode == -signal.SIGKILL
        note(f"killed after {len(tried(project))} trials")
        assert not found.exists()
        succeeds(here(*TUNING))
        assert tried(project) == expected
        assert len([*found.iterdir()]) == 1
