"""New rows are scored by the champion: what goes in comes out, scored or in quarantine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from kedro.framework.session import session
from kedro.io.core import generate_timestamp
from pyarrow import parquet

from tabular_lstm import progress
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.files import sha256
from tabular_lstm.network.kernel import Processor
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import ScoringOptions
from tabular_lstm.pipelines.scoring.nodes import validate_rows_to_score
from tabular_lstm.rows import raw_rows
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.table_rows import LoadedTable
from tabular_lstm.serving import prediction_parts
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.promotion_log import next_run_id
from tests.helpers.champions import champion_path, log_of, on_disk
from tests.helpers.commands import (
    ALARM,
    RETRAINING,
    here,
    logged,
    message_of,
    succeeds,
)
from tests.helpers.errors import raises_data_error
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    folder_of,
    predictions_of,
    quarantine_of,
    rows_at,
    summary_of,
    write_rows,
)
from tests.helpers.tables import rows_to_learn, text_of

OWN = ["row", "probability", "positive_class", "decision"]
OWN += ["champion", "champion_sha256", "run_id", "scored_at"]


def example(project: Project) -> Path:
    return project.path / "data/01_raw/rows_to_score.csv"


def by_the_estimator(project: Project, rows: pd.DataFrame) -> np.ndarray:
    """What the champion says, by Keras' own answer."""
    return LSTMClassifier.load(champion_path(project)).predict_proba(rows)[:, 1]


@pytest.mark.long
def test_dates_words_and_an_ignored_column_go_from_the_csv_to_scored_parquet(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = rows_to_learn(project.raw).assign(color=["red", "blue"] * 384)
    rows["diabetes"] = rows["diabetes"].map({0: "no", 1: "yes"})
    days = pd.date_range("2025-01-01", periods=len(rows))
    rows = rows.assign(visit=days.strftime("%d.%m.%Y"), note=[f"n{row}" for row in days])
    rows.loc[::10, "visit"] = "never"
    rows.to_csv(project.raw, index=False)
    columns = {
        "label": "diabetes",
        "positive_class": "yes",
        "negative_class": "no",
        "categorical": ["color"],
        "dates": {"visit": "%d.%m.%Y"},
        "ignore": ["note"],
        "missing": {"visit": ["never"]},
    }
    # The label that a network learns hangs on glucose alone.
    declare(project, columns=columns, split={"independent": ["glucose"]}, **QUICK)
    succeeds(here(*RETRAINING))

    new = rows.drop(columns=["diabetes", "note"])[:40]
    new.loc[3, "visit"] = "2026-11-05"
    new.loc[20:, "color"] = "green"
    path = write(project, "new.csv", new)
    succeeds(here(*SCORING, *rows_at(path, "scoring.reasons=9")), ALARM)
    of_csv = predictions_of(project)
    reason = f"visit: '2026-11-05' is not a date as {columns['dates']['visit']}"
    assert quarantine_of(project)["reason"].tolist() == [reason]
    named = of_csv.filter(regex="^reason").astype(object).to_numpy().ravel()
    assert {*named} - {None, np.nan} == {*new.columns}
    # What is decided in words; words that nobody knows are an alarm.
    expected = LSTMClassifier.load(champion_path(project)).predict(new.drop(index=3))
    assert of_csv["decision"].astype(str).tolist() == expected.tolist()
    assert summary_of(project)["decisions"].keys() == {"no", "yes"}
    assert summary_of(project)["unknown_categories"] == {"color": 20}
    assert "'color': 51.3 % have a category that the champion was not" in caplog.text

    typed = new.drop(index=3).replace({"visit": {"never": None}})
    typed["visit"] = pd.to_datetime(typed["visit"], format="%d.%m.%Y")
    table, path = pa.Table.from_pandas(typed, preserve_index=False), project.path / "new.parquet"
    # Whatever it holds, nobody reads it.
    parquet.write_table(table.append_column("note", text_of([b"\xe9"] * len(typed))), path)
    succeeds(here(*SCORING, *rows_at(path)), ALARM)
    of_parquet = predictions_of(project)
    np.testing.assert_array_equal(of_parquet["probability"], of_csv["probability"])


def test_the_shipped_rows_are_scored_by_the_champion_that_is_named_beside_each(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    scored, rows = predictions_of(served), pd.read_csv(example(served))
    champion, (manifest,) = log_of(served)[-1], finished(served)

    assert list(scored.columns) == OWN
    assert scored["row"].tolist() == list(range(1, 21))
    np.testing.assert_allclose(scored["probability"], by_the_estimator(served, rows), atol=1e-7)
    model = LSTMClassifier.load(champion_path(served))
    assert scored["decision"].tolist() == model.predict(rows).tolist()
    assert set(scored["champion"]) == {champion["run_id"]}
    assert set(scored["champion_sha256"]) == {champion["sha256"]} == {on_disk(served)}
    assert set(scored["run_id"]) == {manifest["run_id"]}
    assert scored["scored_at"].dt.strftime("%Y-%m-%dT%H.%M.%S").unique() == [
        manifest["run_id"].rpartition(".")[0]
    ]
    assert str(scored["scored_at"].dt.tz) == "UTC"
    assert set(scored["positive_class"]) == {1}
    for name in ("champion", "champion_sha256", "run_id"):
        assert isinstance(scored[name].dtype, pd.CategoricalDtype)
    positive = int((scored["decision"] == 1).sum())
    assert (
        f"Scored 20 of 20 rows with the champion of run {champion['run_id']}, probability of "
        f"1: {positive} as 1, {20 - positive} as 0; 0 in quarantine. Predictions: "
        f"{folder_of(served)}/"
    ) in caplog.text

    # The manifest names what was read, by whom, and what was written.
    (part,) = folder_of(served).glob("*/*.parquet")
    counts = {"rows": 20, "scored_rows": 20, "quarantined_rows": 0}
    assert {name: manifest[name] for name in counts} == counts
    assert manifest["champion"] == {"run_id": champion["run_id"], "sha256": champion["sha256"]}
    assert (manifest["positive_class"], manifest["negative_class"]) == (1, 0)
    read = {"file": "rows_to_score.csv", "sha256": sha256(example(served).read_bytes())}
    assert manifest["inputs"] == [{**read, "rows": 20}]
    written = {"file": "part-00000.parquet", "sha256": sha256(part.read_bytes())}
    assert manifest["parts"] == [{**written, "rows": 20}]
    assert manifest["parameters"]["scoring"] == {"pass_through": [], "reasons": 0}
    summary = summary_of(served)
    assert summary["rows"] == 20
    assert sum(summary["decisions"].values()) == 20
    # As after a failure: nothing lies beside it.
    assert {path.name for path in part.parent.iterdir()} == {"manifest.json", part.name}


@pytest.mark.long
def test_numbers_far_from_0_and_close_together_are_told_apart_in_their_own_unit(
    project: Project,
) -> None:
    rng = np.random.default_rng(3)
    second = rng.permutation(800) / 16
    rows = pd.DataFrame({"second": second + 1_700_000_000, "noise": rng.random(800)})
    rows["late"] = (second + rng.normal(0, 5, 800) > 25).astype(int)
    rows.to_csv(project.raw, index=False)
    columns = {"label": "late", "positive_class": 1, "negative_class": 0}
    declare(project, columns={**columns, "known_in_time": ["second"]}, **QUICK)
    assert "float32" not in logged(*RETRAINING)
    metrics = project.metrics()
    linear, boosted = (
        metrics["baselines"][name] for name in ("logistic_regression", "hist_gradient_boosting")
    )
    assert min(model["roc_auc"] for model in (metrics["test"], linear, boosted)) > 0.95
    importance = project.versions("07_model_output/permutation_importance.json")[-1].read_text()
    curve = json.loads(importance)["dependence"]["second"]
    assert curve["values"][0] == pytest.approx(1_700_000_002, abs=2)
    assert curve["values"][-1] == pytest.approx(1_700_000_047, abs=2)
    report = project.versions("08_reporting/report.html")[-1].read_text()
    assert "1,700,000,000 to 1,700,000,050" in report

    path = write(project, "same.csv", rows.drop(columns="late"))
    succeeds(here(*SCORING, *rows_at(path, "scoring.reasons=1")))
    scored = predictions_of(project)
    np.testing.assert_allclose(scored["probability"], by_the_estimator(project, rows), atol=1e-6)
    judged = pd.read_csv(project.versions("07_model_output/candidate_predictions.csv")[-1])
    of_judged = scored.set_index("row").loc[judged["row"], "probability"]
    np.testing.assert_allclose(of_judged, judged["candidate"], atol=1e-6)
    assert (scored["reason_1"] == "second").mean() > 0.9
    later = rows.drop(columns="late").assign(second=second + 1_700_000_010)
    path = write(project, "later.csv", later)
    said = logged(*SCORING, *rows_at(path), code=ALARM)
    assert "(mean 1700000035, previously 1700000025)" in said


def test_a_label_that_is_there_is_copied_and_not_seen(served: Project) -> None:
    rows = pd.read_csv(served.raw)
    succeeds(here(*SCORING, *rows_at(served.raw)))
    scored = predictions_of(served)
    assert list(scored.columns) == [*OWN[:4], "diabetes", *OWN[4:]]
    assert scored["diabetes"].tolist() == rows["diabetes"].astype(str).tolist()

    rows["diabetes"] = ["who knows", "", "NA", "1"] * 192
    succeeds(here(*SCORING, *rows_at(write(served, "other.csv", rows))))
    again = predictions_of(served)
    # Without a label, with one and with none of the classes: all of them are scored.
    assert {"who knows", "1"} <= set(again["diabetes"])
    assert finished(served)[-1]["quarantined_rows"] == 0
    assert again["probability"].tolist() == scored["probability"].tolist()


# Bad rows ----------------------------------------------------------------------------------------


def write(served: Project, name: str, rows: pd.DataFrame) -> Path:
    path = served.path / name
    rows.to_csv(path, index=False)
    return path


def test_bad_rows_go_to_quarantine_with_number_and_reason_and_the_others_are_scored(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = pd.read_csv(served.raw, dtype=str).drop(columns="diabetes")
    rows.loc[[4, 9], "bmi"] = ["?", "1e31"]
    rows.loc[9, "age"] = "-3"
    succeeds(here(*SCORING, *rows_at(write(served, "rows.csv", rows))))

    aside = quarantine_of(served)
    assert aside[["row", "reason"]].values.tolist() == [
        ["5", "bmi: '?' is not a number"],
        ["10", "bmi: 1e31 is infinite or beyond 1e+30 in size; age: -3 is outside [18, 120]"],
    ]
    assert aside.drop(columns=["row", "reason"]).equals(rows.loc[[4, 9]].reset_index(drop=True))
    scored = predictions_of(served)
    assert scored["row"].tolist() == [row for row in range(1, 769) if row not in {5, 10}]
    (manifest,) = finished(served)
    assert [manifest[name] for name in ("rows", "scored_rows", "quarantined_rows")] == [768, 766, 2]
    assert summary_of(served)["quarantined_by_reason"]["bmi: not a number"] == 1
    assert "In quarantine: row 10: age: -3 is outside [18, 120]" in caplog.text
    assert "; 2 in quarantine." in caplog.text


def test_a_scoring_writes_where_the_catalog_has_predictions_and_quarantine(served: Project) -> None:
    entries: dict[str, Any] = {
        "predictions": {
            "type": "tabular_lstm.datasets.predictions.PredictionsDataset",
            "filepath": "data/mine",
        },
        "quarantined_rows_to_score": {
            "type": "pandas.CSVDataset",
            "filepath": "data/bad.csv",
            "versioned": True,
        },
    }
    catalog = served.path / "conf/local/catalog.yml"
    catalog.write_text(yaml.safe_dump(entries))
    path = write_rows(served, "rows.csv", 50)
    succeeds(here(*SCORING, *rows_at(path)))
    assert len(predictions_of(served)) == 49
    (run,) = (served.path / "data/mine").iterdir()
    assert len(pd.read_csv(served.path / f"data/bad.csv/{run.name}/bad.csv")) == 1
    assert logged(*SCORING, *rows_at(path)).splitlines()[-1].count("Unchanged") == 1

    for changed in ({"type": "pandas.ParquetDataset"}, {"filepath": "s3://bucket/bad.csv"}):
        entries["quarantined_rows_to_score"] |= changed
        catalog.write_text(yaml.safe_dump(entries))
        message = message_of(here(*SCORING, *rows_at(path, "scoring.force=true")))
        assert "entry 'quarantined_rows_to_score': a scoring writes it part by part" in message


def test_above_the_limit_there_are_no_predictions_and_the_quarantine_is_kept(
    served: Project,
) -> None:
    rows = pd.read_csv(served.raw, dtype=str)
    rows.loc[:99, "glucose"] = "high"
    message = message_of(here(*SCORING, *rows_at(write(served, "rows.csv", rows))))
    assert "100 of 768 rows went to quarantine" in message
    assert "glucose: 'high' is not a number" in message
    assert finished(served) == []
    assert list(folder_of(served).iterdir()) == []
    assert quarantine_of(served)["row"].tolist() == [str(row) for row in range(1, 101)]


def test_a_column_that_is_missing_is_named_with_one_that_is_like_it(served: Project) -> None:
    rows = pd.read_csv(example(served)).rename(columns={"bmi": "BMI"})
    message = message_of(here(*SCORING, *rows_at(write(served, "rows.csv", rows))))
    assert "column 'bmi' is not in the file. Did you mean 'BMI'?" in message
    assert "rows.csv" in message


def test_without_a_champion_it_is_said_how_to_get_one(project: Project) -> None:
    message = message_of(here(*SCORING))
    assert "no champion yet. kedro run --pipelines retraining" in message


def test_a_champion_that_gives_no_probability_is_named(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights were NaN when it was judged, so that the gate would have to be wrong too."""
    nan = lambda scorer, sequences, many: np.full((len(sequences), 2), np.nan)  # noqa: E731
    monkeypatch.setattr("tabular_lstm.serving.row_scoring.score", nan)
    message = message_of(here(*SCORING))
    assert f"{champion_path(served)}: the champion, run {log_of(served)[-1]['run_id']}" in message
    assert "gives no probability for rows 1, 2, 3" in message
    assert finished(served) == []


# Nothing new -------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_same_rows_by_the_same_champion_are_not_scored_again(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    (first,) = finished(served)
    succeeds(here(*SCORING))
    run = first["run_id"]
    assert f"Unchanged: run {run} had the same rows, champion, parameters and code" in caplog.text
    assert finished(served) == [first]

    rows = example(served).read_text()
    example(served).write_text(rows.replace("36.4", "36.5"))
    succeeds(here(*SCORING))
    assert len(finished(served)) == 2
    # Rows that were scored before others are scored again, to be the newest; also asynchronously.
    example(served).write_text(rows)
    succeeds(here(*SCORING, "--async"))
    assert len(finished(served)) == 3
    assert len(predictions_of(served)) == summary_of(served)["scored_rows"] == 20


def declare_columns(project: Project, **changed: Any) -> None:
    """Declare the columns of the base environment anew, with some values changed."""
    conf = project.path / "conf/base/parameters_data_processing.yml"
    columns = yaml.safe_load(conf.read_text())["columns"]
    declare(project, **QUICK, columns={**columns, **changed})


def test_after_a_swap_of_the_classes_the_champion_does_not_score(served: Project) -> None:
    """Or `probability` would be that of the other class than conf says, and nobody be told."""
    before = served.files()
    declare_columns(served, positive_class=0, negative_class=1)
    said = message_of(here(*SCORING, "--params", "scoring.force=true"))
    assert said.startswith(f"{champion_path(served)}: the champion gives the probability of")
    assert "columns.positive_class was 1 and is 0, columns.negative_class was 0 and is" in said
    assert "Change conf back. Or, to promote one with today's conf" in said
    assert served.files() == before
    declare_columns(served, label="sick")
    said = message_of(here(*SCORING))
    assert "of diabetes = 1; since it was trained, columns.label was 'diabetes' and is" in said


def test_scorings_that_begin_in_one_millisecond_have_a_folder_each(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = generate_timestamp()
    monkeypatch.setattr(session, "generate_timestamp", lambda: now)
    succeeds(here(*SCORING))
    succeeds(here(*SCORING, "--params", "scoring.force=true"))
    assert [manifest["run_id"] for manifest in finished(served)] == [now, next_run_id(now)]
    assert set(predictions_of(served)["run_id"]) == {next_run_id(now)}
    assert len(assert_sound(served)) == 2


# Folders, keys, copies, reasons ------------------------------------------------------------------


def test_rows_of_a_folder_are_named_by_file_and_number_in_several_parts(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_parts, "ROWS_OF_A_PART", 7)
    folder = served.path / "days"
    folder.mkdir()
    rows = pd.read_csv(example(served), dtype=str)
    rows.loc[8, "bmi"] = "?"
    for day in range(4):
        rows[5 * day : 5 * day + 5].to_csv(folder / f"day_{day}.csv", index=False)
    succeeds(here(*SCORING, *rows_at(folder)))

    scored = predictions_of(served)
    assert list(scored.columns) == ["file", *OWN]
    places = [(f"day_{day}.csv", row) for day in range(4) for row in range(1, 6)]
    places.remove(("day_1.csv", 4))
    assert list(zip(scored["file"], scored["row"], strict=True)) == places
    assert scored["file"].cat.categories.tolist() == [f"day_{day}.csv" for day in range(4)]
    assert quarantine_of(served)[["file", "row"]].values.tolist() == [["day_1.csv", "4"]]
    (manifest,) = finished(served)
    read = [(file["file"], file["rows"]) for file in manifest["inputs"]]
    assert read == [(f"day_{day}.csv", 5) for day in range(4)]
    parts = [("part-00000.parquet", 9), ("part-00001.parquet", 10)]
    assert [(part["file"], part["rows"]) for part in manifest["parts"]] == parts


def test_predictions_are_joined_to_the_rows_by_their_key(served: Project) -> None:
    declare_columns(served, key="patient")
    rows = pd.read_csv(example(served), dtype={"patient": str})
    rows.loc[3, "patient"] = None
    rows = rows.sample(frac=1, random_state=0)
    path = write(served, "rows.csv", rows)
    succeeds(here(*SCORING, *rows_at(path, "validation.max_quarantined_fraction=0.1")))

    scored = predictions_of(served)
    assert list(scored.columns) == ["row", "patient", *OWN[1:]]
    joined = rows.merge(scored, on="patient")
    assert len(joined) == 19
    np.testing.assert_allclose(joined["probability"], by_the_estimator(served, joined), atol=1e-7)
    assert quarantine_of(served)["reason"].tolist() == ["patient: no key"]


def test_each_row_has_typed_copies_and_the_features_that_moved_its_probability_most(
    served: Project,
) -> None:
    rows = pd.read_csv(example(served)).assign(
        visited=pd.Timestamp("2026-11-01"), ward=pd.Series([1, None] * 10, dtype="Int64")
    )
    path = served.path / "rows.parquet"
    rows.to_parquet(path)
    declare(served, **QUICK, scoring={"pass_through": ["visited", "ward", "bmi"], "reasons": 2})
    succeeds(here(*SCORING, *rows_at(path)))
    scored = predictions_of(served)
    reasons = ["reason_1", "effect_1", "reason_2", "effect_2"]
    assert list(scored.columns) == [*OWN[:4], "visited", "ward", "bmi", *reasons, *OWN[4:]]
    assert (scored["visited"] == pd.Timestamp("2026-11-01")).all()
    assert scored["ward"].isna().tolist() == [False, True] * 10
    assert scored["bmi"].equals(rows["bmi"])
    np.testing.assert_allclose(scored["probability"], by_the_estimator(served, rows), atol=1e-7)
    assert (scored["effect_1"].abs() >= scored["effect_2"].abs()).all()
    for place in (0, 7, 19):
        one = rows.iloc[[place]]
        missing = {name: one.assign(**{name: np.nan}) for name in one.columns[1:9]}
        effects = pd.Series(
            {
                name: scored["probability"][place] - by_the_estimator(served, without)[0]
                for name, without in missing.items()
            }
        )
        most = effects.abs().idxmax()
        assert scored["reason_1"][place] == most
        assert scored["effect_1"][place] == pytest.approx(effects[most], abs=1e-6)


def test_a_scoring_with_reasons_says_how_far_it_is(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(served, "new.csv", 6000)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    lines = logged(*SCORING, *rows_at(path, "scoring.reasons=2", "monitoring.exit_on_alarm=0"))
    done = [line for line in lines.splitlines() if line.startswith("Reasons: ")]
    assert done, lines
    assert all(" rows/s" in line for line in done)
    assert "100%" in done[-1]


def test_where_every_row_is_bad_and_may_be_the_predictions_are_empty(served: Project) -> None:
    rows = pd.read_csv(example(served), dtype=str).assign(bmi="?")
    path = write(served, "rows.csv", rows)
    options = ("validation.max_quarantined_fraction=1.0", "scoring.reasons=2")
    said = logged(*SCORING, *rows_at(path, *options), code=ALARM)
    assert said.splitlines()[-2] == "ALARM: quarantined rows: 100 % of the rows, previously 0 %"
    scored = predictions_of(served)
    assert scored.columns[0] == "row"
    assert len(scored) == 0
    assert len(quarantine_of(served)) == 20
    assert summary_of(served)["mean_probability"] is None


def test_a_scoring_is_not_run_in_part(served: Project) -> None:
    message = message_of(here(*SCORING, "--to-nodes", "scoring.score_rows"))
    assert "A run that decides or scores must be one complete pipeline" in message
    assert finished(served) == []


# Many rows, and who reads them -------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.skipif(Processor.here() is None, reason="no kernel: no fused multiply-add")
def test_equal_rows_among_many_have_the_same_bits_in_whatever_batch(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "ROWS", 20_000)
    rows = pd.read_csv(example(served))
    copies = np.resize(np.arange(len(rows)), 20_030)  # the last batch is small
    many = write(served, "many.csv", rows.iloc[copies])
    succeeds(here(*SCORING, *rows_at(many, "scoring.reasons=2")), ALARM)
    scored = predictions_of(served)
    for name in ("probability", "reason_1", "effect_1", "reason_2", "effect_2"):
        cells = scored[name].to_numpy()
        np.testing.assert_array_equal(cells, cells[copies])


def test_a_key_of_numbers_and_texts_is_refused_beside_the_champions_number_format(
    tmp_path: Path,
) -> None:
    """In which the key 1.234 would be 1234."""
    schema = schema_of().model_copy(update={"marks": NumberFormat(decimal=",", thousands=".")})
    ensemble_of(schema).save(tmp_path / "a.keras")
    rows = pd.DataFrame({name: [1.0, 2.0] for name in schema.columns} | {"visit": [1.234, "A7"]})
    columns = ColumnsOptions(label=schema.label, positive_class=1, negative_class=0, key="visit")
    champion = Artifact.read(tmp_path / "a.keras")
    with raises_data_error(match="visits: column 'visit' holds values of several types"):
        validate_rows_to_score(
            LoadedTable.of(rows, "visits"), champion, columns, ValidationOptions(), ScoringOptions()
        )
