"""`kedro run --pipelines tuning` for real: on train rows alone, it goes on, it says, it adopts."""

import json
import sqlite3
import sys
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml

from tabular_lstm.judging.drawing import TUNING_FIGURES
from tabular_lstm.runs.lock import Lock
from tests.helpers.commands import here, logged, message_of
from tests.helpers.once import Once
from tests.helpers.project import TINY, Project, declare

TUNING = ("run", "--pipelines", "tuning")
# The present learning rate is so low that others are better.
PRESENT: dict[str, Any] = {
    "network": TINY["network"],
    "training": {"epochs": 3, "learning_rate": 0.00001},
}
SPACE: dict[str, Any] = {
    "training.learning_rate": {"low": 0.005, "high": 0.05, "log": True},
    "network.ensemble.units": {"choices": [[2], [4]]},
}


@pytest.fixture
def tuned(project: Project, once: Once) -> Project:
    """A project after a tuning of three trials."""
    (project.path / "conf/base/parameters_training.yml").write_text(yaml.safe_dump(PRESENT))
    declare(project, tuning={"trials": 3, "space": SPACE})
    return once("tuned", project, lambda: (project.path / "said").write_text(logged(*TUNING)))


def best(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("06_models/best_parameters.json")[-1].read_text())


def trials(project: Project) -> list[int]:
    """The ended trials of each study."""
    with sqlite3.connect(project.path / "data/06_models/studies.db") as database:
        counts = "select count(*) from trials where state != 'FAIL' group by study_id"
        return [count for (count,) in database.execute(counts)]


def test_a_tuning_leaves_a_study_its_best_parameters_and_figures(tuned: Project) -> None:
    log = (tuned.path / "said").read_text()
    assert trials(tuned) == [3]
    found = best(tuned)
    assert found["trials"] == 3
    assert found["present"]["trial"] == 1
    assert found["present"]["values"]["training.learning_rate"] == 0.00001
    assert found["best"]["log_loss"] < found["present"]["log_loss"]
    assert found["training"]["learning_rate"] == found["best"]["values"]["training.learning_rate"]
    assert found["training"]["epochs"] == 3
    for name, title in TUNING_FIGURES.items():
        (folder,) = tuned.versions("08_reporting/tuning_figures")
        assert ElementTree.fromstring((folder / f"{name}.svg").read_text())[0].text == title
    assert "3 of 3 trials have ended; the last one: out-of-fold log loss " in log
    assert "The best of many is partly luck" in log
    # What is printed can be pasted.
    printed = yaml.safe_load(log.partition("The parameters: ")[2].splitlines()[0])
    assert printed == {"network": found["network"], "training": found["training"]}
    # A tuning is nothing to a candidate or a decision.
    assert not [*(tuned.path / "data").rglob("candidate*")]


@pytest.mark.long
def test_the_test_rows_change_nothing(tuned: Project) -> None:
    """Other labels and features there make the same study, which has all its trials."""
    tests = tuned.rows("test").index
    rows = pd.read_csv(tuned.raw)
    rows.loc[tests - 1, "diabetes"] = 1 - rows.loc[tests - 1, "diabetes"]
    rows.to_csv(tuned.raw, index=False)
    assert "has 3 of 3 trials" in logged(*TUNING)
    assert trials(tuned) == [3]
    changed = rows.index.difference(tests - 1)[0]
    rows.loc[changed, "diabetes"] = 1 - rows.loc[changed, "diabetes"]
    rows.to_csv(tuned.raw, index=False)
    assert "has 0 of 3 trials" in logged(*TUNING)
    assert trials(tuned) == [3, 3]


@pytest.mark.long
def test_more_trials_go_on_and_adopting_trains_nothing_anew(tuned: Project) -> None:
    log = logged(*TUNING, "--params", "tuning.trials=4")
    assert "has 3 of 4 trials" in log
    assert "4 of 4 trials have ended; the last one" in log
    assert "3 of 4 trials have ended; the last one" not in log
    log = logged(*TUNING, "--params", "tuning.adopt=true")
    assert "the last one" not in log
    assert "conf/local/parameters_tuned.yml. The next retraining trains with it" in log
    adopted = yaml.safe_load((tuned.path / "conf/local/parameters_tuned.yml").read_text())
    found = best(tuned)
    assert adopted == {"network": found["network"], "training": found["training"]}
    # What is adopted is what is present now, and the same study knows it.
    log = logged(*TUNING, "--params", "tuning.adopt=true")
    assert "has 4 of 3 trials" in log
    assert "None of 4 trials was better than the present parameters" in log
    assert best(tuned)["present"] == best(tuned)["best"] == found["best"]


def test_a_network_without_out_of_fold_predictions_is_refused(project: Project) -> None:
    said = "network.kind = tutorial: it has no out-of-fold predictions"
    assert said in message_of(here(*TUNING, "--params", "network.kind=tutorial"))
    assert not (project.path / "data/06_models/studies.db").exists()


def test_without_the_extra_there_is_one_message(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tabular_lstm.tuning.search", raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install 'tabular-lstm[tuning]'" in message_of(here(*TUNING))


def test_two_tunings_at_once_are_one_and_a_message(project: Project) -> None:
    (project.path / "data/06_models").mkdir()
    lock = Lock.take(project.path / "data/06_models/tuning.lock", "another run")
    try:
        assert "another run is at work here" in message_of(here(*TUNING), 75)
    finally:
        lock.release()
