"""The data of a retraining beside what the champion was trained on, in real retrainings."""

import json
from typing import Any

import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, here, logged, seed, succeeds
from tests.helpers.once import Once
from tests.helpers.project import Project

STOP = ("--params", "monitoring.on_drift=stop,monitoring.exit_on_alarm=5,training.seed=1")


def decision_of(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("08_reporting/decision.json")[-1].read_text())


def drift_of(project: Project) -> dict[str, Any]:
    return decision_of(project)["judgement"]["drift"]


def write_glucose(project: Project, factor: float) -> None:
    rows = pd.read_csv(project.raw)
    rows.assign(glucose=rows["glucose"] * factor).to_csv(project.raw, index=False)


@pytest.fixture
def divided(served: Project, once: Once) -> Project:
    """A project whose second retraining reads glucose in another unit."""

    def retrain() -> None:
        write_glucose(served, 1 / 18)
        lines = logged(*RETRAINING).splitlines()
        (served.path / "log.txt").write_text("\n".join(lines))

    return once("glucose in another unit", served, retrain)


def test_another_unit_ends_in_an_alarm_that_names_it(divided: Project) -> None:
    *_, decided, last = (divided.path / "log.txt").read_text().splitlines()
    assert decided.startswith(("Promoted", "Rejected"))
    assert last.startswith("ALARM: 'glucose': ")
    first = decision_of(divided)["judgement"]["checks"][0]
    assert first["passed"]
    assert first["sentence"].startswith(f"{last.removesuffix('.')}. Besides, 0.0 % of 768 rows")
    drift = drift_of(divided)
    assert drift["features"]["glucose"]["moved"]
    assert drift["features"]["glucose"]["counts"] == []
    assert not drift["features"]["age"]["moved"]


def test_where_conf_says_so_it_is_rejected_by_the_first_check(served: Project) -> None:
    write_glucose(served, 1 / 18)
    finished = here(*RETRAINING, *STOP)
    assert finished.returncode == 5, finished.stderr
    decision = decision_of(served)
    assert decision["action"] == "rejected"
    assert decision["reason"] == decision["judgement"]["checks"][0]["sentence"]
    assert decision["reason"].startswith("the data are not as expected: 'glucose': ")


def test_without_drift_there_is_no_alarm(served: Project) -> None:
    assert "ALARM" not in succeeds(here(*RETRAINING, *seed(1)))
    decision = decision_of(served)
    assert decision["action"] == "promoted"
    assert decision["judgement"]["checks"][0]["sentence"].endswith("no drift of features or scores")
