"""Retrainings over histories that grow, and parts of them."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, UNTRUSTED, here, succeeds
from tests.helpers.outputs import document, predictions_of
from tests.helpers.project import QUICK, Project, declare

COLUMNS = {
    "label": "worse",
    "positive_class": 1,
    "negative_class": 0,
    "bounds": {},
    "missing": {},
    "categorical": ["ward"],
    "weight": "counts",
    "history": {"of": "patient", "order": "visit", "steps": 5, "known_after": "7 days"},
}


def write_visits(project: Project, patients: int = 300) -> None:
    """Write visits of patients, of whom one gets worse after a high dose; some have no label."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(patients), rng.integers(1, 7, patients))
    dose = rng.integers(0, 9, len(of))
    day = pd.Series(rng.integers(1, 30, len(of))).groupby(of).cumsum()
    rows = pd.DataFrame(
        {
            "patient": [f"P{n}" for n in of],
            "visit": (pd.Timestamp("2026-01-01") + pd.to_timedelta(day, "D")).dt.strftime("%F"),
            "dose": dose,
            "ward": rng.choice(["east", "west"], len(of)),
            "counts": rng.choice([0, 1, 2], len(of), p=[0.1, 0.5, 0.4]),
        }
    )
    earlier = rows.groupby("patient")["dose"].shift(fill_value=0)
    rows["worse"] = (earlier > 4).astype(int).astype(str)
    rows.loc[rng.random(len(of)) < 0.2, "worse"] = ""
    rows.sample(frac=1, random_state=0).to_csv(project.raw, index=False)
    few = {**QUICK["promotion"], "min_test_rows_per_class": 5}
    declare(project, columns=COLUMNS, **{**QUICK, "promotion": few})


def newest(project: Project) -> list[bytes]:
    """What the newest candidate holds, but for the time of the day."""
    with zipfile.ZipFile(project.versions("06_models/candidate.keras")[-1]) as file:
        return [file.read(name) for name in ("config.json", "model.weights.h5")]


@pytest.mark.long
def test_as_histories_grow_a_champion_says_of_each_earlier_row_what_it_said_before(
    project: Project,
) -> None:
    write_visits(project)
    succeeds(here(*RETRAINING))
    before = predictions_of(project)["candidate"]
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    later = rows.drop_duplicates("patient").assign(visit="2027-01-01", worse="1", counts="1")
    pd.concat([later, rows]).to_csv(project.raw, index=False)
    succeeds(here(*RETRAINING), UNTRUSTED)  # all later labels are of one class
    decision = document(project, "08_reporting/decision.json")
    (champion,) = decision["judgement"]["champions"]
    assert champion["left_out_rows"] == 0
    path = project.versions("07_model_output/champion_predictions.csv")[-1]
    after = pd.read_csv(path, index_col="row")[champion["run_id"]]
    new = after.index <= len(later)
    assert new.any()
    np.testing.assert_allclose(after[~new], before, atol=1e-7)
    assert after[~new].index.tolist() == (before.index + len(later)).tolist()
