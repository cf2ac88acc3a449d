"""Splits by group and by time in whole runs: sides, proofs, what is left out, what is said."""

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.errors import raises_data_error
from tests.helpers.project import QUICK, TINY, Project, declare
from tests.helpers.tables import LABEL

ROLES = {"label": LABEL, "positive_class": 1, "negative_class": 0}
BY_GROUP = {**ROLES, "group": "patient"}
BY_TIME = {**ROLES, "time": "visited"}
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


def summary(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("03_primary/data_summary.json")[-1].read_text())


def summary_of_scoring(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("08_reporting/scoring_summary.json")[-1].read_text())


def retrain(project: Project, seed: int = 0, **blocks: Any) -> dict[str, Any]:
    project.run(
        "retraining", **{**QUICK, "training": {**QUICK["training"], "seed": seed}, **blocks}
    )
    return decision(project)


def sides(project: Project) -> dict[str, set[str]]:
    """The patients of each side."""
    return {side: {*project.rows(side)["patient"]} for side in ("train", "test")}


def test_all_rows_of_a_group_are_on_one_side_in_a_run(project: Project) -> None:
    """However its number is spelt."""
    patients = [f"{p}.0" if place < 300 else str(p) for place, p in enumerate(visits())]
    patients[7] = ""
    write(project, patient=patients)
    project.run(columns=BY_GROUP, **TINY)
    train, test = sides(project).values()
    assert train.isdisjoint(test)
    assert len(train | test) == 256
    assert 0.1 < len(test) / 256 < 0.3
    quarantined = pd.read_csv(project.versions("02_intermediate/quarantined_rows.csv")[-1])
    assert quarantined[["row", "reason"]].to_numpy().tolist() == [[8, "patient: no group"]]
    schema = json.loads(project.versions("04_feature/schema.json")[-1].read_text())
    assert "patient" not in schema["features"]


def test_rows_that_were_split_before_a_group_was_named_are_not_trained_on(ran: Project) -> None:
    with raises_data_error(match="conf has changed since"):
        ran.run("reshaping", "training", columns=BY_GROUP, **TINY)


def test_a_run_by_time_trains_on_the_past_and_names_its_boundary(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    write(project, visited=days())
    with caplog.at_level(logging.INFO):
        project.run(columns=BY_TIME, split={"kind": "time"}, **TINY)
    train, test = (project.rows(side)["visited"] for side in ("train", "test"))
    assert train.max() < test.min()
    # Of 192 days of four rows the newest 38 are nearest to a fifth.
    boundary = f"{FIRST_DAY + pd.Timedelta(days=154):%Y-%m-%d}"
    assert (len(test), str(test.min().date())) == (38 * 4, boundary)
    assert summary(project)["boundary"] == boundary
    assert f"Test rows are those from {boundary} on" in caplog.text
    schema = json.loads(project.versions("04_feature/schema.json")[-1].read_text())
    assert "visited" not in schema["features"]


def test_a_split_by_time_takes_a_declared_format(project: Project) -> None:
    """With the boundary that the same days have in ISO 8601."""
    split = {"kind": "time"}
    write(project, visited=days())
    project.run("data_processing", columns=BY_TIME, split=split)
    train, test = project.rows("train"), project.rows("test")
    rows = pd.read_csv(project.raw)
    written = pd.to_datetime(rows["visited"]).dt.strftime("%d.%m.%Y")
    rows.assign(visited=written).to_csv(project.raw, index=False)
    by_format = {**BY_TIME, "dates": {"visited": "%d.%m.%Y"}}
    declare(project, columns=by_format, split=split)
    project.run("data_processing", "reshaping")
    pd.testing.assert_frame_equal(project.rows("train"), train)
    pd.testing.assert_frame_equal(project.rows("test"), test)
    assert summary(project)["quarantined_rows"] == 0
    project.run("data_processing", split={"from": summary(project)["boundary"]})
    pd.testing.assert_frame_equal(project.rows("test"), test)
    schema = json.loads(project.versions("04_feature/schema.json")[-1].read_text())
    assert "visited" not in "".join(schema["features"])


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
    report = quick.versions("08_reporting/report.html")[-1].read_text()
    assert "All rows of one patient are on the same side" in report
    # Rows to score are of no group.
    quick.run("scoring", columns=BY_GROUP)
    assert summary_of_scoring(quick)["scored_rows"] > 0
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
        f"{known.sum()} of {len(test)} test rows left out"
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
    for side, earlier in before.items():
        now = quick.rows(side)
        assert len(earlier.merge(now, how="inner")) == len(earlier)
        assert (now["visited"] >= pd.Timestamp(boundary)).unique().tolist() == [side == "test"]
    assert grown["judgement"]["champions"][0]["left_out_rows"] == 0
    report = quick.versions("08_reporting/report.html")[-1].read_text()
    assert f"Split by time, from {boundary} on" in report

    # Earlier: some of the rows that the champion was trained on are test rows, and left out.
    moved = f"{pd.Timestamp(boundary) - pd.Timedelta(days=5):%Y-%m-%d}"
    later = retrain(quick, seed=2, columns=BY_TIME, split={"kind": "time", "from": moved})
    judgement = later["judgement"]
    assert judgement["data"]["boundary"] == moved
    assert [c["left_out_rows"] for c in judgement["champions"]] == [20] * len(
        judgement["champions"]
    )
    assert later["parameters"]["split"]["from"] == moved
