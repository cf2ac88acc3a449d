"""Why this row: which features moved its probability most, beside not having been measured."""

from dataclasses import dataclass

import numpy as np

from tabular_lstm.network.score import effects_of_features
from tabular_lstm.network.scorer import Scorer

# Effects that are computed at a time.
AT_ONCE = 2**20


@dataclass(frozen=True)
class Reasons:
    """The features that moved each row's probability, the one that moved it most first.

    Attributes:
        features: (rows, reasons), each the place of a feature in `schema.columns`; -1 where none
            moved it.
        effects: (rows, reasons), the probability less what it is without the feature.
    """

    features: np.ndarray
    effects: np.ndarray


def reasons(
    scorer: Scorer,
    sequences: np.ndarray,
    probabilities: np.ndarray,
    count: int,
    many: bool = False,
) -> Reasons:
    """Put each feature to "missing", one at a time, and see by how much the probability moves.

    A feature that is missing already has no effect. Effects are of one feature at a time, all
    others being as they are: they need not add up, and say what the network does, not what would
    happen if the feature were another.

    Args:
        scorer: The ensemble.
        sequences: float32 (rows, steps, features_per_step), NaN where missing.
        probabilities: float64 (rows,), the rows' own, by `score` with the same `many`.
        count: How many to give, at most all features.
        many: Whether these rows are of many, see `score`.
    """
    features = len(scorer.schema.columns)
    count = min(count, features)
    places = np.full((len(sequences), count), -1)
    effects = np.zeros((len(sequences), count))
    at_once = max(1, AT_ONCE // features)
    for start in range(0, len(sequences), at_once):
        rows = slice(start, start + at_once)
        own = sequences[rows], probabilities[rows]
        moved = effects_of_features(scorer, *own, many).T
        # Of equal ones the first in the schema.
        order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :count]
        effects[rows] = np.take_along_axis(moved, order, 1)
        places[rows] = np.where(effects[rows] == 0, -1, order)
    return Reasons(places, effects)
