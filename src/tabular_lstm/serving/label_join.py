"""Find the scored rows whose label has arrived, by their key, and measure them."""

import contextlib
import logging
from itertools import groupby

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.monitoring.late_labels import LabelledRows, LateLabels, Measured
from tabular_lstm.monitoring.performance import FEWEST
from tabular_lstm.parameters import Columns, Task
from tabular_lstm.serving.answers import ANSWERS
from tabular_lstm.serving.manifest import FinishedScoring, FinishedScorings
from tabular_lstm.serving.promotion_log import Champions, standing

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
    of another one. A scoring with a damaged part, or with another task or label than conf's, is not
    measured. Memory holds one part and the predictions of labelled rows.
    """
    scorings, measured, faults = {}, {}, {}
    notes, unlabelled_keys = _note_of_one_class(labels, columns.task), []
    is_scored, scored_rows, labelled_rows = np.zeros(len(labels.keys), bool), 0, 0
    labelled: dict[str, LabelledRows] = {}
    by_champion = sorted(finished_scorings.scorings, key=_champion_of)
    for champion, champion_scorings in groupby(by_champion, _champion_of):
        trained_on = _trained_on(champion, labels, champions, columns)
        is_left_out, usable = np.zeros(len(labels.keys), bool), {}
        for scoring in champion_scorings:
            run = scoring.manifest.run_id
            try:
                _refuse_another_label(champion, champions, columns)
                places, predictions, keys = _labelled(scoring, labels, columns)
            except DataError as error:
                faults[run] = f"its labelled rows do not count: {error}"
                continue
            is_scored[places] = True
            scored_rows += scoring.manifest.scored_rows
            labelled_rows += len(places)
            unlabelled_keys += keys
            counts = np.zeros(len(places), bool) if trained_on is None else ~trained_on[places]
            is_left_out[places[~counts]] = True
            usable[run] = places[counts], predictions[counts]
            run_rows = LabelledRows.from_scorings({run: usable[run]})
            scorings[run] = run_rows.measured(labels.labels, columns.task)
        if usable:
            labelled[champion] = LabelledRows.from_scorings(usable)
            measured[champion] = labelled[champion].measured(labels.labels, columns.task)
        if is_left_out.any():
            why = UNKNOWN if trained_on is None else "were trained on, and do not count"
            rows = counted(int(is_left_out.sum()), "labelled row")
            notes.append(f"{rows} of the champion of run {champion} {why}")
            if trained_on is None:
                logger.warning("%s.", notes[-1])
    # A table of all past labels has few for scored rows, but then most scored rows have a label.
    few_labels = 10 * is_scored.sum() < len(labels.keys) and 10 * labelled_rows < scored_rows
    if unlabelled_keys and few_labels:
        notes.append(_few_are_scored(labels.keys, is_scored, unlabelled_keys, columns))
        logger.warning("%s.", notes[-1])
    before_is_better = False
    match [labelled.get(champion) for champion in standing(champions.log)[:2]]:
        case [LabelledRows() as serving_rows, LabelledRows() as previous_rows]:
            before_is_better = previous_rows.clearly_better_than(
                serving_rows, labels.labels, columns.task
            )
    return Measured(
        scorings=scorings,
        champions=measured,
        before_is_better=before_is_better,
        faults=faults,
        notes=notes,
        labels=len(labels.keys),
        unknown_labels=int((~is_scored).sum()),
        quarantined_labels=len(labels.quarantined),
    )


def _champion_of(scoring: FinishedScoring) -> str:
    return scoring.manifest.champion.run_id


def _few_are_scored(
    keys: pd.Index, is_scored: np.ndarray, unlabelled_keys: list[str], columns: Columns
) -> str:
    got, expected = (
        " and ".join(f"'{shown(str(key))}'" for key in examples[:2])
        for examples in (keys[~is_scored], unlabelled_keys)
    )
    return (
        f"Of {counted(len(keys), 'label')}, {is_scored.sum()} belong to a scored row. Expected "
        f"keys as in scored rows, such as {expected}; got {got}. If these are the same rows, write "
        f"their '{columns.key}' in the same way"
    )


def _note_of_one_class(labels: LateLabels, task: Task) -> list[str]:
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
    with contextlib.suppress(KeyError, DataError):  # gone or damaged: the decision may be there
        label = label or champions.artifacts[champion].scorer.schema.label
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
    unlabelled_keys: list[str] = []
    if columns.key is not None and len(labels.keys):
        for part in scoring.parts([columns.key, *names]):
            part_places = labels.places(part[columns.key])
            is_labelled = part_places >= 0
            places.append(part_places[is_labelled])
            values = np.stack([part[name].to_numpy() for name in names], axis=1)
            predictions.append(values[is_labelled])
            if len(unlabelled_keys) < 2:
                unlabelled = np.flatnonzero(~is_labelled)[:2]
                unlabelled_keys += part[columns.key].take(unlabelled).to_pylist()
    joined = np.concatenate(predictions)
    return np.concatenate(places), joined[:, 0] if len(names) == 1 else joined, unlabelled_keys
