"""Baselines of a user's own, each named in conf by its path."""

import sys
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline


class Recorder(ClassifierMixin, BaseEstimator):
    """It predicts the shares of the classes, and keeps what its `fit` gets."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, random_state: int | None = None, word: str = "") -> None:
        self.random_state, self.word = random_state, word

    def fit(
        self,
        rows: pd.DataFrame,
        labels: np.ndarray,
        sample_weight: np.ndarray | None = None,
        cat_features: list[str] | None = None,
        categorical_feature: list[str] | None = None,
    ) -> Self:
        told = {"seed": self.random_state, "word": self.word, "weights": sample_weight}
        names = {"cat_features": cat_features, "categorical_feature": categorical_feature}
        self.seen.append({"rows": rows.copy(), "labels": labels, **told, **names})
        self.classes_, counts = np.unique(labels, return_counts=True)
        self.shares = counts / len(labels)
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return np.tile(self.shares, (len(rows), 1))


class Counts(RegressorMixin, BaseEstimator):
    """It takes counts alone, as a Poisson regression does, and predicts their mean."""

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        if not (labels == labels.round()).all() or labels.min() < 0:
            raise ValueError(f"expected counts, got {labels[:3]}")
        self.mean = labels.mean()
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.full((len(rows), 1), self.mean)


class Leaving(Recorder):
    """It ends the process, with the exit code of a success."""

    def fit(self, *_: Any) -> Self:
        sys.exit(0)


class Unsure(Recorder):
    """It predicts NaN."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        return super().predict_proba(rows) * np.nan


def filled(**options: Any) -> Pipeline:
    """A logistic regression that takes missing values, because they are filled before."""
    return make_pipeline(SimpleImputer(), LogisticRegression(**options))
