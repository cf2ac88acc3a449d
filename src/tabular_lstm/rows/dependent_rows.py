"""Rows that belong together and do not say so: equal values that come with one label.

Such rows are several reports of one incident, or visits of one patient. Spread over both sides,
they let a model know its test rows. So a quick model is judged twice, with these rows spread over
the folds and with them kept together: where the second is clearly lower, the rows are dependent.
"""

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.sequences import amounts

FOLDS = 5
LEAST_GROUPS = 50
LEAST_ALIKE = 0.2
LEAST_FALL = 0.03
RESAMPLES = 200
# Values of another column that rows of one value have, on average.
ALMOST = 1.05


class DependentRows(Frozen):
    """Rows that belong together by the value of a column, or of several columns together.

    Attributes:
        kind: A column says it, several columns together say it, or the rows are near-duplicates:
            equal but for some columns, and numbers of many values in their first digits only.
        columns: The columns whose equal values say which rows belong together.
        but_for: The columns in which near-duplicates differ; empty where only last digits do.
        groups: How many values several rows have.
        rows: How many rows have these values.
        alike: How far the labels of such rows agree beyond chance: 0 as by chance, 1 always.
        spread: ROC AUC of a quick model, with such rows spread over train and test rows.
        together: Likewise, with such rows on one side.
        fall: 95 % interval of the difference.
    """

    kind: Literal["column", "columns", "near-duplicates"] = "column"
    columns: list[str]
    but_for: list[str] = []
    groups: int
    rows: int
    alike: float
    spread: float
    together: float
    fall: tuple[float, float]

    @property
    def named(self) -> str:
        """Name what such rows share, to stand behind "the same": columns, or all but some."""
        names = self.columns if self.kind != "near-duplicates" else self.but_for
        named = " and ".join(f"'{name}'" for name in names)
        if self.kind != "near-duplicates":
            return named
        return f"values but for {named or 'the last digits'}"


def find_dependent_rows(
    rows: pd.DataFrame, columns: Columns, independent: Collection[str] = ()
) -> DependentRows | None:
    """Find the column that says most clearly which rows belong together, if there is one.

    Args:
        rows: Valid rows: the label as 0 and 1, numbers read. Columns that conf ignores may be among
            them: they can say which rows belong together, and the quick model never sees them.
        columns: The roles of the columns. Rows of a declared group or time are on one side already,
            and nothing is looked for.
        independent: Columns of which conf says that rows of one value are independent. So are those
            of which almost all rows of one value have one value of such a column, too.
    """
    if columns.together is not None:
        return None
    labels = rows[columns.label].to_numpy() == 1
    found: list[tuple[float, str, np.ndarray]] = []
    for name in rows:
        if name in columns.not_features or lies_within(rows, str(name), independent):
            continue
        groups, _ = pd.factorize(rows[name])
        alike, several = _alike(groups, labels)
        if several >= LEAST_GROUPS and alike >= LEAST_ALIKE:
            found.append((alike, str(name), groups))
    for alike, name, groups in sorted(found, key=lambda one: -one[0]):
        spread, together, fall = _fall(rows, columns, labels, groups)
        if fall[0] >= LEAST_FALL:
            sizes = np.bincount(groups[groups >= 0])
            return DependentRows(
                columns=[name],
                groups=int((sizes > 1).sum()),
                rows=int(sizes[sizes > 1].sum()),
                alike=alike,
                spread=spread,
                together=together,
                fall=fall,
            )
    return None


def lies_within(rows: pd.DataFrame, name: str, others: Collection[str]) -> bool:
    """Tell whether almost all rows with one value of a column have one value of another, too."""
    values = pd.factorize(rows[name])[0]
    shared = (values >= 0) & (np.bincount(values + 1)[values + 1] > 1)
    for other in others:
        both = pd.DataFrame({"of": values, "other": pd.factorize(rows[other])[0]})[shared]
        if len(both.drop_duplicates()) <= ALMOST * both["of"].nunique():
            return True
    return False


def _alike(groups: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    known = groups >= 0
    rows = np.bincount(groups[known])
    positives = np.bincount(groups[known], labels[known], len(rows))
    pairs = rows * (rows - 1) / 2
    if not pairs.sum():
        return 0.0, 0
    negatives = rows - positives
    same = (positives * (positives - 1) + negatives * (negatives - 1)) / 2
    share = labels.mean()
    chance = share**2 + (1 - share) ** 2
    return float((same.sum() / pairs.sum() - chance) / (1 - chance)), int((rows > 1).sum())


def _fall(
    rows: pd.DataFrame, columns: Columns, labels: np.ndarray, groups: np.ndarray
) -> tuple[float, float, tuple[float, float]]:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  scikit-learn takes a second

    drawn = np.random.default_rng(0)
    alone = groups < 0
    groups = np.where(alone, np.cumsum(alone) + groups.max(), groups)
    features = [n for n in rows if n not in columns.not_features | {*columns.ignore}]
    values = np.column_stack(
        [
            pd.factorize(rows[name])[0]
            if name in columns.categorical
            else amounts(rows[name], columns)
            for name in features
        ]
    )
    scores = [
        _out_of_fold(values, labels, folds)
        for folds in (
            drawn.permutation(len(rows)) % FOLDS,
            drawn.permutation(groups.max() + 1)[groups] % FOLDS,
        )
    ]
    spread, together = (float(roc_auc_score(labels, score)) for score in scores)
    falls = []
    for _ in range(RESAMPLES):
        weights = drawn.poisson(1, groups.max() + 1)[groups]
        one, other = (roc_auc_score(labels, score, sample_weight=weights) for score in scores)
        falls.append(one - other)
    low, high = np.quantile(falls, [0.025, 0.975])
    return spread, together, (float(low), float(high))


def _out_of_fold(values: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    scores = np.empty(len(labels))
    for fold in range(FOLDS):
        model = ExtraTreesClassifier(50, min_samples_leaf=2, random_state=0, n_jobs=-1)
        out = folds == fold
        model.fit(values[~out], labels[~out])
        scores[out] = model.predict_proba(values[out])[:, 1]
    return scores
