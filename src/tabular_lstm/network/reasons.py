"""Why this row: which features moved its probability most, beside not having been measured."""

from dataclasses import dataclass

import numpy as np

from tabular_lstm.network.score import score_changed
from tabular_lstm.network.scorer import Scorer

# Rows that are changed at a time: what is kept of each takes tens of kilobytes.
AT_ONCE = 2**10


@dataclass(frozen=True)
class Reasons:
    """The features that moved each row's probability, the one that moved it most first.

    Attributes:
        features: (rows, reasons), each the place of a feature in the schema; -1 where no feature
            moved it.
        effects: (rows, reasons), the probability less what it is without the feature.
    """

    features: np.ndarray
    effects: np.ndarray


def reasons(
    scorer: Scorer, sequences: np.ndarray, probabilities: np.ndarray, count: int
) -> Reasons:
    """Put each feature to "missing", one at a time, and see by how much the probability moves.

    A feature that is missing already has no effect. Effects are of one feature at a time, all
    others being as they are: they need not add up, and say what the network does, not what would
    happen if the feature were another.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        probabilities: float64 (rows,), the rows' own.
        count: How many to give, at most all features.
    """
    count = min(count, len(scorer.schema.features))
    places = np.full((len(sequences), count), -1)
    effects = np.zeros((len(sequences), count))
    for start in range(0, len(sequences), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        moved = _effects(scorer, sequences[rows], probabilities[rows])
        # Of equal ones the first in the schema.
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
        effects[rows] = np.take_along_axis(moved, order, 1)
        places[rows] = np.where(effects[rows] == 0, -1, order)
    return Reasons(places, effects)


def _effects(scorer: Scorer, sequences: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(rows, steps, features_per_step) to (rows, features)."""
    features = len(scorer.schema.features)
    missing = np.full((1, len(sequences)), np.nan, np.float32)
    changes = ((slot, missing) for slot in range(features))
    without = np.concatenate(list(score_changed(scorer, sequences, changes)))
    was_missing = np.isnan(sequences.reshape(len(sequences), -1)[:, :features])
    return np.where(was_missing, 0.0, probabilities[:, None] - without.T)
