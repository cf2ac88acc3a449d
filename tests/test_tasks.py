"""Four classes and a number: from `kedro profile` to a night's end with no hand edit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.serving.champion import load_champion
from tests.helpers.commands import here, succeeds
from tests.helpers.project import QUICK, ROOT, Project
from tests.helpers.scorings import finished, predictions_of

ENV, NEW = "draft", 40
# Small networks that already beat the linear model, and a gate with room for their chance.
SETTINGS = {
    **QUICK,
    "network": {"ensemble": {"members": 4}},
    "training": {"epochs": 100, "learning_rate": 0.01},
    "monitoring": {"exit_on_alarm": 0},
}


def columns_of(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((path / "parameters.yml").read_text())["columns"])


@pytest.mark.parametrize("table", ["vehicles", "concrete"])
def test_the_profile_writes_the_columns_that_are_shipped(project: Project, table: str) -> None:
    succeeds(here("profile", f"data/01_raw/{table}.csv", "--env", ENV))
    assert columns_of(project.path / "conf" / ENV) == columns_of(ROOT / "conf" / table)


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "loss", "linear"),
    [
        ("vehicles", "log_loss", "logistic_regression"),
        ("concrete", "rmse", "linear_regression"),
    ],
)
def test_from_a_table_to_predictions_with_no_hand_edit(
    project: Project, table: str, loss: str, linear: str
) -> None:
    path = project.path / f"data/01_raw/{table}.csv"
    page = succeeds(here("profile", str(path), "--env", ENV)).splitlines()
    commands = [line.rpartition(": kedro ")[2] for line in page[-3:]]
    whole = f"run --env {ENV}"
    assert commands == [whole, *(f"{whole} --pipelines {n}" for n in ("retraining", "scoring"))]
    (project.path / f"conf/{ENV}/parameters_quick.yml").write_text(yaml.safe_dump(SETTINGS))
    rows = pd.read_csv(path)
    label = rows.columns[-1]

    def run(pipeline: str, *parameters: str) -> dict[str, Any]:
        """Run a pipeline, and give the last line of the promotion log."""
        given = ("--params", ",".join(parameters)) if parameters else ()
        succeeds(here("run", "--env", ENV, "--pipelines", pipeline, *given))
        path = project.path / "data" / ENV / "08_reporting/promotions.jsonl"
        log = [json.loads(line) for line in path.open()]
        return {**log[-1], "lines": len(log)}

    def decision() -> dict[str, Any]:
        return json.loads(project.versions("08_reporting/decision.json", ENV)[-1].read_text())

    # A first candidate is promoted; the same once more is none.
    first = run("retraining")
    assert first["action"] == "promoted", decision()["reason"]
    metrics = project.metrics(ENV)
    assert (metrics["data"]["rows"], metrics["data"]["quarantined_rows"]) == (len(rows), 0)
    assert metrics["test"][loss] < metrics["baselines"][linear][loss]
    assert run("retraining")["lines"] == 1

    # Another one is compared with it; a rollback takes it back.
    assert run("retraining", "training.seed=1")["action"] == "promoted", decision()["reason"]
    compared = decision()["judgement"]["checks"][3]["compared"][first["run_id"]]
    assert {*compared} == {"log_loss": {"log_loss", "roc_auc"}, "rmse": {"rmse", "mae"}}[loss]
    assert run("rollback")["serves_now"] == first["run_id"]

    # Labels that say nothing teach nothing, and change nothing that serves.
    shuffled = rows[label].sample(frac=1, random_state=1).to_numpy()
    rows.assign(**{label: shuffled}).to_csv(path, index=False)
    last = run("retraining", "training.seed=2")
    assert (last["action"], last["serves_now"]) == ("rejected", first["run_id"])

    # New rows, one of them beyond use, are scored by the champion, which names itself.
    new = rows.drop(columns=label).head(NEW)
    bad = new.astype({new.columns[0]: object})
    bad.iloc[0, 0] = "many"
    bad.to_csv(path.with_name(f"{ENV}_to_score.csv"), index=False)
    run("scoring")
    scored = predictions_of(project, ENV)
    (manifest,) = finished(project, ENV)
    assert (manifest["scored_rows"], manifest["quarantined_rows"]) == (NEW - 1, 1)
    assert {*scored["champion"]} == {first["run_id"]}
    truth = rows[label][1:NEW].to_numpy()
    by_hand = load_champion(project.path, ENV).frame(new[1:])
    if table == "vehicles":
        names = [f"probability_{name}" for name in sorted(rows[label].unique())]
        np.testing.assert_allclose(scored[names].sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(scored[names], by_hand[names], atol=1e-6)
        assert (scored["decision"].to_numpy() == truth).mean() > 0.6
    else:
        assert (scored["lower"] <= scored["prediction"]).all()
        assert (scored["prediction"] <= scored["upper"]).all()
        np.testing.assert_allclose(scored["prediction"], by_hand["prediction"], rtol=1e-6)
        assert np.corrcoef(scored["prediction"], truth)[0, 1] > 0.8
