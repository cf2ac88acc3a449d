"""The peers: methods of one model each, with their defaults.

Each is a function from the names of the columns that hold categories, and whether the label is a
number, to an estimator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sets import Labelled
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from threads import threads

Method = Callable[[list[str], bool], Any]


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
        """Give the probabilities, (rows, classes)."""
        return np.asarray(self.model.predict_proba(self.named(rows)))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likeliest classes, or the numbers, (rows,)."""
        return np.asarray(self.model.predict(self.named(rows))).ravel()


def linear(categories: list[str], number: bool = False) -> Any:
    """Ridge regression, its penalty by cross-validation; or logistic regression that converges."""
    if number:
        return one_hot(RidgeCV(np.logspace(-3, 3, 13)), scaled=True)
    return logistic_regression(categories, number)


def logistic_regression(categories: list[str], number: bool = False) -> Any:
    """Iterations enough to converge."""
    return one_hot(LogisticRegression(max_iter=5000), scaled=True)


def random_forest(categories: list[str], number: bool = False) -> Any:
    """300 trees."""
    forest = RandomForestRegressor if number else RandomForestClassifier
    return one_hot(forest(n_estimators=300, random_state=0), scaled=False)


def hist_gradient_boosting(categories: list[str], number: bool = False) -> Any:
    """With its own treatment of categories."""
    boosting = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    return boosting(categorical_features="from_dtype", random_state=0)


def xgboost(categories: list[str], number: bool = False) -> Any:
    """With its own treatment of categories."""
    from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415

    boosting = XGBRegressor if number else XGBClassifier
    return boosting(enable_categorical=True, random_state=0)


def lightgbm(categories: list[str], number: bool = False, seed: int = 0, **parameters: Any) -> Any:
    """With its own treatment of categories."""
    from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415

    boosting = LGBMRegressor if number else LGBMClassifier
    return boosting(random_state=seed, verbose=-1, n_jobs=threads(), **parameters)


def catboost(categories: list[str], number: bool = False, seed: int = 0, **parameters: Any) -> Any:
    """With its own treatment of categories."""
    from catboost import CatBoostClassifier, CatBoostRegressor  # noqa: PLC0415

    boosting = CatBoostRegressor if number else CatBoostClassifier
    model = boosting(
        cat_features=categories,
        random_seed=seed,
        verbose=False,
        allow_writing_files=False,
        thread_count=threads(),
        **parameters,
    )
    return Named(model, categories)


def mlp(categories: list[str], number: bool = False) -> Any:
    """Standardized, categories one-hot."""
    return one_hot(MLPClassifier(random_state=0), scaled=True)


def svm(categories: list[str], number: bool = False) -> Any:
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
# Of three or more classes and of numbers.
FEWER_PEERS: dict[str, Method] = {
    method.__name__: method for method in (linear, random_forest, lightgbm, catboost)
}
