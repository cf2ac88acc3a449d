"""Labels that arrive after the predictions, and the scored rows that they belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.performance import (
    FEWEST,
    TAIL,
    Estimate,
    Losses,
    losses_of,
    measure,
)
from tabular_lstm.parameters import Columns, Task
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.labels import are_unlabelled, label_of
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.raw_rows import RawRows, refuse_missing_columns
from tabular_lstm.rows.validation import Kinds, set_aside


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

    def places(self, keys: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each row's label, by the row's key: int (rows,), -1 without label."""
        return np.asarray(self.keys.get_indexer(pd.Index(keys.to_pandas(), dtype="str")))


def read_late_labels(
    raw_rows: RawRows | None, columns: Columns, number_format: NumberFormat = POINT
) -> LateLabels:
    """Read key and label of each row, and no other cell. The last valid row of a key counts.

    Args:
        raw_rows: The table of labels; None if there are no labels yet.
        columns: The names of the key and the label, and the declared labels.
        number_format: The format of numbers that are text, if the table does not declare one.

    Raises:
        DataError: Conf names no key, a column is missing, or a file cannot be read.
    """
    keys, labels = [], [label_of(columns).read(pd.Series([], dtype="str"), POINT)[0]]
    quarantined, kinds = [], Kinds()
    if raw_rows is not None:
        if columns.key is None:
            raise DataError(
                f"{raw_rows.file}: labels find their predictions by the key, and conf names none. "
                "Name under columns.key the column that identifies a row, in the rows to train on, "
                "in those to score and here, and score with it."
            )
        reasons = {columns.key: "Conf names it under columns.key", columns.label: "It is the label"}
        refuse_missing_columns(raw_rows, reasons)
        number_format = raw_rows.format_of([*reasons], number_format)
        for batch in raw_rows.batches({*raw_rows.columns} - {*reasons}):
            table = batch.table.select([*reasons])
            cells = replace(batch, table=table).cells.set_axis(batch.names)
            cells = cells[~are_unlabelled(cells[columns.label], columns)]
            batch_keys, key_faults = read_key(cells[columns.key], number_format)
            batch_labels, label_faults = label_of(columns).read(cells[columns.label], number_format)
            problems = {columns.key: key_faults, columns.label: label_faults}
            kinds.add(problems, cells.index)
            bad_rows, is_valid = set_aside(cells, problems)
            keys.append(batch_keys[is_valid])
            labels.append(batch_labels[is_valid])
            quarantined.append(bad_rows)
    all_keys = pd.concat(keys) if keys else pd.Series([], dtype="str")
    is_last = ~all_keys.duplicated(keep="last").to_numpy()
    empty = pd.DataFrame(columns=["row", "reason"])
    return LateLabels(
        keys=pd.Index(all_keys[is_last], dtype="str"),
        labels=np.concatenate(labels)[is_last],
        quarantined=pd.concat(quarantined) if quarantined else empty,
        reasons=tuple(kinds.listed()),
    )


@dataclass(frozen=True)
class MeasuredRows:
    """The number of labelled rows, and their metrics; no metrics for too few rows.

    Attributes:
        since: See `performance.worse_than_promised`.
    """

    rows: int = 0
    real: dict[str, Estimate] = field(default_factory=dict)
    since: Mapping[str, Losses] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledRows:
    """The labelled rows of a champion, each key once, with its last prediction.

    Attributes:
        scorings: Run ids of the scorings with labelled rows, in order.
        first_rows: Place of each scoring's first row.
        places: Places of the rows' labels, int (rows,).
        predictions: See `performance.measure`.
    """

    scorings: tuple[str, ...]
    first_rows: np.ndarray
    places: np.ndarray
    predictions: np.ndarray

    @classmethod
    def from_scorings(cls, scorings: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Self:
        """Join places and predictions of one scoring or more, the oldest first."""
        places, predictions = map(np.concatenate, zip(*scorings.values(), strict=True))
        runs, counts = [*scorings], [len(rows) for rows, _ in scorings.values()]
        is_last = ~pd.Index(places).duplicated(keep="last")
        scored_by = np.repeat(np.arange(len(runs)), counts)[is_last]
        labelled, first_rows = np.unique(scored_by, return_index=True)
        labelled_runs = tuple(runs[number] for number in labelled)
        return cls(labelled_runs, first_rows, places[is_last], predictions[is_last])

    def measured(self, labels: np.ndarray, task: Task) -> MeasuredRows:
        """Measure the rows; `labels` are all late labels."""
        labels = labels[self.places]
        losses = losses_of(labels, self.predictions, task)
        since = {
            run: Losses.from_rows(losses[first:])
            for run, first in zip(self.scorings, self.first_rows, strict=True)
        }
        return MeasuredRows(len(labels), measure(labels, self.predictions, task), since)

    def clearly_better_than(self, other: "LabelledRows", labels: np.ndarray, task: Task) -> bool:
        """Return whether the mean loss is lower on common keys, by the paired 95 % interval.

        False for fewer than 30 common keys.
        """
        common, *rows = np.intersect1d(self.places, other.places, return_indices=True)
        if len(common) < FEWEST:
            return False
        losses, other_losses = (
            losses_of(labels[common], champion.predictions[its_rows], task)
            for champion, its_rows in zip((self, other), rows, strict=True)
        )
        change = Losses.from_rows(losses - other_losses)
        return bool(change.mean + TAIL * change.deviation / change.rows**0.5 < 0)


@dataclass(frozen=True)
class Measured:
    """All labelled rows.

    Attributes:
        scorings, champions: The rows of each, by run id.
        before_is_better: Whether the champion before is clearly better than the serving one on rows
            that both scored.
        faults: Why a scoring's rows do not count, by its run id.
        notes: Further sentences about the labels.
        labels: How many labels there are, one for each key.
        unknown_labels: How many of them belong to no scored row.
        quarantined_labels: Rows of the table that cannot be used.
    """

    scorings: dict[str, MeasuredRows]
    champions: dict[str, MeasuredRows]
    before_is_better: bool
    faults: dict[str, str]
    notes: Sequence[str]
    labels: int
    unknown_labels: int
    quarantined_labels: int
