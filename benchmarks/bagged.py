"""Boosted trees as equals of the network: eight members on the network's folds, averaged.

Each member is trained on seven eighths of the train rows and stopped early by the log loss on its
own eighth, as each member of the network is; eight bagged folds are also what AutoGluon and
TabArena (Erickson et al., 2020 and 2025) give every model.

- CatBoost has its defaults: 1,000 iterations at most, and the learning rate that it chooses itself.
- LightGBM has a learning rate of 0.05, AutoGluon's default, and at most 2,000 rounds.
- Both stop when 50 rounds brought nothing (Gorishniy et al., "Revisiting Deep Learning Models for
  Tabular Data", NeurIPS 2021), keep the best round, and take categories as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from peers import Named
from sklearn.metrics import log_loss
from threads import threads

from tabular_lstm.network.plan import stratified_folds

MEMBERS = 8
PATIENCE = 50


@dataclass(frozen=True)
class Fold:
    """What one member is trained and stopped on."""

    number: int
    rows: pd.DataFrame
    labels: np.ndarray
    held_rows: pd.DataFrame
    held_labels: np.ndarray


@dataclass
class Bagged:
    """Members that average their probabilities.

    Attributes:
        fit_member: Gives a fitted estimator.
        members: One a fold.
        out_of_fold: The out-of-fold probabilities of the positive class.
        loss: Their log loss.
    """

    fit_member: Callable[[Fold], Any]
    members: list[Any] = field(default_factory=list)
    out_of_fold: np.ndarray = field(default_factory=lambda: np.empty(0))
    loss: float = np.inf

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Fit all members on the network's folds."""
        fold_of = stratified_folds(labels, MEMBERS, 0)
        out_of_fold = np.empty(len(labels))
        for number in range(MEMBERS):
            held = fold_of == number
            member = self.fit_member(
                Fold(number, rows[~held], labels[~held], rows[held], labels[held])
            )
            out_of_fold[held] = member.predict_proba(rows[held])[:, 1]
            self.members.append(member)
        self.out_of_fold = out_of_fold
        self.loss = float(log_loss(labels, out_of_fold))
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the means, (rows, 2)."""
        return np.asarray(np.mean([member.predict_proba(rows) for member in self.members], axis=0))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Decide at 0.5."""
        return (self.predict_proba(rows)[:, 1] >= 0.5).astype(int)


def fit_catboost(categories: list[str], fold: Fold, **parameters: Any) -> Any:
    """Fit one member; `parameters` beside the defaults."""
    from catboost import CatBoostClassifier  # noqa: PLC0415

    model = CatBoostClassifier(
        cat_features=categories,
        random_seed=fold.number,
        verbose=False,
        allow_writing_files=False,
        thread_count=threads(),
        early_stopping_rounds=PATIENCE,
        **parameters,
    )
    return Named(model, categories).fit(fold.rows, fold.labels, (fold.held_rows, fold.held_labels))


def fit_lightgbm(fold: Fold, **parameters: Any) -> Any:
    """Fit one member; `parameters` beside the defaults."""
    from lightgbm import LGBMClassifier, early_stopping  # noqa: PLC0415

    model = LGBMClassifier(random_state=fold.number, verbose=-1, n_jobs=threads(), **parameters)
    return model.fit(
        fold.rows,
        fold.labels,
        eval_set=[(fold.held_rows, fold.held_labels)],
        eval_metric="binary_logloss",
        callbacks=[early_stopping(PATIENCE, verbose=False)],
    )


def catboost_bagged(categories: list[str]) -> Bagged:
    """Bag CatBoost."""
    return Bagged(lambda fold: fit_catboost(categories, fold))


def lightgbm_bagged(categories: list[str]) -> Bagged:
    """Bag LightGBM."""
    return Bagged(lambda fold: fit_lightgbm(fold, learning_rate=0.05, n_estimators=2000))


BAGGED = {method.__name__: method for method in (catboost_bagged, lightgbm_bagged)}
