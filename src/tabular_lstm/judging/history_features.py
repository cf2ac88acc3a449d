"""What a plain model gets of a history, for it takes one row of numbers: the baselines do."""

import numpy as np

from tabular_lstm.rows.histories import Sequences, are_rows
from tabular_lstm.rows.schema import Schema

AT_ONCE = 2**22  # values of histories that are laid out, 16 MB


def column_names(schema: Schema) -> list[str]:
    """Name the feature that each column of `history_features` is of; "" where it is a summary."""
    if schema.history is None:
        return schema.features
    summaries = len(_numbers(schema)) + 1
    return [*schema.features, *schema.features, *[""] * summaries]


def history_features(sequences: Sequences, schema: Schema) -> np.ndarray:
    """Lay rows out for a plain model: float32 (rows, columns), NaN where there is no value.

    A row that is a sequence by itself has its features. A history has those of its own row, with
    the last label that is known; those of the row before; of each number the mean over the history;
    and how many rows the history has.
    """
    if isinstance(sequences, np.ndarray):
        return sequences.reshape(len(sequences), -1)[:, : len(schema.features)]
    features = np.empty((len(sequences), len(column_names(schema))), np.float32)
    numbers = _numbers(schema)
    size = max(1, AT_ONCE // (sequences.steps * len(schema.features)))
    for start in range(0, len(sequences), size):
        some = sequences[start : start + size]
        rows, lengths, each = some.dense(), some.lengths[:, None], np.arange(len(some))
        known = are_rows(rows)[..., None] & ~np.isnan(rows)
        own, before = (rows[each, lengths[:, 0] - place] for place in (1, 2))
        if some.labels:
            last = np.where(known[..., -1], np.arange(rows.shape[1]), -1).max(1)
            labels = rows[each, last, -some.labels :]
            own[:, -some.labels :] = np.where(last[:, None] < 0, np.nan, labels)
        known = known[..., numbers]
        sums = np.where(known, rows[..., numbers], 0).sum(1, dtype=np.float64)
        means = np.where(known.any(1), sums / np.maximum(known.sum(1), 1), np.nan)
        before = np.where(lengths > 1, before, np.nan)
        features[start : start + size] = np.hstack([own, before, means, lengths])
    return features


def _numbers(schema: Schema) -> list[int]:
    """Give the places of the features that are numbers."""
    return [i for i, name in enumerate(schema.features) if name not in schema.categories]
