"""`kedro run --pipelines tuning` for real: on train rows alone, it goes on, it says, it adopts."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml
from kedro.framework.project import pipelines

from tabular_lstm.judging.names import TUNING_FIGURES
from tabular_lstm.runs.lock import Lock
from tests.helpers.commands import here, logged, message_of, succeeds
from tests.helpers.once import Once
from tests.helpers.project import TINY, Project, declare

TUNING = ("run", "--pipelines", "tuning")
# The present learning rate is so low that others are better.
TUNED: dict[str, Any] = {
    "network": TINY["network"],
    "training": {"epochs": 3, "learning_rate": 0.00001},
    "tuning": {
        "trials": 3,
        "space": {
            "training.learning_rate": {"low": 0.005, "high": 0.05, "log": True},
            "network.ensemble.units": {"choices": [[2], [4]]},
        },
    },
}


@pytest.fixture
def tuned(project: Project, once: Once) -> Project:
    """A project after a tuning of three trials."""
    declare(project, **TUNED)
    return once("tuned", project, lambda: (project.path / "said").write_text(logged(*TUNING)))


def best(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("06_models/best_parameters.json")[-1].read_text())


def studies(project: Project) -> list[Path]:
    return sorted((project.path / "data/06_models/studies").glob("*.jsonl"))


def trials(project: Project) -> list[bytes]:
    return [line for path in studies(project) for line in path.read_bytes().splitlines()]


def test_a_tuning_leaves_a_study_its_best_parameters_and_figures(tuned: Project) -> None:
    log = (tuned.path / "said").read_text()
    assert len(studies(tuned)) == 1
    found = best(tuned)
    assert found["study"] == studies(tuned)[0].stem
    assert found["trials"] == 3
    assert found["present"]["trial"] == 1
    assert found["present"]["values"]["training.learning_rate"] == 0.00001
    assert found["best"]["log_loss"] < found["present"]["log_loss"]
    assert found["training"]["learning_rate"] == found["best"]["values"]["training.learning_rate"]
    assert (
        found["network"]["ensemble"]["units"] == found["best"]["values"]["network.ensemble.units"]
    )
    assert found["training"]["epochs"] == 3
    for name, title in TUNING_FIGURES.items():
        (folder,) = tuned.versions("08_reporting/tuning_figures")
        assert ElementTree.fromstring((folder / f"{name}.svg").read_text())[0].text == title
    for place in (1, 2, 3):
        assert f"{place} of 3 trials have ended; the last one has out-of-fold log loss " in log
    # A training's own lines are left out.
    assert "Trained for" not in log
    assert "The best of many is partly luck" in log
    # What is printed can be pasted.
    printed = yaml.safe_load(log.partition("trains nothing anew:\n")[2])
    assert printed == {"network": found["network"], "training": found["training"]}
    assert "conf/local/parameters.yml, or run this" in log
    # A tuning is nothing to a candidate or a decision.
    assert not [*(tuned.path / "data").rglob("candidate*")]


def test_the_test_rows_change_nothing(tuned: Project) -> None:
    """Other labels and features there make the same study, which has all its trials."""
    tests = tuned.rows("test").index
    rows = pd.read_csv(tuned.raw)
    rows.loc[tests - 1, "diabetes"] = 1 - rows.loc[tests - 1, "diabetes"]
    rows.to_csv(tuned.raw, index=False)
    before = trials(tuned)
    assert "has 3 trials already" in logged(*TUNING)
    assert trials(tuned) == before
    changed = rows.index.difference(tests - 1)[0]
    rows.loc[changed, "diabetes"] = 1 - rows.loc[changed, "diabetes"]
    rows.to_csv(tuned.raw, index=False)
    assert "of other rows, space, parameters or code there are 1, which stay" in logged(*TUNING)
    assert len(studies(tuned)) == 2


def test_no_node_of_a_tuning_reads_a_test_row(project: Project) -> None:
    pipelines.set_requested(None)
    nodes = pipelines["tuning"].nodes
    assert "tuning.search_parameters" in {node.name for node in nodes}
    assert not [node.name for node in nodes if any("test" in name for name in node.inputs)]


def test_more_trials_go_on_and_adopting_trains_nothing_anew(tuned: Project) -> None:
    log = logged(*TUNING, "--params", "tuning.trials=4")
    assert "3 of 4 trials have ended" in log
    assert "4 of 4 trials have ended; the last one" in log
    assert "3 of 4 trials have ended; the last one" not in log
    assert best(tuned)["trials"] == 4
    mine = (tuned.path / "conf/local/parameters.yml").read_text()
    log = logged(*TUNING, "--params", "tuning.adopt=true")
    assert "the last one has" not in log
    assert "Adopted in conf/local/parameters.yml" in log
    adopted = yaml.safe_load((tuned.path / "conf/local/parameters.yml").read_text())
    found = best(tuned)
    assert adopted["training"] == {
        "epochs": 3,
        "learning_rate": found["best"]["values"]["training.learning_rate"],
    }
    assert adopted["network"]["ensemble"]["units"] == found["network"]["ensemble"]["units"]
    assert adopted["tuning"] == yaml.safe_load(mine)["tuning"]
    # What is adopted is what is present now, and the same study knows it.
    log = logged(*TUNING, "--params", "tuning.adopt=true")
    assert "has 4 trials already" in log
    assert "None of 4 trials was better than the present parameters" in log
    assert "Nothing is adopted" in log
    assert best(tuned)["present"] == best(tuned)["best"] == found["best"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("network.kind=tutorial", "network.kind = tutorial: it has no out-of-fold predictions"),
        ("tuning.trials=0", "trials = 0"),
        ("tuning.trails=3", "'trails' is unknown; did you mean 'trials'?"),
    ],
)
def test_what_cannot_be_tuned_stops_before_any_node(
    project: Project, parameters: str, said: str
) -> None:
    ended = here(*TUNING, "--params", parameters)
    assert said in message_of(ended)
    assert "Running" not in ended.stdout
    assert not [*(project.path / "data").rglob("*.parquet")]


@pytest.mark.parametrize(
    "part", [["--from-nodes", "tuning.choose_best"], ["--only-missing-outputs"]]
)
def test_the_best_is_chosen_in_no_study_of_something_else(tuned: Project, part: list[str]) -> None:
    mine = (tuned.path / "conf/local/parameters.yml").read_bytes()
    others = "training.epochs=2,tuning.adopt=true"
    message = message_of(here(*TUNING, *part, "--params", others))
    assert "run the whole, which trains nothing anew: kedro run --pipelines tuning" in message
    assert (tuned.path / "conf/local/parameters.yml").read_bytes() == mine


def test_conf_of_another_place_is_the_one_that_is_adopted_to(tuned: Project) -> None:
    there = tuned.path / "elsewhere/conf"
    shutil.copytree(tuned.path / "conf", there)
    mine = (tuned.path / "conf/local/parameters.yml").read_bytes()
    adopted = (*TUNING, "--conf-source", str(there), "--params", "tuning.adopt=true")
    assert "Adopted in elsewhere/conf/local/parameters.yml" in logged(*adopted)
    assert (tuned.path / "conf/local/parameters.yml").read_bytes() == mine
    assert (there / "local/parameters.yml").read_bytes() != mine
    # The lines say what is not in conf.
    log = logged(*TUNING, "--params", "training.seed=5,tuning.trials=2")
    assert "local/parameters.yml (of --params alone: training.seed):\n" in log


def test_without_the_extra_there_is_one_message_and_all_else_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    ended = here(*TUNING)
    assert "pip install 'tabular-lstm[tuning]'" in message_of(ended)
    assert "Running" not in ended.stdout
    succeeds(here("run", "--pipelines", "data_processing"))


def test_two_tunings_at_once_are_one_and_a_message(tuned: Project) -> None:
    lock = Lock.take(tuned.path / "data/06_models/studies/tuning.lock", "another run")
    try:
        message = message_of(here(*TUNING), 75)
        assert "another run is at work here" in message
        assert "Two at once would both write its studies" in message
    finally:
        lock.release()
    assert "has 3 trials already" in logged(*TUNING)
