"""Read labels, find the predictions that they belong to, measure these, and say what to do."""

import contextlib
import logging
from itertools import groupby

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.health import (
    ChampionHealth,
    Change,
    Health,
    ScoringHealth,
    advise,
    together,
)
from tabular_lstm.monitoring.late_labels import LateLabels, read_late_labels
from tabular_lstm.monitoring.page import page
from tabular_lstm.monitoring.performance import Measured, MeasuredRows, worse_than_promised
from tabular_lstm.parameters import Columns, Monitoring, Report, Task
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.serving.answers import ANSWERS
from tabular_lstm.serving.champion_history import Champions
from tabular_lstm.serving.finished_scorings import FinishedScoring, FinishedScorings
from tabular_lstm.serving.promotion_log import champion_of, promoted, standing
from tabular_lstm.serving.run_id import began

logger = logging.getLogger(__name__)


def read_labels(late_labels: RawRows | None, columns: Columns) -> tuple[LateLabels, pd.DataFrame]:
    """Read the labels that have come, and say which rows cannot be used.

    Returns:
        The labels, none where there is no table of them yet; and the rows in quarantine.
    """
    labels = read_late_labels(late_labels, columns)
    for reason in labels.reasons:
        logger.warning("In quarantine: %s", reason)
    if late_labels is None:
        logger.info("No labels have come yet")
    return labels, labels.quarantined


def measure_labelled_rows(
    labels: LateLabels, finished_scorings: FinishedScorings, columns: Columns
) -> Measured:
    """Measure the scored rows whose label has come, by scoring and by champion.

    Where a champion scored a key several times, its last prediction counts in its own measures. A
    scoring of which a part is not whole, or of another task than conf's, is not measured. Memory
    holds one part, and the predictions of labelled rows.
    """
    scorings, champions, faults = {}, {}, {}
    found = np.zeros(len(labels.keys), bool)
    by_champion = sorted(finished_scorings.scorings, key=lambda one: one.manifest.champion.run_id)
    for champion, of_champion in groupby(by_champion, lambda one: one.manifest.champion.run_id):
        places, predictions = [], []
        for scoring in of_champion:
            run = scoring.manifest.run_id
            try:
                of_run, predicted = _labelled(scoring, labels, columns)
            except DataError as error:
                faults[run] = f"its labelled rows do not count: {error}"
                continue
            scorings[run] = MeasuredRows.of(labels.labels[of_run], predicted, columns.task)
            found[of_run] = True
            places.append(of_run)
            predictions.append(predicted)
        if places:
            last = pd.Index(np.concatenate(places))
            counts = ~last.duplicated(keep="last")
            champions[champion] = MeasuredRows.of(
                labels.labels[last[counts]], np.concatenate(predictions)[counts], columns.task
            )
    return Measured(
        scorings=scorings,
        champions=champions,
        faults=faults,
        labels=len(labels.keys),
        unknown_labels=int((~found).sum()),
        quarantined_labels=len(labels.quarantined),
    )


def _labelled(
    scoring: FinishedScoring, labels: LateLabels, columns: Columns
) -> tuple[np.ndarray, np.ndarray]:
    """Give of each labelled row the place of its label, and its prediction."""
    task = columns.task
    if scoring.task not in {None, task} or scoring.manifest.task != task.kind:
        raise DataError(f"it predicted {_said(scoring.task)}, and conf names {_said(task)}")
    names = ANSWERS[task.kind].columns_of(task)[: len(task.classes) or 1]
    places, predictions = [np.empty(0, np.int64)], [np.empty((0, len(names)))]
    if columns.key is not None and len(labels.keys):
        for part in scoring.parts([columns.key, *names]):
            of_part = labels.places(part[columns.key])
            known = of_part >= 0
            places.append(of_part[known])
            predictions.append(np.stack([part[name].to_numpy() for name in names], 1)[known])
    joined = np.concatenate(predictions)
    return np.concatenate(places), joined[:, 0] if len(names) == 1 else joined


def _said(task: Task | None) -> str:
    if task is None:
        return "two classes"
    return f"{task.in_words}: {', '.join(map(str, task.classes))}" if task.classes else "a number"


def examine(
    measured: Measured,
    finished_scorings: FinishedScorings,
    champions: Champions,
    columns: Columns,
    monitoring: Monitoring,
    run_id: str,
) -> Health:
    """Put beside each other what was promised, expected and found, and say what to do.

    Raises:
        DataError: There is no champion yet.
    """
    serves = champion_of(champions.log)
    if serves is None:
        raise DataError(
            f"There is no champion yet. {finished_scorings.run_command} --pipelines retraining "
            "trains one."
        )
    scorings = [_scoring(one, measured) for one in finished_scorings.scorings]
    health = {
        run: _champion(run, entry.time, scorings, measured, champions, columns, monitoring)
        for run, entry in promoted(champions.log).items()
    }
    newest = next((one.drift for one in reversed(finished_scorings.scorings)), None)
    newest = newest if newest and newest.champion == serves else None
    before = standing(champions.log)[1:2]
    drift = newest.alarm if newest else None
    advice = advise(health[serves], health[before[0]] if before else None, drift)
    pipeline = {"retrain": "retraining", "roll back": "rollback"}.get(advice)
    notes = [*finished_scorings.faults.items(), *measured.faults.items()]
    for run, note in notes:
        logger.warning("Scoring %s: %s", run, note)
    return Health(
        run_id=run_id,
        at=f"{began(run_id):%Y-%m-%dT%H:%M:%SZ}",
        champion=serves,
        alarm="; ".join(filter(None, [health[serves].alarm, drift])) or None,
        advice=advice,
        command=f"{finished_scorings.run_command} --pipelines {pipeline}" if pipeline else None,
        scorings=scorings,
        champions=[*health.values()],
        changes=[
            Change(run_id=one.run_id, at=one.time, action=one.action, serves_now=one.serves_now)
            for one in champions.log
        ],
        newest=newest,
        labels=measured.labels,
        unknown_labels=measured.unknown_labels,
        quarantined_labels=measured.quarantined_labels,
        notes=[f"Scoring {run}: {note}" for run, note in notes],
    )


def write_page(health: Health, champions: Champions, report: Report) -> str:
    """Write the page for people, with the distributions of what moved in the newest scoring."""
    reference = None
    if health.newest:
        run = health.newest.champion
        with contextlib.suppress(DataError):  # the page says so
            reference = champions.references.get(run)
        if reference and reference.candidate_sha256 != promoted(champions.log)[run].sha256:
            reference = None
    return page(health, reference, report.title)


def _scoring(scoring: FinishedScoring, measured: Measured) -> ScoringHealth:
    manifest, drift = scoring.manifest, scoring.drift
    rows = measured.scorings.get(manifest.run_id, MeasuredRows())
    return ScoringHealth(
        run_id=manifest.run_id,
        scored_at=manifest.scored_at,
        champion=manifest.champion.run_id,
        scored_rows=manifest.scored_rows,
        quarantined_rows=manifest.quarantined_rows,
        labelled_rows=rows.losses.rows,
        moved=len(drift.moved) if drift and not drift.not_compared else None,
        drift=drift.alarm if drift else None,
        expected=drift.expected if drift else {},
        real=rows.real,
    )


def _champion(
    run: str,
    promoted_at: str,
    scorings: list[ScoringHealth],
    measured: Measured,
    champions: Champions,
    columns: Columns,
    monitoring: Monitoring,
) -> ChampionHealth:
    own = [one for one in scorings if one.champion == run]
    rows, promised = measured.champions.get(run, MeasuredRows()), champions.promised(run)
    return ChampionHealth(
        run_id=run,
        promoted_at=promoted_at,
        scored_rows=sum(one.scored_rows for one in own),
        labelled_rows=rows.losses.rows,
        promised=promised,
        expected=together(own),
        real=rows.real,
        alarm=worse_than_promised(rows.losses, promised, monitoring.false_alarms, columns.task),
    )
