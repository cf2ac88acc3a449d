"""The baselines: plain models fitted on the same train rows as the network.

Whoever imports this module waits for scikit-learn.
"""

import logging
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.network.calibration import choose_threshold
from tabular_lstm.network.plan import MANY_ROWS, draw_by_class, grouped_folds
from tabular_lstm.parameters import Evaluation, Training
from tabular_lstm.progress import progress
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fits:
    """What every fit needs: the train rows, their splits, and the rows to predict.

    Attributes:
        fitted, evaluated: float32 (rows, features).
        splits: The rows to fit on and the rows held out.
        seed: Of the boosted trees.
    """

    fitted: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    splits: list[tuple[np.ndarray, np.ndarray]]
    evaluated: np.ndarray
    schema: Schema
    seed: int


def predict_with_baselines(
    train_set: LabelledSet,
    evaluated_sequences: np.ndarray,
    schema: Schema,
    training: Training,
    evaluation: Evaluation,
    workers: Workers = one_by_one,
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Fit the baselines on the train rows, choose their thresholds there, predict the others.

    Library defaults, with iterations enough for the logistic regression to end. It gets medians for
    missing numbers, standardized numbers and categories one-hot. Each decision threshold serves the
    network's objective, on predictions of five-fold cross-validation, the rows of a group in one
    fold. Rows count by their weights, but for medians and standardization. Of more than two million
    rows, so many at random choose the thresholds; the baselines are fitted on all.

    Who does the fits, each a part, is given: by default this process, one after the other.

    Returns:
        The predictions of each baseline; of two classes the decision threshold of each.
    """
    used = len(schema.features)
    # Views: each baseline makes the copies that it needs.
    fitted, evaluated = (
        sequences.reshape(len(sequences), -1)[:, :used]
        for sequences in (train_set.sequences, evaluated_sequences)
    )
    labels, weights = train_set.labels.to_numpy(), train_set.weights
    splits = _splits(labels, train_set.groups, evaluation.seed)
    seen = np.sort(np.concatenate([np.array([], int), *(held_out for _, held_out in splits)]))
    of_seen = None if weights is None else weights[seen]
    # Gradient boosting fails where no row that it is fitted on has a feature's value.
    known = np.all([~np.isnan(fitted[rows]).all(axis=0) for rows, _ in splits], axis=0)
    if not known.all():
        fitted, evaluated = (np.where(known, rows, np.float32(0)) for rows in (fitted, evaluated))
    fits = Fits(fitted, labels, weights, splits, evaluated, schema, evaluation.seed)
    # Those that take longest come first; None is the fit on all rows.
    names, places = list(_baselines(schema, 0)), [None, *range(len(splits))]
    parts = [(name, place) for name in reversed(names) for place in places]
    predicted: dict[tuple[str, int | None], np.ndarray] = {}
    what = f"Fitting the baselines on {len(labels):,} rows and on folds"
    for part, found in progress(workers(fit_part, fits, parts), what, len(parts)):
        predicted[parts[part]] = found
    thresholds = {}
    for name in names:
        out_of_fold = np.empty(len(labels))
        for place, (_, held_out) in enumerate(splits):
            out_of_fold[held_out] = predicted[name, place]
        thresholds[name] = choose_threshold(
            labels[seen], out_of_fold[seen], training.objective, of_seen
        )
    return {name: predicted[name, None] for name in names}, thresholds


def fit_part(fits: Fits, part: tuple[str, int | None]) -> np.ndarray:
    """Fit a baseline, by its name, on a split, by its place, and predict the rows held out.

    Without a place it is fitted on all train rows and predicts the evaluated ones.
    """
    name, place = part
    rows, held_out = (slice(None), None) if place is None else fits.splits[place]
    model = _baselines(fits.schema, fits.seed)[name]
    # A single thread, for threads of boosted trees wait for each other where the cores are busy:
    # on a few hundred rows that is most of a run.
    with threadpool_limits(1):
        weights = {}
        if fits.weights is not None:
            last = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""  # of a pipeline
            weights = {f"{last}sample_weight": fits.weights[rows]}
        model.fit(fits.fitted[rows], fits.labels[rows], **weights)
        predicted = model.predict_proba(fits.evaluated if place is None else fits.fitted[held_out])
    # To 12 decimals: the last bits depend on the processor, even among equal rows.
    return np.asarray(np.round(predicted[:, 1], 12))


def _splits(
    labels: np.ndarray, groups: np.ndarray | None, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Choose folds for the thresholds: of each, the rows to fit on and the rows held out.

    No fold of groups is held out whose other rows are of one class. Of very many rows some are in
    no fold.
    """
    if len(labels) > MANY_ROWS:
        rows = np.arange(len(labels), dtype=np.int32)
        some = draw_by_class(np.random.default_rng([seed, 4]), labels, rows, MANY_ROWS)
        logger.info(
            "The rows are many: the baselines are fitted on all %d, and their thresholds are "
            "chosen by cross-validation on %d random ones",
            *(len(labels), len(some)),
        )
        groups = None if groups is None else np.unique(groups[some], return_inverse=True)[1]
        splits = _splits(labels[some], groups, seed)
        return [(some[others], some[held_out]) for others, held_out in splits]
    positives = labels == 1
    if groups is None or int(groups.max()) + 1 == len(labels):
        smallest_class = int(min(positives.sum(), (~positives).sum()))
        folds = StratifiedKFold(min(5, smallest_class), shuffle=True, random_state=seed)
        return list(folds.split(labels, labels))
    count = min(5, *(len(np.unique(groups[of])) for of in (positives, ~positives)))
    fold = grouped_folds(labels, groups, max(count, 2), seed)
    parts = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in np.unique(fold)]
    return [(others, held_out) for others, held_out in parts if 0 < labels[others].mean() < 1]


def _baselines(schema: Schema, seed: int) -> dict[str, Any]:
    """Make the baselines, unfitted, for rows of numbers and places of categories."""
    categorical = [name in schema.categories for name in schema.features]
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), np.array(categorical)),
        remainder=make_pipeline(Medians(), StandardScaler(copy=False)),
    )
    # With few values to a bin, most of its time goes into bins: of many features there are fewer.
    bins = int(np.clip(2**16 // len(schema.features), 32, 255))
    # Boosting takes at most as many categories as bins; of more it splits the places.
    few = [len(schema.categories.get(name, [])) in range(1, bins) for name in schema.features]
    return {
        "majority_class": DummyClassifier(),
        "logistic_regression": make_pipeline(encoded, LogisticRegression(max_iter=1000)),
        "hist_gradient_boosting": HistGradientBoostingClassifier(
            categorical_features=np.array(few), max_bins=bins, random_state=seed
        ),
    }


class Medians(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill missing numbers by the median of their column, in less memory than scikit-learn's.

    As float64: in float32, what a logistic regression ends at depends on the processor.
    """

    def fit(self, rows: np.ndarray, labels: Any = None) -> Self:
        """Find the medians of rows, (rows, columns), NaN where missing."""
        known = (column[~np.isnan(column)] for column in rows.T)
        self.medians_ = np.array([np.median(c.astype(float)) if c.size else 0.0 for c in known])
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Give a copy without missing numbers."""
        filled = rows.astype(np.float64)
        np.copyto(filled, self.medians_, where=np.isnan(filled))
        return filled
