"""What the nodes of promotion add to the gate and the log."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.names import CANDIDATE
from tabular_lstm.pipelines.promotion.nodes import choose_golden_rows, promote
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.logs import promotion, rejection


@pytest.mark.parametrize("count", [2, 32, 100])
def test_golden_rows_reach_from_the_lowest_to_the_highest(count: int) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.normal(size=count)})
    judged = pd.DataFrame({CANDIDATE: rng.random(count)})
    golden = choose_golden_rows(rows, judged)
    assert len(golden) == min(count, 32)
    assert golden["judged_probability"].is_monotonic_increasing
    assert golden["judged_probability"].iloc[[0, -1]].tolist() == [
        judged[CANDIDATE].min(),
        judged[CANDIDATE].max(),
    ]
    assert (golden["age"] == rows.loc[golden.index, "age"]).all()
    assert list(rows) == ["age"]


def test_only_what_was_judged_is_promoted() -> None:
    artifact = Artifact(b"content", "candidate.keras")
    entry = promotion("b", "a").model_copy(update={"sha256": artifact.sha256})
    assert list(promote([entry], artifact)) == [artifact]
    rejected = rejection("b", "a").model_copy(update={"sha256": artifact.sha256})
    assert list(promote([entry, rejected], artifact)) == []
    with pytest.raises(DataError, match="expected SHA-256 b, as the promotion log has it, got"):
        list(promote([promotion("b", "a")], artifact))
