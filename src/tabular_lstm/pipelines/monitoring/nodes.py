"""Read labels, find the predictions that they belong to, measure these, and say what to do."""

import contextlib
import logging
from itertools import groupby

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.monitoring.expected import Estimate
from tabular_lstm.monitoring.health import (
    ChampionHealth,
    Change,
    Health,
    ScoringHealth,
    advise,
    each_once,
    newest_that_tells,
    together,
)
from tabular_lstm.monitoring.labelled_rows import LabelledRows
from tabular_lstm.monitoring.late_labels import LateLabels, read_late_labels
from tabular_lstm.monitoring.page import page
from tabular_lstm.monitoring.performance import (
    FEWEST,
    Measured,
    MeasuredRows,
    worse_than_promised,
)
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
    labels: LateLabels,
    finished_scorings: FinishedScorings,
    champions: Champions,
    columns: Columns,
) -> Measured:
    """Measure the scored rows whose label has come, by scoring and by champion.

    Where a scoring or a champion scored a key several times, the last prediction counts. A key that
    the champion was trained on does not. A scoring of which a part is not whole, or of another task
    or label than conf's, is not measured. Memory holds one part, and the predictions of labelled
    rows.
    """
    scorings, measured, faults = {}, {}, {}
    notes, unlabelled = _of_one_class(labels, columns.task), []
    found, scored, matched = np.zeros(len(labels.keys), bool), 0, 0
    stand: dict[str, LabelledRows | None] = dict.fromkeys(standing(champions.log)[:2])
    by_champion = sorted(finished_scorings.scorings, key=lambda one: one.manifest.champion.run_id)
    for champion, of_champion in groupby(by_champion, lambda one: one.manifest.champion.run_id):
        trained_on = _trained_on(champion, labels, champions, columns)
        left_out, own = np.zeros(len(labels.keys), bool), {}
        for scoring in of_champion:
            run = scoring.manifest.run_id
            try:
                _refuse_another_label(champion, champions, columns)
                places, predictions, without = _labelled(scoring, labels, columns)
            except DataError as error:
                faults[run] = f"its labelled rows do not count: {error}"
                continue
            found[places] = True
            scored, matched = scored + scoring.manifest.scored_rows, matched + len(places)
            unlabelled += without
            new = ~trained_on[places]
            left_out[places[~new]] = True
            own[run] = places[new], predictions[new]
            of_run = LabelledRows.of({run: own[run]})
            scorings[run] = of_run.measured(labels.labels, columns.task)
        if own:
            rows = LabelledRows.of(own)
            measured[champion] = rows.measured(labels.labels, columns.task)
            if champion in stand:
                stand[champion] = rows
        if left_out.any():
            said = (
                f"{counted(int(left_out.sum()), 'labelled row')} of the champion of run {champion}"
            )
            notes.append(f"{said} were trained on, and do not count")
    # Of a table with all labels of the past few are of scored rows, but scored rows have one.
    if unlabelled and 10 * found.sum() < len(labels.keys) and 10 * matched < scored:
        ours, theirs = (
            " and ".join(f"'{shown(str(key))}'" for key in keys)
            for keys in (labels.keys[~found][:2], unlabelled[:2])
        )
        notes.append(
            f"Of {counted(len(labels.keys), 'label')} {found.sum()} are of a scored row. Expected "
            f"keys as scored, such as {theirs}; got {ours}. Where these are the same rows, write "
            f"their '{columns.key}' alike"
        )
        logger.warning("%s.", notes[-1])
    return Measured(
        scorings=scorings,
        champions=measured,
        before_is_better=_before_is_better([*stand.values()], labels, columns.task),
        faults=faults,
        notes=notes,
        labels=len(labels.keys),
        unknown_labels=int((~found).sum()),
        quarantined_labels=len(labels.quarantined),
    )


def _before_is_better(stand: list[LabelledRows | None], labels: LateLabels, task: Task) -> bool:
    match stand:
        case [LabelledRows() as now, LabelledRows() as before]:
            return before.clearly_better_than(now, labels.labels, task)
    return False


def _of_one_class(labels: LateLabels, task: Task) -> list[str]:
    if not task.classes or len(labels.keys) < FEWEST or len(np.unique(labels.labels)) > 1:
        return []
    only = task.classes[int(labels.labels[0])]
    return [f"All labels that came are of one class, {only}: the loss of all rows may be another"]


def _trained_on(
    champion: str, labels: LateLabels, champions: Champions, columns: Columns
) -> np.ndarray:
    """Tell of each label whether the champion was trained on its key; no where it is not known."""
    with contextlib.suppress(KeyError, DataError):
        keys = pd.Series(labels.keys, name=columns.key)
        return champions.fingerprints[champion].hold_keys(keys)
    return np.zeros(len(labels.keys), bool)


def _refuse_another_label(champion: str, champions: Champions, columns: Columns) -> None:
    label = None
    with contextlib.suppress(KeyError, DataError):
        if judgement := champions.decisions[champion].judgement:
            label = judgement.data.split.get("label")
    if label not in {None, columns.label}:
        raise DataError(f"it predicted '{label}', and conf names '{columns.label}'")


def _labelled(
    scoring: FinishedScoring, labels: LateLabels, columns: Columns
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Give of each labelled row the place of its label, and its prediction; and two other keys."""
    task = columns.task
    scoring.refuse_another(task)
    names = ANSWERS[task.kind].columns_of(task)[: len(task.classes) or 1]
    places, predictions = [np.empty(0, np.int64)], [np.empty((0, len(names)))]
    without: list[str] = []
    if columns.key is not None and len(labels.keys):
        for part in scoring.parts([columns.key, *names]):
            of_part = labels.places(part[columns.key])
            known = of_part >= 0
            places.append(of_part[known])
            predictions.append(np.stack([part[name].to_numpy() for name in names], 1)[known])
            if len(without) < 2:
                without += part[columns.key].take(np.flatnonzero(~known)[:2]).to_pylist()
    joined = np.concatenate(predictions)
    predicted = joined[:, 0] if len(names) == 1 else joined
    return np.concatenate(places), predicted, without


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
    health, notes = {}, [*measured.notes]
    for run, entry in promoted(champions.log).items():
        rows, promised = measured.champions.get(run, MeasuredRows()), champions.promised(run)
        worse = worse_than_promised(rows.since, promised, monitoring.false_alarms, columns.task)
        alarm = worse.sentence if worse and not worse.over else None
        health[run] = _champion(run, entry.time, scorings, rows, promised, alarm)
        if run == serves and worse and worse.over:
            notes.append(
                f"It was worse than promised, and is not since scoring {worse.over}: "
                f"{worse.sentence}"
            )
    newest, cannot = newest_that_tells(
        {
            one.manifest.run_id: one.drift
            for one in finished_scorings.scorings
            if one.manifest.champion.run_id == serves
        }
    )
    drift = newest.alarm if newest else None
    advice = advise(health[serves].alarm, measured.before_is_better, drift)
    pipeline = {"retrain": "retraining", "roll back": "rollback"}.get(advice)
    faults = each_once([*finished_scorings.faults.items(), *measured.faults.items()])
    for fault in faults:
        logger.warning("%s", fault)
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
        notes=[*faults, *notes, *cannot],
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
        labelled_rows=rows.rows,
        moved=len(drift.moved) if drift and not drift.not_compared else None,
        drift=drift.alarm if drift else None,
        expected=drift.expected if drift else {},
        real=rows.real,
    )


def _champion(
    run: str,
    promoted_at: str,
    scorings: list[ScoringHealth],
    rows: MeasuredRows,
    promised: dict[str, Estimate],
    alarm: str | None,
) -> ChampionHealth:
    own = [one for one in scorings if one.champion == run]
    return ChampionHealth(
        run_id=run,
        promoted_at=promoted_at,
        scored_rows=sum(one.scored_rows for one in own),
        labelled_rows=rows.rows,
        promised=promised,
        expected=together(own),
        real=rows.real,
        alarm=alarm,
    )
