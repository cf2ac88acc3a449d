"""Judge the candidate against the champions, decide, and promote."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.judging import changes, gate
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, ValidationOptions
from tabular_lstm.parameters.runs import MonitoringOptions, PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.labels import label_column
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import (
    ComparedChampions,
    compare_champions,
    drift_of,
    features_moved,
    run_of_same_network,
)
from tabular_lstm.serving.decision import Champions, Checks, Decision, Judgement, Provenance, looks
from tabular_lstm.serving.promotion_log import CANDIDATES, LogEntry, champion_of

GOLDEN_ROWS = 32


@dataclass(frozen=True)
class CheckedArtifact:
    """The candidate's file as it was read from disk, and whether it predicts as it was judged.

    What is decided is about this file: the one on disk may change afterwards.
    """

    artifact: Artifact
    check: gate.ArtifactCheck


@dataclass(frozen=True)
class GateChecks:
    """The results of the gate's five checks, and the drift that the first one used."""

    checks: Checks
    drift: Drift | None


def predict_with_champions(
    champions: Champions,
    test_set: Examples,
    evaluation: Evaluation,
    promotion: PromotionOptions,
    options: EvaluationOptions,
) -> tuple[pd.DataFrame, ComparedChampions]:
    """Score the test rows with the standing champions, and measure them beside the candidate.

    Returns:
        `row`, `label` and the columns `Task.to_columns` of each champion's run id,
        empty for the rows that it was trained on; and the champions.
    """
    compared = compare_champions(champions, test_set, evaluation, promotion, options)
    predictions = label_column(test_set.labels, evaluation.task)
    for run, champion in compared.predictions.items():
        values = np.where(champion.trained_on, np.nan, champion.values.T).T
        predictions = predictions.assign(**evaluation.task.to_columns(run, values))
    return predictions, compared


def read_back(
    candidate_artifact: Artifact,
    test_set: Examples,
    candidate_predictions: pd.DataFrame,
    evaluation: Evaluation,
) -> CheckedArtifact:
    """Compare some judged predictions, from lowest to highest, with those of the saved file."""
    task = evaluation.task
    predictions = task.from_columns(candidate_predictions, CANDIDATE)
    places = np.linspace(0, len(predictions) - 1, min(GOLDEN_ROWS, len(predictions))).astype(int)
    columns = task.to_file(predictions)
    golden = np.argsort(columns[:, 0], kind="stable")[places]
    # The rows are reshaped again, by the schema in the file.
    sequences = candidate_artifact.sequences(test_set)
    file_columns = task.to_file(candidate_artifact.score(sequences[golden]))
    check = gate.check_artifact(columns[golden], file_columns, task, evaluation.unit(CANDIDATE))
    return CheckedArtifact(candidate_artifact, check)


def check_candidate(
    compared_champions: ComparedChampions,
    checked_artifact: CheckedArtifact,
    data_summary: DataSummary,
    promotion: PromotionOptions,
    validation: ValidationOptions,
    monitoring: MonitoringOptions,
) -> GateChecks:
    """Run the gate's five checks on the candidate."""
    evaluation, champions = compared_champions.evaluation, compared_champions.champions
    drift = drift_of(compared_champions, data_summary, monitoring)
    moved = features_moved(drift, monitoring)
    checks = (
        changes.check_data(data_summary, champions, promotion, validation, moved),
        changes.check_drift(evaluation, champions, promotion, data_summary),
        gate.check_floor(evaluation, promotion),
        gate.check_champions(evaluation, champions, promotion),
        checked_artifact.check,
    )
    return GateChecks(checks, drift)


def decide(
    gate_checks: GateChecks,
    compared_champions: ComparedChampions,
    checked_artifact: CheckedArtifact,
    train_fingerprints: Fingerprints,
    data_summary: DataSummary,
    provenance: Provenance,
) -> Decision:
    """Make the decision, with everything that it is based on.

    The network that serves, or one that was rolled back, is not promoted again, except with
    `promotion.start_over`. With `promotion.hold` none is.
    """
    accepted, reason = gate.outcome(gate_checks.checks)
    evaluation, kept = compared_champions.evaluation, compared_champions.kept
    serving, run_id, drift = champion_of(kept.log), provenance.run_id, gate_checks.drift
    may_repeat = accepted and not provenance.parameters["promotion"]["start_over"]
    if may_repeat and (same_run := run_of_same_network(kept, checked_artifact.artifact)):
        accepted = False
        reason = f"run {same_run} has the same config and weights, and it "
        reason += "serves" if same_run == serving else provenance.way_back_to(same_run)
    if on_hold := provenance.parameters["promotion"].get("hold", False):
        would = "promoted" if accepted else "rejected"
        reason = f"on hold (promotion.hold); otherwise the candidate would be {would}: {reason}"
        accepted = False
    champions = compared_champions.champions
    judgement = Judgement(
        checks=gate_checks.checks,
        candidate=evaluation.metrics[CANDIDATE],
        candidate_sha256=checked_artifact.artifact.sha256,
        fingerprints_sha256=train_fingerprints.sha256,
        champions=[
            champion.model_copy(update={"metrics": evaluation.metrics.get(champion.run_id)})
            for champion in champions
        ],
        baselines={
            name: metrics
            for name, metrics in evaluation.metrics.items()
            if name not in {CANDIDATE, *(champion.run_id for champion in champions)}
        },
        best_baseline=evaluation.best_baseline,
        stronger_baseline=evaluation.stronger_baseline,
        data=data_summary.model_copy(update={"median": evaluation.task.median}),
        inputs=provenance.inputs(data_summary.sha256, data_summary.rows_sha256),
        looks=looks(kept.log, data_summary.test_rows_sha256),
        drift=drift and drift.model_copy(update={"run_id": run_id}),
        judged_on=evaluation.judged_on,
    )
    serving_sha256 = champions[0].sha256 if champions else None
    return Decision(
        **provenance.of_decision(),
        action="promoted" if accepted else "rejected",
        reason=reason,
        served_before=serving,
        serves_now=run_id if accepted else serving,
        sha256=checked_artifact.artifact.sha256 if accepted else serving_sha256,
        on_hold=on_hold,
        judgement=judgement,
    )


def record(decision: Decision, report: str, champions: Champions) -> LogEntry:
    """Return the log's line after the report is written; this line decides who serves.

    Raises:
        DataError: The candidate's file is missing, or it changed since it was judged; nothing is
            recorded.
    """
    if decision.action == "promoted":
        candidate = champions.artifacts.get(decision.run_id)
        if candidate is None or candidate.sha256 != decision.sha256:
            raise DataError(
                f"{CANDIDATES} of run {decision.run_id}: expected SHA-256 {decision.sha256}, as it "
                f"was judged, got {candidate.sha256 if candidate else 'no file'}. The file has "
                "changed since the decision, so it does not serve."
            )
    return decision.log_entry()
