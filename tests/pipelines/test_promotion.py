"""What the nodes of promotion and rollback add to the gate and the log."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Split
from tabular_lstm.pipelines.promotion.nodes import (
    choose_golden_rows,
    describe_data,
    promote,
    record,
)
from tabular_lstm.serving.artifact import Artifact

SUMMARY = {
    "rows": 6,
    "train_rows": 4,
    "test_rows": 2,
    "quarantined_rows": 0,
    "superseded_rows": 0,
    "sha256": "f",
}


def describe(
    test_rows: pd.DataFrame | None = None, split: Split | None = None, **columns: Any
) -> dict[str, Any]:
    rows = pd.DataFrame(
        {
            "id": list("abcdef"),
            "age": [1.0, 2, 3, 4, 5, 6],
            "sex": list("fmfmfm"),
            "sold": [0, 1, 0, 0, 1, 0],
        }
    )
    roles = {"label": "sold", "positive_class": 1, "negative_class": 0, "categorical": ["sex"]}
    declared = Columns.model_validate({**roles, **columns})
    return describe_data(
        rows[:4],
        rows[4:] if test_rows is None else test_rows,
        SUMMARY,
        {"file": "/somewhere/rows.csv"},
        declared,
        split or Split(),
    )


def test_data_are_described_for_a_later_run() -> None:
    described = describe()
    assert described.items() >= SUMMARY.items()
    assert described["file"] == "rows.csv"
    assert described["valid_rows"] == 6
    assert described["label_share"] == pytest.approx(2 / 6)
    assert described["features"] == ["id", "age", "sex"]
    assert describe(key="id")["features"] == ["age", "sex"]


def test_what_decides_the_side_is_in_the_split() -> None:
    plain = describe()["split"]
    assert describe(bounds={"age": (0, 9)})["split"] == plain
    for other in (
        describe(split=Split(salt="b")),
        describe(split=Split(test_fraction=0.3)),
        describe(positive_class=0, negative_class=1),
        describe(missing={"sex": ["f"]}),
        describe(categorical=[]),
        describe(key="id"),
        describe(key="id", categorical=[]),
    ):
        assert other["split"] != plain
    # With a key, features do not count.
    keyed = describe(key="id")["split"]
    assert describe(key="id", missing={"sex": ["f"]})["split"] == keyed


def test_test_rows_are_known_in_any_order() -> None:
    rows = pd.DataFrame({"age": [1.0, 2.0], "sold": [0, 1]})
    known = describe(rows)["test_rows_sha256"]
    assert describe(rows[::-1])["test_rows_sha256"] == known
    assert describe(rows.set_index(pd.Index([7, 9])))["test_rows_sha256"] == known
    assert describe(rows.assign(sold=[1, 1]))["test_rows_sha256"] != known
    assert describe(pd.concat([rows, rows[:1]]))["test_rows_sha256"] != known


@pytest.mark.parametrize("count", [2, 32, 100])
def test_golden_rows_reach_from_the_lowest_to_the_highest(count: int) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.normal(size=count)})
    judged = pd.DataFrame({"network": rng.random(count)})
    golden = choose_golden_rows(rows, judged)
    assert len(golden) == min(count, 32)
    assert golden["judged_probability"].is_monotonic_increasing
    assert golden["judged_probability"].iloc[[0, -1]].tolist() == [
        judged["network"].min(),
        judged["network"].max(),
    ]
    assert (golden["age"] == rows.loc[golden.index, "age"]).all()
    assert list(rows) == ["age"]


DECISION: dict[str, Any] = {
    "run_id": "b",
    "time": "now",
    "action": "promoted",
    "promoted": True,
    "reason": "good",
    "candidate": {"run_id": "b", "sha256": "of b"},
    "champion": {"run_id": "a", "sha256": "of a"},
    "inputs": {"data": "d"},
    "data": {"test_rows_sha256": "t"},
}


@pytest.mark.parametrize(
    ("promoted", "champion", "expected"),
    [
        (True, DECISION["champion"], ("b", "of b", "a")),
        (True, None, ("b", "of b", None)),
        (False, DECISION["champion"], ("a", "of a", None)),
        (False, None, (None, None, None)),
    ],
)
def test_a_line_names_who_serves_from_then_on(
    promoted: bool, champion: dict[str, str] | None, expected: tuple[str | None, ...]
) -> None:
    line = record({**DECISION, "promoted": promoted, "champion": champion}, "the page")
    assert (line["champion"], line["sha256"], line["replaced"]) == expected
    assert line["inputs"] == {"data": "d"}
    assert line["test_rows_sha256"] == "t"


def test_only_what_was_judged_is_promoted() -> None:
    artifact = Artifact(b"content", "candidate.keras")
    line = {"action": "promoted", "sha256": artifact.sha256}
    assert list(promote([line], artifact)) == [artifact]
    assert list(promote([{**line, "action": "rejected"}], artifact)) == []
    with pytest.raises(DataError, match="as it was judged, got"):
        list(promote([{**line, "sha256": "other"}], artifact))
