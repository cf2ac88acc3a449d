"""Boosted trees as equals of the network: eight members on the network's folds, averaged.

Each member is trained on seven eighths of the train rows and stopped early by the log loss on its
own eighth, of numbers by the squared error, as each member of the network is; eight bagged folds
are also what AutoGluon and TabArena (Erickson et al., 2020 and 2025) give every model.

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
from peers import catboost, lightgbm
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import grouped_folds, stratified_folds
from tabular_lstm.parameters import NUMBER, Task

MEMBERS = 8
PATIENCE = 50
NUMBERS = outputs_of(Task(kind=NUMBER))


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
    """Members that average their probabilities, or the numbers that they predict.

    Attributes:
        fit_member: Gives a fitted estimator.
        number: Whether the label is a number.
        members: One a fold.
        out_of_fold: The out-of-fold probabilities, of two classes those of the positive one; or
            numbers.
        loss: Their log loss, or mean squared error.
    """

    fit_member: Callable[[Fold], Any]
    number: bool = False
    members: list[Any] = field(default_factory=list)
    out_of_fold: np.ndarray = field(default_factory=lambda: np.empty(0))
    loss: float = np.inf

    def fit(self, rows: pd.DataFrame, labels: np.ndarray, groups: np.ndarray | None = None) -> Self:
        """Fit all members on the network's folds; with `groups` a group's rows are in one."""
        fold_of = folds_of(labels, self.number, groups)
        predicted: list[np.ndarray] = []
        for number in range(MEMBERS):
            held = fold_of == number
            member = self.fit_member(
                Fold(number, rows[~held], labels[~held], rows[held], labels[held])
            )
            predicted.append(self._predicted(member, rows[held]))
            self.members.append(member)
        in_order = np.argsort(fold_of, kind="stable").argsort()
        out_of_fold = np.concatenate(predicted)[in_order]
        two = out_of_fold.ndim == 2 and out_of_fold.shape[1] == 2
        self.out_of_fold = out_of_fold[:, 1] if two else out_of_fold
        measure = mean_squared_error if self.number else log_loss
        self.loss = float(measure(labels, self.out_of_fold))
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the means, (rows, classes)."""
        return np.asarray(np.mean([self._predicted(one, rows) for one in self.members], axis=0))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likeliest classes, or the means of numbers, (rows,)."""
        means = self.predict_proba(rows)
        return means if self.number else means.argmax(axis=1)

    def _predicted(self, member: Any, rows: pd.DataFrame) -> np.ndarray:
        predicted = member.predict(rows) if self.number else member.predict_proba(rows)
        return np.asarray(predicted)


def folds_of(labels: np.ndarray, number: bool, groups: np.ndarray | None = None) -> np.ndarray:
    """Give the fold of each row: of two classes the network's own, else made as those are."""
    if groups is not None:
        strata = NUMBERS.strata(labels) if number else labels
        return grouped_folds(strata, groups, MEMBERS, 0)
    if not number and labels.max() <= 1:
        return stratified_folds(labels, MEMBERS, 0)
    folds = (KFold if number else StratifiedKFold)(MEMBERS, shuffle=True, random_state=0)
    fold_of = np.empty(len(labels), np.uint8)
    for place, (_, held) in enumerate(folds.split(labels, labels)):
        fold_of[held] = place
    return fold_of


def fit_catboost(categories: list[str], fold: Fold, number: bool = False, **parameters: Any) -> Any:
    """Fit one member; `parameters` beside the defaults."""
    model = catboost(categories, number, fold.number, early_stopping_rounds=PATIENCE, **parameters)
    return model.fit(fold.rows, fold.labels, (fold.held_rows, fold.held_labels))


def fit_lightgbm(fold: Fold, number: bool = False, **parameters: Any) -> Any:
    """Fit one member; `parameters` beside the defaults."""
    from lightgbm import early_stopping  # noqa: PLC0415

    return lightgbm([], number, fold.number, **parameters).fit(
        fold.rows,
        fold.labels,
        eval_set=[(fold.held_rows, fold.held_labels)],
        callbacks=[early_stopping(PATIENCE, verbose=False)],
    )


def catboost_bagged(categories: list[str], number: bool = False) -> Bagged:
    """Bag CatBoost."""
    return Bagged(lambda fold: fit_catboost(categories, fold, number), number)


def lightgbm_bagged(categories: list[str], number: bool = False) -> Bagged:
    """Bag LightGBM."""
    rounds = {"learning_rate": 0.05, "n_estimators": 2000}
    return Bagged(lambda fold: fit_lightgbm(fold, number, **rounds), number)


BAGGED = {method.__name__: method for method in (catboost_bagged, lightgbm_bagged)}
