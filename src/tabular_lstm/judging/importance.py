"""Permutation importance: what each feature is worth to a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.drawing import FIGURES
from tabular_lstm.judging.intervals import Ranking
from tabular_lstm.progress import progress

# Gives, for each slot and its values (repeats, rows), the probabilities (repeats, rows).
PredictChanged = Callable[[np.ndarray, Iterable[tuple[int, np.ndarray]]], Iterator[np.ndarray]]


class Lost(Frozen):
    """ROC AUC that is lost without a feature: mean and standard deviation over the shuffles."""

    mean: float
    std: float


class Importance(Frozen):
    """What each feature is worth, the largest mean first, by so many shuffles of so many rows."""

    rows: int
    shuffles: int
    features: dict[str, Lost]


def permutation_importance(
    predict_changed: PredictChanged,
    sequences: np.ndarray,
    labels: np.ndarray,
    features: Mapping[str, Sequence[int]],
    shuffles: int,
    seed: int,
    weights: np.ndarray | None = None,
) -> Importance:
    """Measure how much ROC AUC is lost when one feature's values are shuffled among the rows.

    Source: Breiman, "Random Forests", Machine Learning 45, 2001; here for any model.

    The rows, (rows, steps, features_per_step), are predicted with one slot changed, where NaN
    counts as 0. `features` has the slots of each; those of a date are shuffled together.
    """
    rng = np.random.default_rng(seed)
    slots = sequences.reshape(len(sequences), -1)
    orders = np.array([rng.permutation(len(slots)) for _ in range(shuffles)])
    unchanged = (0, slots[None, :, 0])
    alone = (slot for slot, *others in features.values() if not others)
    shuffled = ((slot, slots[orders, slot]) for slot in alone)
    predicted = predict_changed(sequences, chain([unchanged], shuffled))
    whole = _roc_auc(labels, next(predicted), weights)[0]

    def shuffled_together(of_date: list[int]) -> np.ndarray:
        found = []
        for order in orders:
            changed = slots.copy()
            changed[:, of_date] = slots[order][:, of_date]
            # A change that is none: the rows are changed before.
            same = of_date[0], changed[None, :, of_date[0]]
            found.append(next(predict_changed(changed.reshape(sequences.shape), [same])))
        return np.concatenate(found)

    measured = {}
    for feature in progress(list(features), FIGURES["importance_chart"]):
        of_feature = list(features[feature])
        p = next(predicted) if len(of_feature) == 1 else shuffled_together(of_feature)
        lost = whole - _roc_auc(labels, p, weights)
        measured[feature] = Lost(mean=float(np.mean(lost)), std=float(np.std(lost)))
    by_mean = sorted(measured.items(), key=lambda item: -item[1].mean)
    return Importance(rows=len(slots), shuffles=shuffles, features=dict(by_mean))


def _roc_auc(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Give ROC AUC of each row of probabilities, (repeats, rows)."""
    counts = np.ones(len(labels)) if weights is None else weights
    rankings = [Ranking.of(labels, p) for p in np.nan_to_num(probabilities)]
    return np.array([ranking.roc_auc(counts) for ranking in rankings])
