"""What may be wrong is warned of in one line: possible leaks, one value, spellings, crowds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.warnings import (
    listed,
    possible_leaks,
    repeated_test_rows,
    warn_of_a_large_group,
    warn_of_constant_columns,
    warn_of_spellings,
    warn_of_superseded,
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


def test_equal_values_tell_nothing_by_the_order_of_the_rows() -> None:
    rows = rows_of().assign(one=1.0, two=np.arange(ROWS) % 2.0)
    assert possible_leaks(rows, columns_of()) == {}


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


def test_a_feature_that_only_tells_much_is_no_leak() -> None:
    rows = rows_of()
    blurred = rows["sick"] + np.random.default_rng(4).normal(0, 0.5, ROWS)
    assert possible_leaks(rows.assign(good=blurred), columns_of()) == {}


def test_a_few_wrong_rows_do_not_hide_a_leak() -> None:
    rows = rows_of(2000)
    wrong = np.random.default_rng(5).random(2000) < 0.004
    rows = rows.assign(discharged=(rows["sick"] ^ wrong).astype(float))
    rows["ward"] = np.where(rows["discharged"] == 1, "icu", "home")
    found = possible_leaks(rows, columns_of(categorical=["ward"]))
    assert found.keys() == {"discharged", "ward"}
    assert all(0.99 < auc < 1 for auc in found.values())


def test_chance_alone_is_no_leak() -> None:
    """Among many features of few rows, some rank all rows rightly."""
    rng = np.random.default_rng(6)
    noise = pd.DataFrame(rng.normal(size=(30, 2000))).rename(columns=str)
    for rows in (8, 30):
        labels = np.arange(rows) % 2
        assert possible_leaks(noise[:rows].assign(sick=labels), columns_of()) == {}


def test_label_and_key_are_no_features() -> None:
    rows = rows_of().assign(number=np.arange(ROWS).astype(str))
    assert possible_leaks(rows, columns_of(key="number")) == {}


def test_leaks_are_listed_from_the_surest_on() -> None:
    rows = rows_of()
    nearly = np.arange(ROWS, dtype=float)
    nearly[ROWS // 2 - 1] = ROWS
    found = possible_leaks(rows.assign(b=nearly, a=np.arange(ROWS, dtype=float)), columns_of())
    assert list(found) == ["a", "b"]
    assert listed({"a": 1.0, "b": 0.9904}) == "a (1.000), b (0.990)"
    many = {f"f{number}": 1.0 for number in range(12)}
    assert listed(many).endswith("f9 (1.000) and 2 more")


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


def test_columns_of_one_value_are_named_in_one_line_with_what_leaves_them_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = rows_of().assign(site="A: 1", empty=np.nan, zero=0.0, ward="b")
    columns = columns_of(categorical=["site"], key="ward", ignore=["remark"])
    warn_of_constant_columns(rows, columns, "rows.csv")
    assert caplog.messages == [
        "rows.csv: every row has the same in site (A: 1), empty (empty), zero (0): a column of one "
        "value tells nothing. To leave it out: columns.ignore: "
        '["remark", "site", "empty", "zero"]'
    ]
    caplog.clear()
    warn_of_constant_columns(rows[:19], columns, "rows.csv")
    warn_of_constant_columns(rows_of(), columns, "rows.csv")
    assert not caplog.messages


@pytest.mark.parametrize(
    ("one", "other", "warned"),
    [
        ("ACME", "acme", ["id", "town"]),
        ("New York", "NewYork", ["id", "town"]),
        ("u\u0308", "\u00fc", ["id", "town"]),
        ("A B", "A\u00a0B", ["id", "town"]),
        ("007", "7", ["id"]),
        ("7", "8", []),
        ("0", "7", []),
        ("A-1", "A1", []),
    ],
)
def test_texts_that_people_take_for_one_are_named(
    one: str, other: str, warned: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    texts = pd.Series(["K1", one, other, one, None], dtype="str")
    rows = pd.DataFrame({"id": texts, "town": texts})
    warn_of_spellings(rows, columns_of(key="id", categorical=["town"]), "rows.csv")
    assert [said.partition("'")[2].partition("'")[0] for said in caplog.messages] == warned
    assert all("of 2. If they are the same, write them alike" in said for said in caplog.messages)


@pytest.mark.parametrize(("count", "warned"), [(9, False), (10, True)])
def test_a_key_under_which_many_rows_of_a_file_are_superseded_is_named(
    count: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    names = [*(f"a.csv:{n}" for n in range(1, 9)), *(f"b.csv:{n}" for n in range(1, count + 1))]
    warn_of_superseded(pd.Series("unknown", index=names), "daily")
    assert caplog.messages == [
        f"daily: {count} rows of b.csv are superseded under the key 'unknown'. If it is a word for "
        "'no key', leave these cells empty: the rows then go to quarantine."
    ] * int(warned)


@pytest.mark.parametrize(("rows", "warned"), [(19, False), (20, True)])
def test_a_group_that_is_far_larger_than_most_is_named(
    rows: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a word for "no group", whose rows would all be taken for one patient's."""
    groups = pd.Series([f"W{place // 2}" for place in range(30)] + ["unknown"] * rows)
    warn_of_a_large_group(groups, "rows.csv")
    said = f"rows.csv: {rows} of {30 + rows} rows, where most groups have 2, are of the group"
    assert [message.startswith(said) for message in caplog.messages] == [True] * int(warned)
