"""What may be wrong is warned of in one line: possible leaks, copies, spellings."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.parameters import CLASSES, NUMBER, Columns, Task
from tabular_lstm.rows.data_warnings import (
    doubts_of,
    possible_leaks,
    repeated_test_rows,
    warn_of_spellings,
)
from tabular_lstm.rows.label_measures import measure_of
from tests.helpers.decisions import DATA

ROWS = 200


def columns_of(**roles: Any) -> Columns:
    return Columns(label="sick", positive_class=1, negative_class=0, **roles)


def rows_of(count: int = ROWS) -> pd.DataFrame:
    """Rows sorted by their label, with one feature that means nothing."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) >= count // 2).astype("int64")
    return pd.DataFrame({"noise": rng.normal(size=count), "sick": labels})


def test_the_number_of_rows_sorted_by_their_label_and_codes_are_possible_leaks() -> None:
    rows = rows_of()
    assert possible_leaks(rows, columns_of()) == {}
    for number in (np.arange(ROWS), -np.arange(ROWS)):
        with_index = rows.assign(**{"Unnamed: 0": number.astype(float)})
        assert possible_leaks(with_index, columns_of()) == {"Unnamed: 0": 1}
    codes = np.random.default_rng(3).choice([0, 2, 4], ROWS) + rows["sick"]
    assert possible_leaks(rows.assign(status=codes.astype(float)), columns_of()) == {"status": 1}
    # Of several files, each sorted by the label.
    many = rows_of(600)
    labels = np.random.default_rng(3).permutation(many["sick"].to_numpy())
    for files in (2, 3, 5):
        in_turn = np.concatenate([np.sort(part) for part in np.array_split(labels, files)])
        numbered = many.assign(sick=in_turn, record=np.arange(600.0))
        assert possible_leaks(numbered, columns_of()).keys() == {"record"}


@pytest.mark.parametrize("missing_class", [0, 1])
def test_whether_a_value_is_missing_may_tell_the_classes_apart(missing_class: int) -> None:
    rows = rows_of()
    known = np.random.default_rng(1).normal(size=ROWS)
    measured = np.where(rows["sick"] == missing_class, np.nan, known)
    assert possible_leaks(rows.assign(after=measured), columns_of()) == {"after": 1}
    coded = np.where(np.isnan(measured), 0.0, known)
    assert possible_leaks(rows.assign(after=coded), columns_of()) == {"after": 1}, "by value"
    # With a code in the midst of the values, half of them known, only the missing ones tell.
    declared = columns_of(missing={"after": [0]})
    assert possible_leaks(rows.assign(after=coded), declared) == {"after": 1}


def test_a_category_is_measured_by_the_other_rows_of_it() -> None:
    rows, rng = rows_of(), np.random.default_rng(2)
    rows = rows.assign(
        ward=np.where(rows["sick"] == 1, "icu", rng.choice(["a", "b"], ROWS)),
        id=[f"P{number}" for number in range(ROWS)],
        one="the same",
        pair=[f"{number // 2}" for number in range(ROWS)],
        town=rng.choice(list("abcdefgh"), ROWS),
        **{"place in town": np.where(rng.random(ROWS) < 0.5, np.nan, 1.0)},
    )
    words = ["ward", "id", "one", "pair", "town"]
    # Two rows of a pair tell each other's label; an id, whose rows are alone, tells nothing.
    assert list(possible_leaks(rows, columns_of(categorical=words))) == ["ward", "pair"]


def test_of_histories_a_leak_is_what_tells_the_label_of_a_row_and_not_whose_it_is() -> None:
    """Nobody is sick at first, most who are sick once stay so, and some never are."""
    rng = np.random.default_rng(0)
    of, visit = np.repeat(np.arange(80), 6), np.tile(np.arange(6), 80)
    sick = (visit >= rng.integers(1, 9, 80)[of]) ^ ((visit > 0) & (rng.random(480) < 0.05))
    rows = pd.DataFrame(
        {
            "patient": of.astype(str),
            "visit": visit.astype(float),
            "born": rng.normal(size=80)[of],
            "seen": 1.0 + visit,
            "before": pd.Series(sick.astype(float)).groupby(of).shift(),
            "code": sick + rng.choice([0.0, 2.0], 480),
            "sick": sick.astype("int64"),
        }
    )
    history = {"of": "patient", "order": "visit"}
    columns = Columns.model_validate({**columns_of().model_dump(), "history": history})
    for declared in (columns, columns.model_copy(update={"time": "visit", "group": None})):
        assert possible_leaks(rows, declared) == {"code": 1}


def test_chance_and_copies_of_rows_are_no_leak() -> None:
    """Among many features of few rows, some rank all rows rightly."""
    rng = np.random.default_rng(6)
    noise = pd.DataFrame(rng.normal(size=(30, 2000))).rename(columns=str)
    for count in (8, 30):
        labels = np.arange(count) % 2
        assert possible_leaks(noise[:count].assign(sick=labels), columns_of()) == {}
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(300, 4)), columns=[*"abcd"])
    rows["sick"] = rng.permutation(300) % 2
    for places in (rng.integers(0, 300, 900), np.repeat(np.arange(300), 2)):
        copies = rows.iloc[places].reset_index(drop=True)
        assert possible_leaks(copies, columns_of()) == {}
        # And what is one stays one.
        told = copies.assign(after=copies["sick"] * 9 + copies["a"], code=copies["sick"] * 1.0)
        assert possible_leaks(told, columns_of()) == {"after": 1, "code": 1}


# Of classes and of a number

ROLES: dict[str, dict[str, Any]] = {
    CLASSES: {"label": "y", "classes": ["bus", "car", "van"]},
    NUMBER: {"label": "y", "task": "number"},
}


def told_by_size(task: str) -> pd.DataFrame:
    """Rows of which one number tells much of the label, but not all."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=600)
    noisy = size + rng.normal(0, 0.5, 600)
    labels = np.digitize(noisy, (-0.5, 0.5)) if task == CLASSES else np.exp(noisy)
    return pd.DataFrame({"size": size, "noise": rng.normal(size=600), "y": labels})


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_a_feature_that_gives_the_label_away_is_a_possible_leak(task: str) -> None:
    rows, rng = told_by_size(task), np.random.default_rng(1)
    assert possible_leaks(rows, Columns(**ROLES[task])) == {}
    labels = rows["y"].to_numpy()
    order = rng.permutation(3)[labels] if task == CLASSES else np.abs(np.log(labels) - 3)
    sixtieths = np.digitize(labels, np.quantile(labels, np.linspace(0, 1, 60)[1:-1]))
    missing = np.where(rng.random(600) < 0.001, np.nan, labels * 3 - 7)
    codes = np.char.add("c", sixtieths.astype(str))
    leaks = {"after": order + 0.0, "times": missing, "code": codes}
    rows = rows.assign(**leaks, id=[f"P{number}" for number in range(600)])
    measured = possible_leaks(rows, Columns(**ROLES[task], categorical=["code", "id"]))
    assert measured.keys() == leaks.keys()
    assert max(measured.values()) <= 1
    assert possible_leaks(rows.assign(y=labels[0]), Columns(**ROLES[task])) == {}


def told_a_little(count: int = 1_000, positive: float = 0.2) -> pd.DataFrame:
    """Rows of two numbers that tell a little of who is sick."""
    rng = np.random.default_rng(0)
    sick = (rng.random(count) < positive).astype("int64")
    return pd.DataFrame({"a": rng.normal(sick), "b": rng.normal(sick), "sick": sick})


@pytest.mark.parametrize("turned", [0, 1])
def test_what_tells_many_rows_of_a_class_and_few_others_is_a_possible_leak(turned: int) -> None:
    rows, rng = told_a_little(), np.random.default_rng(1)
    rows["sick"] = (rows["sick"] == 1 - turned).astype("int64")
    is_sick = rows["sick"].to_numpy() == 1
    drawn, measured = rng.random(len(rows)), rng.normal(size=len(rows))
    words = rng.choice(["new", "old"], len(rows))
    soft = {
        "status": np.where(drawn < np.where(is_sick, 0.9, 0.01), "closed", words),
        "cancelled": np.where(drawn < np.where(is_sick, 0.7, 0.005), measured, np.nan),
        "later": measured + 4 * is_sick,
        "record": np.argsort(np.argsort(is_sick ^ (drawn < 0.03), kind="stable")) * 1.0,
    }
    for name, values in soft.items():
        columns = columns_of(categorical=["status"] if name == "status" else [])
        leaking = rows.assign(**{name: values})
        assert possible_leaks(leaking, columns).keys() == {name}
        known = columns.model_copy(update={"known_in_time": [name]})
        assert possible_leaks(leaking, known) == {}
    # Several are found together.
    columns = columns_of(categorical=["status"])
    leaking = rows.assign(status=soft["status"], cancelled=soft["cancelled"])
    assert possible_leaks(leaking, columns).keys() == {"status", "cancelled"}
    # One that a person declares does not hide the other.
    known = columns.model_copy(update={"known_in_time": ["status"]})
    assert possible_leaks(leaking, known).keys() == {"cancelled"}


def test_a_number_that_explains_far_more_than_all_others_is_a_possible_leak() -> None:
    rows, columns = told_by_size(NUMBER), Columns(**ROLES[NUMBER])
    rng = np.random.default_rng(1)
    labels = np.log(rows["y"])
    later = labels + rng.normal(0, 0.2, len(rows)) * labels.std()
    assert possible_leaks(rows.drop(columns="size").assign(z=0.0, later=later), columns).keys() == {
        "later"
    }
    # Another feature explains nearly as much.
    assert possible_leaks(rows.assign(later=later, z=labels + 0.3), columns).keys() == {"z"}


def test_a_feature_that_tells_one_of_three_classes_is_no_leak() -> None:
    rows, columns = told_by_size(CLASSES), Columns(**ROLES[CLASSES])
    rows["petal"] = np.where(rows["y"] == 0, 0.0, np.random.default_rng(2).uniform(1, 2, 600))
    assert possible_leaks(rows, columns) == {}
    # Nor does a class of few rows count.
    rare = rows.assign(y=np.where(np.arange(600) < 9, 2, rows["y"].clip(upper=1)))
    assert possible_leaks(rare, columns).keys() == {"petal"}
    # Two of several classes are measured as two classes are.
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 600)
    values = labels + rng.normal(size=600)
    two, three = (measure_of(labels, Task.of_classes(range(count))) for count in (2, 3))
    assert three.of_number(values) == pytest.approx(two.of_number(values), abs=0.02)


def test_a_number_that_the_label_is_no_monotone_function_of_is_a_possible_leak() -> None:
    rng, columns = np.random.default_rng(3), Columns(**ROLES[NUMBER])
    record = rng.permutation(5_000).astype(float)
    rows = pd.DataFrame({"record": record, "y": np.sin(record / 900)})
    assert possible_leaks(rows, columns).keys() == {"record"}
    noisy = rows.assign(y=rows["y"] + rng.normal(0, 0.1, len(rows)))
    assert possible_leaks(noisy, columns) == {}, "R² is below 0.998"
    outlier = rows.assign(y=np.where(record == 7, 1e9, rows["y"]))
    assert possible_leaks(outlier, columns).keys() == {"record"}


def test_test_rows_with_the_features_of_a_train_row_are_counted() -> None:
    sexes: dict[str, Any] = {"sex": list("fmf"), "sick": 0}
    train = pd.DataFrame({"id": list("abc"), "age": [1.0, 2, 3], **sexes})
    test = pd.DataFrame({"id": list("xyz"), "age": [1.0, 2, 9], **sexes})
    for role in ("key", "group", "time"):
        assert repeated_test_rows(train, test, columns_of(categorical=["sex"], **{role: "id"})) == 2
    # A code and a blank are the same to the network.
    coded = columns_of(categorical=["sex"], key="id", missing={"age": [1]})
    assert repeated_test_rows(train, test.assign(age=[float("nan"), 2, 3]), coded) == 3
    assert repeated_test_rows(train, test, columns_of(categorical=["id", "sex"])) == 0


@pytest.mark.parametrize(
    ("one", "other", "warned"),
    [
        ("ACME", "acme", True),
        ("u\u0308", "\u00fc", True),
        ("A B", "A\u00a0B", True),
        ("007", "7", True),
        ("A-1", "A1", False),
    ],
)
def test_texts_that_people_take_for_one_are_named(
    one: str, other: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    texts = pd.Series(["K1", one, other, one], dtype="str")
    rows = pd.DataFrame({"id": texts, "town": texts})
    warn_of_spellings(rows, columns_of(key="id", categorical=["town"]), "rows.csv")
    assert ["of 2. If they are the same" in said for said in caplog.messages] == [True] * warned


def test_the_advice_on_a_leak_can_be_copied_into_conf() -> None:
    names = ["closed: when", "days, since", "2024", "yes", "#id", "x" * 60]
    data = DATA.model_copy(update={"possible_leaks": dict.fromkeys(names, 0.99)})
    (doubt,) = doubts_of(data)
    ignored, known = re.findall(r"columns\.\w+: \[.*?\](?=\.|$)", doubt)
    assert [*yaml.safe_load(ignored).values()] == [names] == [*yaml.safe_load(known).values()]
