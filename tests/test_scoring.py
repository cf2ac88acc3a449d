"""New rows are scored by the champion: what goes in comes out, scored or in quarantine."""

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

from tabular_lstm import LSTMClassifier, progress
from tabular_lstm.files import sha256
from tabular_lstm.network.kernel import Processor
from tabular_lstm.parameters import Columns, Scoring, Validation
from tabular_lstm.pipelines.scoring.nodes import validate_rows_to_score
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.raw_rows import ROWS
from tabular_lstm.rows.table_rows import TableRows
from tabular_lstm.serving import prediction_parts
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.promotion_log import next_run_id
from tests.helpers.champions import champion_path, log_of, on_disk
from tests.helpers.commands import (
    RETRAINING,
    ROLLBACK,
    here,
    logged,
    message_of,
    seed,
    succeeds,
    with_modules,
)
from tests.helpers.errors import raises_data_error
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.once import Once
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
def test_dates_and_an_ignored_column_go_from_the_csv_to_scored_parquet(project: Project) -> None:
    rows = rows_to_learn(project.raw)
    days = pd.date_range("2025-01-01", periods=len(rows))
    rows = rows.assign(visit=days.strftime("%d.%m.%Y"), note=[f"n{row}" for row in days])
    rows.loc[::10, "visit"] = "never"
    rows.to_csv(project.raw, index=False)
    columns = {
        "label": "diabetes",
        "positive_class": 1,
        "negative_class": 0,
        "dates": {"visit": "%d.%m.%Y"},
        "ignore": ["note"],
        "missing": {"visit": ["never"]},
    }
    declare(project, columns=columns, **QUICK)
    succeeds(here(*RETRAINING))

    new = rows.drop(columns=["diabetes", "note"])[:40]
    new.loc[3, "visit"] = "2026-11-05"
    succeeds(here(*SCORING, *rows_at(write(project, "new.csv", new), "scoring.reasons=9")))
    of_csv = predictions_of(project)
    reason = f"visit: '2026-11-05' is not a date as {columns['dates']['visit']}"
    assert quarantine_of(project)["reason"].tolist() == [reason]
    named = of_csv.filter(regex="^reason").astype(object).to_numpy().ravel()
    assert {*named} - {None, np.nan} == {*new.columns}

    typed = new.drop(index=3).replace({"visit": {"never": None}})
    typed["visit"] = pd.to_datetime(typed["visit"], format="%d.%m.%Y")
    table, path = pa.Table.from_pandas(typed, preserve_index=False), project.path / "new.parquet"
    # Whatever it holds, nobody reads it.
    parquet.write_table(table.append_column("note", text_of([b"\xe9"] * len(typed))), path)
    succeeds(here(*SCORING, *rows_at(path)))
    of_parquet = predictions_of(project)
    np.testing.assert_array_equal(of_parquet["probability"], of_csv["probability"])


def test_the_shipped_rows_are_scored_by_the_champion_that_is_named_beside_each(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    scored, rows = predictions_of(served), pd.read_csv(example(served))
    champion = log_of(served)[-1]

    assert list(scored.columns) == OWN
    assert scored["row"].tolist() == list(range(1, 21))
    np.testing.assert_allclose(scored["probability"], by_the_estimator(served, rows), atol=1e-7)
    model = LSTMClassifier.load(champion_path(served))
    assert scored["decision"].tolist() == model.predict(rows).tolist()
    assert set(scored["champion"]) == {champion["run_id"]}
    assert set(scored["champion_sha256"]) == {champion["sha256"]} == {on_disk(served)}
    (manifest,) = finished(served)
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


def test_the_manifest_names_what_was_read_by_whom_and_what_was_written(served: Project) -> None:
    succeeds(here(*SCORING))
    (manifest,) = finished(served)
    (part,) = folder_of(served).glob("*/*.parquet")
    counts = {"rows": 20, "scored_rows": 20, "quarantined_rows": 0}
    assert {name: manifest[name] for name in counts} == counts
    champion = log_of(served)[-1]
    assert manifest["champion"] == {"run_id": champion["run_id"], "sha256": champion["sha256"]}
    assert (manifest["positive_class"], manifest["negative_class"]) == (1, 0)
    read = {"file": "rows_to_score.csv", "sha256": sha256(example(served).read_bytes())}
    assert manifest["inputs"] == [{**read, "rows": 20}]
    written = {"file": "part-00000.parquet", "sha256": sha256(part.read_bytes())}
    assert manifest["parts"] == [{**written, "rows": 20}]
    assert manifest["parameters"]["scoring"] == {"pass_through": [], "reasons": 0}
    assert summary_of(served)["rows"] == 20
    summary = summary_of(served)
    assert {label: sum(rows) for label, rows in summary["histograms"].items()} == (
        summary["decisions"]
    )
    # As after a failure: nothing lies beside it.
    assert {path.name for path in part.parent.iterdir()} == {"manifest.json", part.name}


def test_a_label_that_is_there_is_copied_and_not_seen(served: Project) -> None:
    rows = pd.read_csv(served.raw)
    succeeds(here(*SCORING, *rows_at(served.raw)))
    scored = predictions_of(served)
    assert list(scored.columns) == [*OWN[:4], "diabetes", *OWN[4:]]
    assert scored["diabetes"].tolist() == rows["diabetes"].astype(str).tolist()

    other = served.path / "other.csv"
    rows.assign(diabetes="who knows").to_csv(other, index=False)
    succeeds(here(*SCORING, *rows_at(other)))
    again = predictions_of(served)
    assert set(again["diabetes"]) == {"who knows"}
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
    assert drawn(served) == ["quarantine_reasons", "scored_probabilities"]


def drawn(project: Project) -> list[str]:
    """The names of the newest scoring's figures."""
    newest = sorted((project.path / "data/08_reporting/scoring_figures").iterdir())[-1]
    return sorted(path.stem for path in newest.rglob("*.svg"))


def test_where_no_row_is_set_aside_no_empty_figure_says_why(served: Project) -> None:
    succeeds(here(*SCORING))
    assert drawn(served) == ["scored_probabilities"]


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
    nan = lambda scorer, sequences, many: np.full(len(sequences), np.nan)  # noqa: E731
    monkeypatch.setattr("tabular_lstm.serving.row_scoring.score", nan)
    message = message_of(here(*SCORING))
    assert f"{champion_path(served)}: the champion, run {log_of(served)[-1]['run_id']}" in message
    assert "gives no probability for rows 1, 2, 3" in message
    assert finished(served) == []


# Nothing new -------------------------------------------------------------------------------------


def test_the_same_rows_by_the_same_champion_are_not_scored_again_unless_asked(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    (first,) = finished(served)
    succeeds(here(*SCORING))
    run = first["run_id"]
    assert f"Unchanged: rows, champion, parameters and code are those of run {run}" in caplog.text
    assert finished(served) == [first]

    succeeds(here(*SCORING, "--params", "scoring.force=true"))
    assert len(finished(served)) == 2
    succeeds(here(*SCORING, "--params", "scoring.reasons=1"))
    assert len(finished(served)) == 3
    rows = example(served).read_text()
    example(served).write_text(rows.replace("36.4", "36.5"))
    succeeds(here(*SCORING))
    assert len(finished(served)) == 4
    # Rows that were scored before others are scored again, to be the newest.
    example(served).write_text(rows)
    succeeds(here(*SCORING))
    assert len(finished(served)) == 5


@pytest.mark.long
def test_another_champion_is_something_new(served: Project) -> None:
    succeeds(here(*SCORING))
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*SCORING))
    first, second = finished(served)
    assert first["champion"] != second["champion"]
    assert set(predictions_of(served)["champion"]) == {log_of(served)[-1]["run_id"]}


SWAPPED = {"positive_class": 0, "negative_class": 1}


def declare_columns(project: Project, **changed: Any) -> None:
    """Declare the columns of the base environment anew, with some values changed."""
    conf = project.path / "conf/base/parameters_data_processing.yml"
    columns = yaml.safe_load(conf.read_text())["columns"]
    declare(project, **QUICK, columns={**columns, **changed})


def test_after_a_swap_of_the_classes_the_champion_does_not_score(served: Project) -> None:
    """Or `probability` would be that of the other class than conf says, and nobody be told."""
    succeeds(here(*SCORING))
    before = served.files()
    declare_columns(served, **SWAPPED)
    for arguments in (SCORING, (*SCORING, "--params", "scoring.force=true")):
        said = message_of(here(*arguments))
        assert said.startswith(f"{champion_path(served)}: the champion gives the probability of")
        assert "columns.positive_class was 1 and is 0, columns.negative_class was 0 and is" in said
        assert "Set conf back. Or, to promote one with today's conf" in said
        assert served.files() == before
    declare_columns(served, label="sick")
    said = message_of(here(*SCORING))
    assert "of diabetes = 1; since it was trained, columns.label was 'diabetes' and is" in said


@pytest.mark.long
def test_after_a_swap_of_the_classes_the_two_ways_out_lead_on(served: Project) -> None:
    first = log_of(served)[-1]["run_id"]
    declare_columns(served, **SWAPPED)
    # The command that the message names; without it a rejected candidate changes nothing.
    succeeds(here(*RETRAINING))
    assert log_of(served)[-1]["action"] == "rejected"
    assert "the probability of diabetes = 1" in message_of(here(*SCORING))
    succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
    succeeds(here(*SCORING))
    assert set(predictions_of(served)["positive_class"]) == {0}
    before = served.files()
    assert "the probability of diabetes = 1" in message_of(here(*ROLLBACK))
    assert served.files() == before

    # Conf as it was.
    declare_columns(served)
    assert "the probability of diabetes = 0" in message_of(here(*SCORING))
    succeeds(here(*ROLLBACK))
    assert log_of(served)[-1]["serves_now"] == first
    succeeds(here(*SCORING))
    assert set(predictions_of(served)["positive_class"]) == {1}


@pytest.mark.long
def test_after_a_third_class_came_up_the_champion_of_two_is_judged_no_more(served: Project) -> None:
    rows = pd.read_csv(served.raw)
    rows.loc[rows["glucose"] > 140, "diabetes"] = 2
    rows.to_csv(served.raw, index=False)
    declare(served, **QUICK, columns={"label": "diabetes", "classes": [0, 1, 2]})
    said = message_of(here(*SCORING))
    assert "columns.positive_class was 1 and is not set" in said
    assert "columns.classes was not set and is [0, 1, 2]. Set conf back." in said
    succeeds(here(*RETRAINING))
    last = log_of(served)[-1]
    assert last["action"] == "rejected"
    assert "positive_class was 1 for it and is not set" in last["reason"]

    succeeds(here(*RETRAINING, "--params", "promotion.start_over=true"))
    succeeds(here(*SCORING))
    scored = predictions_of(served)
    assert list(scored.columns[1:5]) == [*(f"probability_{n}" for n in range(3)), "decision"]
    assert set(scored["decision"]) <= {0, 1, 2}
    assert "the champion gives the probability of diabetes = 1" in message_of(here(*ROLLBACK))
    # The other way out: conf as it was.
    declare(served, **QUICK)
    assert "the probabilities of diabetes = 0, 1, 2; since" in message_of(here(*SCORING))
    succeeds(here(*ROLLBACK))


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


def test_rows_of_a_folder_are_named_by_file_and_number(served: Project) -> None:
    folder = served.path / "days"
    folder.mkdir()
    rows = pd.read_csv(example(served), dtype=str)
    rows.loc[8, "bmi"] = "?"
    for day, part in enumerate((rows[:12], rows[12:]), 1):
        part.to_csv(folder / f"day_{day}.csv", index=False)
    succeeds(here(*SCORING, *rows_at(folder)))

    scored = predictions_of(served)
    assert list(scored.columns) == ["file", *OWN]
    places = [("day_1.csv", row) for row in range(1, 13) if row != 9]
    places += [("day_2.csv", row) for row in range(1, 9)]
    assert list(zip(scored["file"], scored["row"], strict=True)) == places
    assert quarantine_of(served)[["file", "row"]].values.tolist() == [["day_1.csv", "9"]]
    (manifest,) = finished(served)
    assert [(file["file"], file["rows"]) for file in manifest["inputs"]] == [
        ("day_1.csv", 12),
        ("day_2.csv", 8),
    ]


@pytest.fixture
def keyed(quick: Project, once: Once) -> Project:
    """A project whose rows have a key, after a first retraining."""
    rows = pd.read_csv(quick.raw)
    rows.insert(0, "patient", [f"P{number}" for number in range(1, len(rows) + 1)])
    rows.to_csv(quick.raw, index=False)
    columns = {"label": "diabetes", "positive_class": 1, "negative_class": 0, "key": "patient"}
    declare(quick, **QUICK, columns=columns)
    return once("keyed", quick, lambda: succeeds(here(*RETRAINING)))


def test_predictions_are_joined_to_the_rows_by_their_key(keyed: Project) -> None:
    rows = pd.read_csv(example(keyed), dtype={"patient": str})
    rows.loc[3, "patient"] = None
    rows = rows.sample(frac=1, random_state=0)
    path = write(keyed, "rows.csv", rows)
    succeeds(here(*SCORING, *rows_at(path, "validation.max_quarantined_fraction=0.1")))

    scored = predictions_of(keyed)
    assert list(scored.columns) == ["row", "patient", *OWN[1:]]
    joined = rows.merge(scored, on="patient")
    assert len(joined) == 19
    np.testing.assert_allclose(joined["probability"], by_the_estimator(keyed, joined), atol=1e-7)
    aside = quarantine_of(keyed)
    assert aside["reason"].tolist() == ["patient: no key"]


def test_a_column_is_not_copied_over_one_of_the_predictions(served: Project) -> None:
    rows = pd.read_csv(example(served)).rename(columns={"patient": "champion"})
    declare(served, **QUICK, scoring={"pass_through": ["champion"]})
    message = message_of(here(*SCORING, *rows_at(write(served, "rows.csv", rows))))
    assert "column 'champion' would be copied" in message


def test_each_row_has_the_features_that_moved_its_probability_most(served: Project) -> None:
    rows = pd.read_csv(example(served))
    succeeds(here(*SCORING, "--params", "scoring.reasons=2"))
    scored = predictions_of(served)
    assert list(scored.columns) == [
        *OWN[:4], "reason_1", "effect_1", "reason_2", "effect_2", *OWN[4:]
    ]  # fmt: skip
    assert (scored["effect_1"].abs() >= scored["effect_2"].abs()).all()
    for place in (0, 7, 19):
        one = rows.iloc[[place]]
        missing = {name: one.assign(**{name: np.nan}) for name in one.columns[1:]}
        effects = pd.Series(
            {
                name: scored["probability"][place] - by_the_estimator(served, without)[0]
                for name, without in missing.items()
            }
        )
        most = effects.abs().idxmax()
        assert scored["reason_1"][place] == most
        assert scored["effect_1"][place] == pytest.approx(effects[most], abs=1e-6)


@pytest.mark.parametrize("rows", [60, 6000])
def test_a_scoring_with_reasons_says_how_far_it_is(
    served: Project, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    path = write_rows(served, "new.csv", rows)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    lines = logged(*SCORING, *rows_at(path, "scoring.reasons=2"))
    done = [line for line in lines.splitlines() if line.startswith("Reasons: ")]
    assert done, lines
    assert all(" rows/s" in line for line in done)
    assert "100%" in done[-1]


def test_values_of_a_parquet_file_are_copied_with_their_types(served: Project) -> None:
    rows = pd.read_csv(example(served)).assign(
        visited=pd.Timestamp("2026-11-01"), ward=pd.Series([1, None] * 10, dtype="Int64")
    )
    path = served.path / "rows.parquet"
    rows.to_parquet(path)
    declare(served, **QUICK, scoring={"pass_through": ["visited", "ward", "bmi"]})
    succeeds(here(*SCORING, *rows_at(path)))
    scored = predictions_of(served)
    np.testing.assert_allclose(scored["probability"], by_the_estimator(served, rows), atol=1e-7)
    assert (scored["visited"] == pd.Timestamp("2026-11-01")).all()
    assert scored["ward"].isna().tolist() == [False, True] * 10
    assert scored["bmi"].equals(rows["bmi"])


@pytest.mark.long
def test_a_label_of_words_is_decided_in_words_and_unknown_words_are_an_alarm(
    project: Project, once: Once, caplog: pytest.LogCaptureFixture
) -> None:
    rows = rows_to_learn(project.raw).assign(color=["red", "blue"] * 384)
    rows["diabetes"] = rows["diabetes"].map({0: "no", 1: "yes"})
    rows.to_csv(project.raw, index=False)
    columns = {"label": "diabetes", "positive_class": "yes", "negative_class": "no"}
    declare(project, **QUICK, columns={**columns, "categorical": ["color"]})
    words = once("words", project, lambda: succeeds(here(*RETRAINING)))
    new = rows.drop(columns="diabetes")[:30].assign(color=["green"] * 20 + ["red"] * 10)
    succeeds(here(*SCORING, *rows_at(write(words, "rows.csv", new))))
    scored = predictions_of(words)
    expected = LSTMClassifier.load(champion_path(words)).predict(new)
    assert scored["decision"].astype(str).tolist() == expected.tolist()
    assert summary_of(words)["decisions"].keys() == {"no", "yes"}
    assert summary_of(words)["unknown_categories"] == {"color": 20}
    assert "ALARM: 'color': " in caplog.text


def test_where_every_row_is_bad_and_may_be_the_predictions_are_empty(served: Project) -> None:
    rows = pd.read_csv(example(served), dtype=str).assign(bmi="?")
    path = write(served, "rows.csv", rows)
    options = ("validation.max_quarantined_fraction=1.0", "scoring.reasons=2")
    said = logged(*SCORING, *rows_at(path, *options))
    assert said.splitlines()[-1] == "ALARM: quarantined rows: 100 % of the rows, were 0 %"
    scored = predictions_of(served)
    assert scored.columns[0] == "row"
    assert len(scored) == 0
    assert len(quarantine_of(served)) == 20
    assert summary_of(served)["mean_probability"] is None


def test_outputs_may_be_saved_asynchronously(served: Project) -> None:
    succeeds(here(*SCORING, "--async"))
    assert len(predictions_of(served)) == 20
    assert summary_of(served)["scored_rows"] == 20


@pytest.mark.parametrize(
    "options", [("--to-nodes", "scoring.score_rows"), ("--only-missing-outputs",)]
)
def test_a_scoring_is_not_run_in_part(served: Project, options: tuple[str, ...]) -> None:
    message = message_of(here(*SCORING, *options))
    assert "whole and without other pipelines" in message
    assert finished(served) == []


# Parts, and who reads them -----------------------------------------------------------------------


def test_many_rows_are_written_to_several_parts(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_parts, "ROWS_OF_A_PART", 7)
    folder = served.path / "days"
    folder.mkdir()
    rows = pd.read_csv(example(served))
    for day in range(4):
        rows[5 * day : 5 * day + 5].to_csv(folder / f"day_{day}.csv", index=False)
    succeeds(here(*SCORING, *rows_at(folder)))
    (manifest,) = finished(served)
    parts = [("part-00000.parquet", 10), ("part-00001.parquet", 10)]
    assert [(part["file"], part["rows"]) for part in manifest["parts"]] == parts
    scored = predictions_of(served)
    assert len(scored) == 20
    assert scored["file"].cat.categories.tolist() == [f"day_{day}.csv" for day in range(4)]


@pytest.mark.skipif(Processor.here() is None, reason="no kernel: no fused multiply-add")
def test_equal_rows_among_many_have_the_same_bits_in_whatever_batch(served: Project) -> None:
    rows = pd.read_csv(example(served))
    copies = np.resize(np.arange(len(rows)), ROWS + 30)  # the last batch is small
    many = write(served, "many.csv", rows.iloc[copies])
    succeeds(here(*SCORING, *rows_at(many, "scoring.reasons=2")))
    scored = predictions_of(served)
    for name in ("probability", "reason_1", "effect_1", "reason_2", "effect_2"):
        cells = scored[name].to_numpy()
        np.testing.assert_array_equal(cells, cells[copies])


def test_a_scoring_does_not_wait_for_tensorflow(served: Project) -> None:
    ended, modules = with_modules(served, *SCORING)
    succeeds(ended)
    assert not {"tensorflow", "keras", "sklearn"} & modules
    assert len(finished(served)) == 1


def test_a_key_of_numbers_and_texts_is_refused_beside_the_champions_number_format(
    tmp_path: Path,
) -> None:
    """In which the key 1.234 would be 1234."""
    schema = schema_of().model_copy(update={"marks": NumberFormat(decimal=",", thousands=".")})
    ensemble_of(schema).save(tmp_path / "a.keras")
    rows = pd.DataFrame({name: [1.0, 2.0] for name in schema.columns} | {"visit": [1.234, "A7"]})
    columns = Columns(label=schema.label, positive_class=1, negative_class=0, key="visit")
    champion = Artifact.read(tmp_path / "a.keras")
    with raises_data_error(match="visits: column 'visit' holds numbers and texts"):
        validate_rows_to_score(
            TableRows.of(rows, "visits"), champion, columns, Validation(), Scoring()
        )
