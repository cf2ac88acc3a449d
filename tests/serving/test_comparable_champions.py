"""A champion says nothing of rows that it was trained on, and these are found whatever changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.comparison import ZERO_AND_ONE
from tabular_lstm.parameters import Columns, Reshaping
from tabular_lstm.rows.fingerprints import Fingerprints, together_of
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import (
    NotComparedError,
    Scored,
    judged_by,
    promoted_artifact,
    refuse_few_rows,
    refuse_other_reading,
    score,
)
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.promotion_log import Versions
from tests.helpers.decisions import decision
from tests.helpers.logs import run
from tests.helpers.networks import ensemble_of
from tests.helpers.nodes import NO_ROWS

COUNT = 60
LEAST_ROWS = 20
LEAST = LEAST_ROWS, ZERO_AND_ONE
ROLES = {"label": "y", "positive_class": 1, "negative_class": 0}
THEN = Columns.model_validate(
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


def learned(rows: pd.DataFrame, columns: Columns) -> Schema:
    """The schema of a network that was trained on rows."""
    return learn_schema(
        rows.drop(columns=[*columns.not_features]),
        categorical=columns.categorical,
        missing=columns.missing,
        dates=columns.dates,
        reshaping=Reshaping(),
        label=columns.label,
        task=columns.task,
        labels=rows[columns.label].to_numpy(float),
        marks=POINT,
    )


def champion_of(
    folder: Path, rows: pd.DataFrame, columns: Columns = THEN
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
    columns: Columns,
    train_rows: pd.DataFrame | None = None,
) -> np.ndarray:
    """Which of today's test rows the champion was trained on; all are, where none are given."""
    train_rows = test_rows[:0] if train_rows is None else train_rows
    schema = learned(test_rows, columns)
    return score(*champion, train_rows, test_rows, NO_ROWS, columns, schema).trained_on


def refused(champion: tuple[Artifact, Fingerprints], rows: pd.DataFrame, columns: Columns) -> str:
    """Why a candidate of today's rows is not compared with a champion."""
    with pytest.raises(NotComparedError) as why:
        score(*champion, rows[:0], rows, NO_ROWS, columns, learned(rows, columns))
    return str(why.value)


WARDS = pd.Series([f"W{place // 4}" for place in range(COUNT)], dtype="str")
GROUPED = THEN.model_copy(update={"group": "ward"})


def test_all_rows_of_a_group_that_a_champion_was_trained_on_are_left_out(tmp_path: Path) -> None:
    champion = champion_of(tmp_path, rows_of(ward=WARDS), GROUPED)
    known = WARDS.isin(WARDS[TRAIN]).to_numpy()
    assert TRAIN.sum() < known.sum()
    # Other rows of these groups, and rows of others.
    others = rows_of(ward=WARDS, age=rows_of()["age"] + 1)
    np.testing.assert_array_equal(trained_on(champion, others, GROUPED), known)
    new = rows_of(ward=WARDS + "new", age=rows_of()["age"] + 1)
    assert not trained_on(champion, new, GROUPED).any()


def test_rows_of_a_time_that_a_champion_was_trained_on_are_left_out(tmp_path: Path) -> None:
    days = pd.Series(pd.date_range("2026-03-01", periods=COUNT, unit="us"))
    timed = THEN.model_copy(update={"time": "day"})
    champion = champion_of(tmp_path, rows_of(day=days), timed)
    changed = rows_of(day=days, age=rows_of()["age"] + 1)
    np.testing.assert_array_equal(trained_on(champion, changed, timed), TRAIN)
    later = changed.assign(day=days + pd.Timedelta(days=COUNT))
    assert not trained_on(champion, later, timed).any()


def labelled(labels: np.ndarray, **of: Any) -> LabelledSet:
    return LabelledSet(np.zeros((len(labels), 1, 1), np.float32), pd.Series(labels), **of)


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
    tmp_path: Path, rows: pd.DataFrame, columns: Columns
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


def test_rows_of_new_keys_that_the_champion_alone_was_trained_on_are_left_out(
    tmp_path: Path,
) -> None:
    champion = champion_of(tmp_path, rows_of(id=keys_of()), KEYED)
    again = rows_of(id=keys_of(5000))
    np.testing.assert_array_equal(trained_on(champion, again, KEYED, again[~TRAIN]), TRAIN)


DAYS = pd.Series(pd.date_range("1900-01-01", periods=COUNT, unit="us"))


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [
        (
            rows_of(),
            {"positive_class": 0, "negative_class": 1},
            "positive_class was 1 for it and is 0",
        ),
        (rows_of(), {**NO_PAIR, "classes": [0, 1, 2]}, "positive_class was 1 for it and is not"),
        (rows_of(), {**NO_PAIR, "declared_task": "number"}, "positive_class was 1 for it and is"),
        (rows_of().rename(columns={"y": "z"}), {"label": "z"}, "label was 'y' for it and is 'z'"),
        (rows_of().drop(columns=["age", "dose"]), {}, "features that it needs are gone: dose, age"),
        (
            rows_of(color=range(COUNT)),
            {"categorical": []},
            "column 'color' was read as categories with codes for missing ? for it, and now as "
            "numbers with codes for missing ?",
        ),
        (
            rows_of(day=DAYS),
            {"dates": {"day": "%d/%m/%Y"}},
            "column 'day' was read as dates of format ISO 8601 for it, and now as dates of "
            "format %d/%m/%Y",
        ),
    ],
    ids=["classes", "a third class", "a number", "label", "gone", "kind", "dates"],
)
def test_what_is_read_otherwise_is_not_compared(
    tmp_path: Path, rows: pd.DataFrame, columns: dict[str, Any], why: str
) -> None:
    then = THEN.model_copy(update={"dates": {"day": None}}) if "day" in rows else THEN
    champion = champion_of(tmp_path, rows_of(day=DAYS) if "day" in rows else rows_of(), then)
    assert refused(champion, rows, then.model_copy(update=columns)).startswith(why)


def test_a_code_is_one_number_however_it_is_written() -> None:
    its, schema = (
        learned(rows_of(), THEN.model_copy(update={"missing": {"dose": [code]}}))
        for code in (0, 0.0)
    )
    refuse_other_reading(its, schema)


def test_too_few_rows_that_are_new_to_a_champion_are_no_comparison() -> None:
    labels, none = np.tile([0, 1], LEAST_ROWS + 5), np.zeros(2 * LEAST_ROWS + 10, bool)
    known = none.copy()
    known[:10:2] = True
    refuse_few_rows(Scored(none, 0.5, known), labelled(labels), *LEAST)
    known[10] = True
    with pytest.raises(NotComparedError) as refused:
        refuse_few_rows(Scored(none, 0.5, known), labelled(labels), *LEAST)
    assert str(refused.value) == (
        "it was trained on 6 of the 50 test rows, and the others have 19 rows of the rarer class; "
        f"expected at least {LEAST_ROWS} of each class (promotion.min_test_rows_per_class)"
    )
    # Where nothing is left out, the rows are those that judge everything else.
    refuse_few_rows(Scored(none[:4], 0.5, none[:4]), labelled(labels[:4]), *LEAST)
    heavy = np.where(np.arange(len(labels)) < 10, 1000.0, 1.0)
    known[:] = np.arange(len(labels)) == 0
    for of in ({"weights": heavy}, {"groups": np.arange(len(labels)) // 4}):
        with pytest.raises(NotComparedError, match=r"the effective number|groups with rows"):
            refuse_few_rows(Scored(none, 0.5, known), labelled(labels, **of), *LEAST)


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
        with pytest.raises(NotComparedError, match="its decision is gone, damaged or not what"):
            judged_by(Champions(decisions=left), PROMOTION)


def test_an_artifact_is_the_one_that_was_promoted_or_nothing_is_compared(tmp_path: Path) -> None:
    artifact, _ = champion_of(tmp_path, rows_of())
    broken = Artifact(b"no network", "candidate.keras")
    entry = PROMOTION.model_copy(update={"sha256": artifact.sha256})
    left = {run("a"): artifact}
    named = promoted_artifact(Champions([entry], left), entry)
    assert (named.sha256, named.run_id) == (artifact.sha256, run("a"))
    with pytest.raises(NotComparedError, match="its artifact is gone, damaged or not what was"):
        promoted_artifact(Champions([entry], {run("a"): broken}), entry)
    entry = entry.model_copy(update={"sha256": broken.sha256})
    later = decision(True, [entry], letter="b").log_entry()
    with pytest.raises(NotComparedError, match=r"it cannot be loaded: candidate\.keras"):
        promoted_artifact(Champions([entry, later], {run("a"): broken}), entry)
    # Without the one that serves, no candidate can be judged.
    with pytest.raises(DataError, match=r"candidate\.keras"):
        promoted_artifact(Champions([entry], {run("a"): broken}), entry)
