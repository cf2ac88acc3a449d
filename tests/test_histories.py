"""Runs over histories: the same candidate again, from rows as they were saved and no others."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, here, message_of, seed, succeeds
from tests.helpers.once import Once
from tests.helpers.outputs import document, predictions_of
from tests.helpers.project import QUICK, TINY, Project, declare

CANDIDATE = "06_models/candidate.keras"
HISTORY_ROWS = "03_primary/history_rows.parquet"
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


def write_visits(project: Project, patients: int = 150, **blocks: object) -> None:
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
    declare(project, columns=COLUMNS, **blocks)


@pytest.fixture
def visited(project: Project, once: Once) -> Project:
    """A project after a tiny run over histories."""
    write_visits(project, **TINY)
    return once("visited", project, lambda: succeeds(here("run")))


def newest(project: Project) -> list[bytes]:
    """What the newest candidate holds, but for the time of the day."""
    with zipfile.ZipFile(project.versions(CANDIDATE)[-1]) as file:
        return [file.read(name) for name in ("config.json", "model.weights.h5")]


@pytest.mark.long
def test_the_same_rows_give_the_same_candidate_whole_and_from_saved_rows(visited: Project) -> None:
    first = newest(visited)
    rows = pd.read_csv(visited.raw, dtype=str, keep_default_na=False)
    history = pd.read_parquet(visited.versions(HISTORY_ROWS)[-1])
    assert len(history) == ((rows["worse"] == "") | (rows["counts"] == "0")).sum() > 0
    for arguments in (["--pipelines", "reshaping,training"], []):
        succeeds(here("run", *arguments))
        assert newest(visited) == first
    assert len(visited.versions(CANDIDATE)) == 3
    assert len(visited.versions(HISTORY_ROWS)) == 2
    # And another seed gives another one.
    succeeds(here("run", *seed(7)))
    assert newest(visited) != first


def test_rows_of_history_that_were_edited_on_disk_are_refused(visited: Project) -> None:
    path: Path = visited.versions(HISTORY_ROWS)[-1]
    rows, before = pd.read_parquet(path), visited.files()
    rows.assign(dose=rows["dose"] + (rows.index == rows.index[0])).to_parquet(path)
    edited = visited.files() != before
    said = message_of(here("run", "--pipelines", "reshaping,training"))
    assert edited
    assert "its history_rows have changed on disk since" in said
    assert len(visited.versions(CANDIDATE)) == 1


@pytest.mark.long
def test_as_histories_grow_a_champion_says_of_each_earlier_row_what_it_said_before(
    project: Project,
) -> None:
    write_visits(project, 300, **QUICK)
    succeeds(here(*RETRAINING))
    before = predictions_of(project)["candidate"]
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    later = rows.drop_duplicates("patient").assign(visit="2027-01-01", worse="1", counts="1")
    pd.concat([later, rows]).to_csv(project.raw, index=False)
    succeeds(here(*RETRAINING))
    decision = document(project, "08_reporting/decision.json")
    (champion,) = decision["judgement"]["champions"]
    assert champion["left_out_rows"] == 0
    path = project.versions("07_model_output/champion_predictions.csv")[-1]
    after = pd.read_csv(path, index_col="row")[champion["run_id"]]
    new = after.index <= len(later)
    assert new.any()
    np.testing.assert_allclose(after[~new], before, atol=1e-7)
    assert after[~new].index.tolist() == (before.index + len(later)).tolist()
