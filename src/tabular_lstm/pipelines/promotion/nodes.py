"""Judge the candidate against the champions, decide, and promote."""

import contextlib
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, DataError, shown
from tabular_lstm.judging import checks, drift, gate
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drift import DataChanges, changes_of
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.parameters import Columns, Evaluation, Promotion, Validation
from tabular_lstm.rows.data_summary import DataSummary, FeatureSummary
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving import report
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion_comparison import (
    ComparedChampions,
    NotComparedError,
    judge_champions,
    judged_by,
    score_champions,
)
from tabular_lstm.serving.champions import CANDIDATES, Champions
from tabular_lstm.serving.decision import Decision, Judgement, Provenance
from tabular_lstm.serving.promotion_log import LogEntry, champion_of, looks, promoted

logger = logging.getLogger(__name__)

GOLDEN_ROWS = 32
CHANGED = (
    "Since the champion's run %d features changed much, as where a unit or a source is another: "
    "%s. Look at the newest rows; the report has each"
)


@dataclass(frozen=True)
class Checks:
    """What the gate says of a candidate.

    Attributes:
        results: Of its five checks, in their order.
        candidate_sha256: Of the file that was checked: whoever reads it again can tell whether it
            is still the same.
    """

    results: tuple[
        checks.DataCheck,
        checks.DriftCheck,
        checks.FloorCheck,
        checks.ChampionCheck,
        checks.ArtifactCheck,
    ]
    candidate_sha256: str


def compare_with_champions(
    judged: Judged,
    champions: Champions,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    test_set: LabelledSet,
    schema: Schema,
    columns: Columns,
    promotion: Promotion,
    evaluation: Evaluation,
) -> tuple[pd.DataFrame, ComparedChampions]:
    """Let the champions that stand score the same test rows, and measure them.

    Returns:
        `row`, `label` and a column of probabilities for each champion, named by its run id and
        empty for the rows that it was trained on; and what is known of the champions.

    Raises:
        DataError: The champion that serves cannot be loaded.
    """
    found, scored = score_champions(
        champions, train_rows, test_rows, test_set, schema, columns, promotion
    )
    labels = test_set.labels.rename("label").rename_axis("row")
    predictions = pd.DataFrame(labels).reset_index()
    for run, of_run in scored.items():
        predictions[run] = np.where(of_run.trained_on, np.nan, of_run.probabilities)
    return predictions, ComparedChampions(found, judge_champions(judged, scored, evaluation))


def check_candidate(
    compared_champions: ComparedChampions,
    candidate_artifact: Artifact,
    test_rows: pd.DataFrame,
    candidate_predictions: pd.DataFrame,
    data_summary: DataSummary,
    promotion: Promotion,
    validation: Validation,
) -> Checks:
    """Put the candidate to the gate's five checks, in their order."""
    judged, champions = compared_champions.judged, compared_champions.champions
    golden = golden_rows(candidate_predictions)
    results = (
        gate.check_data(data_summary, champions, promotion, validation),
        drift.check_drift(judged, champions, promotion, data_summary),
        gate.check_floor(judged, promotion),
        gate.check_champions(judged, champions, promotion),
        checks.check_artifact(
            candidate_predictions[CANDIDATE].to_numpy()[golden],
            candidate_artifact.predict(test_rows.iloc[golden]),
        ),
    )
    return Checks(results, candidate_artifact.sha256)


def golden_rows(candidate_predictions: pd.DataFrame) -> np.ndarray:
    """Choose the rows that the file on disk must give the judged probabilities: their places.

    They are at most 32, from the lowest to the highest of the probabilities.
    """
    judged = candidate_predictions[CANDIDATE].to_numpy()
    places = np.linspace(0, len(judged) - 1, min(GOLDEN_ROWS, len(judged))).astype(int)
    chosen: np.ndarray = np.argsort(judged, kind="stable")[places]
    return chosen


def decide(
    checks: Checks,
    compared_champions: ComparedChampions,
    train_fingerprints: Fingerprints,
    data_summary: DataSummary,
    feature_summaries: dict[str, FeatureSummary],
    champions: Champions,
    run_id: str,
    provenance: Provenance,
) -> Decision:
    """Write the decision down, with all that it rests on."""
    accepted, reason = gate.outcome(checks.results)
    served_before, known = champion_of(champions.log), compared_champions.champions
    others = dict(compared_champions.judged.metrics)
    judgement = Judgement(
        checks=checks.results,
        candidate=others.pop(CANDIDATE),
        candidate_sha256=checks.candidate_sha256,
        fingerprints_sha256=train_fingerprints.sha256,
        champions=[
            champion.model_copy(update={"metrics": others.pop(champion.run_id, None)})
            for champion in known
        ],
        baselines=others,
        data=data_summary,
        inputs=provenance.inputs(data_summary.sha256),
        looks=looks(champions.log, data_summary.test_rows_sha256),
        features=feature_summaries,
        changes=_changes(feature_summaries, champions),
    )
    return Decision(
        **provenance.of_decision(),
        run_id=run_id,
        action="promoted" if accepted else "rejected",
        reason=reason,
        served_before=served_before,
        serves_now=run_id if accepted else served_before,
        sha256=checks.candidate_sha256 if accepted else known[0].sha256 if known else None,
        judgement=judgement,
    )


def _changes(now: dict[str, FeatureSummary], champions: Champions) -> DataChanges:
    """Compare this run's features with those of the champion's run, and warn of large changes.

    None is compared where there is no champion, or its run did not record its features.
    """
    then: dict[str, FeatureSummary] = {}
    if champion := champion_of(champions.log):
        with contextlib.suppress(NotComparedError):
            promotion = promoted(champions.log)[champion]
            then = judged_by(champions, promotion).features
    changes = changes_of(then, now)
    if changes.much:
        listed = "; ".join(f"'{shown(one.name)}', {one.said}" for one in changes.much[:LISTED])
        logger.warning(CHANGED, len(changes.much), listed)
    return changes


def write_report(
    decision: Decision,
    provenance: Provenance,
    metrics: dict[str, Any],
    verdict: list[str],
    quarantined_rows: pd.DataFrame,
    figures: dict[str, str],
) -> str:
    """Write the page for people: see `tabular_lstm.serving.report`."""
    return report.page(decision, provenance, metrics, verdict, quarantined_rows, figures)


def record(decision: Decision, report: str, champions: Champions) -> LogEntry:
    """Give the line for the log, once the report is written: with it the candidate serves or not.

    Raises:
        DataError: The candidate is not where it serves from, or its file changed since it was
            judged; nothing is recorded.
    """
    if decision.action == "promoted":
        candidate = champions.artifacts.get(decision.run_id)
        if candidate is None or candidate.sha256 != decision.sha256:
            raise DataError(
                f"{CANDIDATES} of run {decision.run_id}: expected SHA-256 {decision.sha256}, as it "
                f"was judged, got {candidate and candidate.sha256}. The file changed since the "
                "decision, and does not serve."
            )
    return LogEntry.of(decision)
