"""What may be wrong is warned of in one line: possible leaks, one value, spellings, crowds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.data_warnings import (
    possible_leaks,
    repeated_test_rows,
    warn_of_spellings,
)

ROWS = 200


def columns_of(**roles: Any) -> Columns:
    return Columns(label="sick", positive_class=1, negative_class=0, **roles)


def rows_of(count: int = ROWS) -> pd.DataFrame:
    """Rows sorted by their label, with one feature that means nothing."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) >= count // 2).astype("int64")
    return pd.DataFrame({"noise": rng.normal(size=count), "sick": labels})


def test_the_row_number_of_rows_sorted_by_their_label_is_a_possible_leak() -> None:
    rows = rows_of()
    assert possible_leaks(rows, columns_of()) == {}
    for number in (np.arange(ROWS), -np.arange(ROWS)):
        with_index = rows.assign(**{"Unnamed: 0": number.astype(float)})
        assert possible_leaks(with_index, columns_of()) == {"Unnamed: 0": 1}


@pytest.mark.parametrize("files", [2, 3, 5])
def test_the_row_number_of_several_files_each_sorted_by_the_label_is_a_possible_leak(
    files: int,
) -> None:
    rows = rows_of(600)
    labels = np.random.default_rng(3).permutation(rows["sick"].to_numpy())
    one_after_the_other = np.concatenate([np.sort(part) for part in np.array_split(labels, files)])
    numbered = rows.assign(sick=one_after_the_other, record=np.arange(600.0))
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
    some = np.where(rows["sick"] == missing_class, 0.0, np.abs(known) * np.sign(known))
    declared = columns_of(missing={"after": [0]})
    assert possible_leaks(rows.assign(after=some), declared) == {"after": 1}


def test_a_category_is_measured_by_the_other_rows_of_it() -> None:
    rows, rng = rows_of(), np.random.default_rng(2)
    ward = np.where(rows["sick"] == 1, "icu", rng.choice(["a", "b"], ROWS))
    rows = rows.assign(
        ward=ward,
        id=[f"P{number}" for number in range(ROWS)],
        one="the same",
        pair=[f"{number // 2}" for number in range(ROWS)],
        town=rng.choice(list("abcdefgh"), ROWS),
        **{"place in town": np.where(rng.random(ROWS) < 0.5, np.nan, 1.0)},
    )
    words = ["ward", "id", "one", "pair", "town"]
    # Two rows of a pair tell each other's label; an id, whose rows are alone, tells nothing.
    assert list(possible_leaks(rows, columns_of(categorical=words))) == ["ward", "pair"]


def test_a_code_tells_the_classes_apart_whatever_its_order() -> None:
    rows = rows_of()
    codes = np.random.default_rng(3).choice([0, 2, 4], ROWS) + rows["sick"]
    assert possible_leaks(rows.assign(status=codes.astype(float)), columns_of()) == {"status": 1}


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


def test_chance_alone_is_no_leak() -> None:
    """Among many features of few rows, some rank all rows rightly."""
    rng = np.random.default_rng(6)
    noise = pd.DataFrame(rng.normal(size=(30, 2000))).rename(columns=str)
    for rows in (8, 30):
        labels = np.arange(rows) % 2
        assert possible_leaks(noise[:rows].assign(sick=labels), columns_of()) == {}


# Repeated rows


def test_test_rows_with_the_features_of_a_train_row_are_counted() -> None:
    train = pd.DataFrame(
        {"id": list("abcd"), "age": [1.0, 2, 3, 4], "sex": list("fmfm"), "sick": 0}
    )
    test = pd.DataFrame(
        {"id": list("xyz"), "age": [1.0, 2, 9], "sex": list("fmf"), "sick": [1, 0, 0]}
    )
    sexes: dict[str, Any] = {"categorical": ["sex"]}
    for role in ("key", "group", "time"):
        assert repeated_test_rows(train, test, columns_of(**sexes, **{role: "id"})) == 2
    # A code and a blank are the same to the network.
    blank = test.assign(age=[float("nan"), 2, 3])
    coded = columns_of(**sexes, key="id", missing={"age": [1]})
    assert repeated_test_rows(train, blank, coded) == 3
    assert repeated_test_rows(train, test, columns_of(categorical=["id", "sex"])) == 0


# Warnings


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


@pytest.mark.parametrize("drawn", [False, True])
def test_copies_of_rows_are_no_leak(drawn: bool) -> None:
    """And what is one stays one."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(300, 4)), columns=[*"abcd"])
    rows["sick"] = rng.permutation(300) % 2
    places = rng.integers(0, 300, 900) if drawn else np.repeat(np.arange(300), 2)
    copies = rows.iloc[places].reset_index(drop=True)
    assert possible_leaks(copies, columns_of()) == {}
    told = copies.assign(after=copies["sick"] * 9 + copies["a"], code=copies["sick"] * 1.0)
    assert possible_leaks(told, columns_of()) == {"after": 1, "code": 1}
