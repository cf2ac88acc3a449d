"""A project's own network goes through everything, and serves when its function is gone."""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.serving.champion import load_champion
from tests.helpers.champions import log_of
from tests.helpers.commands import (
    RETRAINING,
    ROLLBACK,
    here,
    message_of,
    seed,
    succeeds,
    with_modules,
)
from tests.helpers.once import Once
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, predictions_of, rows_at, write_rows
from tests.helpers.tables import LABEL, write_task

BUILD = """
import keras

def build(schema, shape, seed):
    sequence = keras.Input(shape)
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(sequence))
    return keras.Model(sequence, keras.layers.Dense(schema.task.outputs)(hidden))
"""
OWN = {"kind": "keras", "build": "churn.networks.build", "standardized": True, "folds": 2}
CONF = {**QUICK, "network": OWN, "training": {"epochs": 40, "learning_rate": 0.01}}


@contextlib.contextmanager
def importing(project: Project) -> Iterator[None]:
    """Let the project's own package be imported, as in a run of its own."""
    folder = str(project.path / "src")
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "churn"]:
            del sys.modules[name]


def retrain(project: Project, *arguments: str) -> None:
    with importing(project):
        succeeds(here(*RETRAINING, *arguments))


@pytest.fixture
def own(project: Project, once: Once) -> Project:
    """A project in which a network of its own serves, after an ensemble and one of the former."""

    def steps() -> None:
        package = project.path / "src/churn"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "networks.py").write_text(BUILD)
        write_task(project, "two classes", **QUICK)
        retrain(project)  # an ensemble
        declare(project, **CONF)
        retrain(project)
        retrain(project, *seed(1))

    return once("own network", project, steps)


@pytest.mark.long
def test_it_is_judged_promoted_and_serves_without_its_function(own: Project) -> None:
    lines = log_of(own)
    assert [line["action"] for line in lines] == ["promoted"] * 3
    report = json.loads(own.versions("08_reporting/decision.json")[-1].read_text())
    compared = report["judgement"]["champions"]
    assert [champion["run_id"] for champion in compared] == [
        lines[1]["run_id"],
        lines[0]["run_id"],  # an ensemble
    ]
    assert all(champion["metrics"]["roc_auc"] > 0.8 for champion in compared)
    assert report["judgement"]["candidate"]["roc_auc"] > 0.8
    assert own.metrics()["network"]["kind"] == "keras"
    figures = {path.stem for path in own.versions("08_reporting/figures")[-1].glob("*.svg")}
    assert {"learning_curves", "partial_dependence", "importance_chart"} <= figures

    rows = pd.read_csv(own.raw).drop(columns=LABEL)
    expected = load_champion(own.path).predict_proba(rows)
    (own.path / "src/churn/networks.py").write_text("raise SystemExit('imported')")

    path = write_rows(own, "new.csv", 120)
    ended, modules = with_modules(own, *SCORING, *rows_at(path))
    assert ended.returncode == 0, ended.stderr
    assert "keras" in modules
    assert not {"churn", "churn.networks", "tabular_lstm.network.own_training"} & modules
    scored = predictions_of(own)
    assert len(scored) > 100
    np.testing.assert_allclose(scored["probability"], expected[scored["row"] - 1, 1], atol=1e-5)
    assert scored["champion"].unique().tolist() == [lines[2]["run_id"]]

    shutil.rmtree(own.path / "src/churn")
    succeeds(here("run", "--pipelines", "monitoring"))
    succeeds(here(*ROLLBACK))
    champion = load_champion(own.path)
    assert champion.run_id == lines[1]["run_id"]
    assert not np.allclose(champion.predict_proba(rows), expected, atol=1e-4)
    assert "no exact reasons" in message_of(here(*SCORING, "--params", "scoring.reasons=2"))
    with pytest.raises(ValueError, match="no exact reasons"):
        champion.frame(rows[:3], reasons=1)
    succeeds(here(*ROLLBACK))
    assert load_champion(own.path).run_id == lines[0]["run_id"]  # an ensemble


@pytest.mark.long
def test_one_is_compared_with_an_ensemble(own: Project) -> None:
    retrain(own, *seed(1))
    assert len(log_of(own)) == 3
    path = own.path / "src/churn/networks.py"
    path.write_text("from keras import layers\nbuild = layers.Dense")
    with importing(own):
        message = message_of(here(*RETRAINING, *seed(2)))
    assert "network.build = churn.networks.build: expected" in message

    declare(own, **QUICK)
    retrain(own, *seed(5))
    (served,) = {line["serves_now"] for line in log_of(own)[-2:-1]}
    decision = json.loads(own.versions("08_reporting/decision.json")[-1].read_text())
    champions = decision["judgement"]["champions"]
    assert served in [champion["run_id"] for champion in champions]
    assert all(champion["not_compared"] is None for champion in champions)


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "tensorflow" else found(name)
from kedro.framework.cli.cli import main
sys.argv = ["kedro", *sys.argv[1:]]
main()
"""


@pytest.mark.long
def test_a_host_without_tensorflow_refuses_it_by_name_and_scores_an_ensemble(own: Project) -> None:
    path: Path = write_rows(own, "new.csv", 20)
    refused = own.python("-c", WITHOUT, *SCORING, *rows_at(path))
    message = message_of(refused)
    assert "candidate.keras: a network of kind keras needs TensorFlow" in message
    for _ in range(2):
        ended = own.python("-c", WITHOUT, *ROLLBACK)
        assert ended.returncode == 0, ended.stderr
    ended = own.python("-c", WITHOUT, *SCORING, *rows_at(path))
    assert ended.returncode == 0, ended.stderr
    assert "Scored 19 of 20 rows" in ended.stdout + ended.stderr
