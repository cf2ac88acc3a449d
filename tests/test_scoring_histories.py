"""Histories are scored: rows in any order, of which each customer's last or marked ones count."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular_lstm import progress
from tabular_lstm.monitoring.drift import QUARANTINED
from tabular_lstm.rows import raw_rows, scoring_validation
from tabular_lstm.rows.timeline import valid_sequences
from tabular_lstm.serving.champion import load_champion
from tests.helpers.champions import champion_of
from tests.helpers.commands import RETRAINING, here, logged, message_of, seed, succeeds
from tests.helpers.disks import files_of_at_most
from tests.helpers.once import Once
from tests.helpers.outputs import document
from tests.helpers.project import Project
from tests.helpers.scorings import (
    SCORING,
    finished,
    predictions_of,
    quarantine_of,
    rows_at,
    summary_of,
    unfinished,
)
from tests.helpers.visits import declare_visits, newest, train_on, visits

DRIFT = "08_reporting/scoring_drift.json"
COUNTS = ("rows", "scored_rows", "history_rows", "quarantined_rows")


@pytest.fixture
def visited(project: Project, once: Once) -> Project:
    """A project whose champion was trained on visits."""
    return once("visited by customers", project, lambda: train_on(project, visits(300)))


def by_the_artifact(project: Project, rows: pd.DataFrame) -> np.ndarray:
    """What the champion says of these rows, which are valid, each with the others before it."""
    typed = rows.assign(day=pd.to_datetime(rows["day"]).astype("datetime64[us]"))
    champion = champion_of(project)
    typed["pressure"] = rows["pressure"].astype(float)
    return champion.score(valid_sequences(typed, champion.scorer.schema))[:, 1]


def scored(project: Project, path: Path | str, *parameters: str) -> pd.DataFrame:
    """Score rows, and give the predictions by key."""
    succeeds(here(*SCORING, *rows_at(path, "monitoring.exit_on_alarm=0", *parameters)))
    return predictions_of(project).set_index("id")


def in_a_file(rows: pd.DataFrame, path: Path) -> Path:
    rows.to_csv(path / "new.csv", index=False)
    return path / "new.csv"


def in_a_folder(rows: pd.DataFrame, path: Path) -> Path:
    """Two files, in each of which are rows of most customers."""
    (path / "new").mkdir()
    rows[:100].to_csv(path / "new/1.csv", index=False)
    rows[100:].to_csv(path / "new/2.csv", index=False)
    return path / "new"


def in_parquet(rows: pd.DataFrame, path: Path) -> Path:
    """Dates and numbers that pandas has read."""
    (path / "new").mkdir()
    typed = rows.assign(day=pd.to_datetime(rows["day"], errors="coerce"))
    typed["pressure"] = pd.to_numeric(rows["pressure"], errors="coerce")
    typed = typed.astype({"ward": "category"})[typed["pressure"].notna()]
    typed.loc[:99].to_parquet(path / "new/1.parquet")
    typed.loc[100:].to_parquet(path / "new/2.parquet")
    return path / "new"


@pytest.mark.long
@pytest.mark.parametrize(
    ("written", "on_disk"), [(in_a_file, False), (in_a_folder, True), (in_parquet, True)]
)
def test_each_customers_last_row_gets_the_prediction_that_training_gives_it(
    visited: Project,
    written: Callable[[pd.DataFrame, Path], Path],
    on_disk: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if on_disk:
        monkeypatch.setattr(scoring_validation, "BYTES", 2**10)
        for module in (scoring_validation, raw_rows):
            monkeypatch.setattr(module, "ROWS", 50)
    rows = visits(60, seed=1).astype({"pressure": object})
    last = newest(rows).index
    # The row before counts where the last one cannot be used.
    rows.loc[last[0], "day"], rows.loc[3, "customer"], rows.loc[last[1], "pressure"] = (
        "soon",
        "",
        "?",
    )
    bad = {last[0], 3, last[1]}
    good = rows.drop(index=[*bad])
    found = scored(visited, written(rows, visited.path))
    expected = newest(good).assign(
        probability=lambda of: by_the_artifact(visited, good)[good.index.get_indexer(of.index)]
    )
    assert found.index.is_unique
    found = found.loc[expected["id"]]
    np.testing.assert_array_equal(found["probability"], expected["probability"])
    assert found["customer"].tolist() == expected["customer"].tolist()
    numbers = expected.index + 1
    if written != in_a_file:
        assert found["file"].str[0].tolist() == (1 + (expected.index >= 100)).astype(str).tolist()
    if written == in_parquet:
        return
    in_file = numbers if written == in_a_file else np.where(numbers > 100, numbers - 100, numbers)
    assert found["row"].tolist() == in_file.tolist()
    (manifest,) = finished(visited)
    expected_counts = (len(rows), len(expected), len(good) - len(expected), 3)
    assert tuple(manifest[name] for name in COUNTS) == expected_counts
    assert tuple(summary_of(visited)[name] for name in COUNTS) == expected_counts
    aside = quarantine_of(visited)
    assert {*aside["reason"]} == {
        "day: 'soon' is neither an ISO date nor a number",
        "customer: no customer",
        "pressure: '?' is not a number",
    }
    assert {*aside["id"]} == {*rows.loc[[*bad], "id"]}
    assert unfinished(visited) == []


def test_a_reason_names_the_row_of_a_cell_or_what_the_past_says(
    visited: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = visits(60, seed=8)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    path = in_a_file(rows, visited.path)
    lines = logged(*SCORING, *rows_at(path, "scoring.reasons=50")).splitlines()
    done = [line for line in lines if line.startswith("Reasons: ")]
    assert len(done) >= 60
    assert "100%" in done[-1]
    found = predictions_of(visited)
    names = ["pressure", "ward", "day, since the row before"]
    every = [f"{name}, {n} row{'s' * (n > 1)} before" for n in range(1, 6) for name in names]
    schema = document(visited, "04_feature/schema.json")
    past = [name for name in schema["row"]["features"] if name not in schema["features"]]
    reasons = found.filter(regex="^reason").astype(object)
    assert reasons.shape[1] == min(50, 18 + len(past))
    assert {*names, *every} < {*reasons.stack().dropna()} <= {*names, *every, *past}
    first = reasons["reason_1"].astype(str)
    assert first.str.startswith("pressure").mean() > 0.8
    assert first.isin(past).any()
    effects = found.filter(regex="^effect").abs().fillna(0).to_numpy()
    assert (np.diff(effects) <= 0).all()


def test_the_champion_says_of_each_row_of_a_frame_what_it_was_judged_by(visited: Project) -> None:
    rows = pd.read_csv(visited.raw)
    judged = pd.read_csv(visited.versions("07_model_output/candidate_predictions.csv")[-1])
    said = load_champion().frame(rows).iloc[judged["row"] - 1]
    np.testing.assert_allclose(said["probability"], judged["candidate"], rtol=0, atol=1e-6)


def test_rows_that_a_column_marks_get_predictions_and_the_others_are_history(
    visited: Project,
) -> None:
    declare_visits(visited, predict="due")
    rows = visits(60, seed=2)
    words = ["yes", "No", "1", "0", "", "TRUE", "false", "1.0", "NA", "maybe"]
    rows["due"] = (words * len(rows))[: len(rows)]
    found = scored(visited, in_a_file(rows, visited.path))
    marked = rows["due"].isin(["yes", "1", "TRUE", "1.0"])
    np.testing.assert_array_equal(
        found.loc[rows["id"][marked], "probability"], by_the_artifact(visited, rows)[marked]
    )
    assert len(found) == marked.sum()
    message = message_of(
        here(*SCORING, *rows_at(in_a_file(rows.drop(columns="due"), visited.path)))
    )
    assert "column 'due' is not in the file" in message
    assert "columns.history.predict" in message


def test_the_last_row_of_some_values_gets_the_prediction_not_the_last_of_all(
    visited: Project,
) -> None:
    declare_visits(visited, predict={"ward": "north"})
    rows = visits(60, seed=2)
    found = scored(visited, in_a_file(rows, visited.path))
    last = newest(rows[rows["ward"] == "north"])
    assert {*found.index} == {*last["id"]}
    assert (~last["id"].isin(newest(rows)["id"])).sum() > 10
    np.testing.assert_array_equal(
        found.loc[last["id"], "probability"], by_the_artifact(visited, rows)[last.index]
    )
    declare_visits(visited, predict={"ward": ["west", 7]})
    path = in_a_file(rows, visited.path)
    assert "no row is predicted, because column 'ward' is never west or 7" in logged(
        *SCORING, *rows_at(path, "monitoring.exit_on_alarm=0")
    )


@pytest.mark.long
def test_a_label_counts_from_when_it_is_known_and_only_then(project: Project) -> None:
    train_on(project, visits(300), known_after="30 days")
    rows = visits(60, seed=4).astype({"sick": object})
    last = newest(rows)
    days = pd.to_datetime(rows["day"])
    until = days.groupby(rows["customer"]).transform("max") - pd.Timedelta("30D")
    known = days <= until
    before = scored(project, in_a_file(rows, project.path)).loc[last["id"], "probability"]
    np.testing.assert_array_equal(before, by_the_artifact(project, rows)[last.index])

    other = rows.assign(sick=np.where(known, rows["sick"], 1 - rows["sick"]))
    # A missing label that nobody knows yet is none.
    other.loc[last.index, "sick"] = ""
    same = scored(project, in_a_file(other, project.path)).loc[last["id"], "probability"]
    np.testing.assert_array_equal(same, before)

    other = rows.assign(sick=np.where(known, 1 - rows["sick"], rows["sick"]))
    changed = scored(project, in_a_file(other, project.path)).loc[last["id"], "probability"]
    has_known = last["customer"].isin(rows["customer"][known]).to_numpy()
    assert (changed[~has_known] == before[~has_known]).all()
    assert (changed[has_known] != before[has_known]).mean() > 0.9

    rows.loc[5, "sick"] = "perhaps"
    scored(project, in_a_file(rows, project.path))
    assert quarantine_of(project)["reason"].tolist() == ["sick: 'perhaps' is neither 1 nor 0"]
    # The log counts customers whose label should be known by now.
    rows.loc[5, "sick"] = 0
    newest_day = pd.to_datetime(rows["day"]).max()
    old = (newest_day - pd.to_datetime(last["day"])).dt.days > 30
    no_alarm = "monitoring.exit_on_alarm=0"
    lines = logged(*SCORING, *rows_at(in_a_file(rows, project.path), no_alarm))
    assert f"{old.sum()} of {len(last)} predictions are of rows that are older than" in lines
    assert "known_after, 30 days: their labels" in lines
    recent = rows[rows["customer"].isin(last["customer"][~old])]
    lines = logged(
        *SCORING, *rows_at(in_a_file(recent, project.path), "monitoring.exit_on_alarm=0")
    )
    assert "known_after" not in lines
    path = in_a_file(rows.drop(columns="sick"), project.path)
    assert "column 'sick' is not in the file" in message_of(here(*SCORING, *rows_at(path)))


@pytest.mark.long
def test_rows_of_one_time_are_judged_and_scored_in_the_order_of_a_second_column(
    project: Project,
) -> None:
    def in_months(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(line=rows["day"].str[-2:], day=rows["day"].str[:-2] + "01")

    train_on(project, in_months(visits(300)), order=["day", "line"], predict={"ward": "north"})
    judgement = document(project, "08_reporting/decision.json")["judgement"]
    assert judgement["judged_on"] == "chosen last rows"
    rows = in_months(visits(60, seed=4))
    found = scored(project, in_a_file(rows, project.path))
    days = visits(60, seed=4)
    last = newest(days[days["ward"] == "north"])
    expected = by_the_artifact(project, rows.astype({"line": float}))[last.index]
    np.testing.assert_array_equal(found.loc[last["id"], "probability"], expected)
    assert len(found) == len(last)
    champion = load_champion()
    np.testing.assert_allclose(champion.predict_proba(rows)[last.index, 1], expected, atol=1e-6)
    tied = rows.duplicated(["customer", "day"], keep=False)
    assert tied.sum() > 50
    other = champion.predict_proba(rows.assign(line="1"))
    assert (other != champion.predict_proba(rows)).any(axis=1)[tied].mean() > 0.5
    rows.loc[3, "line"] = "last"
    scored(project, in_a_file(rows, project.path))
    assert quarantine_of(project)["reason"].str.startswith("line: 'last' is n").tolist() == [True]
    labels = in_a_file(rows[["id", "sick"]], project.path)
    succeeds(here("run", "--pipelines", "monitoring", "--params", f"late_labels={labels}"))
    health = (project.path / "data/08_reporting/latest_monitoring.json").read_text()
    assert "metrics are not compared" not in health
    declare_visits(project, order=["day", "line"])
    succeeds(here("run", "--pipelines", "monitoring", "--params", f"late_labels={labels}"))
    health = (project.path / "data/08_reporting/latest_monitoring.json").read_text()
    said = "judged on chosen last rows of histories, but a scoring predicts last rows: promised"
    assert said in health
    declare_visits(project)
    message = message_of(here(*SCORING, *rows_at(in_a_file(rows, project.path))))
    assert "columns.history.order was ['day', 'line'] and is 'day'. Change conf back." in message


@pytest.mark.long
def test_a_champion_of_other_histories_neither_scores_nor_is_compared(visited: Project) -> None:
    path = in_a_file(visits(20, seed=5).assign(ward_of="W"), visited.path)
    declare_visits(visited, of="ward_of")
    message = message_of(here(*SCORING, *rows_at(path)))
    assert "columns.history.of was 'customer' and is 'ward_of'. Change conf back." in message
    parameters = visited.path / "conf/local/parameters.yml"
    conf = json.loads(parameters.read_text())
    del conf["columns"]["history"]
    parameters.write_text(json.dumps(conf))
    message = message_of(here(*SCORING, *rows_at(path)))
    assert "columns.history.of was 'customer' and is not set" in message
    assert finished(visited) == []

    # More steps are no other histories.
    declare_visits(visited, steps=9)
    succeeds(here(*SCORING, *rows_at(path)))
    declare_visits(visited, known_after="9 days")
    succeeds(here(*RETRAINING, *seed(3)))
    (champion,) = document(visited, "08_reporting/decision.json")["judgement"]["champions"]
    said = "since it was trained, columns.history.known_after was not set and is 9.0"
    assert champion["not_compared"] == said


def test_a_champion_of_single_rows_does_not_score_histories(served: Project) -> None:
    declare_visits(served)
    path = in_a_file(visits(20), served.path)
    message = message_of(here(*SCORING, *rows_at(path)))
    assert "columns.history.of was not set and is 'customer'" in message


@pytest.mark.long
def test_a_full_disk_is_said_in_a_line_and_nothing_is_left(
    visited: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_validation, "BYTES", 2**10)
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    path = in_a_file(visits(900, seed=6), visited.path)
    with files_of_at_most(2**17):
        message = message_of(here(*SCORING, *rows_at(path)))
    assert "File too large. Free some space there, and run the command again." in message
    assert "data/07_model_output/predictions" in message
    assert unfinished(visited) == []
    assert [*folder.iterdir()] == []
    assert finished(visited) == []


def alarms(project: Project, **changed: float) -> list[str]:
    """Score rows that are drawn alike, or otherwise, and give the alarms."""
    found = []
    for draw in range(20, 30):
        rows = visits(200, seed=draw, **changed).drop(columns="sick")
        succeeds(
            here(*SCORING, *rows_at(in_a_file(rows, project.path), "monitoring.exit_on_alarm=0"))
        )
        drift = document(project, DRIFT)
        assert drift["compared_rows"] == len(rows)
        every = drift["features"] | drift["scores"]
        found.append([name for name, shift in every.items() if shift["moved"]])
    return [names for names in found if names]


@pytest.mark.long
@pytest.mark.parametrize("labelled", ["each row", "the last row"])
def test_rows_like_those_of_the_training_raise_no_alarm_and_others_do(
    project: Project, labelled: str
) -> None:
    rows = visits(300)
    if labelled == "the last row":
        rows["sick"] = rows["sick"].astype(object).where(rows.index.isin(newest(rows).index), "")
    train_on(project, rows)
    assert len(alarms(project)) <= 1
    moved = alarms(project, shift=1.0)
    assert all("pressure" in names and "probability of 1" in names for names in moved)
    assert len(moved) == 10

    # A retraining compares the customers that are new to the champion.
    later = pd.concat([rows, visits(300, seed=50)], ignore_index=True)
    if labelled == "the last row":
        later["sick"] = later["sick"].where(later.index.isin(newest(later).index), "")
    later.to_csv(project.raw, index=False)
    succeeds(here(*RETRAINING))
    drift = document(project, "08_reporting/decision.json")["judgement"]["drift"]
    assert drift["not_compared"] is None
    every = {**drift["features"], **drift["scores"], QUARANTINED: drift["quarantine"]}
    assert len(every) == 5
    assert not any(shift["moved"] for shift in every.values())


def test_late_labels_find_the_one_prediction_of_each_customer(visited: Project) -> None:
    rows = visits(100, seed=7)
    found = scored(visited, in_a_file(rows.drop(columns="sick"), visited.path))
    rows[["id", "sick"]].to_csv(visited.path / "labels.csv", index=False)
    labels = ("--params", f"late_labels={visited.path / 'labels.csv'}")
    succeeds(here("run", "--pipelines", "monitoring", *labels))
    health = json.loads((visited.path / "data/08_reporting/latest_monitoring.json").read_text())
    assert [one["labelled_rows"] for one in health["scorings"]] == [len(found)] == [100]
    assert health["unknown_labels"] == len(rows) - 100
