"""The baselines: plain models fitted on the same train rows as the network."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from tabular_lstm.network.calibration import choose_threshold
from tabular_lstm.parameters import Evaluation, Training
from tabular_lstm.rows.schema import Schema


def predict_with_baselines(
    train_sequences: np.ndarray,
    train_labels: pd.Series,
    evaluated_sequences: np.ndarray,
    schema: Schema,
    training: Training,
    evaluation: Evaluation,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Fit the baselines on the train rows, choose their thresholds there, predict the others.

    Library defaults, with iterations enough for the logistic regression to end. The majority class
    predicts every row's probability to be the share of positives; the logistic regression gets
    medians for missing numbers, standardized numbers and categories one-hot. Each decision
    threshold serves the network's objective, on predictions of five-fold cross-validation.

    Returns:
        A column of probabilities for each baseline; the decision threshold of each.
    """
    used = len(schema.features)
    fitted = train_sequences.reshape(len(train_sequences), -1)[:, :used]
    evaluated = evaluated_sequences.reshape(len(evaluated_sequences), -1)[:, :used]
    smallest_class = int(train_labels.value_counts().min())
    folds = StratifiedKFold(min(5, smallest_class), shuffle=True, random_state=evaluation.seed)
    splits = list(folds.split(fitted, train_labels))
    # Gradient boosting fails where no row that it is fitted on has a feature's value.
    known = np.all([~np.isnan(fitted[rows]).all(axis=0) for rows, _ in splits], axis=0)
    fitted, evaluated = np.where(known, fitted, 0), np.where(known, evaluated, 0)
    probabilities, thresholds = {}, {}
    # A single thread, for threads of boosted trees wait for each other where the cores are busy:
    # on a few hundred rows that is most of a run.
    with threadpool_limits(1):
        for name, model in _baselines(schema, evaluation.seed).items():
            out_of_fold = cross_val_predict(
                model, fitted, train_labels, cv=splits, method="predict_proba"
            )
            thresholds[name] = choose_threshold(
                train_labels.to_numpy(), out_of_fold[:, 1], training.objective
            )
            probabilities[name] = model.fit(fitted, train_labels).predict_proba(evaluated)[:, 1]
    return pd.DataFrame(probabilities), thresholds


def _baselines(schema: Schema, seed: int) -> dict[str, Any]:
    """Make the baselines, unfitted, for rows of numbers and places of categories."""
    categorical = [name in schema.categories for name in schema.features]
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), np.array(categorical)),
        remainder=make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
        ),
    )
    # Boosting takes at most 255 categories; of a feature with more it splits the places.
    few = [len(schema.categories.get(name, [])) in range(1, 255) for name in schema.features]
    return {
        "majority_class": DummyClassifier(),
        "logistic_regression": make_pipeline(encoded, LogisticRegression(max_iter=1000)),
        "hist_gradient_boosting": HistGradientBoostingClassifier(
            categorical_features=np.array(few), random_state=seed
        ),
    }
