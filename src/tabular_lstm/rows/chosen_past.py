"""Choose the past features that tell most about the label, out of fold on train rows.

A quick gradient boosting reads each row with all past features that there may be. A feature is as
important as the error grows when its values are shuffled among rows that the boosting has not seen.

Source: Breiman, "Random Forests", Machine Learning, 2001, section 10.
"""

from collections import Counter
from itertools import chain, product, zip_longest

import numpy as np

from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.label_measures import measure_of
from tabular_lstm.rows.past_features import candidates
from tabular_lstm.rows.schema import Schema

# The most past features that are tried, and that a schema has.
MOST_TRIED, MOST = 250, 64
# The most rows that choose, and the most classes that are told apart.
ROWS, MOST_CLASSES = 10_000, 4
FOLDS = 4
# A feature must be more important than the features of this quantile seem to be harmful. But so
# many of each column are chosen anyway: features that tell the same hide each other's importance.
NOISE, OF_EACH = 0.05, 2


def chosen_past(histories: Histories, schema: Schema, labels: np.ndarray) -> list[str]:
    """Name the past features that a schema has, at most `MOST`: see `NOISE`.

    Args:
        histories: Those of the train rows.
        schema: A schema with a layout of histories, without `Schema.row`.
        labels: The train rows' labels, (histories,): numbers of the classes, or numbers.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415  it takes a second
    from sklearn.inspection import permutation_importance  # noqa: PLC0415

    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(histories))[:ROWS])
    labels, groups = labels[rows], candidates(histories[rows], schema)
    # One feature of each group, then a second one and so on.
    turns = zip_longest(*(group.items() for group in groups))
    tried = [*filter(None, chain.from_iterable(turns))][:MOST_TRIED]
    names, past = [name for name, _ in tried], [compute() for _, compute in tried]
    own_rows = histories.table[histories.own[rows]]
    own_rows = own_rows[:, : own_rows.shape[1] - histories.labels]
    values = np.column_stack([*past, own_rows]).astype(np.float32)
    customers = histories.customer[histories.own[rows]]
    fold_of_row = rng.integers(FOLDS, size=customers.max() + 1)[customers]
    folds = [fold_of_row == number for number in np.unique(fold_of_row)]
    if len(folds) == 1:  # a single customer
        return names[:MOST]
    for fold in folds:  # the boosting fails if a feature has no value
        values[:, np.isnan(values[~fold]).all(0)] = 0
    marks = measure_of(labels, schema.task).marks.astype(float)
    commonest = np.argsort(-marks.sum(0), kind="stable")[:MOST_CLASSES]
    importances = np.zeros(values.shape[1])
    for target, fold in product(marks.T[commonest], folds):
        model = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, random_state=0)
        model.fit(values[~fold], target[~fold])
        shuffled = permutation_importance(
            model,
            values[fold],
            target[fold],
            scoring="r2",
            n_repeats=1,
            random_state=0,
        )
        importances += shuffled.importances_mean
    # Shuffling a feature that tells nothing lessens the error as often as it adds to it.
    noise = max(0, -np.quantile(importances, NOISE))
    best_first = np.argsort(-importances[: len(names)], kind="stable")
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    chosen, better = list[int](), Counter[int]()
    for place in best_first:
        group = group_of[names[place]]
        if importances[place] > noise or better[group] < OF_EACH:
            chosen.append(place)
        better[group] += 1
    return [names[place] for place in sorted(chosen[:MOST])]
