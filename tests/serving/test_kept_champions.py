"""A champion says nothing of rows that it was trained on, and these are found whatever changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Reshaping
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.keys import together_of
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.kept_champions import (
    NotComparedError,
    Scored,
    fingerprints_of,
    judged_by,
    promoted_artifact,
    read,
    refuse_few_rows,
    score,
)
from tabular_lstm.serving.promotion_log import record
from tests.helpers.decisions import FINGERPRINTS, decision
from tests.helpers.logs import run
from tests.helpers.networks import ensemble_of

COUNT = 60
LEAST_ROWS = 20
ROLES = {"label": "y", "positive_class": 1, "negative_class": 0}
THEN = Columns.model_validate(
    {**ROLES, "categorical": ["color"], "missing": {"dose": [0], "color": ["?"]}}
)
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


def champion_of(
    folder: Path, rows: pd.DataFrame, columns: Columns = THEN
) -> tuple[Artifact, Fingerprints]:
    """A champion of the day on which rows and columns were these."""
    train = rows[TRAIN]
    features = train.drop(columns=[*columns.not_features])
    schema = learn_schema(
        features,
        categorical=columns.categorical,
        missing=columns.missing,
        dates=columns.dates,
        reshaping=Reshaping(),
        label=columns.label,
        classes=(columns.negative_class, columns.positive_class),
    )
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
    return score(*champion, train_rows, test_rows, columns).trained_on


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


def test_groups_of_a_champion_that_knew_none_are_those_of_the_rows_it_was_trained_on(
    tmp_path: Path,
) -> None:
    """Though the rows that tell are train rows now, and other rows of their groups test rows."""
    champion = champion_of(tmp_path, rows_of())
    rows = rows_of(ward=WARDS)
    known = WARDS.isin(WARDS[TRAIN]).to_numpy()
    strangers = rows_of(ward="W99", age=rows_of()["age"] + 5)
    np.testing.assert_array_equal(trained_on(champion, rows, GROUPED, strangers), known)
    new = np.array(WARDS.isin(["W1", "W3"]))
    np.testing.assert_array_equal(
        trained_on(champion, rows[~TRAIN & new], GROUPED, rows[TRAIN & new]), [True] * 3
    )
    assert not trained_on(champion, rows[~TRAIN & new], GROUPED, strangers).any()


def test_rows_of_other_groups_that_look_alike_to_both_count(tmp_path: Path) -> None:
    alike = {"dose": 1.0, "color": "red", "age": np.arange(COUNT) % 2}
    champion = champion_of(tmp_path, rows_of(ward=WARDS, **alike), GROUPED)
    test, train = (rows_of(ward=WARDS + name, **alike) for name in ("one", "other"))
    assert not trained_on(champion, test, GROUPED, train).any()
    # To the champion alone they do: it may have known them by other names.
    assert trained_on(champion, test, GROUPED, train.assign(age=7)).all()


def test_rows_of_a_time_that_a_champion_was_trained_on_are_left_out(tmp_path: Path) -> None:
    days = pd.Series(pd.date_range("2026-03-01", periods=COUNT, unit="us"))
    timed = THEN.model_copy(update={"time": "day"})
    champion = champion_of(tmp_path, rows_of(day=days), timed)
    changed = rows_of(day=days, age=rows_of()["age"] + 1)
    np.testing.assert_array_equal(trained_on(champion, changed, timed), TRAIN)
    later = changed.assign(day=days + pd.Timedelta(days=COUNT))
    assert not trained_on(champion, later, timed).any()


def test_of_few_groups_that_are_left_their_number_is_said() -> None:
    labels, groups = np.tile([0, 1], 40), np.arange(80) // 4
    scored = Scored(labels * 0.5, 0.5, np.arange(80) < 8)
    refuse_few_rows(scored, labels, LEAST_ROWS)
    refuse_few_rows(scored, labels, 18, groups=groups)
    said = "of the groups of the 72 others 18 have positive rows and 18 negative ones"
    with pytest.raises(NotComparedError, match=said):
        refuse_few_rows(scored, labels, 19, groups=groups)


BLANK = {"dose": np.where(np.arange(COUNT) % 7, rows_of()["dose"], np.nan)}
PLACES = pd.Series(map(str, range(COUNT)), dtype="str")


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (rows_of(), THEN),
        (rows_of()[["y", "age", "color", "dose"]], THEN),
        (rows_of(**BLANK), THEN),
        (rows_of(age=rows_of()["age"].astype("float32").astype("float64")), THEN),
        (rows_of(y=1), THEN),
        (rows_of(visits=range(COUNT)), THEN),
        (rows_of(id=keys_of()), KEYED),
        (
            rows_of(age=rows_of()["age"].map(str).astype("str")),
            THEN.model_copy(update={"categorical": ["color", "age"]}),
        ),
    ],
    ids=[
        "split",
        "order",
        "blanks",
        "float32",
        "labels",
        "new feature",
        "key",
        "category",
    ],
)
def test_rows_that_a_champion_was_trained_on_are_left_out_whatever_changed(
    tmp_path: Path, rows: pd.DataFrame, columns: Columns
) -> None:
    champion = champion_of(tmp_path, rows_of())
    np.testing.assert_array_equal(trained_on(champion, rows, columns), TRAIN)
    # Of a file in which other rows stand before these, a few are test rows.
    few = rows.set_axis(rows.index + 1000)[10:30]
    np.testing.assert_array_equal(trained_on(champion, few, columns), TRAIN[10:30])


def test_rows_with_a_date_are_known_again_unless_it_is_read_as_something_else(
    tmp_path: Path,
) -> None:
    days = pd.Series(pd.date_range("1900-01-01", periods=COUNT, unit="us"))
    rows, dated = rows_of(day=days), THEN.model_copy(update={"dates": {"day": None}})
    champion = champion_of(tmp_path, rows, dated)
    coded = dated.model_copy(update={"missing": THEN.missing | {"day": ["1900-01-03"]}})
    for columns in (dated, coded, dated.model_copy(update={"dates": {"day": "%d.%m.%Y"}})):
        np.testing.assert_array_equal(trained_on(champion, rows, columns), TRAIN)
    with pytest.raises(NotComparedError, match="'day' had dates for it that are read as something"):
        trained_on(champion, rows_of(day=np.arange(COUNT)), THEN)
    # 5/6 is the sixth of May now.
    swapped = rows_of(day=days + pd.to_timedelta(np.arange(COUNT) % 3, "D"))
    anew = dated.model_copy(update={"dates": {"day": "%d/%m/%Y"}})
    with pytest.raises(NotComparedError, match="the format of day changed, and of the"):
        trained_on(champion, swapped, anew)
    as_number = champion_of(tmp_path, rows_of(day=np.arange(COUNT)))
    with pytest.raises(NotComparedError, match="'day' had numbers for it that are read as someth"):
        trained_on(as_number, rows, dated)


def test_numbers_that_other_marks_make_others_are_not_compared(tmp_path: Path) -> None:
    champion, rows = champion_of(tmp_path, rows_of()), rows_of()
    comma = NumberFormat(decimal=",", thousands=".")
    # Written otherwise, they are the same numbers.
    scored = score(*champion, rows[:0], rows, THEN, comma)
    np.testing.assert_array_equal(scored.trained_on, TRAIN)
    with pytest.raises(NotComparedError) as refused:
        score(*champion, rows[:0], rows.assign(age=1000 * rows["age"]), THEN, comma)
    assert str(refused.value) == (
        f"what numbers are written with, {POINT} for it and {comma} now, changed, and of the "
        f"{TRAIN.sum()} rows that it was trained on 0 are in the table as it reads it: these cells "
        "may mean something else now"
    )


def test_a_key_is_known_again_though_its_features_changed(tmp_path: Path) -> None:
    champion = champion_of(tmp_path, rows_of(id=keys_of()), KEYED)
    older = rows_of(id=keys_of(), age=rows_of()["age"] + 1)
    np.testing.assert_array_equal(trained_on(champion, older, KEYED), TRAIN)


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
    assert trained_on(champion, test, THEN.model_copy(update={"features": ["age"]}), train).all()


def test_rows_of_new_keys_that_the_champion_alone_was_trained_on_are_left_out(
    tmp_path: Path,
) -> None:
    champion = champion_of(tmp_path, rows_of(id=keys_of()), KEYED)
    again = rows_of(id=keys_of(5000))
    np.testing.assert_array_equal(trained_on(champion, again, KEYED, again[~TRAIN]), TRAIN)


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [
        (
            rows_of(),
            {"positive_class": 0, "negative_class": 1},
            "positive_class was 1 for it and is 0",
        ),
        (rows_of().rename(columns={"y": "z"}), {"label": "z"}, "label was 'y' for it and is 'z'"),
        (rows_of().drop(columns=["age", "dose"]), {}, "features that it needs are gone: dose, age"),
        (rows_of(color=range(COUNT)), {"categorical": []}, "'color' had categories for it"),
        (rows_of(), {"missing": {"color": ["red"]}}, "'color' had categories for it that are read"),
        (
            rows_of(age=PLACES),
            {"categorical": ["color", "age"], "missing": {"age": ["3"]}},
            "'age' had numbers for it that are read as something else now",
        ),
        (rows_of(age=PLACES + "?"), {"categorical": ["color", "age"]}, "it cannot read the rows: "),
    ],
    ids=["classes", "label", "gone", "numbers", "codes", "categories", "words"],
)
def test_what_means_something_else_is_not_compared(
    tmp_path: Path, rows: pd.DataFrame, columns: dict[str, Any], why: str
) -> None:
    champion = champion_of(tmp_path, rows_of())
    with pytest.raises(NotComparedError) as refused:
        score(*champion, rows[:0], rows, THEN.model_copy(update=columns))
    assert str(refused.value).startswith(why)


@pytest.mark.parametrize("label", [0, 1])
def test_too_few_rows_that_are_new_to_a_champion_are_no_comparison(label: int) -> None:
    labels = np.tile([0, 1], LEAST_ROWS + 5)
    of_class, none = np.flatnonzero(labels == label), np.zeros(len(labels), bool)
    known = none.copy()
    known[of_class[:5]] = True
    refuse_few_rows(Scored(none, 0.5, known), labels, LEAST_ROWS)
    known[of_class[5]] = True
    with pytest.raises(NotComparedError) as refused:
        refuse_few_rows(Scored(none, 0.5, known), labels, LEAST_ROWS)
    positive = LEAST_ROWS - 1 if label else LEAST_ROWS + 5
    assert str(refused.value) == (
        f"it was trained on 6 of the 50 test rows, and of the 44 others {positive} are positive; "
        f"expected at least {LEAST_ROWS} of each class "
        "(promotion.min_test_rows_per_class)"
    )
    # Where nothing is left out, the rows are those that judge everything else.
    refuse_few_rows(Scored(none[:4], 0.5, none[:4]), labels[:4], LEAST_ROWS)


def test_new_rows_count_weights_note_with_their_weights() -> None:
    labels, none = np.tile([0, 1], LEAST_ROWS + 5), np.zeros(2 * LEAST_ROWS + 10, bool)
    known = none.copy()
    known[0] = True
    refuse_few_rows(Scored(none, 0.5, known), labels, LEAST_ROWS)
    refuse_few_rows(Scored(none, 0.5, known), labels, LEAST_ROWS, np.full(len(labels), 0.2))
    heavy = np.where(np.arange(len(labels)) < 10, 1000.0, 1.0)
    with pytest.raises(NotComparedError, match="of each class, counted by what they tell with"):
        refuse_few_rows(Scored(none, 0.5, known), labels, LEAST_ROWS, heavy)


def test_what_is_gone_or_unreadable_is_not_compared() -> None:
    def damaged() -> Any:
        raise DataError("decision.json: it is damaged")

    with pytest.raises(NotComparedError, match="its decision is gone"):
        read({}, "a", "decision is")
    with pytest.raises(NotComparedError, match=r"its decision is not readable \(decision.json: it"):
        read({"a": damaged}, "a", "decision is")


def test_fingerprints_are_those_of_the_decision() -> None:
    judgement = decision(True).judgement
    assert judgement is not None
    assert fingerprints_of({"a": lambda: FINGERPRINTS}, "a", judgement) is FINGERPRINTS
    other = Fingerprints(FINGERPRINTS.sequences[1:], FINGERPRINTS.keys)
    with pytest.raises(NotComparedError, match="fingerprints are not those of its decision"):
        fingerprints_of({"a": lambda: other}, "a", judgement)
    with pytest.raises(NotComparedError, match="its train rows' fingerprints are gone"):
        fingerprints_of({}, "a", judgement)


def test_an_artifact_is_that_which_was_promoted_and_loads(tmp_path: Path) -> None:
    artifact, _ = champion_of(tmp_path, rows_of())
    assert promoted_artifact({"a": lambda: artifact}, "a", artifact.sha256, True) is artifact
    with pytest.raises(NotComparedError, match="not the one that was promoted"):
        promoted_artifact({"a": lambda: artifact}, "a", "another", True)
    other = Artifact(b"no network", "candidate.keras")
    with pytest.raises(NotComparedError, match="it cannot be loaded"):
        promoted_artifact({"a": lambda: other}, "a", other.sha256, False)
    # What serves and cannot is for somebody to look at.
    with pytest.raises(DataError, match=r"candidate\.keras"):
        promoted_artifact({"a": lambda: other}, "a", other.sha256, True)


def test_a_decision_is_that_of_the_run_that_was_promoted() -> None:
    """Another run's, copied over it, would say by what other rows and numbers it was judged."""
    own = decision(True, letter="a")
    assert own.judgement is not None
    assert judged_by({run("a"): lambda: own}, record(own)) is own.judgement
    # From the disk too, however its file is laid out.
    read_back = Decision.model_validate_json(own.model_dump_json(indent=2))
    assert judged_by({run("a"): lambda: read_back}, record(own)) == own.judgement

    edited = own.judgement.model_copy(update={"fingerprints_sha256": "of other rows"})
    for other in (
        decision(True, letter="b"),
        own.model_copy(update={"judgement": None}),
        own.model_copy(update={"judgement": edited}),
    ):
        with pytest.raises(NotComparedError, match="not the one by which it was promoted"):
            judged_by({run("a"): lambda: other}, record(own))  # noqa: B023
