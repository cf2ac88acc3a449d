"""Decisions as the node `decide` makes them, of a few rows."""

import numpy as np

from tabular_lstm.judging import changes, gate
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.gate import ArtifactCheck, ComparedChampion, DataCheck
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.pipelines.promotion.nodes import CheckedArtifact, GateChecks, decide
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import ComparedChampions
from tabular_lstm.serving.decision import Champions, Decision, Provenance
from tabular_lstm.serving.promotion_log import LogEntry, promoted, standing
from tests.helpers.judged import both, ruled
from tests.helpers.logs import run

CONTENT = b"the candidate"
RESAMPLED = EvaluationOptions(bootstrap_resamples=100)
PROVENANCE = Provenance(
    run_id="2026-11-25T02.15.00.000Z",
    time="2026-11-25T02:15:00Z",
    environment="base",
    outputs="data",
    run_command="kedro run",
    packages={"python": "3.11"},
    git_commit=None,
    code_sha256="of the code",
    parameters={"promotion": PromotionOptions().model_dump(mode="json")},
    parameters_sha256="of the parameters",
)
FINGERPRINTS = Fingerprints(np.array([1, 2], np.uint64), np.array([], np.uint64))
DATA = DataSummary(
    rows=400,
    train_rows=0,
    test_rows=400,
    quarantined_rows=0,
    superseded_rows=0,
    sha256="of the data",
    file="rows.csv",
    valid_rows=400,
    features=["age"],
    label_share=0.5,
    test_rows_sha256="of the test rows",
    split={"salt": "a"},
)


def decision(accepted: bool, log: list[LogEntry] | None = None, letter: str = "z") -> Decision:
    """Decide about a candidate after what a log says; the champions are compared with.

    Args:
        accepted: Whether all checks passed; else the first did not.
        log: The promotion log before.
        letter: Of the run that decides.
    """
    log = log or []
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], DATA.test_rows // 2)
    runs = standing(log)
    probabilities = {
        name: both(
            np.clip(0.5 + sign * (labels - 0.5) * rng.uniform(0.5, 1, len(labels)), 0.01, 0.99)
        )
        for name, sign in (
            (CANDIDATE, 0.9),
            *((run_id, 0.8) for run_id in runs),
            ("majority_class", 0),
            ("logistic_regression", 0.5),
            ("hist_gradient_boosting", 0.5),
        )
    }
    judged = Evaluation(labels).with_models(
        ruled(probabilities, dict.fromkeys(probabilities, 0.5)), RESAMPLED
    )
    champions = [
        ComparedChampion(run_id=run_id, sha256=str(promoted(log)[run_id].sha256), data=DATA)
        for run_id in runs
    ]
    promotion = PromotionOptions()
    checks = (
        DataCheck(passed=accepted, sentence="as expected, or not", quarantined_fraction=0),
        changes.check_drift(judged, champions, promotion),
        gate.check_floor(judged, promotion),
        gate.check_champions(judged, champions, promotion),
        ArtifactCheck(passed=True, sentence="the same", golden_rows=2, largest_difference=0),
    )
    return decide(
        GateChecks(checks, None),
        ComparedChampions(Champions(log), champions, {}, judged),
        CheckedArtifact(Artifact(CONTENT, "candidate.keras"), checks[-1]),
        FINGERPRINTS,
        DATA,
        PROVENANCE.model_copy(update={"run_id": run(letter)}),
    )
