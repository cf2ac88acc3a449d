"""Labels that arrive after the predictions: read them, find and measure their scored rows."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, counted, shown
from tabular_lstm.monitoring.performance import Estimate, losses_of, measure
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.fingerprints import read_key
from tabular_lstm.rows.labels import are_unlabelled, read_label_cells
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_rows import Table, refuse_missing_columns
from tabular_lstm.rows.validation import Kinds, set_aside
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.manifest import FinishedScoring, FinishedScorings
from tabular_lstm.task import Task

# Late labels --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LateLabels:
    """The labels so far, one for each key.

    Attributes:
        keys: As text, with a single spelling for each key; each occurs once.
        labels: For each key the number of its class, int (keys,), or a number, float (keys,).
        quarantined: Rows that cannot be used: `row`, `reason`, and the original cells.
        reasons: Why rows are quarantined, a line for each column and kind of problem.
    """

    keys: pd.Index
    labels: np.ndarray
    quarantined: pd.DataFrame
    reasons: tuple[str, ...]


def read_late_labels(
    raw_rows: Table | None, columns: ColumnsOptions, number_format: NumberFormat = POINT
) -> LateLabels:
    """Read key and label of each row, and no other cell. The last valid row of a key counts.

    Args:
        raw_rows: The table of labels; None if there are no labels yet.
        columns: The names of the key and the label, and the declared labels.
        number_format: The format of numbers that are text, if the table does not declare one.

    Raises:
        DataError: Conf names no key, a column is missing, or a file cannot be read.
    """
    keys, labels = [], [read_label_cells(pd.Series([], dtype="str"), columns, POINT)[0]]
    quarantined, kinds = [], Kinds()
    if raw_rows is not None:
        if columns.key is None:
            raise DataError(
                f"{raw_rows.file}: labels are matched to predictions by the key, but conf names "
                "none. Name under columns.key the column that identifies a row in the rows to "
                "train on, in those to score and here, and score with it."
            )
        reasons = {columns.key: "Conf names it under columns.key", columns.label: "It is the label"}
        refuse_missing_columns(raw_rows, reasons)
        number_format = raw_rows.format_of([*reasons], number_format)
        for batch in raw_rows.batches({*raw_rows.columns} - {*reasons}):
            table = batch.table.select([*reasons])
            cells = replace(batch, table=table).cells.set_axis(batch.names)
            cells = cells[~are_unlabelled(cells[columns.label], columns)]
            batch_keys, key_faults = read_key(cells[columns.key], number_format)
            batch_labels, label_faults = read_label_cells(
                cells[columns.label], columns, number_format
            )
            problems = {columns.key: key_faults, columns.label: label_faults}
            kinds.add(problems, cells.index)
            bad_rows, is_valid = set_aside(cells, problems)
            keys.append(batch_keys[is_valid])
            labels.append(batch_labels[is_valid])
            quarantined.append(bad_rows)
    all_keys = pd.concat(keys) if keys else pd.Series([], dtype="str")
    is_last = ~all_keys.duplicated(keep="last").to_numpy()
    return LateLabels(
        keys=pd.Index(all_keys[is_last], dtype="str"),
        labels=np.concatenate(labels)[is_last],
        quarantined=pd.concat(quarantined or [pd.DataFrame(columns=["row", "reason"])]),
        reasons=tuple(kinds.listed()),
    )


@dataclass(frozen=True)
class MeasuredRows:
    """The number of labelled rows, and their metrics; no metrics for too few rows.

    Attributes:
        since: See `performance.worse_than_promised`.
        label_counts: The rows of each class; none for a number.
    """

    rows: int = 0
    real: dict[str, Estimate] = field(default_factory=dict)
    since: Mapping[str, np.ndarray] = field(default_factory=dict)
    label_counts: Sequence[int] = ()


def measured_rows(
    scorings: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: np.ndarray, task: Task
) -> MeasuredRows:
    """Measure the labelled rows of a champion, each key once, with its last prediction.

    Args:
        scorings: By run id, of one scoring or more, the oldest first: the places of the rows'
            labels, int (rows,), and the predictions, see `performance.measure`.
        labels: All late labels.
        task: What is predicted.
    """
    places, predictions = map(np.concatenate, zip(*scorings.values(), strict=True))
    is_last = ~pd.Index(places).duplicated(keep="last")
    labels, predictions = labels[places[is_last]], predictions[is_last]
    scored_by = np.repeat(np.arange(len(scorings)), [len(rows) for rows, _ in scorings.values()])
    numbers, first_rows = np.unique(scored_by[is_last], return_index=True)
    losses, runs = losses_of(labels, predictions, task), [*scorings]
    since = {
        runs[number]: losses[first:] for number, first in zip(numbers, first_rows, strict=True)
    }
    counts = np.bincount(labels, minlength=len(task.classes)).tolist() if task.classes else ()
    return MeasuredRows(len(labels), measure(labels, predictions, task), since, counts)


@dataclass(frozen=True)
class Measured:
    """All labelled rows.

    Attributes:
        scorings, champions: The rows of each, by run id.
        faults: Why a scoring's rows do not count, by its run id.
        notes: Further sentences about the labels.
        labels: How many labels there are, one for each key.
        unknown_labels: How many of them belong to no scored row.
        quarantined_labels: Rows of the table that cannot be used.
    """

    scorings: dict[str, MeasuredRows]
    champions: dict[str, MeasuredRows]
    faults: dict[str, str]
    notes: Sequence[str]
    labels: int
    unknown_labels: int
    quarantined_labels: int


# Label join ---------------------------------------------------------------------------------------

logger = logging.getLogger(__name__)

UNKNOWN = (
    "may have been trained on, so they do not count: it has no fingerprints of this key, because "
    "it was trained without it or they are gone. The next champion of a retraining will have them"
)


def measure_labelled_rows(
    labels: LateLabels,
    finished_scorings: FinishedScorings,
    champions: Champions,
    columns: ColumnsOptions,
) -> Measured:
    """Measure the scored rows whose label has arrived, by scoring and by champion.

    If a scoring or a champion scored a key several times, the last prediction counts. A key that
    the champion was trained on does not count; nor does any key if its fingerprints have no key
    or another one. A scoring with a damaged part, or with another task or label than conf's, is not
    measured. Memory holds one part and the predictions of labelled rows.
    """
    scorings, measured, faults = {}, {}, {}
    notes: list[str] = []
    is_scored = np.zeros(len(labels.keys), bool)
    champion_id = attrgetter("manifest.champion.run_id")
    by_champion = sorted(finished_scorings.scorings, key=champion_id)
    for champion, champion_scorings in groupby(by_champion, champion_id):
        trained_on = _trained_on(champion, labels, champions, columns)
        is_left_out, usable = np.zeros(len(labels.keys), bool), {}
        for scoring in champion_scorings:
            run = scoring.manifest.run_id
            try:
                _refuse_another_label(champion, champions, columns)
                places, predictions = _labelled(scoring, labels, columns)
            except DataError as error:
                faults[run] = f"its labelled rows do not count: {error}"
                continue
            is_scored[places] = True
            counts = np.zeros(len(places), bool) if trained_on is None else ~trained_on[places]
            is_left_out[places[~counts]] = True
            usable[run] = places[counts], predictions[counts]
            scorings[run] = measured_rows({run: usable[run]}, labels.labels, columns.task)
        if usable:
            measured[champion] = measured_rows(usable, labels.labels, columns.task)
        if is_left_out.any():
            why = UNKNOWN if trained_on is None else "were trained on, so they do not count"
            rows = counted(int(is_left_out.sum()), "labelled row")
            notes.append(f"{rows} of the champion of run {champion} {why}")
            if trained_on is None:
                logger.warning("%s.", notes[-1])
    if scorings and len(labels.keys) and not is_scored.any():
        notes.append(
            f"None of {counted(len(labels.keys), 'label')} belongs to a scored row. If these are "
            f"the same rows, write their '{columns.key}' as in the scored rows, not as "
            f"'{shown(labels.keys[0])}'"
        )
        logger.warning("%s.", notes[-1])
    return Measured(
        scorings=scorings,
        champions=measured,
        faults=faults,
        notes=notes,
        labels=len(labels.keys),
        unknown_labels=int((~is_scored).sum()),
        quarantined_labels=len(labels.quarantined),
    )


def _trained_on(
    champion: str, labels: LateLabels, champions: Champions, columns: ColumnsOptions
) -> np.ndarray | None:
    """Return for each label whether the champion was trained on its key; None if not known."""
    with contextlib.suppress(KeyError, DataError):
        return champions.fingerprints[champion].hold_keys(pd.Series(labels.keys, name=columns.key))
    return None


def _refuse_another_label(champion: str, champions: Champions, columns: ColumnsOptions) -> None:
    judgement = champions.judgement(champion)
    label = judgement.data.split.get("label") if judgement else None
    if label not in {None, columns.label}:
        raise DataError(f"it predicted '{label}', but conf names '{columns.label}'")


def _labelled(
    scoring: FinishedScoring, labels: LateLabels, columns: ColumnsOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return the label's place and the prediction of each labelled row."""
    task = columns.task
    scoring.refuse_another(task)
    names = task.columns[: len(task.classes) or 1]
    places, predictions = [np.empty(0, np.int64)], [np.empty((0, len(names)))]
    if columns.key is not None and len(labels.keys):
        for part in scoring.parts([columns.key, *names]):
            keys = pd.Index(part[columns.key].to_pandas(), dtype="str")
            part_places = labels.keys.get_indexer(keys)  # -1 without a label
            is_labelled = part_places >= 0
            places.append(part_places[is_labelled])
            predictions.append(np.stack([part[n].to_numpy()[is_labelled] for n in names], axis=1))
    return np.concatenate(places), task.from_file(np.concatenate(predictions))
