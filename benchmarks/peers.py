"""The peers: eight methods of one model each, with their defaults.

Each is a function from the names of the columns that hold categories to an estimator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sets import Labelled
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from threads import threads

Method = Callable[[list[str]], Any]


def one_hot(model: Any, scaled: bool) -> Any:
    """Put the usual encoding before a model that reads numbers alone.

    Scaled numbers that are missing become the mean, and a column tells which were: models that
    take scaled numbers take no missing ones.
    """
    numbers = (
        make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True))
        if scaled
        else "passthrough"
    )
    return make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                make_column_selector(dtype_include="category"),
            ),
            remainder=numbers,
        ),
        model,
    )


@dataclass(frozen=True)
class Named:
    """A model that takes no missing category, as CatBoost: here it has a name like the others."""

    model: Any
    categories: list[str]

    def fit(self, rows: pd.DataFrame, labels: np.ndarray, held: Labelled | None = None) -> Self:
        """Fit it, stopped by held-out rows if there are any."""
        stopped_by = None if held is None else (self.named(held[0]), held[1])
        self.model.fit(self.named(rows), labels, eval_set=stopped_by)
        return self

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Name what is missing."""
        columns = {name: rows[name] for name in self.categories}
        return rows.assign(
            **{
                name: column.cat.add_categories("missing").fillna("missing")
                for name, column in columns.items()
                if column.hasnans
            }
        )

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the probabilities, (rows, 2)."""
        return np.asarray(self.model.predict_proba(self.named(rows)))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likelier classes."""
        return np.asarray(self.model.predict(self.named(rows)))


def logistic_regression(categories: list[str]) -> Any:
    """Iterations enough to converge."""
    return one_hot(LogisticRegression(max_iter=5000), scaled=True)


def random_forest(categories: list[str]) -> Any:
    """300 trees."""
    return one_hot(RandomForestClassifier(n_estimators=300, random_state=0), scaled=False)


def hist_gradient_boosting(categories: list[str]) -> Any:
    """With its own treatment of categories."""
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)


def xgboost(categories: list[str]) -> Any:
    """With its own treatment of categories."""
    from xgboost import XGBClassifier  # noqa: PLC0415

    return XGBClassifier(enable_categorical=True, random_state=0)


def lightgbm(categories: list[str]) -> Any:
    """With its own treatment of categories."""
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    return LGBMClassifier(random_state=0, verbose=-1, n_jobs=threads())


def catboost(categories: list[str]) -> Any:
    """With its own treatment of categories."""
    from catboost import CatBoostClassifier  # noqa: PLC0415

    return Named(
        CatBoostClassifier(
            cat_features=categories,
            random_seed=0,
            verbose=False,
            allow_writing_files=False,
            thread_count=threads(),
        ),
        categories,
    )


def mlp(categories: list[str]) -> Any:
    """Standardized, categories one-hot."""
    return one_hot(MLPClassifier(random_state=0), scaled=True)


def svm(categories: list[str]) -> Any:
    """Standardized, categories one-hot, probabilities by Platt's scaling."""
    return one_hot(SVC(probability=True, random_state=0), scaled=True)


PEERS: dict[str, Method] = {
    method.__name__: method
    for method in (
        logistic_regression,
        random_forest,
        hist_gradient_boosting,
        xgboost,
        lightgbm,
        catboost,
        mlp,
        svm,
    )
}
