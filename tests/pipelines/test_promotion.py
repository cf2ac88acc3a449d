"""What the nodes of promotion add to the gate and the log."""

import json

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.pipelines.promotion.nodes import choose_golden_rows, promote
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.logs import hash_of, promotion, rejection
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING
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


def read_with(project: Project, **marks: str) -> None:
    """Change what numbers of the raw rows are read with, and nothing else."""
    of_file = {"type": "tabular_lstm.datasets.RawCSVDataset", "filepath": str(project.raw)}
    to_score = {"type": "tabular_lstm.datasets.rows_to_score.RowsToScoreDataset"}
    entries = {
        "raw_rows": {**of_file, "load_args": {"sep": ";", **marks}},
        "rows_to_score": {**to_score, "filepath": "new.csv", "load_args": {"sep": ";"}},
    }
    (project.path / "conf/local/catalog.yml").write_text(json.dumps(entries))


@pytest.mark.long
def test_a_champion_is_not_compared_on_numbers_that_other_marks_make_others(
    quick: Project, caplog: pytest.LogCaptureFixture
) -> None:
    rows = pd.read_csv(quick.raw)
    numbers = (rows["glucose"] / 1000 + 1).map("{:.3f}".format)
    features = ["glucose", "pregnancies", "age"]
    rows = rows.assign(glucose=numbers)[[*features, LABEL]]
    rows.to_csv(quick.raw, sep=";", index=False)
    declare(quick, **QUICK, columns={"label": LABEL, "positive_class": 1, "negative_class": 0})
    read_with(quick)
    succeeds(here(*RETRAINING))
    assert log_of(quick)[-1]["action"] == "promoted"

    # 1.100 is 1100 now.
    read_with(quick, decimal=",", thousands=".")
    succeeds(here(*RETRAINING))
    assert log_of(quick)[-1]["action"] == "rejected"
    reason = log_of(quick)[-1]["reason"]
    assert "what numbers are written with, decimal: '.' and no mark of thousands" in reason
    assert "these cells may mean something else now; --params promotion.start_over" in reason
    # The champion reads as it was trained, and asks whether that is meant.
    rows[:50].to_csv(quick.path / "new.csv", sep=";", index=False)
    succeeds(here(*SCORING))
    assert 'load_args: {decimal: ",", thousands: "."}' in caplog.text

    # The same numbers, written otherwise, are those that it knows.
    rows.assign(glucose=numbers.str.replace(".", ",")).to_csv(quick.raw, sep=";", index=False)
    succeeds(here(*RETRAINING))
    assert log_of(quick)[-1]["reason"].startswith("not worse than the champion")
