"""A feature that alone tells the classes apart is found, and one that does not is left alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.warnings import listed, possible_leaks

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
