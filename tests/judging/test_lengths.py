"""A retraining over histories: what it says of their lengths, of the past, and of customers."""

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tests.helpers.outputs import document, predictions_of
from tests.helpers.pages import Parsed
from tests.helpers.project import QUICK, Project, declare

PATIENTS = 300
COLUMNS = {
    "label": "worse",
    "positive_class": "yes",
    "negative_class": "no",
    "bounds": {},
    "missing": {},
    "history": {"of": "patient", "order": "visit", "steps": 8},
}


def write_visits(project: Project) -> pd.DataFrame:
    """Write visits: who had a high dose at the visit before mostly gets worse, else by chance."""
    rng = np.random.default_rng(0)
    of = np.repeat(
        np.arange(PATIENTS), rng.choice([1, 2, 3, 4, 5, 6], PATIENTS, p=[0.4, *[0.12] * 5])
    )
    first = rng.integers(0, 150, PATIENTS)
    rows = pd.DataFrame(
        {
            "patient": [f"P{n}" for n in of],
            "visit": pd.Series(rng.integers(1, 30, len(of))).groupby(of).cumsum() + first[of],
            "dose": rng.normal(size=len(of)).round(3),
            "noise": rng.normal(size=len(of)).round(3),
        }
    )
    before = rows.groupby("patient")["dose"].shift(fill_value=0)
    chance = np.select([before > 0, before < 0], [0.95, 0.05], 0.5)
    rows["worse"] = np.where(rng.random(len(of)) < chance, "yes", "no")
    rows.loc[rng.random(len(of)) < 0.1, "worse"] = ""
    rows.to_csv(project.raw, index=False)
    return rows.assign(length=rows.groupby("patient").cumcount() + 1)


def are_judged(rows: pd.DataFrame) -> np.ndarray:
    """Judge by the last row in each usual gap, without the first third, and by the last of all."""
    oldest, newest = rows["visit"].min(), rows["visit"].max()
    window = np.ceil((rows["visit"] - newest) / rows.groupby("patient")["visit"].diff().median())
    is_last = ~rows.assign(window=window).duplicated(["patient", "window"], keep="last")
    is_recent = rows["visit"] >= oldest + (newest - oldest) / 3
    return ((is_last & is_recent) | ~rows["patient"].duplicated(keep="last")).to_numpy()


@pytest.mark.long
def test_a_retraining_tells_how_long_histories_are_and_how_good_it_is_by_that(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = write_visits(project)
    # Of a column with many values, such as a town that is once spelt otherwise, all others are one.
    segments = {"evaluation": {**QUICK["evaluation"], "segments": ["visit"]}}
    declare(project, columns=COLUMNS, **{**QUICK, **segments})
    caplog.set_level(logging.INFO)
    project.run("retraining", split={"test_fraction": 0.4})
    metrics = project.metrics()

    counted = {"histories": "at most 8 rows of each patient, by visit", "customers": PATIENTS}
    assert metrics["data"] | counted == metrics["data"]
    each = f"{len(rows) / PATIENTS:.1f} rows each on average"
    said = f"{counted['histories']}; {PATIENTS} in all, {each}"
    assert f"Histories: {said}" in caplog.text

    predictions = predictions_of(project)
    assert metrics["all_rows"]["rows"] == len(predictions)
    predictions = predictions[are_judged(rows)[predictions.index - 1]]
    assert (metrics["judged_on"], metrics["judged_rows"]) == ("last rows", len(predictions))
    lengths = rows["length"].set_axis(rows.index + 1)[predictions.index]
    train = rows.loc[project.rows("train").index - 1, "length"]
    one, several, many = metrics["by_length"]
    for part, (low, high) in zip((one, several, many), ((1, 1), (2, 5), (6, 8)), strict=True):
        some = predictions[lengths.between(low, high)]
        assert part["history"] == (f"{low} to {high}" if low < high else "1")
        assert part["evaluated_rows"] == len(some)
        assert part["train_rows"] == train.between(low, high).sum()
        if part is many:  # of one class there are fewer than ten
            assert part["metrics"] is None
            continue
        area = roc_auc_score(some["label"], some["candidate"])
        assert part["metrics"]["roc_auc"] == pytest.approx(area, abs=1e-5)
        loss = log_loss(some["label"], some["candidate"])
        assert part["metrics"]["log_loss"] == pytest.approx(loss, abs=1e-5)
        worst, best = part["metrics"]["interval"]["roc_auc"]
        assert worst < area < best
    # Of a single row nothing is known, and the baselines know the past as the candidate does.
    area_of_one, area_of_several = (part["metrics"]["roc_auc"] for part in (one, several))
    assert area_of_one < 0.7
    assert area_of_several > 0.85
    assert metrics["baselines"]["logistic_regression"]["roc_auc"] > 0.75

    importance = document(project, "07_model_output/permutation_importance.json")["features"]
    assert next(iter(importance)) == "dose"
    assert importance["dose"]["mean"] > 0.2
    assert abs(importance["noise"]["mean"]) < 0.05

    # As many as there are customers that have a row of the class, not rows.
    patients = rows["patient"].set_axis(rows.index + 1)[predictions.index]
    is_positive = predictions["label"] == COLUMNS["positive_class"]
    customers = min(patients[is_positive].nunique(), patients[~is_positive].nunique())
    checks = document(project, "08_reporting/decision.json")["judgement"]["checks"]
    assert checks[2]["smaller_class_rows"] == customers < is_positive.sum()
    page = Parsed(project.versions("08_reporting/report.html")[-1].read_text()).text
    assert f"On {len(predictions)} test rows" in page
    assert f"1 {one['evaluated_rows']} test rows, {one['train_rows']} train rows" in page
    assert f"{many['evaluated_rows']} test rows, {many['train_rows']} train rows too few" in page
    assert f"{said}. Intervals resample whole histories, not rows" in page
    assert f"visit: {metrics['by_segment'][20]['other_values']} other values " in page
