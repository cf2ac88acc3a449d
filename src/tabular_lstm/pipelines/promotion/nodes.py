"""Judge the candidate against the champions, decide, and promote."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tabular_lstm.errors import DataError
from tabular_lstm.judging import gate
from tabular_lstm.judging.checks import (
    ArtifactCheck,
    Champion,
    ChampionCheck,
    DataCheck,
    FloorCheck,
)
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.names import CANDIDATE
from tabular_lstm.parameters import Columns, Evaluation, Promotion
from tabular_lstm.rows.summary import DataSummary
from tabular_lstm.serving import report
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Decision, Judgement, Provenance
from tabular_lstm.serving.promotion_log import LogEntry, champion_of, looks, promoted, standing

GOLDEN_ROWS = 32

Versions = dict[str, Callable[[], Any]]


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
    test_rows: pd.DataFrame,
    data_summary: DataSummary,
    columns: Columns,
    promotion: Promotion,
) -> tuple[pd.DataFrame, list[Champion], dict[str, float]]:
    """Let the champions that stand score the same test rows, the one that serves first.

    Returns:
        `row`, `label` and a column of probabilities for each champion, named by its run id; the
        champions, each with the reason if it was left out; and the decision threshold of each
        that was not.

    Raises:
        DataError: The champion that serves cannot be loaded.
    """
    labels = test_rows[columns.label].rename("label").rename_axis("row")
    predictions = pd.DataFrame(labels).reset_index()
    champions: list[Champion] = []
    thresholds = {}
    for run in standing(past_promotions)[: promotion.keep_champions]:
        decision: Decision | None = past_decisions[run]() if run in past_decisions else None
        champion = Champion(
            run_id=run,
            sha256=str(promoted(past_promotions)[run].sha256),
            data=decision.judgement.data if decision and decision.judgement else None,
        )
        why, artifact = _comparable(champion, artifacts, data_summary, promotion, not champions)
        champions.append(champion.model_copy(update={"not_compared": why}))
        if artifact is not None:
            predictions[run] = artifact.predict(test_rows)
            thresholds[run] = artifact.network.threshold
    return predictions, champions, thresholds


def _comparable(
    champion: Champion,
    artifacts: Versions,
    data: DataSummary,
    promotion: Promotion,
    serves: bool,
) -> tuple[str | None, Artifact | None]:
    """Load a champion that can be compared with fairly, or say why there is none."""
    run, before = champion.run_id, champion.data
    if promotion.start_over:
        return "promotion.start_over is set", None
    if before is None:
        return "its decision is gone, which says what it was trained on", None
    if {*before.features} != {*data.features} or before.split != data.split:
        return "it was trained on other columns, or with another split", None
    artifact = artifacts[run]() if run in artifacts else None
    if artifact is None or artifact.sha256 != champion.sha256:
        return "its artifact is gone, or not the one that was promoted", None
    try:
        artifact.network  # noqa: B018
    except DataError as error:
        if serves:
            raise
        return f"it cannot be loaded: {error}", None
    return None, artifact


def judge_champions(
    judged: Judged,
    champion_predictions: pd.DataFrame,
    champion_thresholds: dict[str, float],
    evaluation: Evaluation,
) -> Judged:
    """Measure the champions on the same resamples of the rows as candidate and baselines.

    Returns:
        What was judged before, and each champion that can be compared with, by run id.
    """
    if not champion_thresholds:
        return judged
    probabilities = {run: champion_predictions[run].to_numpy() for run in champion_thresholds}
    return judged.with_models(probabilities, champion_thresholds, evaluation)


def decide(
    data_check: DataCheck,
    floor_check: FloorCheck,
    champion_check: ChampionCheck,
    artifact_check: ArtifactCheck,
    judged_with_champions: Judged,
    champions: list[Champion],
    candidate_sha256: str,
    data_summary: DataSummary,
    past_promotions: list[LogEntry],
    run_id: str,
    provenance: Provenance,
) -> Decision:
    """Write the decision down, with all that it rests on."""
    checks = (data_check, floor_check, champion_check, artifact_check)
    accepted, reason = gate.outcome(checks)
    served_before = champion_of(past_promotions)
    before_sha256 = champions[0].sha256 if champions else None
    others = dict(judged_with_champions.metrics)
    judgement = Judgement(
        checks=checks,
        candidate=others.pop(CANDIDATE),
        candidate_sha256=candidate_sha256,
        champions=[
            champion.model_copy(update={"metrics": others.pop(champion.run_id, None)})
            for champion in champions
        ],
        baselines=others,
        data=data_summary,
        inputs=provenance.inputs(data_summary.sha256),
        looks=looks(past_promotions, data_summary.test_rows_sha256),
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
    **figures: go.Figure,
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
