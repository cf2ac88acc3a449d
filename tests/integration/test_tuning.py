"""Trials on the workers of a real cluster are what they are here; a lost worker costs its own."""

from pathlib import Path

import pandas as pd

from tabular_lstm.engine import one_by_one
from tabular_lstm.parameters import Network, Tuning
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.tuning.search import search
from tabular_lstm.tuning.trials import TrialTask, run_trial
from tests.helpers.clusters import real_cluster
from tests.helpers.trainings import SCHEMA, half_told, training_of

TUNING = Tuning.model_validate(
    {"trials": 6, "space": {"training.learning_rate": {"low": 0.01, "high": 0.1}}}
)


def task() -> TrialTask:
    network = Network.model_validate({"ensemble": {"members": 2, "units": [4]}})
    sequences, labels = half_told(200)
    return TrialTask(SCHEMA, network, training_of(), LabelledSet(sequences, pd.Series(labels)))


def test_trials_on_workers_are_those_that_are_here_and_a_killed_worker_is_no_matter(
    tmp_path: Path,
) -> None:
    with real_cluster(tmp_path / "cluster") as cluster:
        workers = cluster.engine().workers

        def and_kill(function, shared, parts):  # type: ignore[no-untyped-def]
            for place, done in workers(function, shared, parts):
                if place == 1:
                    cluster.processes[1].kill()
                yield place, done

        study = search(tmp_path / "studies.db", task(), TUNING, and_kill)
        # A tuning that is over is over whoever works.
        again = search(tmp_path / "studies.db", task(), TUNING, one_by_one)
    assert again == study
    assert len(study.trials) == 6
    assert {"training.learning_rate": 0.02} in [trial.values for trial in study.trials]
    assert len({trial.values["training.learning_rate"] for trial in study.trials}) == 6
    for trial in study.trials:
        assert run_trial(task(), trial.values) == trial.log_loss
