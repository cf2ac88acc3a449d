"""The baselines: plain models fitted on the same train rows as the network.

Importing this module imports scikit-learn, which takes time.
"""

import logging
import re
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.errors import printable
from tabular_lstm.judging.baselines import Model, baselines_of, own_baselines
from tabular_lstm.metrics import row_losses
from tabular_lstm.network.outputs import (
    RATES,
    Calibration,
    choose_threshold,
    judged_places,
    outputs_of,
    residual_quantiles,
)
from tabular_lstm.network.plan import MANY_ROWS, assign_folds, draw_by_class
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, TrainingOptions
from tabular_lstm.progress import progress
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.past_features import as_rows
from tabular_lstm.rows.schema import Schema, Target, scale
from tabular_lstm.task import Task

logger = logging.getLogger(__name__)


def plain_rows(sequences: Sequences, schema: Schema) -> tuple[np.ndarray, Schema]:
    """Arrange rows for a plain model: float32 (rows, columns), NaN where there is no value.

    The schema of the columns is returned, too. For a history, the columns are those of the row and
    its past features.
    """
    if isinstance(sequences, Histories):
        sequences, schema = as_rows(sequences, schema), cast(Schema, schema.row)
    return sequences.reshape(len(sequences), -1)[:, : len(schema.features)], schema


@dataclass(frozen=True)
class Fits:
    """The input of every fit: the train rows, their splits, and the rows to predict.

    Attributes:
        models: The baselines by name.
        fitted, evaluated: float32 (rows, columns), see `plain_rows`.
        labels: Class numbers, or numbers.
        targets: What the baselines of every run learn: labels, or standardized numbers.
        splits: For each split, the rows to fit on and the rows held out.
        seed: Seed of the baselines that draw random numbers.
    """

    models: dict[str, Model]
    fitted: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None
    splits: list[tuple[np.ndarray, np.ndarray]]
    evaluated: np.ndarray
    schema: Schema
    seed: int


def fit_baselines(
    train_set: Examples,
    evaluated_sequences: Sequences,
    schema: Schema,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
    workers: Workers = one_by_one,
) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, float]]:
    """Fit the baselines and choose their thresholds on the train rows; predict the evaluated rows.

    Each baseline gets out-of-fold predictions from five folds; rows that share a side are in the
    same fold. These predictions (for histories, only those of the rows that are used for
    evaluation) give the decision thresholds, which follow the network's objective, the intervals of
    a number, equally wide for all rows, and the losses. Gradient boosting is the mean of five
    models: each learns from four folds and stops when more trees no longer improve the fifth. For
    classes it is calibrated out of fold, as the network is. Because the same folds also stop and
    calibrate it, its out-of-fold loss is slightly too low. A user's own baseline is such a mean,
    too; one that fails is left out with a warning.

    The other baselines are fitted on all rows with scikit-learn's defaults, with enough iterations
    for the logistic regression to converge. For a number, the linear model is a ridge regression,
    which accepts collinear columns. The mean of a number is learned by squared errors in the
    label's own unit; a median is learned on the network's scale, with absolute errors in gradient
    boosting. A linear model gets medians for missing numbers, standardized numbers and one-hot
    categories. Rows are weighted, except for medians and standardization. With more than two
    million rows, the folds contain two million random rows.

    `workers` run the fits. Default: this process, one after the other.

    Returns:
        The predictions of each baseline; for two classes, the decision threshold of each; and the
        out-of-fold loss of each, as log loss or RMSE in standard deviations of the train labels.
    """
    # Views of the rows: each baseline copies what it needs.
    fitted, columns = plain_rows(train_set.sequences, schema)
    evaluated, _ = plain_rows(evaluated_sequences, schema)
    labels, weights = train_set.labels.to_numpy(), train_set.weights
    task, target = schema.task, schema.target
    if target is not None and target.asinh is not None and not target.median:
        # A mean learned on the asinh scale would be a median after the inverse transform.
        mean, variance = scale(labels)
        target = Target(mean=mean, deviation=variance**0.5, bounds=target.bounds)
        columns = columns.model_copy(update={"target": target})
    # Numbers form a single stratum.
    strata = labels if task.classes else np.zeros(len(labels), int)
    splits = _splits(strata, train_set.fold_groups, evaluation.seed)
    # Gradient boosting fails if a feature is missing in all rows of a fit.
    usable_features = np.all([~np.isnan(fitted[rows]).all(axis=0) for rows, _ in splits], axis=0)
    if not usable_features.all():
        fitted, evaluated = (
            np.where(usable_features, rows, np.float32(0)) for rows in (fitted, evaluated)
        )
    targets = labels if target is None else target.learned(labels)
    models = baselines_of(task) | own_baselines(evaluation.baselines)
    fits = Fits(
        models=dict(models),
        fitted=fitted,
        labels=labels,
        targets=targets,
        weights=weights,
        splits=splits,
        evaluated=evaluated,
        schema=columns,
        seed=evaluation.seed,
    )
    # The longest fits come first; None means the fit on all rows.
    places = range(len(splits))
    parts: list[tuple[str, int | None]] = [
        (name, place)
        for name, model in reversed(models.items())
        for place in (places if model.boosted or model.own else (None, *places))
    ]
    predicted: dict[tuple[str, int | None], list[np.ndarray]] = {}
    description = f"Fitting the baselines on {len(labels):,} rows and on folds"
    for part_number, part_predictions in progress(
        workers(fit_part, fits, parts), description, len(parts)
    ):
        if isinstance(part_predictions, list):
            predicted[parts[part_number]] = part_predictions
        elif models.pop(name := parts[part_number][0], None):
            logger.warning(
                "The baseline %s (%s) is left out: %s. Correct or remove its entry in "
                "evaluation.baselines: docs/extending.md says what a baseline gets",
                name,
                evaluation.baselines[name].class_,
                part_predictions,
            )
    held_out_rows = np.concatenate([held_out for _, held_out in splits])
    actual = targets[held_out_rows]
    is_judged = None if train_set.judged is None else train_set.judged[held_out_rows]
    judged = judged_places(outputs_of(task).strata(actual), is_judged)
    counted = np.arange(len(actual)) if judged is None else judged
    actual, held_out_rows = actual[counted], held_out_rows[counted]
    counts = None if weights is None else weights[held_out_rows]
    predictions, thresholds, losses = {}, {}, {}
    for name, model in models.items():
        out_of_fold = np.concatenate([predicted[name, place][0] for place in places])[counted]
        if model.boosted or model.own:
            mean = np.mean([predicted[name, place][1] for place in places], axis=0)
            out_of_fold, predictions[name] = _calibrate(
                actual, out_of_fold, mean, counts, schema, judged is not None
            )
        else:
            predictions[name] = predicted[name, None][0]
        if target is None:
            losses[name] = np.average(row_losses(actual, out_of_fold), weights=counts)
        else:
            residuals = np.abs(actual - out_of_fold[:, 0])
            losses[name] = np.average(residuals**2, weights=counts) ** 0.5
            half = np.interp(training.coverage, RATES, residual_quantiles(residuals, counts))
            ends = predictions[name] + np.array([0, -half, half])
            predictions[name] = target.in_own_unit(ends)
        if task.has_threshold:
            thresholds[name] = choose_threshold(
                actual, out_of_fold[:, 1], training.objective, counts
            )
    return predictions, thresholds, {name: round(float(loss), 5) for name, loss in losses.items()}


def _calibrate(
    labels: np.ndarray,
    out_of_fold: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None,
    schema: Schema,
    shifted: bool,
) -> list[np.ndarray]:
    """Calibrate probabilities on out-of-fold rows, as for the network: see `network.fit`.

    `shifted` tells whether these rows are only a part of the train rows.
    """
    task, outputs = schema.task, outputs_of(schema.task)
    if not task.classes:
        return [out_of_fold, predictions]
    to_logits = logit if task.has_threshold else np.log
    logits = [to_logits(task.to_file(p).clip(LEAST, 1 - LEAST)) for p in (out_of_fold, predictions)]
    # Rounded, because the last digits depend on the processor.
    if shifted:
        shift = outputs.shifted(labels, logits[0], weights).round(3)
        logits = [z + shift for z in logits]
    calibration = Calibration(
        temperature=round(outputs.fit_temperature(labels, logits[0], weights), 3)
    )
    # A class without train rows keeps a probability of 0.
    calibrated = [
        outputs.predictions(z, schema, calibration, None) * predictions.any(axis=0) for z in logits
    ]
    return [_rounded_to_12(p / p.sum(axis=1, keepdims=True), task) for p in calibrated]


def fit_part(fits: Fits, part: tuple[str, int | None]) -> list[np.ndarray] | str:
    """Fit one baseline on the split at a place, and predict the held-out rows.

    With place None, it is fitted on all train rows and predicts the evaluated rows. Gradient
    boosting and a user's own baselines predict the held-out rows and then the evaluated rows. If a
    user's own baseline fails, the result is the first line of the error.
    """
    try:
        return _fit(fits, *part)
    except (Exception, SystemExit) as error:  # whatever a user's class raises
        if not fits.models[part[0]].own:
            raise
        first_line = "".join(str(error).splitlines()[:1])
        return printable(f"{type(error).__name__}: {first_line.rstrip('.')}")


def _fit(fits: Fits, name: str, place: int | None) -> list[np.ndarray]:
    """Fit a baseline, see `fit_part`; a user's own gets frames, and labels in their own unit."""
    rows, held_out = (slice(None), np.empty(0, int)) if place is None else fits.splits[place]
    spec, schema, target = fits.models[name], fits.schema, fits.schema.target
    model = _new_model(spec, schema, fits.seed)
    ((step, estimator),) = getattr(model, "steps", [("", model)])[-1:]  # the last one of a pipeline
    arguments: dict[str, Any] = {}
    if fits.weights is not None:
        arguments[f"{step}__sample_weight".removeprefix("__")] = fits.weights[rows]
    tables: list[Any] = [
        fits.fitted[rows],
        *[fits.fitted[held_out]] * (place is not None),
        *[fits.evaluated] * (place is None or spec.boosted or spec.own),
    ]
    if spec.boosted:
        arguments |= {"X_val": tables[1], "y_val": fits.targets[held_out]}
        if fits.weights is not None:
            arguments["sample_weight_val"] = fits.weights[held_out]
    if spec.own:
        tables = [as_frame(table, schema) for table in tables]
        categories = [*tables[0].select_dtypes(np.int64)]
        arguments |= {"cat_features": categories, "categorical_feature": categories}
        takes = (signature(model.fit).parameters.keys() - spec.options.keys()) | {
            f"{step}__{name}" for name in signature(estimator.fit).parameters
        }
        arguments = {name: value for name, value in arguments.items() if name in takes}
    # Use a single thread: on busy cores, threads of boosted trees mostly wait for each other.
    with threadpool_limits(1):
        model.fit(tables[0], (fits.labels if spec.own else fits.targets)[rows], **arguments)
        predictions = [_predicted(model, table, schema.task) for table in tables[1:]]
    in_target = target.learned if spec.own and target else np.asarray
    return [_rounded_to_12(in_target(np.asarray_chkfinite(p)), schema.task) for p in predictions]


def _rounded_to_12(predictions: np.ndarray, task: Task) -> np.ndarray:
    """Round to 12 decimals, because the last bits depend on the processor, even for equal rows."""
    return task.from_file(np.round(task.to_file(predictions), 12))


def _splits(
    strata: np.ndarray, groups: np.ndarray | None, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Choose the folds: for each, the rows to fit on and the rows to hold out.

    With very many rows, some are in no fold. A row whose class occurs in only one fold is in none,
    either.
    """
    if len(strata) <= MANY_ROWS:
        return _five_folds(strata, groups, seed)
    rows = np.arange(len(strata), dtype=np.int32)
    sampled_rows = draw_by_class(np.random.default_rng([seed, 4]), strata, rows, MANY_ROWS)
    logger.info(
        "There are many rows, %d: gradient boosting and the baselines' thresholds or intervals are "
        "learned from a random sample of %d",
        len(strata),
        len(sampled_rows),
    )
    if groups is not None:  # renumbered from 0
        groups = np.unique(groups[sampled_rows], return_inverse=True)[1]
    folds = _five_folds(strata[sampled_rows], groups, seed)
    return [(sampled_rows[fitted], sampled_rows[held_out]) for fitted, held_out in folds]


def _five_folds(
    strata: np.ndarray, groups: np.ndarray | None, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Choose five folds of all rows; a fold is left out if the other rows have a single class.

    If no fold is left, as with a single group, all rows are both fitted on and held out.
    """
    fold_of_row = assign_folds(strata, groups, 5, seed)
    parts, fewest = [], min(2, len(np.unique(strata)))
    for fold in np.unique(fold_of_row):
        fitted = np.flatnonzero(fold_of_row != fold)
        classes = np.unique(strata[fitted])
        held_out = np.flatnonzero((fold_of_row == fold) & np.isin(strata, classes))
        if len(classes) >= fewest and len(held_out):
            parts.append((fitted, held_out))
    return parts or [(np.arange(len(strata)), np.arange(len(strata)))]


# Arguments for each library, unless conf sets one of their aliases: print and write nothing, and
# use one thread, as in `_fit`.
DEFAULTS: dict[str, dict[tuple[str, ...], Any]] = {
    "catboost": {
        ("thread_count",): 1,
        ("verbose", "silent", "logging_level", "verbose_eval"): False,
        ("allow_writing_files",): False,
    },
    "lightgbm": {("n_jobs", "num_threads", "nthread"): 1, ("verbose", "verbosity"): -1},
}
SEEDS = ("random_state", "random_seed", "seed")


def _new_model(model: Model, schema: Schema, seed: int) -> Any:
    """Make an unfitted baseline; a category in a row is its place in the schema's list.

    Raises:
        TypeError: A user's own baseline is a classifier although the label is a number, or gives no
            probabilities for classes.
        Exception: Whatever else the import or the class of a user's own baseline raises.
    """
    module, _, class_name = model.estimator(schema.task).rpartition(".")
    estimator = partial(getattr(import_module(module), class_name), **model.options)
    if model.own:
        seeds = [name for name in SEEDS if name in signature(estimator.func).parameters][:1]
        of_library = DEFAULTS.get(module.partition(".")[0], {})
        defaults = {(name, *SEEDS): seed for name in seeds} | of_library
        unset = {n[0]: defaults[n] for n in defaults if model.options.keys().isdisjoint(n)}
        baseline = estimator(**unset)
        if hasattr(baseline, "predict_proba") != bool(schema.task.classes):
            raise TypeError(
                f"expected a "
                f"{'classifier with predict_proba' if schema.task.classes else 'regressor'} for "
                f"{schema.task.in_words}"
            )
        return baseline
    if model.boosted:
        # Many features get fewer bins, because with few values per bin the bins take most of the
        # time.
        bins = int(np.clip(2**16 // len(schema.features), 32, 255))
        # Boosting accepts at most as many categories as bins, and cannot tell a single category
        # from a missing value; features with more or fewer categories are split like numbers.
        few_categories = [
            len(schema.categories.get(name, [])) in range(2, bins) for name in schema.features
        ]
        return estimator(
            categorical_features=np.array(few_categories),
            max_bins=bins,
            random_state=seed,
            **({"loss": "absolute_error"} if schema.task.median else {}),
        )
    if not model.encoded:
        return estimator()
    categorical = [name in schema.categories for name in schema.features]
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), np.array(categorical)),
        remainder=make_pipeline(Medians(), StandardScaler(copy=False)),
    )
    return make_pipeline(encoded, estimator())


LEAST = 1e-9  # probabilities are clipped to at least this before their logarithm is taken


def _predicted(model: Any, rows: Any, task: Task) -> np.ndarray:
    """Predict with a fitted model: standardized numbers, (rows, 1), or probabilities."""
    if not task.classes:
        return np.asarray(model.predict(rows), float).reshape(len(rows), 1)
    # The model does not know a class without train rows.
    probabilities = np.zeros((len(rows), len(task.classes)))
    probabilities[:, model.classes_] = model.predict_proba(rows)
    return probabilities


class Medians(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill missing numbers with their column's median, using less memory than scikit-learn.

    The result is float64: in float32, the fit of a logistic regression depends on the processor.
    """

    def fit(self, rows: np.ndarray, labels: Any = None) -> Self:
        """Find the medians of rows, (rows, columns), NaN where missing."""
        known_values = (column[~np.isnan(column)].astype(float) for column in rows.T)
        self.medians_ = np.array([np.median(v) if v.size else 0.0 for v in known_values])
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy without missing numbers."""
        filled = rows.astype(np.float64)
        np.copyto(filled, self.medians_, where=np.isnan(filled))
        return filled


# LightGBM and XGBoost refuse these characters in column names.
REFUSED = re.compile(r'[][{}<>":,]+ ?')


def as_frame(rows: np.ndarray, schema: Schema) -> pd.DataFrame:
    """Return rows of `plain_rows` as a frame with named columns: float64 numbers, int64 categories.

    A missing number is NaN. A category is given as its place in the schema's list, an unknown one
    as the place after the last, and a missing one as the place after that. In names, `_` replaces
    the characters that LightGBM and XGBoost refuse; if two names are then equal, each name ends
    with its place.
    """
    names = [REFUSED.sub("_", feature) for feature in schema.features]
    if len({*names}) < len(names):
        names = [f"{name}_{place}" for place, name in enumerate(names)]
    columns = [
        np.where(np.isnan(values), 1 + len(schema.categories[feature]), values).astype(np.int64)
        if feature in schema.categories
        else schema.in_own_unit(feature, values.astype(np.float64))
        for feature, values in zip(schema.features, rows.T, strict=True)
    ]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))
