"""What the nodes of promotion add to the gate and the log."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.gate import ArtifactCheck
from tabular_lstm.pipelines.promotion.nodes import read_back, record
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.decisions import CONTENT, decision
from tests.helpers.judged import set_of
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.tables import LABEL


@pytest.mark.parametrize("count", [2, 32, 100])
def test_rows_read_back_reach_from_the_lowest_to_the_highest(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(count, 4)), columns=schema_of().features)
    ensemble_of(schema_of()).save(tmp_path / "candidate.keras")
    artifact = Artifact.read(tmp_path / "candidate.keras")
    test_set = set_of(np.empty((count, 2, 2)), pd.Series(np.zeros(count)), rows=rows)
    judged = artifact.score(artifact.sequences(test_set))[:, 1]

    def checked(predictions: np.ndarray) -> ArtifactCheck:
        table = pd.DataFrame({CANDIDATE: predictions})
        return read_back(artifact, test_set, table, Evaluation(np.zeros(count))).check

    assert (checked(judged).passed, checked(judged).golden_rows) == (True, min(count, 32))
    for end in (judged.argmin(), judged.argmax()):
        other = judged.copy()
        other[end] = 0 if end == judged.argmin() else 1
        assert not checked(other).passed


def test_only_what_was_judged_is_promoted() -> None:
    accepted, judged = decision(True), Artifact(CONTENT, "candidate.keras")
    run_id = accepted.run_id
    assert record(accepted, "", Champions(artifacts={run_id: judged})) == accepted.log_entry()
    another = Artifact(b"another", "candidate.keras")
    for artifacts, got in (({run_id: another}, another.sha256), ({}, "no file")):
        with pytest.raises(DataError, match=f"as it was judged, got {got}"):
            record(accepted, "", Champions(artifacts=artifacts))
    # What is rejected serves nobody.
    rejected = decision(False)
    assert record(rejected, "", Champions()) == rejected.log_entry()


@pytest.mark.long
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
    quarantined = quick.versions("02_intermediate/quarantined_rows.csv")[-1].read_text()
    assert quarantined.splitlines()[0] == ",".join(["row", "reason", *rows])
