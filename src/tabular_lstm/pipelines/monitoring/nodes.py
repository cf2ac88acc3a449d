"""Read late labels, examine the champion's health, and say what to do."""

import contextlib
import logging

import pandas as pd

from tabular_lstm.errors import DataError, NoChampionError, shown
from tabular_lstm.judging.model_metrics import label_counts
from tabular_lstm.monitoring.health import (
    ChampionHealth,
    Health,
    ScoringHealth,
    each_once,
    health_page,
    newest_that_tells,
)
from tabular_lstm.monitoring.performance import other_labels, worse_than_promised
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.runs import MonitoringOptions, ReportOptions
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.late_labels import (
    LateLabels,
    Measured,
    MeasuredRows,
    read_late_labels,
)
from tabular_lstm.serving.manifest import FinishedScoring, FinishedScorings
from tabular_lstm.serving.promotion_log import CANDIDATES, DECISIONS, began, champion_of, promoted

logger = logging.getLogger(__name__)

WEIGHTED = (
    "The promised metrics count rows by their weight, '{}', but late labels have none: promised "
    "and real metrics are not compared"
)

OTHER_ROWS = (
    "The champion was judged on {} of histories, but a scoring predicts {}: promised and real "
    "metrics are not compared"
)


def read_labels(
    late_labels: Table | None, champions: Champions, columns: ColumnsOptions
) -> tuple[LateLabels, pd.DataFrame]:
    """Read the labels so far, as a scoring reads rows, and say which rows cannot be used.

    Returns:
        The labels, empty if there is no table of labels yet; and the rows in quarantine.
    """
    labels = read_late_labels(late_labels, columns, _number_format(champions))
    for reason in labels.reasons:
        logger.warning("In quarantine: %s", reason)
    if late_labels is None:
        logger.info("No labels have arrived yet")
    return labels, labels.quarantined


def _number_format(champions: Champions) -> NumberFormat:
    """Return how the champion's table wrote numbers: its decision says so, and its file, too."""
    champion = champion_of(champions.log)
    if champion is None:
        return POINT
    if judgement := champions.judgement(champion):
        return judgement.data.marks
    try:
        return champions.artifacts[champion].scorer.schema.marks
    except KeyError as error:
        raise DataError(
            f"{CANDIDATES} and {DECISIONS} of run {champion}: both are missing; expected the "
            "champion's file or its decision, which say how numbers are written. Restore them."
        ) from error


def examine(
    measured: Measured,
    finished_scorings: FinishedScorings,
    champions: Champions,
    columns: ColumnsOptions,
    monitoring: MonitoringOptions,
    run_id: str,
) -> Health:
    """Compare promised and real performance, and say what to do.

    Raises:
        NoChampionError: There is no champion yet.
    """
    serves = champion_of(champions.log)
    if serves is None:
        raise NoChampionError(
            f"There is no champion yet. {finished_scorings.run_command} --pipelines retraining "
            "trains one."
        )
    scorings = [_scoring(scoring, measured) for scoring in finished_scorings.scorings]
    health, notes, other_rows = {}, [*measured.notes], ""
    for run, entry in promoted(champions.log).items():
        rows, promised = measured.champions.get(run, MeasuredRows()), champions.promised(run)
        rate, task = monitoring.false_alarms, columns.task
        alarm = worse_than_promised(rows.since, promised, rate, task)
        # Read once more only where it is needed.
        judgement = champions.judgement(run) if columns.history or alarm else None
        if judgement and columns.history and judgement.judged_on != columns.history.scored:
            promised, alarm = {}, None
            if run == serves and rows.rows:
                judged = judgement.judged_on or "all rows"
                notes.append(OTHER_ROWS.format(judged, columns.history.scored))
        if judgement and alarm and not columns.weight and run == serves:
            judged_counts = label_counts(judgement.candidate)
            if words := other_labels(judged_counts, rows.label_counts, rate, task):
                other_rows, alarm = words, f"{words}; {alarm}"
        health[run] = ChampionHealth(
            run_id=run,
            promoted_at=entry.time,
            scored_rows=sum(scoring.scored_rows for scoring in scorings if scoring.champion == run),
            labelled_rows=rows.rows,
            promised=promised,
            real=rows.real,
            alarm=None if columns.weight else alarm,
        )
    newest, cannot = newest_that_tells(
        {
            scoring.manifest.run_id: scoring.drift
            for scoring in finished_scorings.scorings
            if scoring.manifest.champion.run_id == serves
        }
    )
    weighted = (
        [WEIGHTED.format(shown(columns.weight))] if columns.weight and measured.labels else []
    )
    alarms = [alarm for alarm in (health[serves].alarm, newest and newest.alarm) if alarm]
    faults = each_once([*finished_scorings.faults.items(), *measured.faults.items()])
    for fault in faults:
        logger.warning("%s", fault)
    return Health(
        run_id=run_id,
        at=f"{began(run_id):%Y-%m-%dT%H:%M:%SZ}",
        champion=serves,
        alarm="; ".join(alarms) or None,
        advice="look" if other_rows else "retrain" if alarms else "nothing",
        command=f"{finished_scorings.run_command} --pipelines retraining" if alarms else None,
        scorings=scorings,
        champions=[*health.values()],
        newest=newest,
        labels=measured.labels,
        unknown_labels=measured.unknown_labels,
        quarantined_labels=measured.quarantined_labels,
        notes=[*faults, *notes, *cannot, *weighted],
    )


def write_health_page(health: Health, champions: Champions, report: ReportOptions) -> str:
    """Write the page, with the distributions of what moved in the newest scoring."""
    reference = None
    if health.newest:
        with contextlib.suppress(DataError):  # then no distribution is drawn
            reference = champions.references.get(health.newest.champion)
    return health_page(health, reference, report.title)


def _scoring(scoring: FinishedScoring, measured: Measured) -> ScoringHealth:
    manifest, drift = scoring.manifest, scoring.drift
    rows = measured.scorings.get(manifest.run_id, MeasuredRows())
    return ScoringHealth(
        run_id=manifest.run_id,
        scored_at=manifest.scored_at,
        champion=manifest.champion.run_id,
        scored_rows=manifest.scored_rows,
        quarantined_rows=manifest.quarantined_rows,
        labelled_rows=rows.rows,
        moved=len(drift.moved) if drift and not drift.not_compared else None,
        drift=drift.alarm if drift else None,
        real=rows.real,
    )
