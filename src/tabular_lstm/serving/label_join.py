"""Find the scored rows whose label has arrived, by their key, and measure them."""

import contextlib
import logging
from itertools import groupby

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.monitoring.labelled_rows import LabelledRows
from tabular_lstm.monitoring.late_labels import LateLabels
from tabular_lstm.monitoring.performance import FEWEST, Measured
from tabular_lstm.parameters import Columns, Task
from tabular_lstm.serving.answers import ANSWERS
from tabular_lstm.serving.champion_history import Champions
from tabular_lstm.serving.finished_scorings import FinishedScoring, FinishedScorings
from tabular_lstm.serving.promotion_log import standing

logger = logging.getLogger(__name__)

UNKNOWN = (
    "may have been trained on, and do not count: it has no fingerprints of this key, as it was "
    "trained without it, or they are gone. The champion of a retraining has them"
)


def measure_labelled_rows(
    labels: LateLabels,
    finished_scorings: FinishedScorings,
    champions: Champions,
    columns: Columns,
) -> Measured:
    """Measure the scored rows whose label has arrived, by scoring and by champion.

    If a scoring or a champion scored a key several times, the last prediction counts. A key that
    the champion was trained on does not count; nor does any key if its fingerprints are of none or
    of another one. A scoring with a damaged part, or with another task
    or label than conf's, is not measured. Memory holds one part and the predictions of labelled
    rows.
    """
    scorings, measured, faults = {}, {}, {}
    notes, unlabelled = _of_one_class(labels, columns.task), []
    found, scored, matched = np.zeros(len(labels.keys), bool), 0, 0
    stand: dict[str, LabelledRows | None] = dict.fromkeys(standing(champions.log)[:2])
    by_champion = sorted(finished_scorings.scorings, key=lambda one: one.manifest.champion.run_id)
    for champion, of_champion in groupby(by_champion, lambda one: one.manifest.champion.run_id):
        known = _trained_on(champion, labels, champions, columns)
        trained_on = np.ones(len(labels.keys), bool) if known is None else known
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
            why = "were trained on, and do not count" if known is not None else UNKNOWN
            rows_left_out = counted(int(left_out.sum()), "labelled row")
            notes.append(f"{rows_left_out} of the champion of run {champion} {why}")
            if known is None:
                logger.warning("%s.", notes[-1])
    # A table of all past labels has few for scored rows, but then most scored rows have a label.
    if unlabelled and 10 * found.sum() < len(labels.keys) and 10 * matched < scored:
        notes.append(_few_are_found(labels.keys, found, unlabelled, columns))
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


def _few_are_found(
    keys: pd.Index, found: np.ndarray, unlabelled: list[str], columns: Columns
) -> str:
    ours, theirs = (
        " and ".join(f"'{shown(str(key))}'" for key in some[:2])
        for some in (keys[~found], unlabelled)
    )
    return (
        f"Of {counted(len(keys), 'label')}, {found.sum()} belong to a scored row. Expected keys as "
        f"in scored rows, such as {theirs}; got {ours}. If these are the same rows, write their "
        f"'{columns.key}' in the same way"
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
    return [f"All labels so far are of one class, {only}: the loss of all rows may differ"]


def _trained_on(
    champion: str, labels: LateLabels, champions: Champions, columns: Columns
) -> np.ndarray | None:
    """Return for each label whether the champion was trained on its key; None if not known."""
    with contextlib.suppress(KeyError, DataError):
        keys = pd.Series(labels.keys, name=columns.key)
        return champions.fingerprints[champion].hold_keys(keys)
    return None


def _refuse_another_label(champion: str, champions: Champions, columns: Columns) -> None:
    judgement = champions.judgement(champion)
    label = judgement.data.split.get("label") if judgement else None
    if label not in {None, columns.label}:
        raise DataError(f"it predicted '{label}', and conf names '{columns.label}'")


def _labelled(
    scoring: FinishedScoring, labels: LateLabels, columns: Columns
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the label's place and the prediction of each labelled row; and two unlabelled keys."""
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
