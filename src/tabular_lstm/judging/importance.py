"""Permutation importance: what each feature is worth to a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.drawing import FIGURES
from tabular_lstm.judging.intervals import Rows
from tabular_lstm.judging.measures import measure_of
from tabular_lstm.parameters import Task
from tabular_lstm.progress import progress
from tabular_lstm.rows.histories import Histories, Sequences, table_of

# See `network.score.score_changed`: from slots and their values to predictions.
PredictChanged = Callable[[Sequences, Iterable[tuple[int, np.ndarray]]], Iterator[np.ndarray]]


class Lost(Frozen):
    """What is lost without a feature: mean and standard deviation over the shuffles."""

    mean: float
    std: float


class Importance(Frozen):
    """The importance of each feature, the largest mean first; the number of shuffles and of rows.

    Attributes:
        measure: What is lost, `roc_auc` or, for a number, `r2`. Default: `roc_auc`.
    """

    rows: int
    shuffles: int
    features: dict[str, Lost]
    measure: str = unless("roc_auc")


def permutation_importance(
    predict_changed: PredictChanged,
    sequences: Sequences,
    measured_on: Rows,
    task: Task,
    features: Mapping[str, Sequence[int]],
    shuffles: int,
    seed: int,
) -> Importance:
    """Measure how much ROC AUC, or R², is lost when one feature's values are shuffled.

    Source: Breiman, "Random Forests", Machine Learning 45, 2001; here for any model.

    The rows, (rows, steps, features_per_step), are predicted with one slot changed; a prediction of
    NaN counts as 0. `features` has the slots of each feature; the slots of a date are shuffled
    together. For histories, a feature's values are shuffled among the rows of their table.
    """
    metric, _, _ = measure_of(task).nothing
    rng = np.random.default_rng(seed)
    slots = table_of(sequences)
    orders = np.array([rng.permutation(len(slots)) for _ in range(shuffles)])
    unchanged = (0, slots[None, :, 0])
    alone = (slot for slot, *further_slots in features.values() if not further_slots)
    shuffled = ((slot, slots[orders, slot]) for slot in alone)
    predicted = predict_changed(sequences, chain([unchanged], shuffled))

    def worth(predictions: np.ndarray) -> np.ndarray:
        return np.array([measure_of(task).worth(measured_on, p) for p in predictions])

    unchanged_worth = worth(next(predicted))[0]

    def shuffled_together(date_slots: list[int]) -> np.ndarray:
        predictions_by_order = []
        for order in orders:
            changed = slots.copy()
            changed[:, date_slots] = slots[order][:, date_slots]
            # The slot gets the values that it already has, because the rows are already changed.
            unchanged_slot = date_slots[0], changed[None, :, date_slots[0]]
            rows = (
                replace(sequences, table=changed)
                if isinstance(sequences, Histories)
                else changed.reshape(sequences.shape)
            )
            predictions_by_order.append(next(predict_changed(rows, [unchanged_slot])))
        return np.concatenate(predictions_by_order)

    measured = {}
    for feature in progress(list(features), FIGURES["importance_chart"]):
        feature_slots = list(features[feature])
        p = next(predicted) if len(feature_slots) == 1 else shuffled_together(feature_slots)
        lost = unchanged_worth - worth(p)
        measured[feature] = Lost(mean=float(np.mean(lost)), std=float(np.std(lost)))
    by_mean = dict(sorted(measured.items(), key=lambda item: -item[1].mean))
    return Importance(rows=len(sequences), shuffles=shuffles, features=by_mean, measure=metric)
