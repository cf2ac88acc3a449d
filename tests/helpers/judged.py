"""Rows that judge, small enough to look at, and what a candidate and baselines say of them."""

from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.judging.comparison import Predictions
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.weights import scaled

BASELINES = ["majority_class", "logistic_regression", "hist_gradient_boosting"]


def both(p: np.ndarray) -> np.ndarray:
    """The probabilities of both of two classes, of those of the positive one."""
    return np.stack([1 - p, p], axis=-1)


def schema_of(features: int = 4, categories: dict[str, int] | None = None) -> Schema:
    """A schema of up to four features, some with so many categories."""
    return Schema(
        features=["a", "b", "c", "d"][:features],
        steps=2,
        features_per_step=2,
        categories={
            name: [f"{place:03}" for place in range(count)]
            for name, count in (categories or {}).items()
        },
        missing={},
        mean=[0.0] * features,
        variance=[1.0] * features,
        label="state",
        positive_class="sick",
        negative_class="well",
    )


def set_of(
    sequences: np.ndarray,
    labels: pd.Series,
    weights: pd.Series | None = None,
    groups: np.ndarray | None = None,
    **further: Any,
) -> Examples:
    """Examples as `reshape` gives them; of two equal rows each is by itself."""
    schema = schema_of(sequences.shape[1] * sequences.shape[2])
    further = {"schema": schema, "keys": pd.Series(name="id"), **further}
    return Examples(sequences, labels, scaled(weights), groups, **further)


def ruled(predictions: dict[str, np.ndarray], rules: dict[str, Any]) -> dict[str, Predictions]:
    """The predictions of models, each with its rule; of two classes the positive one's will do."""
    columns = {name: both(p) if p.ndim == 1 else p for name, p in predictions.items()}
    return {name: Predictions(values, rules[name]) for name, values in columns.items()}


def rows_of(count: int, seed: int = 0) -> tuple[np.ndarray, pd.Series]:
    """Sequences whose third feature tells the classes apart, and labels under row numbers."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype("int64")
    sequences = rng.normal(size=(count, 2, 2)).astype(np.float32)
    sequences[:, 1, 0] += 2 * labels
    index = pd.Index(rng.permutation(count) + 1, name="row")
    return sequences, pd.Series(labels, index=index, name="state")


def predictions_of(count: int = 90) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The predictions of a fair candidate and of three baselines, as the nodes give them."""
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3 == 0).astype("int64")

    def probabilities(skill: float) -> np.ndarray:
        return np.clip(0.3 + skill * labels + rng.normal(0, 0.2, count), 0.01, 0.99)

    candidate = pd.DataFrame(
        {"row": np.arange(1, count + 1), "label": labels, "candidate": probabilities(0.3)}
    )
    baselines = pd.DataFrame(
        {
            "majority_class": np.full(count, labels.mean()),
            "logistic_regression": probabilities(0.3),
            "hist_gradient_boosting": probabilities(0.1),
        }
    )
    return candidate, baselines
