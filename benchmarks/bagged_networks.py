"""Two networks of others as equals: TabM and RealMLP as pytabkit makes them, eight folds bagged.

TabM: Gorishniy et al., "TabM", ICLR 2025. RealMLP: Holzmüller et al., "Better by Default", NeurIPS
2024. Their defaults in pytabkit 1.7.3, but for what its documentation advises where log loss and
AUC count: the best epoch is that of the least cross-entropy, and labels are not smoothed; of
numbers that of the least squared error. The folds are pytabkit's own, eight stratified ones, and
the members' probabilities or numbers are averaged.

PyTorch is heavy, so they are measured in an environment of their own: `make benchmark-torch`.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from threads import threads

MEMBERS = 8


@dataclass
class Imputed:
    """A model that takes no missing number: it becomes the mean, and a column tells that it was."""

    model: Any
    imputer: Any = field(
        default_factory=lambda: SimpleImputer(add_indicator=True).set_output(transform="pandas")
    )

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Fit both."""
        numbers = rows.select_dtypes("number")
        if numbers.shape[1]:
            self.imputer.fit(numbers)
        self.model.fit(self.filled(rows), labels)
        return self

    def filled(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Fill what is missing."""
        numbers = rows.select_dtypes("number")
        if not numbers.shape[1]:
            return rows
        imputed: pd.DataFrame = self.imputer.transform(numbers)
        return pd.concat([imputed, rows.select_dtypes("category")], axis="columns")

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the means of the members, (rows, classes)."""
        return np.asarray(self.model.predict_proba(self.filled(rows)))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likeliest classes, or the means of numbers, (rows,)."""
        return np.asarray(self.model.predict(self.filled(rows))).ravel()


def tabm(categories: list[str], number: bool = False) -> Imputed:
    """Bag TabM."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor  # noqa: PLC0415

    return Imputed((TabM_D_Regressor if number else TabM_D_Classifier)(**_common(number)))


def realmlp(categories: list[str], number: bool = False) -> Imputed:
    """Bag RealMLP."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor  # noqa: PLC0415

    if number:
        return Imputed(RealMLP_TD_Regressor(**_common(number)))
    return Imputed(RealMLP_TD_Classifier(**_common(number), use_ls=False))


def _common(number: bool) -> dict[str, Any]:
    """Give the arguments of both; pytabkit takes all cores where no number of threads is given."""
    cores = threads()
    return {
        "device": "cpu",
        "random_state": 0,
        "n_cv": MEMBERS,
        "n_threads": cores if cores > 0 else None,
        "val_metric_name": "rmse" if number else "cross_entropy",
    }


NETWORKS = {method.__name__: method for method in (tabm, realmlp)}
