"""Splits by group and by time in retrainings: sides, what is left out, what is said."""

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.project import QUICK, TINY, Project, declare
from tests.helpers.scorings import summary_of
from tests.helpers.tables import LABEL

ROLES = {"label": LABEL, "positive_class": 1, "negative_class": 0}
BY_GROUP = {**ROLES, "group": "patient"}
BY_TIME = {**ROLES, "time": "visited", "known_in_time": ["glucose"]}
FIRST_DAY = pd.Timestamp("2026-01-01")


def write(project: Project, **columns: Any) -> pd.DataFrame:
    """Add columns in front of the raw rows."""
    rows = pd.read_csv(project.raw)
    for name, values in columns.items():
        rows.insert(0, name, values)
    rows.to_csv(project.raw, index=False)
    return rows


def visits(count: int = 768) -> np.ndarray:
    """The patient of each row, each with three visits that are far apart in the file."""
    return np.arange(count) % (count // 3)


def days(count: int = 768) -> list[str]:
    """The day of each row, four rows a day, in no order of the file."""
    order = np.random.default_rng(0).permutation(count)
    return [f"{FIRST_DAY + pd.Timedelta(days=int(place) // 4):%Y-%m-%d}" for place in order]


def decision(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("08_reporting/decision.json")[-1].read_text())


def retrain(project: Project, seed: int = 0, **blocks: Any) -> dict[str, Any]:
    project.run(
        "retraining", **{**QUICK, "training": {**QUICK["training"], "seed": seed}, **blocks}
    )
    return decision(project)


def sides(project: Project) -> dict[str, set[str]]:
    """The patients of each side."""
    return {side: {*project.rows(side)["patient"]} for side in ("train", "test")}


@pytest.mark.long
def test_equal_rows_without_a_key_are_in_one_fold_as_on_one_side(project: Project) -> None:
    """Out of fold is out of fold by content: no model learns the labels of 126 rows by heart."""
    rng = np.random.default_rng(1)
    distinct = pd.DataFrame(rng.normal(size=(126, 6)).round(2), columns=[*"abcdef"])
    chance = 1 / (1 + np.exp(1.7 - 0.3 * distinct["a"]))
    distinct["left"] = (rng.random(126) < chance).astype(int)
    distinct.iloc[rng.integers(0, 126, 3000)].to_csv(project.raw, index=False)
    declare(project, columns={**ROLES, "label": "left"})
    project.run(**TINY | {"training": {"epochs": 15, "learning_rate": 0.03}})
    metrics = project.metrics()
    loss = {name: model["log_loss"] for name, model in metrics["baselines"].items()}
    assert metrics["test"]["log_loss"] < loss["majority_class"] + 0.1
    assert loss["hist_gradient_boosting"] < loss["majority_class"] + 0.1


@pytest.mark.long
def test_a_champion_that_knew_no_groups_is_not_compared_on_groups(quick: Project) -> None:
    """Its fingerprints do not say which groups it was trained on."""
    features = [name for name in pd.read_csv(quick.raw) if name != LABEL]
    write(quick, patient=np.arange(768) // 3)
    ungrouped = {**ROLES, "features": features}
    assert retrain(quick, columns=ungrouped)["action"] == "promoted"

    second = retrain(quick, columns=BY_GROUP)
    assert second["action"] == "rejected"
    (champion,) = second["judgement"]["champions"]
    assert champion["not_compared"] == "the group of its rows was none and is patient"
    assert "start_over" in second["reason"]


@pytest.mark.long
def test_retrainings_by_group_compare_on_the_groups_that_are_new_to_the_champion(
    quick: Project,
) -> None:
    write(quick, patient=visits())
    first = retrain(quick, columns=BY_GROUP)
    assert first["action"] == "promoted"
    patients = sides(quick)
    # The same split: nothing is left out.
    again = retrain(quick, seed=1, columns=BY_GROUP)
    assert again["judgement"]["champions"][0]["left_out_rows"] == 0
    assert again["judgement"]["drift"]["compared_rows"] == len(quick.rows("test"))
    assert not any(shift["moved"] for shift in again["judgement"]["drift"]["features"].values())
    assert sides(quick) == patients
    assert patients["train"].isdisjoint(patients["test"])
    report = quick.versions("08_reporting/report.html")[-1].read_text()
    assert "All rows of one patient are on the same side" in report
    # Rows to score are of no group.
    quick.run("scoring", columns=BY_GROUP)
    assert summary_of(quick)["scored_rows"] > 0
    # Another one: the groups that it was trained on.
    split = {"test_fraction": 0.5, "salt": "another"}
    promotion = {**QUICK["promotion"], "min_test_rows_per_class": 10}
    other = retrain(quick, seed=2, columns=BY_GROUP, split=split, promotion=promotion)
    test = quick.rows("test")
    known = test["patient"].isin(patients["train"])
    (champion, *_) = other["judgement"]["champions"]
    assert champion["left_out_rows"] == known.sum() > 0
    assert champion["not_compared"] is None
    assert other["judgement"]["drift"]["compared_rows"] == len(test) - known.sum()
    assert (
        f"{known.sum()} of {len(test)} test rows were left out"
        in other["judgement"]["checks"][3]["sentence"]
    )


@pytest.mark.long
def test_a_retraining_keeps_the_boundary_that_was_decided_on_until_conf_moves_it(
    quick: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = write(quick, visited=days()).sort_values("visited", kind="stable")
    by_time: dict[str, Any] = {"columns": BY_TIME, "split": {"kind": "time"}}
    rows[:600].to_csv(quick.raw, index=False)
    boundary = retrain(quick, **by_time)["judgement"]["data"]["boundary"]
    before = {side: quick.rows(side) for side in ("train", "test")}

    rows.sample(frac=1, random_state=0).to_csv(quick.raw, index=False)
    with caplog.at_level(logging.INFO):
        grown = retrain(quick, seed=1, **by_time)
    assert grown["judgement"]["data"]["boundary"] == boundary
    assert "keeps the boundary of the last decision" in caplog.text
    assert f"The test rows are those from {boundary} on" in caplog.text
    schema = json.loads(quick.versions("04_feature/schema.json")[-1].read_text())
    assert "visited" not in "".join(schema["features"])
    for side, earlier in before.items():
        now = quick.rows(side)
        assert len(earlier.merge(now, how="inner")) == len(earlier)
        assert (now["visited"] >= pd.Timestamp(boundary)).unique().tolist() == [side == "test"]
    assert grown["judgement"]["champions"][0]["left_out_rows"] == 0
    report = quick.versions("08_reporting/report.html")[-1].read_text()
    assert f"Split by time, from {boundary} on" in report
