"""What the nodes of promotion and rollback add to the gate and the log."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.pipelines.promotion.nodes import (
    choose_golden_rows,
    promote,
    record,
)
from tabular_lstm.serving.artifact import Artifact


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
