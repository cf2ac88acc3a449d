"""Judge the candidate against the champions, decide, and promote."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import LISTED, shown
from tabular_lstm.judging import gate
from tabular_lstm.judging.checks import (
    ArtifactCheck,
    Champion,
    ChampionCheck,
    DataCheck,
    DriftCheck,
    FloorCheck,
)
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drift import DataChanges, changes_of
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.parameters import Columns, Evaluation, Promotion
from tabular_lstm.rows.data_summary import DataSummary, FeatureSummary
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.serving import report
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision, Judgement, Provenance
from tabular_lstm.serving.kept_champions import (
    NotComparedError,
    Versions,
    fingerprints_of,
    judged_by,
    promoted_artifact,
    refuse_few_rows,
    score,
)
from tabular_lstm.serving.promotion_log import LogEntry, champion_of, looks, promoted, standing

logger = logging.getLogger(__name__)

GOLDEN_ROWS = 32
CHANGED = (
    "Since the champion's run %d features changed much, as where a unit or a source is another: "
    "%s. Look at the newest rows; the report has each"
)


def choose_golden_rows(
    test_rows: pd.DataFrame, candidate_predictions: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    """Keep a few test rows, from the lowest to the highest of the probabilities that were judged.

    Returns:
        At most 32 rows as they were before reshaping, and their probabilities, (rows,). Not in one
        frame: a feature may have any name.
    """
    judged = candidate_predictions[CANDIDATE].to_numpy()
    places = np.linspace(0, len(judged) - 1, min(GOLDEN_ROWS, len(judged))).astype(int)
    chosen = np.argsort(judged, kind="stable")[places]
    return test_rows.iloc[chosen], judged[chosen]


def predict_with_artifact(
    candidate_artifact: Artifact, golden_rows: pd.DataFrame
) -> tuple[np.ndarray, str]:
    """Give the golden rows' probabilities from the file on disk and the rows alone.

    Returns:
        Probabilities (rows,), and the SHA-256 of the file that gave them: whoever reads it again
        can tell whether it is still the same.
    """
    return candidate_artifact.predict(golden_rows), candidate_artifact.sha256


def predict_with_champions(
    artifacts: Versions,
    past_promotions: list[LogEntry],
    past_decisions: Versions,
    past_fingerprints: Versions,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    test_set: LabelledSet,
    data_summary: DataSummary,
    columns: Columns,
    promotion: Promotion,
) -> tuple[pd.DataFrame, list[Champion], dict[str, float], dict[str, np.ndarray]]:
    """Let the champions that stand score the same test rows, the one that serves first.

    Returns:
        `row`, `label` and a column of probabilities for each champion, named by its run id and
        empty for the rows that it was trained on; the champions, each with the reason if it is not
        compared with; and of those that are, the decision thresholds and which rows they were
        trained on, (rows,).

    Raises:
        DataError: The champion that serves cannot be loaded.
    """
    labels = test_set.labels.rename("label").rename_axis("row")
    predictions = pd.DataFrame(labels).reset_index()
    champions: list[Champion] = []
    thresholds, trained_on = {}, {}
    known = promoted(past_promotions)
    for run in standing(past_promotions)[: promotion.keep_champions]:
        champion = Champion(run_id=run, sha256=str(known[run].sha256))
        try:
            judgement = judged_by(past_decisions, known[run])
            known_of = {"data": judgement.data, "promoted_with": judgement.candidate}
            champion = champion.model_copy(update=known_of)
            if promotion.start_over:
                raise NotComparedError("promotion.start_over is set")
            artifact = promoted_artifact(artifacts, run, champion.sha256, serves=not champions)
            fingerprints = fingerprints_of(past_fingerprints, run, judgement)
            marks = data_summary.marks
            scored = score(artifact, fingerprints, train_rows, test_rows, columns, marks)
            left_out = int(scored.trained_on.sum())
            champion = champion.model_copy(update={"left_out_rows": left_out})
            least = promotion.min_test_rows_per_class
            refuse_few_rows(scored, labels.to_numpy(), least, test_set.weights, test_set.groups)
        except NotComparedError as why:
            champion = champion.model_copy(update={"not_compared": str(why)})
            logger.warning("The champion of run %s will not be compared with: %s", run, why)
        else:
            predictions[run] = np.where(scored.trained_on, np.nan, scored.probabilities)
            thresholds[run], trained_on[run] = scored.threshold, scored.trained_on
        champions.append(champion)
    return predictions, champions, thresholds, trained_on


def judge_champions(
    judged: Judged,
    champion_predictions: pd.DataFrame,
    champion_thresholds: dict[str, float],
    rows_trained_on: dict[str, np.ndarray],
    evaluation: Evaluation,
) -> Judged:
    """Measure the champions on the same resamples of the rows as candidate and baselines.

    A champion that was trained on some of the rows is measured, and the candidate beside it, on the
    others.

    Returns:
        What was judged before, and each champion that can be compared with, by run id.
    """
    probabilities = {run: champion_predictions[run].to_numpy() for run in champion_thresholds}
    new = {run: p for run, p in probabilities.items() if not rows_trained_on[run].any()}
    if new:
        judged = judged.with_models(new, champion_thresholds, evaluation)
    for run in [run for run in probabilities if run not in new]:
        counts = ~rows_trained_on[run]
        judged = judged.with_part(
            CANDIDATE, run, probabilities[run], champion_thresholds[run], counts, evaluation
        )
    return judged


def decide(
    data_check: DataCheck,
    drift_check: DriftCheck,
    floor_check: FloorCheck,
    champion_check: ChampionCheck,
    artifact_check: ArtifactCheck,
    judged_with_champions: Judged,
    champions: list[Champion],
    candidate_sha256: str,
    train_fingerprints: Fingerprints,
    data_summary: DataSummary,
    past_promotions: list[LogEntry],
    run_id: str,
    provenance: Provenance,
    feature_summaries: dict[str, FeatureSummary],
    feature_changes: DataChanges,
) -> Decision:
    """Write the decision down, with all that it rests on."""
    checks = (data_check, drift_check, floor_check, champion_check, artifact_check)
    accepted, reason = gate.outcome(checks)
    served_before = champion_of(past_promotions)
    before_sha256 = champions[0].sha256 if champions else None
    others = dict(judged_with_champions.metrics)
    judgement = Judgement(
        checks=checks,
        candidate=others.pop(CANDIDATE),
        candidate_sha256=candidate_sha256,
        fingerprints_sha256=train_fingerprints.sha256,
        champions=[
            champion.model_copy(update={"metrics": others.pop(champion.run_id, None)})
            for champion in champions
        ],
        baselines=others,
        data=data_summary,
        inputs=provenance.inputs(data_summary.sha256),
        looks=looks(past_promotions, data_summary.test_rows_sha256),
        features=feature_summaries,
        changes=feature_changes,
    )
    return Decision(
        **provenance.of_decision(),
        run_id=run_id,
        action="promoted" if accepted else "rejected",
        reason=reason,
        served_before=served_before,
        serves_now=run_id if accepted else served_before,
        sha256=candidate_sha256 if accepted else before_sha256,
        judgement=judgement,
    )


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


def promote(promotions: list[LogEntry], candidate_artifact: Artifact) -> Iterator[Artifact]:
    """Give the artifact that the log's last entry promotes, and nothing where it promotes none.

    Kedro saves what a node yields: of a rejected candidate nothing is saved.

    Raises:
        DataError: The artifact is no longer the one that was judged.
    """
    if promotions[-1].action == "promoted":
        yield candidate_artifact.as_decided(promotions[-1].sha256)


def compare_features(
    feature_summaries: dict[str, FeatureSummary],
    past_promotions: list[LogEntry],
    past_decisions: Versions,
) -> DataChanges:
    """Compare this run's features with those of the champion's run, and warn of large changes.

    None is compared where there is no champion, or its run did not record its features.
    """
    then: dict[str, FeatureSummary] = {}
    if champion := champion_of(past_promotions):
        with contextlib.suppress(NotComparedError):
            then = judged_by(past_decisions, promoted(past_promotions)[champion]).features
    changes = changes_of(then, feature_summaries)
    if changes.much:
        listed = "; ".join(
            f"'{shown(one.name)}', {one.description}" for one in changes.much[:LISTED]
        )
        logger.warning(CHANGED, len(changes.much), listed)
    return changes
