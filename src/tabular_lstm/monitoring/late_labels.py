"""Read labels that arrive after the predictions, and find the labels of scored rows by key."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.labels import are_unlabelled, label_of
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.quarantine import Kinds, set_aside
from tabular_lstm.rows.raw_rows import RawRows, refuse_missing_columns


@dataclass(frozen=True)
class LateLabels:
    """The labels so far, one for each key.

    Attributes:
        keys: As text, with a single spelling for each key; each occurs once.
        labels: For each key the number of its class, int (keys,), or a number, float (keys,).
        unlabelled: How many rows have no label.
        superseded: How many rows have a label, but a later row has the same key.
        quarantined: Rows that cannot be used: `row`, `reason`, and the original cells.
        reasons: Why rows are quarantined, a line for each column and kind of problem.
    """

    keys: pd.Index
    labels: np.ndarray
    unlabelled: int
    superseded: int
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
    keys, labels, aside = [], [label_of(columns).read(pd.Series([], dtype="str"), POINT)[0]], []
    unlabelled, kinds = 0, Kinds()
    if raw_rows is not None:
        if columns.key is None:
            raise DataError(
                f"{raw_rows.file}: labels find their predictions by the key, and conf names none. "
                "Name under columns.key the column that identifies a row, in the rows to train on, "
                "in those to score and here, and score with it."
            )
        both = [columns.key, columns.label]
        needed = zip(both, ("Conf names it under columns.key", "It is the label"), strict=True)
        refuse_missing_columns(raw_rows, dict(needed))
        number_format = raw_rows.format_of(both, number_format)
        others = {*raw_rows.columns} - {*both}
        for batch in raw_rows.batches(others):
            cells = replace(batch, table=batch.table.select(both)).cells.set_axis(batch.names)
            without = are_unlabelled(cells[columns.label], columns)
            unlabelled += int(without.sum())
            cells = cells[~without]
            of_key, key_faults = read_key(cells[columns.key], number_format)
            of_label, label_faults = label_of(columns).read(cells[columns.label], number_format)
            problems = {columns.key: key_faults, columns.label: label_faults}
            kinds.add(problems, cells.index)
            bad, is_left = set_aside(cells, problems)
            keys.append(of_key[is_left])
            labels.append(of_label[is_left])
            aside.append(bad)
    joined = pd.concat(keys) if keys else pd.Series([], dtype="str")
    counts = ~joined.duplicated(keep="last").to_numpy()
    return LateLabels(
        keys=pd.Index(joined[counts], dtype="str"),
        labels=np.concatenate(labels)[counts],
        unlabelled=unlabelled,
        superseded=int((~counts).sum()),
        quarantined=pd.concat(aside) if aside else pd.DataFrame(columns=["row", "reason"]),
        reasons=tuple(kinds.listed()),
    )
