"""What a run's summary of its data says, and that later runs can compare theirs with it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.rows.data_summary import DataSummary, Source, summarize
from tabular_lstm.rows.labels import LETTERS, LabelSummary, summarize_classes, summarize_numbers
from tests.helpers.nodes import NO_ROWS

SOURCE = Source(
    file="/somewhere/rows.csv", sha256="f", rows=9, quarantined_rows=2, superseded_rows=1
)


def describe(
    test_rows: pd.DataFrame | None = None, split: SplitOptions | None = None, **columns: Any
) -> DataSummary:
    rows = pd.DataFrame(
        {
            "id": list("abcdef"),
            "age": [1.0, 2, 3, 4, 5, 6],
            "sex": list("fmfmfm"),
            "sold": [0, 1, 0, 0, 1, 0],
        }
    )
    roles = {"label": "sold", "positive_class": 1, "negative_class": 0, "categorical": ["sex"]}
    declared = ColumnsOptions.model_validate({**roles, **columns})
    return summarize(
        rows[:4],
        rows[4:] if test_rows is None else test_rows,
        SOURCE,
        declared,
        split or SplitOptions(),
        history_rows=NO_ROWS,
    )


def test_what_decides_the_side_is_in_the_split() -> None:
    plain = describe().split
    assert describe(bounds={"age": (0, 9)}).split == plain
    assert describe(split=SplitOptions(independent=["age"])).split == plain
    for other in (
        describe(split=SplitOptions(salt="b")),
        describe(split=SplitOptions(test_fraction=0.3)),
        describe(positive_class=0, negative_class=1),
        describe(missing={"sex": ["f"]}),
        describe(categorical=[]),
        describe(key="id"),
        describe(key="id", categorical=["age", "sex"]),
    ):
        assert other.split != plain
    grouped = describe(group="id")
    timed = describe(time="age", split=SplitOptions(kind="time"), categorical=["id", "sex"])
    assert len({str(described.split) for described in (grouped, timed, describe(key="id"))}) == 3
    assert (grouped.features, timed.features) == (["age", "sex"], ["id", "sex"])
    assert describe(key="id", split=SplitOptions(kind="time", from_=3)).split["from"] == 3
    # As it was said before there were groups and times: an older decision is of the same split.
    assert {"kind", "from", "group", "time", "weight"}.isdisjoint(plain)
    # With a key, features do not count.
    keyed = describe(key="id").split
    assert describe(key="id", missing={"sex": ["f"]}).split == keyed


def test_test_rows_are_known_by_their_cells_or_by_key_and_label_in_any_order() -> None:
    rows = pd.DataFrame({"id": ["a", "b"], "age": [1.0, 2.0], "sold": [0, 1], "w": [1.0, 2.0]})
    cells, keyed = describe(rows).test_rows_sha256, describe(rows, key="id").test_rows_sha256
    same_cells = [rows[::-1], rows[rows.columns[::-1]], rows.set_index(pd.Index([7, 9]))]
    for same in same_cells:
        assert describe(same).test_rows_sha256 == cells
    for same in (*same_cells, rows.assign(age=[3.0, 4.0]), rows.drop(columns="age")):
        assert describe(same, key="id").test_rows_sha256 == keyed
    assert describe(rows.assign(w=[7.0, 8.0]), key="id", weight="w").test_rows_sha256 == keyed
    for other in (rows.assign(sold=[1, 1]), pd.concat([rows, rows[:1]]), rows.assign(age=9.0)):
        assert describe(other).test_rows_sha256 != cells
    for other in (rows.assign(id=["a", "c"]), rows.assign(sold=[0, 0])):
        assert describe(other, key="id").test_rows_sha256 != keyed


def test_what_is_not_there_is_not_written_so_that_older_decisions_keep_their_hash() -> None:
    plain = describe().model_dump()
    assert {"boundary", "weight", "weightless_rows", "dependent_rows"}.isdisjoint(plain)
    for boundary in (0, "2026-03-01"):
        timed = describe().model_copy(update={"boundary": boundary})
        assert timed.model_dump()["boundary"] == boundary
        assert DataSummary.model_validate_json(timed.model_dump_json()) == timed


def test_numbers_are_summarized_by_their_mean_and_classes_by_their_shares() -> None:
    age = summarize_numbers(np.array([10.0, 20.0, 30.0]))
    assert (age.missing, age.mean) == (0, 20)
    assert age.deviation == pytest.approx(8.165, abs=0.001)
    still = LabelSummary(kind="number", missing=0, mean=7, deviation=0)
    assert summarize_numbers(np.full(4, 7.0)) == still
    town = summarize_classes(pd.Series(["Rome", "Oslo", "x" * 100, "Rome"]))
    assert town.levels == {"Rome": 0.5, "Oslo": 0.25, "x" * (LETTERS - 1) + "…": 0.25}
