"""Turn a history into one row of numbers for plain models, such as the baselines."""

import numpy as np

from tabular_lstm.rows.histories import Sequences, are_rows
from tabular_lstm.rows.schema import Schema

AT_ONCE = 2**22  # values of histories laid out at a time, 16 MB


def column_names(schema: Schema) -> list[str]:
    """Return the feature name of each column of `history_features`; "" for a summary."""
    if schema.history is None:
        return schema.features
    summaries = len(_numbers(schema)) + 1
    return [*schema.features, *schema.features, *[""] * summaries]


def history_features(sequences: Sequences, schema: Schema) -> np.ndarray:
    """Lay rows out for a plain model: float32 (rows, columns), NaN where there is no value.

    For a row without a history, the columns are its features. For a history, they are the features
    of its last row, with the last known label; the features of the row before; each number's mean
    over the history; and the number of rows.
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
    return [i for i, name in enumerate(schema.features) if name not in schema.categories]
