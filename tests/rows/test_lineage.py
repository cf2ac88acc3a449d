"""What a lineage calls a change of conf, and which rows are the same rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.parameters import Columns, Split
from tabular_lstm.rows.data_summary import hash_of
from tabular_lstm.rows.lineage import Lineage, conf_of_rows
from tests.helpers.nodes import split_rows, validate_rows

ROLES: dict[str, Any] = {"label": "sick", "positive_class": "yes", "negative_class": "no"}


def conf_of(
    split: Split | None = None, load_args: dict[str, Any] | None = None, **columns: Any
) -> dict[str, dict[str, Any]]:
    declared = Columns.model_validate({**ROLES, **columns})
    return conf_of_rows(declared, split or Split(), "/data/rows.csv", load_args or {})


def lineage_of(**columns: Any) -> Lineage:
    return Lineage(conf=conf_of(**columns), train_rows="of a", test_rows="of b")


def test_the_first_difference_of_conf_is_named_with_what_was_and_is() -> None:
    then = lineage_of(bounds={"age": (0, 120), "bmi": (0, 90)})
    assert then.change(conf_of(bounds={"bmi": (0, 90), "age": (0, 120)})) is None
    changed = then.change(conf_of(bounds={"age": (0, 120), "bmi": (1, 90)}))
    assert changed == "columns.bounds.bmi was [0.0, 90.0] and is [1.0, 90.0]"
    assert then.change(conf_of(bounds={"bmi": (0, 90)})) == (
        "columns.bounds.age was [0.0, 120.0] and is null"
    )
    many = lineage_of(ignore=[f"column {number}" for number in range(100)])
    assert len(str(many.change(conf_of()))) < 120


def test_a_list_of_independent_columns_and_what_a_later_version_adds_are_no_change() -> None:
    assert lineage_of().change(conf_of(Split(independent=["age"]))) is None
    now = conf_of()
    assert lineage_of().change({**now, "columns": {**now["columns"], "new": 7}}) is None


def test_of_load_arguments_all_that_can_change_a_cell_count() -> None:
    then = Lineage(conf=conf_of(load_args={"names": ["a", "b"]}), train_rows="a", test_rows="b")
    changed = then.change(conf_of(load_args={"names": ["b", "a"]}))
    assert changed == "raw_rows.load_args.names was ['a', 'b'] and is ['b', 'a']"
    same = {"names": ["a", "b"], "decimal": ".", "sep": None, "nrows": 9}
    assert then.change(conf_of(load_args=same)) is None
    for more in ({"sep": ";"}, {"skiprows": 1}, {"encoding": "latin-1"}, {"usecols": [0, 1]}):
        assert then.change(conf_of(load_args={**more, "names": ["a", "b"]})) is not None


def test_it_is_the_same_once_written_and_read() -> None:
    lineage = lineage_of(bounds={"age": (None, 120)}, missing={"age": [-1, 0.5]}, dates=["day"])
    read = Lineage.model_validate_json(json.dumps(lineage.model_dump(mode="json")))
    assert read == lineage
    assert read.change(conf_of(bounds={"age": (None, 120)}, missing={"age": [-1, 0.5]})) == (
        "columns.dates was {'day': None} and is {}"
    )


# Rows


def table(count: int = 40) -> pd.DataFrame:
    """Cells of each kind that a row may hold, some of them missing."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "visit": [f"{number:03d}" for number in range(count)],
            "height": [str(value) if value > 1 else "" for value in rng.normal(2, 1, count)],
            "zero": ["-0.0", "0.0"] * (count // 2),
            "kind": rng.choice(["red", "blau", "größer", ""], count),
            "born": [f"{1 + number % 28:02d}.03.1970" for number in range(count)],
            "seen": [f"2026-01-{1 + number % 28:02d}T07:30:00.5" for number in range(count)],
            "weight": rng.choice(["1", "2,5"], count),
            "sick": ["yes", "no"] * (count // 2),
        }
    )


def test_rows_of_all_kinds_have_the_same_hash_once_written_and_read(tmp_path: Path) -> None:
    """As they are after validation, by a time and with a group's text in a key."""
    path = tmp_path / "rows.csv"
    table().to_csv(path, index=False, sep=";")
    raw = RawRowsDataset(filepath=str(path), load_args={"sep": ";"}).load()
    columns = Columns.model_validate(
        {
            **ROLES,
            "key": "visit",
            "time": "seen",
            "categorical": ["kind"],
            "dates": {"born": "%d.%m.%Y"},
            "ignore": ["weight"],
        }
    )
    valid, _, source = validate_rows(raw, columns)
    train, test, summary = split_rows(valid, source, columns, Split(kind="time"))
    assert len(train) > len(test) > 0
    lineage = summary.lineage
    assert lineage is not None
    for rows, expected in ((train, lineage.train_rows), (test, lineage.test_rows)):
        rows.to_parquet(tmp_path / "rows.parquet")
        assert hash_of(pd.read_parquet(tmp_path / "rows.parquet")) == expected
    assert lineage.train_rows != lineage.test_rows


@given(st.integers(0, 3), st.integers(0, 39))
def test_every_cell_counts_and_no_order_does(place: int, row: int) -> None:
    rows = table()[["height", "kind", "sick", "visit"]].assign(age=np.arange(40.0))
    known = hash_of(rows)
    assert hash_of(rows.sample(frac=1, random_state=row)) == known
    changed = rows.copy()
    changed.iloc[row, place] = "another"
    assert hash_of(changed) != known
    changed = rows.copy()
    changed.loc[row, "age"] = np.nextafter(changed.loc[row, "age"], 99)
    assert hash_of(changed) != known


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows_have_a_hash_of_their_columns(count: int) -> None:
    rows = table()[:count]
    assert hash_of(rows) == hash_of(rows.copy())
    assert hash_of(rows) != hash_of(rows.rename(columns={"kind": "sort"}))
    assert hash_of(rows) != hash_of(pd.concat([rows, table()[:1]]))
