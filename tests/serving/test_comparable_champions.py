"""A champion says nothing of rows that it was trained on, and these are found whatever changed."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.gate import ComparedChampion
from tabular_lstm.monitoring.drift import Drift, Shift
from tabular_lstm.monitoring.reference import Reference, Watch
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.pipelines.reshaping.nodes import reshape, split_features_from_label
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.fingerprints import Fingerprints, together_of
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import (
    KEPT,
    ChampionPredictions,
    ComparedChampions,
    NotComparedError,
    drift_of,
    features_moved,
    judged_by,
    predict_with_champion,
    promoted_artifact,
    refuse_few_rows,
    refuse_other_reading,
    rows_each_of,
    shortened,
)
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.promotion_log import Versions
from tests.helpers.commands import RETRAINING, UNTRUSTED, here
from tests.helpers.decisions import DATA, decision
from tests.helpers.judged import both
from tests.helpers.logs import run
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.nodes import NO_ROWS
from tests.helpers.project import Project

COUNT = 60
SCHEMA = schema_of(features=2, features_per_step=1)
BY_KEY = {"keys": pd.Series([], name="id")}
LEAST_ROWS = 20
ROLES = {"label": "y", "positive_class": 1, "negative_class": 0}
THEN = ColumnsOptions.model_validate(
    {**ROLES, "categorical": ["color"], "missing": {"dose": [0], "color": ["?"]}}
)
NO_PAIR = {"positive_class": None, "negative_class": None}
KEYED = THEN.model_copy(update={"key": "id"})
# What the champion was trained on: two rows of three.
TRAIN = np.arange(COUNT) % 3 > 0


def rows_of(**changed: Any) -> pd.DataFrame:
    """Valid rows as validation gives them."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "dose": np.where(np.arange(COUNT) % 7, rng.normal(size=COUNT), 0),
            "color": pd.Series(rng.choice(["red", "blue", None], COUNT), dtype="str"),
            "age": rng.integers(18, 90, COUNT) + 0.1,
            "y": np.arange(COUNT) % 2,
            **changed,
        }
    )


def keys_of(first: int = 0) -> pd.Series:
    return pd.Series([f"P{first + place}" for place in range(COUNT)], dtype="str")


def learned(rows: pd.DataFrame, columns: ColumnsOptions) -> Schema:
    """The schema of a network that was trained on rows."""
    return fit_schema(
        rows.drop(columns=[*columns.not_features]),
        columns,
        reshaping=ReshapingOptions(),
        label=columns.label,
        task=columns.task,
        labels=rows[columns.label].to_numpy(float),
        marks=POINT,
    )


def champion_of(
    folder: Path, rows: pd.DataFrame, columns: ColumnsOptions = THEN
) -> tuple[Artifact, Fingerprints]:
    """A champion of the day on which rows and columns were these."""
    train = rows[TRAIN]
    schema = learned(train, columns)
    path = folder / "candidate.keras"
    ensemble_of(schema).save(path)
    keys = None if columns.key is None else train[columns.key]
    return (
        Artifact(path.read_bytes(), str(path)),
        Fingerprints.of_rows(to_sequences(train, schema), keys, together_of(train, columns)),
    )


def trained_on(
    champion: tuple[Artifact, Fingerprints],
    test_rows: pd.DataFrame,
    columns: ColumnsOptions,
    train_rows: pd.DataFrame | None = None,
) -> np.ndarray:
    """Which of today's test rows the champion was trained on; all are, where none are given."""
    test_set = examples_of(test_rows, columns, test_rows[:0] if train_rows is None else train_rows)
    return predict_with_champion(*champion, test_set).trained_on


def examples_of(rows: pd.DataFrame, columns: ColumnsOptions, train_rows: pd.DataFrame) -> Examples:
    schema = learned(rows, columns)
    return reshape(split_features_from_label(rows, schema, columns, NO_ROWS, train_rows))


def refused(
    champion: tuple[Artifact, Fingerprints], rows: pd.DataFrame, columns: ColumnsOptions
) -> str:
    """Why a candidate of today's rows is not compared with a champion."""
    with pytest.raises(NotComparedError) as why:
        predict_with_champion(*champion, examples_of(rows, columns, rows[:0]))
    return str(why.value)


def test_rows_of_a_group_or_time_that_a_champion_was_trained_on_are_left_out(
    tmp_path: Path,
) -> None:
    wards = pd.Series([f"W{place // 4}" for place in range(COUNT)], dtype="str")
    days = pd.Series(pd.date_range("2026-03-01", periods=COUNT, unit="us"))
    in_ward = wards.isin(wards[TRAIN]).to_numpy()
    assert TRAIN.sum() < in_ward.sum()
    for role, name, values, new, left_out in (
        ("group", "ward", wards, wards + "new", in_ward),
        ("time", "day", days, days + pd.Timedelta(days=COUNT), TRAIN),
    ):
        columns = THEN.model_copy(update={role: name})
        (tmp_path / role).mkdir()
        champion = champion_of(tmp_path / role, rows_of(**{name: values}), columns)
        changed = rows_of(**{name: values}, age=rows_of()["age"] + 1)
        np.testing.assert_array_equal(trained_on(champion, changed, columns), left_out)
        assert not trained_on(champion, changed.assign(**{name: new}), columns).any()


def labelled(labels: np.ndarray, **of: Any) -> Examples:
    sequences = np.zeros((len(labels), 2, 1), np.float32)
    return Examples(sequences, pd.Series(labels), schema=SCHEMA, **of)


BLANK = {"dose": np.where(np.arange(COUNT) % 7, rows_of()["dose"], np.nan)}


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (rows_of(), THEN),
        (rows_of()[["y", "age", "color", "dose"]], THEN),
        (rows_of(**BLANK), THEN),
        (rows_of(age=rows_of()["age"].astype("float32").astype("float64")), THEN),
        (rows_of(visits=range(COUNT)), THEN),
        (rows_of(id=keys_of()), KEYED),
    ],
    ids=["split", "order", "blanks", "float32", "new feature", "key"],
)
def test_rows_that_a_champion_was_trained_on_are_left_out_whatever_changed(
    tmp_path: Path, rows: pd.DataFrame, columns: ColumnsOptions
) -> None:
    champion = champion_of(tmp_path, rows_of())
    np.testing.assert_array_equal(trained_on(champion, rows, columns), TRAIN)
    # Of a file in which other rows stand before these, a few are test rows.
    few = rows.set_axis(rows.index + 1000)[10:30]
    np.testing.assert_array_equal(trained_on(champion, few, columns), TRAIN[10:30])


def test_rows_of_other_keys_that_look_alike_to_both_count(tmp_path: Path) -> None:
    """Where a feature has few values, candidate and champion were trained on all of them."""
    alike = {"dose": 1.0, "color": "red", "age": np.arange(COUNT) % 2}
    champion = champion_of(tmp_path, rows_of(id=keys_of(), **alike), KEYED)
    test, train = rows_of(id=keys_of(5000), **alike), rows_of(id=keys_of(9000), **alike)
    assert not trained_on(champion, test, KEYED, train).any()
    # Though a feature that is new tells the candidate more.
    for rows in (test, train):
        rows["visits"] = range(COUNT)
    assert not trained_on(champion, test, KEYED, train).any()
    # Without a key nothing tells whether they are others.
    assert trained_on(champion, test.drop(columns="id"), THEN, train).all()
    # Rows of new keys that the champion alone was trained on are left out.
    (tmp_path / "other").mkdir()
    champion = champion_of(tmp_path / "other", rows_of(id=keys_of()), KEYED)
    again = rows_of(id=keys_of(5000))
    np.testing.assert_array_equal(trained_on(champion, again, KEYED, again[~TRAIN]), TRAIN)


DAYS = pd.Series(pd.date_range("1900-01-01", periods=COUNT, unit="us"))


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [
        (
            rows_of(),
            {"positive_class": 0, "negative_class": 1},
            "columns.positive_class was 1 and is 0",
        ),
        (rows_of(), {**NO_PAIR, "classes": [0, 1, 2]}, "columns.positive_class was 1 and is not"),
        (rows_of(), {**NO_PAIR, "declared_task": "number"}, "columns.positive_class was 1 and is"),
        (rows_of().rename(columns={"y": "z"}), {"label": "z"}, "columns.label was 'y' and is 'z'"),
        (rows_of().drop(columns="age"), {}, "column 'age' was numbers and is gone"),
        (
            rows_of(color=range(COUNT)),
            {"categorical": []},
            "column 'color' was categories with codes for missing ? and is numbers with codes for "
            "missing ?",
        ),
        (
            rows_of(day=DAYS),
            {"dates": {"day": "%d/%m/%Y"}},
            "column 'day' was dates of format ISO 8601 and is dates of format %d/%m/%Y",
        ),
        (
            rows_of(),
            {"missing": {"dose": [0, -1], "color": ["?"]}},
            "column 'dose' was numbers with codes for missing 0.0 and is numbers with",
        ),
    ],
    ids=["classes", "a third class", "a number", "label", "gone", "kind", "dates", "codes"],
)
def test_what_is_read_otherwise_is_not_compared(
    tmp_path: Path, rows: pd.DataFrame, columns: dict[str, Any], why: str
) -> None:
    then = THEN.model_copy(update={"dates": {"day": None}}) if "day" in rows else THEN
    champion = champion_of(tmp_path, rows_of(day=DAYS) if "day" in rows else rows_of(), then)
    why = f"since it was trained, {why}"
    assert refused(champion, rows, then.model_copy(update=columns)).startswith(why)
    # A code is one number however it is written.
    codes = (THEN.model_copy(update={"missing": {"dose": [code]}}) for code in (0, 0.0))
    refuse_other_reading(*(learned(rows_of(), columns) for columns in codes))


def test_too_few_rows_that_are_new_to_a_champion_are_no_comparison() -> None:
    labels, none = np.tile([0, 1], LEAST_ROWS + 5), np.zeros(2 * LEAST_ROWS + 10, bool)
    known = none.copy()
    known[:10:2] = True
    refuse_few_rows(known, labelled(labels), LEAST_ROWS)
    known[10] = True
    with pytest.raises(NotComparedError) as refused:
        refuse_few_rows(known, labelled(labels), LEAST_ROWS)
    assert str(refused.value) == (
        "it was trained on 6 of the 50 test rows, and the others have 19 rows of class 0; "
        f"expected at least {LEAST_ROWS} (promotion.min_test_rows_per_class)"
    )
    # Where nothing is left out, the rows are those that judge everything else.
    refuse_few_rows(none[:4], labelled(labels[:4]), LEAST_ROWS)
    heavy = np.where(np.arange(len(labels)) < 10, 1000.0, 1.0)
    known[:] = np.arange(len(labels)) == 0
    of_weights = {"weights": heavy}, "4 rows of class 0; expected at least 20, the effective number"
    of_groups = {"groups": np.arange(len(labels)) // 4}, "groups with rows of class 0"
    for of, said in (of_weights, of_groups):
        with pytest.raises(NotComparedError, match=said):
            refuse_few_rows(known, labelled(labels, **of), LEAST_ROWS)


# What is left of a champion


OWN = decision(True, letter="a")
PROMOTION = OWN.log_entry()


def test_what_is_gone_unreadable_or_another_is_not_compared(tmp_path: Path) -> None:
    """Another run's decision, copied over it, would say by what other rows it was judged."""

    def damaged(path: Path) -> Decision:
        raise DataError("decision.json: it is damaged")

    assert OWN.judgement is not None
    # However its file is laid out.
    whole = Decision.model_validate_json(OWN.model_dump_json(indent=2))
    assert judged_by(Champions(decisions={run("a"): whole}), PROMOTION) == OWN.judgement
    edited = OWN.judgement.model_copy(update={"fingerprints_sha256": "of other rows"})
    for left in (
        {},
        Versions(tmp_path, damaged),
        {run("a"): decision(True, letter="b")},
        {run("a"): OWN.model_copy(update={"judgement": edited})},
    ):
        with pytest.raises(NotComparedError, match="its decision is gone, unreadable or not what"):
            judged_by(Champions(decisions=left), PROMOTION)


def test_an_artifact_is_the_one_that_was_promoted_or_nothing_is_compared(tmp_path: Path) -> None:
    artifact, _ = champion_of(tmp_path, rows_of())
    broken = Artifact(b"no network", "candidate.keras")
    entry = PROMOTION.model_copy(update={"sha256": artifact.sha256})
    left = {run("a"): artifact}
    named = promoted_artifact(Champions([entry], left), entry)
    assert (named.sha256, named.run_id) == (artifact.sha256, run("a"))
    with pytest.raises(NotComparedError, match="its artifact is gone, unreadable or not what was"):
        promoted_artifact(Champions([entry], {run("a"): broken}), entry)
    entry = entry.model_copy(update={"sha256": broken.sha256})
    later = decision(True, [entry], letter="b").log_entry()
    with pytest.raises(NotComparedError, match=r"it cannot be loaded: candidate\.keras"):
        promoted_artifact(Champions([entry, later], {run("a"): broken}), entry)
    # Without the one that serves, no candidate can be judged.
    with pytest.raises(DataError, match=r"candidate\.keras"):
        promoted_artifact(Champions([entry], {run("a"): broken}), entry)


# The data of a retraining beside what the champion was trained on


@pytest.mark.long
def test_where_conf_says_so_an_alarm_is_the_reason_to_reject(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    def newest() -> dict[str, Any]:
        return json.loads(served.versions("08_reporting/decision.json")[-1].read_text())

    rows = pd.read_csv(served.raw)
    rows.assign(glucose=rows["glucose"] / 18).to_csv(served.raw, index=False)
    unit = r"'glucose': 99\.\d % are below \d+, previously 0 % \(mean \d\.\d+, previously 12\d"
    stop = "monitoring.on_drift=stop,monitoring.exit_on_alarm=5,monitoring.ignore=[glucos]"
    for number in range(2):
        assert here(*RETRAINING, "--params", stop).returncode == UNTRUSTED
        *_, alarm, last = [record.getMessage() for record in caplog.records]
        assert re.match(f"ALARM: {unit}", alarm)
        assert caplog.records[-2].levelname == "WARNING"
        # Whoever tries again is told the same.
        assert last.startswith(("Rejected", "Unchanged: run ")[number])
    reason = newest()["reason"]
    assert reason == newest()["judgement"]["checks"][0]["sentence"]
    assert re.match(f"the data are not as expected: {unit}", reason)
    assert "(expected no alarm for monitoring.on_drift = stop)" in reason
    # Of a column that the champion does not have: where it is looked for, and before the end.
    assert caplog.text.count("'glucos' is unknown; did you mean 'glucose'?") == 2

    judgement = newest()["judgement"]
    drift = judgement["drift"]
    assert (drift["rows"], drift["compared_rows"]) == (768, judgement["data"]["test_rows"])
    assert [name for name, shift in drift["features"].items() if shift["moved"]] == ["glucose"]
    assert drift["features"]["glucose"]["counts"] == []


GROUPS, EACH = 150, 8
OF = np.repeat(np.arange(GROUPS), EACH)
TEST = OF < GROUPS / 5


def drift(
    seed: int,
    shift: float = 0.0,
    trained_on: int = 0,
    groups: bool = False,
    reference: bool = True,
    **further: Any,
) -> Drift:
    """Compare test rows, of which those of a group are equal, with a champion's train rows."""
    drawn = np.random.default_rng(seed)
    sequences = drawn.normal(size=(GROUPS, 2, 1)).astype(np.float32)[OF]
    scores = both(drawn.random(GROUPS).astype(np.float32)[OF])
    facts = {"candidate_sha256": "", "rows": len(OF), "quarantined_rows": 0}
    kept_then = Reference.of([sequences[~TEST]], scores[TEST], SCHEMA, **facts)
    now = sequences[TEST] + np.float32(shift)
    known = np.arange(len(now)) < trained_on
    watch = Watch(kept_then, SCHEMA) if reference else None
    seen = watch.count(now[~known], scores[TEST][~known]) if watch else None
    labels = np.arange(len(now)) % 2
    test_set = Examples(
        now, pd.Series(labels), None, OF[TEST] if groups else None, schema=SCHEMA, **further
    )
    each = rows_each_of(test_set, ~known)
    predictions = ChampionPredictions(scores[TEST], 0.5, known, watch, seen, each)
    champion = ComparedChampion(run_id="b", sha256="")
    compared = ComparedChampions(Champions(), [champion], {"b": predictions}, Evaluation(labels))
    found = drift_of(compared, DATA, MonitoringOptions())
    assert found is not None
    return found


@pytest.mark.parametrize("of", [{"groups": True}, {}])
def test_rows_that_are_alike_prove_no_more_than_one_of_them(of: dict[str, Any]) -> None:
    """Rows of a group; and without key and group equal rows, which are on one side."""
    draws = range(5)
    as_single_rows = [drift(seed, **BY_KEY).alarm for seed in draws]
    assert sum(alarm is not None for alarm in as_single_rows) >= 3
    assert not any(drift(seed, **of).alarm for seed in draws)
    assert drift(0, shift=3.0, **of).alarm
    # Rows that the champion was trained on are not compared.
    assert drift(0, **BY_KEY).compared_rows == TEST.sum()
    assert drift(0, trained_on=100, **BY_KEY).compared_rows == TEST.sum() - 100


def test_without_a_champion_its_scores_or_a_reference_nothing_is_compared() -> None:
    of, evaluation = (DATA, MonitoringOptions()), Evaluation(np.array([0, 1]))
    assert drift_of(ComparedChampions(Champions(), [], {}, evaluation), *of) is None
    assert features_moved(None, MonitoringOptions()) is None
    champion = ComparedChampion(run_id="b", sha256="", not_compared="it is gone")
    gone = ComparedChampions(Champions(), [champion], {}, evaluation)
    for found, why in (
        (drift_of(gone, *of), "the champion is not compared"),
        (drift(0, reference=False), "the champion has no reference that can be read"),
    ):
        moved = features_moved(found, MonitoringOptions(on_drift="stop"))
        assert found is not None
        assert (found.alarm, found.not_compared) == (None, why)
        assert moved is not None
        so = "so monitoring.on_drift = stop has no effect"
        assert (moved.sentence, moved.expected) == (f"drift is not known, {so}: {why}", "")


def test_a_decision_keeps_what_moved_most_clearly_and_counts_the_rest() -> None:
    shift = Shift(
        **{"psi": 0.5, "ks": None, "missing": (0, 0), "outside": (0, 0), "statistic": 0},
        **{"moved": True, "sentence": "higher", "counts": (1, 2, 3)},
    )
    features = {
        f"f{place}": shift.model_copy(update={"statistic": float(place), "moved": place >= 10})
        for place in range(40)
    }
    scores = {"probability of 1": shift.model_copy(update={"statistic": 50.0})}
    whole = Drift(run_id="a run", champion="b", features=features, scores=scores)
    short = shortened(whole)
    assert [*short.features] == [f"f{place}" for place in range(39, 40 - KEPT, -1)]
    assert [*short.scores] == ["probability of 1"]
    assert {kept.counts for kept in short.features.values()} == {()}
    assert short.more_moved == 11
    assert short.alarm == whole.alarm
    assert str(whole.alarm).endswith("and 26 more")
