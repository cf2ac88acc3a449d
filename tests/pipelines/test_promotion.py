"""What the nodes of promotion add to the gate and the log."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.names import CANDIDATE
from tabular_lstm.pipelines.promotion.nodes import choose_golden_rows, promote
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.logs import hash_of, promotion, rejection
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.tables import LABEL


@pytest.mark.parametrize("count", [2, 32, 100])
def test_golden_rows_reach_from_the_lowest_to_the_highest(count: int) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.normal(size=count)})
    judged = pd.DataFrame({CANDIDATE: rng.random(count)})
    golden, probabilities = choose_golden_rows(rows, judged)
    assert len(golden) == len(probabilities) == min(count, 32)
    np.testing.assert_array_equal(probabilities, judged.loc[golden.index, CANDIDATE])
    np.testing.assert_array_equal(probabilities, np.sort(probabilities))
    assert probabilities[[0, -1]].tolist() == [judged[CANDIDATE].min(), judged[CANDIDATE].max()]
    assert (golden["age"] == rows.loc[golden.index, "age"]).all()
    assert list(rows) == ["age"]


def test_golden_rows_keep_a_feature_of_any_name() -> None:
    names = ["judged_probability", "probability", "row", "label", CANDIDATE]
    rows = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in names})
    golden, _ = choose_golden_rows(rows, pd.DataFrame({CANDIDATE: [0.3, 0.1, 0.2]}))
    pd.testing.assert_frame_equal(golden, rows.iloc[[1, 2, 0]])


def test_only_what_was_judged_is_promoted() -> None:
    artifact = Artifact(b"content", "candidate.keras")
    entry = promotion("b", "a").model_copy(update={"sha256": artifact.sha256})
    assert list(promote([entry], artifact)) == [artifact]
    rejected = rejection("b", "a").model_copy(update={"sha256": artifact.sha256})
    assert list(promote([entry, rejected], artifact)) == []
    with pytest.raises(
        DataError, match=f"expected SHA-256 {hash_of('b')}, as the promotion log has it, got"
    ):
        list(promote([promotion("b", "a")], artifact))


def test_a_feature_may_have_any_name_in_a_retraining(quick: Project) -> None:
    """Also those that the columns of outputs have."""
    names = ["judged_probability", "row", "label", "reason", CANDIDATE, "index", "file"]
    rows = pd.read_csv(quick.raw)
    rows = rows.set_axis([*names, "__index_level_0__", LABEL], axis="columns")
    rows = rows.astype(str)
    rows.iloc[:9, 0] = "many"
    rows.to_csv(quick.raw, index=False)
    roles = {"label": LABEL, "positive_class": 1, "negative_class": 0}
    declare(quick, **QUICK, columns={**roles, "missing": {"row": [0]}})
    for number in (0, 1):
        succeeds(here(*RETRAINING, *seed(number)))
        assert log_of(quick)[-1]["action"] == "promoted"
    golden = pd.read_parquet(quick.versions("07_model_output/golden_rows.parquet")[-1])
    pd.testing.assert_frame_equal(golden, quick.rows("test").loc[golden.index])
    assert list(golden) == list(rows)
    quarantined = quick.versions("02_intermediate/quarantined_rows.csv")[-1].read_text()
    assert quarantined.splitlines()[0] == ",".join(["row", "reason", *rows])
