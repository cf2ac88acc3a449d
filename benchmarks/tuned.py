"""Boosted trees tuned: the best of 50 trials of eight bagged members each.

Optuna's TPE looks for the least log loss of the out-of-fold probabilities, on the folds of
`bagged.py`; the best trial's members are the model. The spaces are those of Holzmüller et al.,
"Better by Default", NeurIPS 2024, as in pytabkit 1.7.3: for CatBoost that of Shwartz-Ziv and Armon,
"Tabular Data: Deep Learning Is Not All You Need", 2022, for LightGBM that of the quality benchmarks
of Prokhorenkova et al., "CatBoost", NeurIPS 2018. 1,000 rounds at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from bagged import Bagged, Fold, fit_catboost, fit_lightgbm

TRIALS = 50
ROUNDS = 1000
E_16, E_7, E_5, E2, E5 = np.exp([-16, -7, -5, 2, 5]).tolist()


@dataclass
class Tuned:
    """A search, and then its best.

    Attributes:
        space: Draws a trial's parameters.
        fit_member: Fits a member with them.
        best: The bag of the best trial.
    """

    space: Callable[[Any], dict[str, Any]]
    fit_member: Callable[..., Any]
    best: Bagged | None = None

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Search."""
        import optuna  # noqa: PLC0415

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(lambda trial: self.loss_of(trial, rows, labels), n_trials=TRIALS)
        return self

    def loss_of(self, trial: Any, rows: pd.DataFrame, labels: np.ndarray) -> float:
        """Fit a trial's bag, and keep it if it is the best so far."""
        parameters = self.space(trial)

        def fit_member(fold: Fold) -> Any:
            return self.fit_member(fold, **parameters)

        bag = Bagged(fit_member).fit(rows, labels)
        if self.best is None or bag.loss < self.best.loss:
            self.best = bag
        return bag.loss

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give what the best bag gives, (rows, 2)."""
        assert self.best is not None
        return self.best.predict_proba(rows)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Decide at 0.5."""
        assert self.best is not None
        return self.best.predict(rows)


def catboost_space(trial: Any) -> dict[str, Any]:
    """Draw what CatBoost is given."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", E_5, 1, log=True),
        "random_strength": trial.suggest_int("random_strength", 1, 20),
        "one_hot_max_size": trial.suggest_int("one_hot_max_size", 0, 25),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1, 10, log=True),
        "bagging_temperature": trial.suggest_float("bagging_temperature", 0, 1),
        "leaf_estimation_iterations": trial.suggest_int("leaf_estimation_iterations", 1, 20),
        "iterations": ROUNDS,
    }


def lightgbm_space(trial: Any) -> dict[str, Any]:
    """Draw what LightGBM is given; a penalty is none at all in half of the trials."""

    def penalty(name: str) -> float:
        if not trial.suggest_categorical(f"{name}_used", [False, True]):
            return 0.0
        return float(trial.suggest_float(name, E_16, E2, log=True))

    return {
        "learning_rate": trial.suggest_float("learning_rate", E_7, 1, log=True),
        "num_leaves": max(2, trial.suggest_int("num_leaves", 1, 1096, log=True)),
        "colsample_bytree": trial.suggest_float("feature_fraction", 0.5, 1),
        "subsample": trial.suggest_float("bagging_fraction", 0.5, 1),
        "subsample_freq": 1,
        "min_child_samples": trial.suggest_int("min_data_in_leaf", 1, 403, log=True),
        "min_child_weight": trial.suggest_float("min_sum_hessian_in_leaf", E_16, E5, log=True),
        "reg_alpha": penalty("lambda_l1"),
        "reg_lambda": penalty("lambda_l2"),
        "n_estimators": ROUNDS,
    }


def catboost_tuned(categories: list[str], number: bool = False) -> Tuned:
    """Tune CatBoost."""

    def fit_member(fold: Fold, **parameters: Any) -> Any:
        return fit_catboost(categories, fold, **parameters)

    return Tuned(catboost_space, fit_member)


def lightgbm_tuned(categories: list[str], number: bool = False) -> Tuned:
    """Tune LightGBM."""
    return Tuned(lightgbm_space, fit_lightgbm)


TUNED = {method.__name__: method for method in (catboost_tuned, lightgbm_tuned)}
