"""Check new rows by the champion's schema, score them, and summarize the scoring."""

import logging
from dataclasses import replace

import pyarrow as pa

from tabular_lstm.engine import Engine
from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.reference import Watch
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import MonitoringOptions, ScoringOptions
from tabular_lstm.rows.raw_rows import Table, refuse_missing_columns
from tabular_lstm.rows.scoring_validation import CheckedRows, RowCheck
from tabular_lstm.serving.answers import answers_of
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.comparable_champions import warn_of_unknown_columns
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.manifest import Conditions
from tabular_lstm.serving.prediction_parts import ScoringPlan, refuse_names
from tabular_lstm.serving.row_scoring import RowScorer, ScoringCounts
from tabular_lstm.serving.scoring_summary import ScoringSummary

logger = logging.getLogger(__name__)

NOT_WATCHED = "These rows {} compared with those that the champion was trained on: {}. {}"
KNOWN = "Earlier labels, where known, are features of the champion; an empty column is enough"
ADVICE = "A retraining that promotes its candidate solves this"
LATE = (
    "%d of %d predictions are of rows that are older than the newest predicted row by more than "
    "known_after, %s: their labels should be known by now. To predict only rows whose labels are "
    "still to come, mark them with 1 in a column, and write columns.history.predict: COLUMN"
)
NOT_SCORED = (
    "No row was scored, because conf sets monitoring.on_drift: stop. Restore the file; or score "
    "without a comparison: --params monitoring.on_drift=warn. " + ADVICE + "."
)


def validate_rows_to_score(
    rows_to_score: Table,
    champion: Artifact,
    columns: ColumnsOptions,
    validation: ValidationOptions,
    scoring: ScoringOptions,
) -> CheckedRows:
    """Check the columns now, and each cell while the rows are scored.

    Cells are read as in training, by the champion's schema. A label is copied, and the network does
    not see it. With histories, a known label is a feature of the customer's later rows.

    Raises:
        DataError: A column is missing, or its name or types do not allow a copy.
    """
    schema = champion.scorer.schema
    needed = dict.fromkeys((*schema.columns, *schema.roles), "The champion was trained with it")
    if schema.label in schema.roles:
        needed[schema.label] = KNOWN
    if columns.history and columns.history.chosen_by is not None:
        needed[columns.history.chosen_by] = "Conf names it under columns.history.predict"
    copied = dict.fromkeys(scoring.pass_through, "Conf names it under scoring.pass_through")
    number_format = rows_to_score.format_of([*needed, *filter(None, [columns.key])], schema.marks)
    check = RowCheck(schema, columns.key, {}, number_format, columns.history)
    copied = {n: needed.get(n, "Conf names it under columns.key") for n in check.names} | copied
    refuse_missing_columns(rows_to_score, needed | copied)
    if schema.label in rows_to_score.columns:
        copied[schema.label] = "It is the label"
    refuse_names(copied, rows_to_score.file, answers_of(champion.scorer))
    types = rows_to_score.types([name for name in copied if name not in check.names])
    return CheckedRows(
        source=rows_to_score,
        check=replace(check, copied=dict.fromkeys(check.names, pa.string()) | types),
        max_quarantined_fraction=validation.max_quarantined_fraction,
        without=frozenset({*columns.ignore} - {*needed, *copied}),
    )


def prepare_scorer(
    checked_rows: CheckedRows,
    champion: Artifact,
    champions: Champions,
    scoring: ScoringOptions,
    monitoring: MonitoringOptions,
    run_id: str,
) -> RowScorer:
    """Say how the champion scores rows, and what their counts are compared with.

    Raises:
        DataError: Conf says to stop on drift, but the champion has no reference.
    """
    watch = None
    try:
        watch = Watch(champions.reference_of(champion), champion.scorer.schema)
        warn_of_unknown_columns(watch, monitoring)
    except DataError as error:
        why = str(error).removesuffix(".")
        if monitoring.on_drift == "stop":
            raise DataError(NOT_WATCHED.format("cannot be", why, NOT_SCORED)) from error
        logger.warning(NOT_WATCHED.format("are not", why, ADVICE))
    return RowScorer(checked_rows.check, champion, run_id, scoring.reasons, monitoring, watch)


def score_rows(
    checked_rows: CheckedRows, row_scorer: RowScorer, scoring_conditions: Conditions, engine: Engine
) -> ScoringPlan:
    """Plan the scoring, on the engine's workers if it has any: saving the plan scores the rows."""
    return ScoringPlan(checked_rows, row_scorer, scoring_conditions, engine.workers)


def compare_with_reference(scoring_counts: ScoringCounts, row_scorer: RowScorer) -> Drift:
    """Compare the scored rows with the champion's reference."""
    drift = row_scorer.compare(scoring_counts)
    if drift.few_rows and not drift.alarm:
        logger.info("Compared with the reference: %s", drift.few_rows)
    return drift


def summarize_scoring(
    scoring_counts: ScoringCounts, row_scorer: RowScorer, checked_rows: CheckedRows
) -> ScoringSummary:
    """Return the scoring in numbers, and log why rows are in quarantine."""
    for reason in scoring_counts.kinds.listed():
        logger.warning("In quarantine: %s", reason)
    history, predicted_count = row_scorer.check.history, scoring_counts.predicted.rows
    if history is not None and history.chosen_by and not predicted_count:
        logger.warning(
            "%s: no row is predicted, because column '%s' is never %s",
            checked_rows.source.file,
            history.chosen_by,
            " or ".join(map(str, history.values)),
        )
    if history is not None and (late_count := scoring_counts.late):
        logger.warning(LATE, late_count, predicted_count, history.known_after)
    return row_scorer.summarize(scoring_counts)
