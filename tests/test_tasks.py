"""A vote of four answers and a price: from `kedro profile` to a night's end with no hand edit."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm import load_champion
from tests.helpers.commands import here, succeeds
from tests.helpers.project import ROOT, TINY, Project
from tests.helpers.scorings import finished, predictions_of

VOTE, PRICE = "vote", "price"
PARTIES = ["blue", "green", "red", "yellow"]
COUNT, NEW = 600, 40
# Networks that learn in seconds, and a gate with room for the chance of so small ones.
SETTINGS = {
    **TINY,
    "training": {"epochs": 40, "learning_rate": 0.03},
    "promotion": {"tolerance": {"log_loss": 0.3, "roc_auc": 0.3, "rmse": 0.3, "mae": 0.3}},
}


def rows_of(task: str) -> pd.DataFrame:
    """Rows whose label hangs on numbers, words and a date; some cells are missing."""
    rng = np.random.default_rng(7)
    age, rooms = rng.integers(18, 90, COUNT), rng.integers(1, 8, COUNT)
    income = rng.normal(40, 12, COUNT).round(1)
    town = rng.choice(["Ulm", "Bonn", "Kiel"], COUNT)
    seen = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 700, COUNT), "D")
    rows = pd.DataFrame(
        {
            "person": [f"P{number:04}" for number in range(COUNT)],
            "age": age.astype(str),
            "income": income.astype(str),
            "rooms": rooms,
            "town": town,
            "seen": seen.strftime("%d.%m.%Y"),
        }
    )
    if task == VOTE:
        lean = np.where(age > 54, 2, 0) + (income + 5 * (town == "Ulm") > 42)
        noise = rng.random(COUNT) < 0.05
        rows[VOTE] = np.array(PARTIES)[np.where(noise, rng.integers(0, 4, COUNT), lean)]
    else:
        price = 60 + 35 * rooms + 0.05 * (age - 54) ** 2 + 40 * (town == "Bonn")
        rows[PRICE] = (price + rng.normal(0, 8, COUNT)).round(2)
    rows.loc[::25, "income"] = ""
    rows.loc[7::30, "town"] = "?"
    return rows


@dataclass
class House:
    """An environment that `kedro profile` wrote, and what is done with it."""

    project: Project
    task: str

    def kedro(self, *arguments: str) -> str:
        return succeeds(here(*arguments))

    def run(self, pipeline: str, *parameters: str) -> str:
        given = ("--params", ",".join(parameters)) if parameters else ()
        return self.kedro("run", "--env", self.task, "--pipelines", pipeline, *given)

    def write(self, rows: pd.DataFrame) -> None:
        rows.to_csv(self.project.path / f"data/01_raw/{self.task}.csv", index=False)

    def log(self) -> list[dict[str, Any]]:
        file = self.project.path / "data" / self.task / "08_reporting/promotions.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]

    def decision(self) -> dict[str, Any]:
        file = self.project.versions("08_reporting/decision.json", self.task)[-1]
        return dict(json.loads(file.read_text()))


def profiled(project: Project, task: str) -> House:
    """Write the rows, let `kedro profile` write the environment, and settings that take seconds."""
    house = House(project, task)
    house.write(rows_of(task))
    page = house.kedro("profile", f"data/01_raw/{task}.csv", "--env", task)
    assert "Read them, then: kedro run --env" in page
    (project.path / f"conf/{task}/parameters_quick.yml").write_text(yaml.safe_dump(SETTINGS))
    return house


def columns_of(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((path / "parameters.yml").read_text())["columns"])


@pytest.mark.parametrize("task", [VOTE, PRICE])
def test_the_profile_proposes_the_task(project: Project, task: str) -> None:
    columns = columns_of(profiled(project, task).project.path / "conf" / task)
    label = {VOTE: {"classes": PARTIES}, PRICE: {"task": "number"}}
    assert columns == {
        "label": task,
        **label[task],
        "key": "person",
        "categorical": ["town"],
        "dates": {"seen": "%d.%m.%Y"},
        "missing": {"town": ["?"]},
    }


@pytest.mark.parametrize("env", ["vehicles", "concrete"])
def test_the_profile_writes_the_columns_that_are_shipped(project: Project, env: str) -> None:
    succeeds(here("profile", f"data/01_raw/{env}.csv", "--env", "draft"))
    assert columns_of(project.path / "conf/draft") == columns_of(ROOT / "conf" / env)


@pytest.mark.long
@pytest.mark.parametrize("task", [VOTE, PRICE])
def test_from_a_table_to_predictions_with_no_hand_edit(project: Project, task: str) -> None:
    house = profiled(project, task)
    rows = rows_of(task)

    # A run and its verdict.
    house.kedro("run", "--env", task)
    metrics = project.metrics(task)
    assert (metrics["data"]["rows"], metrics["data"]["quarantined_rows"]) == (COUNT, 0)

    # A first candidate is promoted; the same once more is none.
    house.run("retraining")
    (first,) = house.log()
    assert first["action"] == "promoted", house.decision()["reason"]
    house.run("retraining")
    assert len(house.log()) == 1

    # Another one is compared with it; a rollback takes it back.
    house.run("retraining", "training.seed=1")
    second = house.log()[-1]
    assert second["action"] == "promoted", house.decision()["reason"]
    compared = house.decision()["judgement"]["checks"][3]["compared"][first["run_id"]]
    assert {*compared} == {VOTE: {"log_loss", "roc_auc"}, PRICE: {"rmse", "mae"}}[task]
    house.run("rollback")
    assert house.log()[-1]["serves_now"] == first["run_id"]

    # Labels that say nothing teach nothing, and change nothing that serves.
    shuffled = rows[task].sample(frac=1, random_state=1).to_numpy()
    house.write(rows.assign(**{task: shuffled}))
    house.run("retraining", "training.seed=2")
    last = house.log()[-1]
    assert (last["action"], last["serves_now"]) == ("rejected", first["run_id"])
    report = project.path / "data" / task / "08_reporting/latest.html"
    assert "rejected" in report.read_text().lower()

    # New rows, one of them beyond use, are scored by the champion, which names itself.
    new = rows.drop(columns=task).head(NEW).assign(rooms=["many", *rows["rooms"][1:NEW]])
    new.to_csv(project.path / f"data/01_raw/{task}_to_score.csv", index=False)
    house.run("scoring")
    scored = predictions_of(project, task)
    (manifest,) = finished(project, task)
    assert (manifest["scored_rows"], manifest["quarantined_rows"]) == (NEW - 1, 1)
    assert {*scored["champion"]} == {first["run_id"]}
    truth = rows[task][1:NEW].to_numpy()
    by_hand = load_champion(project.path, task).frame(new[1:])
    if task == VOTE:
        names = [f"probability_{party}" for party in PARTIES]
        np.testing.assert_allclose(scored[names].sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(scored[names], by_hand[names], atol=1e-6)
        assert (scored["decision"].to_numpy() == truth).mean() > 0.6
    else:
        assert (scored["lower"] <= scored["prediction"]).all()
        assert (scored["prediction"] <= scored["upper"]).all()
        np.testing.assert_allclose(scored["prediction"], by_hand["prediction"], rtol=1e-6)
        assert np.corrcoef(scored["prediction"], truth)[0, 1] > 0.8
