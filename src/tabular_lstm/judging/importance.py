"""How much each feature matters to a model, and how predictions depend on the feature."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.drawing import FIGURES
from tabular_lstm.judging.model_metrics import fill_missing
from tabular_lstm.metrics import METRICS, Labels
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.progress import progress
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.histories import Histories, Sequences, table_of
from tabular_lstm.rows.schema import Schema
from tabular_lstm.task import Task

# See `network.score.score_changed`: from slots and their values to predictions.
PredictChanged = Callable[[Sequences, Iterable[tuple[int, np.ndarray]]], Iterator[np.ndarray]]


class Lost(Frozen):
    """The loss in performance without a feature: mean and standard deviation over the shuffles."""

    mean: float
    std: float


class Dependence(Frozen):
    """The predictions of the same rows with one feature set to each of some values.

    Attributes:
        values: Numbers or dates in ascending order, or the most common categories.
        mean: The mean prediction for each value.
        low, high: The 10 % and 90 % quantiles of the rows' predictions.
        class_name: With more than two classes, the class whose probability depends most on the
            feature.
    """

    values: list[float] | list[str]
    mean: list[float]
    low: list[float]
    high: list[float]
    class_name: str = unless("")


class Importance(Frozen):
    """The importance of each feature, largest mean first, and the number of shuffles and rows.

    Attributes:
        measure: The metric that decreases, `roc_auc` or, for a number, `r2`. Default: `roc_auc`.
        dependence: How the prediction depends on the first `MOST_IMPORTANT` features. Default:
            none, as in version 0.1.0.
    """

    rows: int
    shuffles: int
    features: dict[str, Lost]
    measure: str = unless("roc_auc")
    dependence: dict[str, Dependence] = unless({})


def importance_of(
    predict_changed: PredictChanged,
    test_set: Examples,
    evaluation: Evaluation,
    options: EvaluationOptions,
    most_changes: int,
) -> Importance:
    """Measure each feature's permutation importance, on at most `importance_rows` rows.

    How the prediction depends on the most important features is measured on 200 rows. Earlier
    labels are left out, because no row has its own label.

    Each class contributes the same number of rows if it has enough: ROC AUC does not depend on
    class shares. With many features or long histories, there are fewer shuffles and then fewer
    rows, so that no more than about `most_changes` changed rows are predicted.
    """
    labels, sequences = evaluation.labels, test_set.judged_sequences
    schema, weights = test_set.schema, evaluation.weights
    steps = 1 if isinstance(sequences, np.ndarray) else sequences.lengths.mean()
    affordable = int(most_changes / (len(schema.features) * steps))  # rows times shuffles
    row_count = min(options.importance_rows, len(labels))
    shuffles = min(options.importance_repeats, max(1, affordable // row_count))
    order = np.random.default_rng(options.seed).permutation(len(labels))
    strata = labels if evaluation.task.classes else np.zeros(len(labels), int)
    classes = range(strata.max() + 1)
    rows_per_class = max(1, min(options.importance_rows, affordable // shuffles) // len(classes))
    rows = np.concatenate([order[strata[order] == place][:rows_per_class] for place in classes])
    measured_on: Labels = Labels(labels[rows], None if weights is None else weights[rows])
    importance = permutation_importance(
        predict_changed,
        sequences[rows],
        measured_on,
        evaluation.task,
        schema.slots,
        shuffles,
        options.seed,
    )
    sample = sequences[order[:DEPENDENCE_ROWS]]
    earlier_labels = schema.history.labels if schema.history else ()
    dependence = {
        name: curve
        for name in [*importance.features][:MOST_IMPORTANT]
        if name not in earlier_labels
        and (curve := partial_dependence(predict_changed, sample, schema, name))
    }
    return importance.model_copy(update={"dependence": dependence})


def permutation_importance(
    predict_changed: PredictChanged,
    sequences: Sequences,
    measured_on: Labels,
    task: Task,
    features: Mapping[str, Sequence[int]],
    shuffles: int,
    seed: int,
) -> Importance:
    """Measure how much ROC AUC, or R², is lost when one feature's values are shuffled.

    Source: Breiman, "Random Forests", Machine Learning 45, 2001; applied here to any model.

    The rows, (rows, steps, features_per_step), are predicted with one slot changed; a missing
    prediction counts as a wrong one. `features` lists the slots of each feature; the slots of a
    date are shuffled together. For histories, a feature's values are shuffled among the rows of
    their table.
    """
    metric, _, _ = task.traits.nothing
    weights = measured_on.weights
    counts = np.ones((1, len(sequences))) if weights is None else weights[None]
    rng = np.random.default_rng(seed)
    slots = table_of(sequences)
    orders = np.array([rng.permutation(len(slots)) for _ in range(shuffles)])
    unchanged = (0, slots[None, :, 0])
    shuffled = ((own[0], slots[orders, own[0]]) for own in features.values() if len(own) == 1)
    predicted = predict_changed(sequences, chain([unchanged], shuffled))

    def skill(predictions: np.ndarray) -> float:
        filled, _ = fill_missing(measured_on.labels, predictions, None, task)
        statistic = METRICS[metric].statistic(measured_on, filled, measured_on.labels)
        return float(statistic(counts, counts)[0])

    unchanged_skill = skill(next(predicted)[0])
    measured = {}
    for feature in progress(list(features), FIGURES["importance_chart"]):
        feature_slots = list(features[feature])
        p = (
            next(predicted)
            if len(feature_slots) == 1
            else _predict_with(
                predict_changed, sequences, feature_slots, slots[orders][..., feature_slots]
            )
        )
        lost = [unchanged_skill - skill(changed) for changed in p]
        measured[feature] = Lost(mean=float(np.mean(lost)), std=float(np.std(lost)))
    by_mean = dict(sorted(measured.items(), key=lambda item: -item[1].mean))
    return Importance(rows=len(sequences), shuffles=shuffles, features=by_mean, measure=metric)


def _predict_with(
    predict_changed: PredictChanged, sequences: Sequences, slots: list[int], values: np.ndarray
) -> np.ndarray:
    """Predict with slots of the table set to values, (changes, rows of the table, slots)."""
    if len(slots) == 1:
        return next(predict_changed(sequences, [(slots[0], values[..., 0])]))
    predictions = []
    for row_values in values:
        changed = table_of(sequences).copy()
        changed[:, slots] = row_values
        rows = (
            replace(sequences, table=changed)
            if isinstance(sequences, Histories)
            else changed.reshape(sequences.shape)
        )
        # The rows are already changed, so the slot is set to the values that it has.
        predictions.append(next(predict_changed(rows, [(slots[0], changed[None, :, slots[0]])])))
    return np.concatenate(predictions)


# Partial dependence -------------------------------------------------------------------------------

MOST_IMPORTANT, GRID, FEW_POINTS, COMMONEST = 5, 11, 4, 8
DEPENDENCE_ROWS = 200  # on which the dependence on a feature is measured
COPIED = 2**20  # about how many rows of histories are copied


def partial_dependence(
    predict_changed: PredictChanged, sequences: Sequences, schema: Schema, feature: str
) -> Dependence | None:
    """Predict the rows with a feature set to each of several values; None if all are missing.

    In histories, only the row itself gets the value, not the past of any other row: each history is
    predicted from its own copy of its customer's rows. If histories are very long, only the first
    that together have about a million rows are predicted.

    Source: Friedman, "Greedy Function Approximation", Annals of Statistics 29, 2001; and, for the
    spread of single rows, Goldstein and others, "Peeking Inside the Black Box", Journal of
    Computational and Graphical Statistics 24, 2015.
    """
    if isinstance(sequences, Histories):
        sequences = sequences[np.cumsum(sequences.copied) - sequences.copied < COPIED].apart
    table, slots = table_of(sequences), schema.slots[feature]
    own = sequences.own if isinstance(sequences, Histories) else np.arange(len(table))
    cells, categories = table[own, slots[0]], schema.categories.get(feature)
    is_measured = ~np.isnan(cells) if categories is None else cells < len(categories)
    if not is_measured.any():
        return None
    rows, measured = own[is_measured], cells[is_measured]
    distinct, first, counts = np.unique(measured, return_index=True, return_counts=True)
    in_own_unit = schema.in_own_unit(schema.features[slots[0]], distinct)
    if categories is None:
        shares = np.linspace(0.05, 0.95, GRID)
        wanted = np.unique(np.quantile(measured, shares, method="nearest"))
        if len(wanted) < FEW_POINTS:  # most rows have one value
            wanted = np.quantile(distinct, shares, method="nearest")
        chosen = np.flatnonzero(np.isin(distinct, wanted))
        values: list[Any] = in_own_unit[chosen].astype(float).tolist()
    else:
        chosen = np.argsort(-counts, kind="stable")[:COMMONEST]
        values = [categories[int(place)] for place in distinct[chosen]]
    if feature in schema.dates:
        has_hours = values[-1] - values[0] < GRID
        dates = [np.datetime64(int(value * 24 // 1), "h") for value in values]
        values = [str(date if has_hours else date.astype("M8[D]")) for date in dates]
    changed = np.repeat(table[None][..., slots], len(chosen), axis=0)
    changed[:, own] = table[rows[first[chosen]]][:, None, slots]
    predicted = _predict_with(predict_changed, sequences, slots, changed)
    places = [*schema.task.main_columns.values()]
    place = places[int(np.ptp(predicted.mean(axis=1), axis=0)[places].argmax())]
    predicted = predicted[..., place]
    class_name = str(schema.task.classes[place]) if len(places) > 1 else ""
    low, high = np.quantile(predicted, [0.1, 0.9], axis=1)
    return Dependence(
        values=values,
        mean=predicted.mean(axis=1).tolist(),
        low=low.tolist(),
        high=high.tolist(),
        class_name=class_name,
    )
