"""Judge the candidate against the champions, decide, and promote."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.judging import changes, gate
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.measures import from_columns, to_columns, unit_of
from tabular_lstm.judging.metrics import Metrics
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, ValidationOptions
from tabular_lstm.parameters.runs import MonitoringOptions, PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.labelled_set import Examples, JudgedOn
from tabular_lstm.rows.labels import label_column
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import (
    ComparedChampions,
    compare_champions,
    data_drift,
    features_moved,
    run_of_same_network,
)
from tabular_lstm.serving.decision import Champions, Checks, Decision, Judgement, Provenance, looks
from tabular_lstm.serving.promotion_log import CANDIDATES, LogEntry, champion_of
from tabular_lstm.task import CANDIDATE

GOLDEN_ROWS = 32


@dataclass(frozen=True)
class Checked:
    """The results of the gate's checks, with the metrics of all models by name."""

    metrics: dict[str, Metrics]
    best_baseline: str
    checks: Checks
    candidate: Artifact
    judged_on: JudgedOn | None = None


def predict_with_champions(
    champions: Champions,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    test_set: Examples,
    schema: Schema,
    data_summary: DataSummary,
    columns: ColumnsOptions,
    promotion: PromotionOptions,
    monitoring: MonitoringOptions,
    run_id: str,
) -> tuple[pd.DataFrame, ComparedChampions]:
    """Score the test rows with the standing champions; compare them with the champion's reference.

    Returns:
        `row`, `label` and the columns `judging.measures.to_columns` of each champion's run id,
        empty for the rows that it was trained on; and the champions.
    """
    compared = compare_champions(
        champions, train_rows, test_rows, history_rows, test_set, schema, columns, promotion
    )
    predictions = label_column(test_set.labels, schema.task)
    for run, scored in compared.scored.items():
        new_predictions = np.where(scored.trained_on, np.nan, scored.predictions.T).T
        predictions = predictions.assign(**to_columns(run, new_predictions, schema.task))
    drift = data_drift(compared, test_set, data_summary, columns, monitoring, run_id)
    return predictions, replace(compared, drift=drift)


def _with_champions(
    judged: Evaluation, compared: ComparedChampions, evaluation: EvaluationOptions
) -> Evaluation:
    """Measure the champions on the same resamples, without rows that they were trained on."""
    scored = compared.judged_rows()
    new = {run: champion for run, champion in scored.items() if not champion.trained_on.any()}
    if new:
        judged = judged.with_models(
            {run: champion.predictions for run, champion in new.items()},
            {run: champion.rule for run, champion in new.items()},
            evaluation,
        )
    for run, champion in scored.items():
        if run not in new:
            counts = ~champion.trained_on
            judged = judged.with_part(
                CANDIDATE, run, champion.predictions, champion.rule, counts, evaluation
            )
    return judged


def check_candidate(
    judged: Evaluation,
    compared_champions: ComparedChampions,
    candidate_artifact: Artifact,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    history_rows: pd.DataFrame,
    candidate_predictions: pd.DataFrame,
    data_summary: DataSummary,
    evaluation: EvaluationOptions,
    promotion: PromotionOptions,
    validation: ValidationOptions,
    monitoring: MonitoringOptions,
) -> Checked:
    """Measure the champions, and run the gate's five checks on the candidate."""
    judged = _with_champions(judged, compared_champions, evaluation)
    champions = compared_champions.champions
    predictions = from_columns(candidate_predictions, CANDIDATE, judged.task)
    moved = features_moved(compared_champions.drift, monitoring)
    sequences = candidate_artifact.sequences(test_rows, train_rows, history_rows)
    gate_checks = (
        changes.check_data(data_summary, champions, promotion, validation, moved),
        changes.check_drift(judged, champions, promotion, data_summary),
        gate.check_floor(judged, promotion),
        gate.check_champions(judged, champions, promotion),
        read_back(candidate_artifact, sequences, predictions, judged),
    )
    models = judged.metrics, judged.best_baseline
    return Checked(*models, gate_checks, candidate_artifact, judged.judged_on)


def read_back(
    artifact: Artifact, sequences: Sequences, predictions: np.ndarray, judged: Evaluation
) -> gate.ArtifactCheck:
    """Compare some judged predictions, from lowest to highest, with those of the saved file."""
    places = np.linspace(0, len(predictions) - 1, min(GOLDEN_ROWS, len(predictions))).astype(int)
    task = judged.task
    columns = task.to_file(predictions)
    golden = np.argsort(columns[:, 0], kind="stable")[places]
    file_columns = task.to_file(artifact.score(sequences[golden]))
    return gate.check_artifact(columns[golden], file_columns, task, unit_of(judged, task))


def decide(
    checked: Checked,
    compared_champions: ComparedChampions,
    train_fingerprints: Fingerprints,
    data_summary: DataSummary,
    champions: Champions,
    run_id: str,
    provenance: Provenance,
) -> Decision:
    """Make the decision, with everything that it is based on.

    The network that serves, or one that was rolled back from, is not promoted again, except with
    `promotion.start_over`.
    """
    accepted, reason = gate.outcome(checked.checks)
    served_before = champion_of(champions.log)
    starts_over = provenance.parameters["promotion"]["start_over"]
    may_repeat = accepted and not starts_over
    if may_repeat and (same := run_of_same_network(champions, checked.candidate)):
        rollback = f"{provenance.run_command} --pipelines rollback --params rollback.run_id={same}"
        advice = f"was rolled back from. To let it serve again: {rollback}"
        fate = "serves" if same == served_before else advice
        accepted, reason = False, f"config and weights are those of run {same}, which {fate}"
    standing_champions = compared_champions.champions
    other_metrics = dict(checked.metrics)
    judgement = Judgement(
        checks=checked.checks,
        candidate=other_metrics.pop(CANDIDATE),
        candidate_sha256=checked.candidate.sha256,
        fingerprints_sha256=train_fingerprints.sha256,
        champions=[
            champion.model_copy(update={"metrics": other_metrics.pop(champion.run_id, None)})
            for champion in standing_champions
        ],
        baselines=other_metrics,
        best_baseline=checked.best_baseline,
        data=data_summary.model_copy(update={"lineage": None}),
        inputs=provenance.inputs(data_summary.sha256),
        looks=looks(champions.log, data_summary.test_rows_sha256),
        drift=compared_champions.drift,
        judged_on=checked.judged_on,
    )
    serving = standing_champions[0].sha256 if standing_champions else None
    return Decision(
        **provenance.of_decision(),
        run_id=run_id,
        action="promoted" if accepted else "rejected",
        reason=reason,
        served_before=served_before,
        serves_now=run_id if accepted else served_before,
        sha256=checked.candidate.sha256 if accepted else serving,
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
                f"was judged, got {candidate and candidate.sha256}. The file changed since the "
                "decision, and does not serve."
            )
    return decision.log_entry()
