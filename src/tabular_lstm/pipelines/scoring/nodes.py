"""Check new rows by the champion's schema, score them, and say in numbers and figures what came."""

import logging

import numpy as np
import pyarrow as pa

from tabular_lstm.engine import Engine
from tabular_lstm.judging import scoring_figures
from tabular_lstm.judging.drawing import SCORING_FIGURES, to_svg
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.expected import Estimate, expect
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.monitoring.watch import Watch
from tabular_lstm.parameters import Columns, Monitoring, Scoring, Validation
from tabular_lstm.rows.quarantine import Quarantine
from tabular_lstm.rows.raw_rows import RawRows, refuse_missing_columns
from tabular_lstm.rows.scoring_validation import Check, CheckedRows
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion_history import Champions
from tabular_lstm.serving.manifest import Conditions, ScoredBy
from tabular_lstm.serving.prediction_parts import Predictions, refuse_names
from tabular_lstm.serving.row_scoring import ScoringTask
from tabular_lstm.serving.run_id import began
from tabular_lstm.serving.scoring_summary import ScoringSummary, Tally

# Share of rows with an unknown category from which a warning says so.
STRANGE = 0.5

logger = logging.getLogger(__name__)

UNKNOWN = (
    "Column '%s': %.0f %% of %d rows hold a category that the champion was not trained with, and "
    "count as the average one"
)


def validate_rows_to_score(
    rows_to_score: RawRows,
    champion: Artifact,
    columns: Columns,
    validation: Validation,
    scoring: Scoring,
) -> tuple[CheckedRows, Quarantine]:
    """Check the columns now, and each cell while the rows are scored.

    Cells are read as in training, by the champion's schema. A label that is there is copied, and
    the network does not see it.

    Returns:
        A stream of checked rows, and what the bad ones pass through.

    Raises:
        DataError: A column is missing, or cannot be copied for its name or its types.
    """
    schema = champion.scorer.schema
    needed = dict.fromkeys(schema.columns, "The champion was trained with it")
    copied = dict.fromkeys(scoring.pass_through, "Conf names it under scoring.pass_through")
    if columns.key is not None:
        copied = {columns.key: "Conf names it under columns.key"} | copied
    refuse_missing_columns(rows_to_score, needed | copied)
    if schema.label in rows_to_score.columns:
        copied[schema.label] = "It is the label"
    refuse_names(copied, rows_to_score.file, answers_of(champion.scorer))
    types = rows_to_score.types([name for name in copied if name != columns.key])
    if columns.key is not None:
        types = {columns.key: pa.string()} | types
    checked = CheckedRows(
        source=rows_to_score,
        check=Check(schema, columns.key, types, rows_to_score.declared_format),
        max_quarantined_fraction=validation.max_quarantined_fraction,
        without=frozenset({*columns.ignore} - {*needed, *copied}),
    )
    return checked, checked.quarantine


def score_rows(
    checked_rows: CheckedRows,
    champion: Artifact,
    champions: Champions,
    scoring: Scoring,
    scoring_conditions: Conditions,
    run_id: str,
    engine: Engine,
) -> tuple[Predictions, Tally]:
    """Score the rows, on the engine's workers if it has any: see `serving.prediction_parts`.

    Returns:
        The predictions, which are made while they are saved; and what is counted meanwhile.
    """
    tally = Tally(checked_rows, answers_of(champion.scorer))
    schema, reference = champion.scorer.schema, reference_of(champion, champions)
    watch = Watch(reference, schema) if reference else None
    predictions = Predictions(
        checked=checked_rows,
        scoring=ScoringTask(
            checked_rows.check, champion, run_id, began(run_id), scoring.reasons, watch
        ),
        conditions=scoring_conditions,
        tally=tally,
        workers=engine.workers,
    )
    return predictions, tally


def compare_with_reference(
    tally: Tally,
    scoring_summary: ScoringSummary,
    champion: Artifact,
    champions: Champions,
    monitoring: Monitoring,
    run_id: str,
) -> Drift:
    """Compare the scored rows with those that the champion was trained on."""
    reference = reference_of(champion, champions)
    if reference is None or tally.seen is None:
        why = "no rows were scored" if reference else "the champion's run left no reference"
        return Drift(run_id=run_id, champion=str(champion.run_id), not_compared=why)
    drift = compare(
        Watch(reference, champion.scorer.schema),
        tally.seen,
        run_id,
        str(champion.run_id),
        monitoring,
        scoring_summary.quarantined_rows,
    ).model_copy(
        update={
            "expected": _expected(tally.seen.estimate, reference, champions, str(champion.run_id))
        }
    )
    if drift.alarm:
        logger.warning("ALARM: %s", drift.alarm)
    return drift


def _expected(
    sums: np.ndarray, reference: Reference, champions: Champions, champion: str
) -> dict[str, Estimate]:
    """Give the performance that is expected; none where the champion's decision is gone."""
    promised = champions.promised(champion)
    rows = max((profile.rows for profile in reference.scores.values()), default=0)
    return expect(promised, reference.estimated, rows, sums, reference.task)


def reference_of(champion: Artifact, champions: Champions) -> Reference | None:
    """Read the champion's reference; none where its run left none, or another candidate's."""
    reference = champions.references.get(str(champion.run_id))
    return reference if reference and reference.candidate_sha256 == champion.sha256 else None


def summarize_scoring(
    tally: Tally, checked_rows: CheckedRows, champion: Artifact, run_id: str
) -> ScoringSummary:
    """Give the scoring in numbers, and say in the log what was set aside or is strange."""
    for reason in checked_rows.quarantine.kinds.listed():
        logger.warning("In quarantine: %s", reason)
    summary = tally.summary(run_id, ScoredBy.of(champion))
    for name, rows in summary.unknown_categories.items():
        if rows > STRANGE * summary.scored_rows:
            logger.warning(UNKNOWN, name, 100 * rows / summary.scored_rows, summary.scored_rows)
    return summary


def draw_scores(scoring_summary: ScoringSummary) -> dict[str, str]:
    """Draw as SVG how the predictions spread and, if any rows were set aside, why."""
    summary, reasons = scoring_summary, scoring_summary.quarantined_by_reason
    drawn = {}
    if summary.decision_threshold is not None:
        drawn["scored_probabilities"] = scoring_figures.scored_probabilities(
            summary.histograms, summary.decision_threshold
        )
    elif summary.decisions:
        drawn["scored_decisions"] = scoring_figures.scored_decisions(summary.decisions)
    else:
        (bins,) = summary.histograms.values()
        drawn["scored_numbers"] = scoring_figures.scored_numbers(bins, summary.histogram_range)
    if reasons:
        drawn["quarantine_reasons"] = scoring_figures.quarantine_reasons(
            reasons, summary.quarantined_rows, summary.rows
        )
    return {name: to_svg(figure, SCORING_FIGURES[name]) for name, figure in drawn.items()}
