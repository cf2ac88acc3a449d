"""The methods that the network is compared with: single models, bags of eight, and two tuned ones.

A method is a function from the names of the columns that hold categories, and whether the label is
a number, to an estimator. OMP_NUM_THREADS says how many threads it may take; default: all cores.

Bags are equals of the network: eight members on its own folds, averaged. Each member learns from
seven eighths of the train rows, and its own eighth stops it early, by the log loss, of numbers by
the squared error. AutoGluon and TabArena (Erickson et al., 2020 and 2025) give every model eight
such folds.

- CatBoost has its defaults: 1,000 iterations at most, and the learning rate that it chooses itself.
- LightGBM has a learning rate of 0.05, AutoGluon's default, and at most 2,000 rounds.
- Both stop when 50 rounds brought nothing (Gorishniy et al., "Revisiting Deep Learning Models for
  Tabular Data", NeurIPS 2021), keep the best round, and take categories as they are.
- `catboost_tuned` is the best of 50 such bags by Optuna's TPE, in the space of Shwartz-Ziv and
  Armon, "Tabular Data: Deep Learning Is Not All You Need", 2022.
- `realmlp` (Holzmüller et al., "Better by Default", NeurIPS 2024) has the defaults of pytabkit, but
  for what its documentation advises where log loss counts, and pytabkit's own eight folds.
- `tabm` (Gorishniy et al., "TabM", ICLR 2025) has the defaults of pytabkit: one network of 32
  members that a fifth of the train rows stops.
- Both need PyTorch, which is heavy: `make benchmark-torch` makes an environment for them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import grouped_folds, stratified_folds
from tabular_lstm.task import NUMBER, Task

Method = Callable[[list[str], bool], Any]

MEMBERS = 8
PATIENCE = 50
TRIALS = 50


def thread_count() -> int:
    """Give the number of threads; -1, all cores, where OMP_NUM_THREADS is not set."""
    return int(os.environ.get("OMP_NUM_THREADS", "-1"))


def lstm(categories: list[str], number: bool = False) -> Any:
    """Give the default of this project."""
    import tabular_lstm  # noqa: PLC0415

    estimator = tabular_lstm.LSTMRegressor if number else tabular_lstm.LSTMClassifier
    return estimator(random_state=0)


# --- Single models with their defaults


def one_hot(model: Any, numbers: Any) -> Any:
    """Put categories as zeros and ones before a model, and a transformer for the numbers."""
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    is_category = make_column_selector(dtype_include="category")
    encoding = make_column_transformer((encoder, is_category), remainder=numbers)
    return make_pipeline(encoding, model)


def linear(categories: list[str], number: bool = False) -> Any:
    """Ridge regression, its penalty by cross-validation; or logistic regression that converges.

    A missing number becomes the mean, and a column tells that it was missing.
    """
    model = RidgeCV(np.logspace(-3, 3, 13)) if number else LogisticRegression(max_iter=5000)
    return one_hot(model, make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)))


def random_forest(categories: list[str], number: bool = False) -> Any:
    """300 trees."""
    forest = RandomForestRegressor if number else RandomForestClassifier
    return one_hot(forest(n_estimators=300, random_state=0), "passthrough")


def hist_gradient_boosting(categories: list[str], number: bool = False) -> Any:
    """With its own treatment of categories."""
    boosting = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    return boosting(categorical_features="from_dtype", random_state=0)


def lightgbm(categories: list[str], number: bool = False, seed: int = 0, **parameters: Any) -> Any:
    """With its own treatment of categories."""
    from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415

    boosting = LGBMRegressor if number else LGBMClassifier
    return boosting(random_state=seed, verbose=-1, n_jobs=thread_count(), **parameters)


def catboost(categories: list[str], number: bool = False, seed: int = 0, **parameters: Any) -> Any:
    """With its own treatment of categories."""
    from catboost import CatBoostClassifier, CatBoostRegressor  # noqa: PLC0415

    boosting = CatBoostRegressor if number else CatBoostClassifier
    model = boosting(
        cat_features=categories,
        random_seed=seed,
        verbose=False,
        allow_writing_files=False,
        thread_count=thread_count(),
        **parameters,
    )
    return Named(model, categories)


@dataclass(frozen=True)
class Named:
    """A model that takes no missing category, as CatBoost: here it has a name like the others."""

    model: Any
    categories: list[str]

    def fit(
        self,
        rows: pd.DataFrame,
        labels: np.ndarray,
        held: tuple[pd.DataFrame, np.ndarray] | None = None,
    ) -> Self:
        """Fit it; held-out rows and labels stop it early."""
        stopped_by = None if held is None else (self.named(held[0]), held[1])
        self.model.fit(self.named(rows), labels, eval_set=stopped_by)
        return self

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Name what is missing."""
        with_gaps = [name for name in self.categories if rows[name].hasnans]
        return rows.assign(
            **{
                name: rows[name].cat.add_categories("missing").fillna("missing")
                for name in with_gaps
            }
        )

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the probabilities, (rows, classes)."""
        return np.asarray(self.model.predict_proba(self.named(rows)))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likeliest classes, or the numbers, (rows,)."""
        return np.asarray(self.model.predict(self.named(rows))).ravel()


# --- Bags of eight


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
        loss: Log loss, or mean squared error, of the rows that a member was not trained on.
    """

    fit_member: Callable[[Fold], Any]
    number: bool = False
    members: list[Any] = field(default_factory=list)
    loss: float = np.inf

    def fit(self, rows: pd.DataFrame, labels: np.ndarray, groups: np.ndarray | None = None) -> Self:
        """Fit all members on the network's folds; with `groups` a group's rows are in one."""
        fold_of_row = folds_of(labels, self.number, groups)
        measure = mean_squared_error if self.number else log_loss
        classes = {} if self.number else {"labels": np.unique(labels)}
        losses = []
        for number in range(MEMBERS):
            held = fold_of_row == number
            fold = Fold(number, rows[~held], labels[~held], rows[held], labels[held])
            self.members.append(self.fit_member(fold))
            predicted = self._predicted(self.members[-1], rows[held])
            losses.append(held.mean() * measure(labels[held], predicted, **classes))
        self.loss = float(np.sum(losses))
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the means, (rows, classes)."""
        return np.asarray(np.mean([self._predicted(member, rows) for member in self.members], 0))

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the likeliest classes, or the means of numbers, (rows,)."""
        means = self.predict_proba(rows)
        return means if self.number else means.argmax(axis=1)

    def _predicted(self, member: Any, rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(member.predict(rows) if self.number else member.predict_proba(rows))


def folds_of(labels: np.ndarray, number: bool, groups: np.ndarray | None = None) -> np.ndarray:
    """Give the fold of each row: of two classes the network's own, else made as those are."""
    if groups is not None:
        strata = outputs_of(Task(kind=NUMBER)).strata(labels) if number else labels
        return grouped_folds(strata, groups, MEMBERS, 0)
    if not number and labels.max() <= 1:
        return stratified_folds(labels, MEMBERS, 0)
    folds = (KFold if number else StratifiedKFold)(MEMBERS, shuffle=True, random_state=0)
    fold_of_row = np.empty(len(labels), np.uint8)
    for place, (_, held) in enumerate(folds.split(labels, labels)):
        fold_of_row[held] = place
    return fold_of_row


def fit_catboost(categories: list[str], fold: Fold, number: bool = False, **parameters: Any) -> Any:
    """Fit one member; `parameters` beside the defaults."""
    model = catboost(categories, number, fold.number, early_stopping_rounds=PATIENCE, **parameters)
    return model.fit(fold.rows, fold.labels, (fold.held_rows, fold.held_labels))


def catboost_bagged(categories: list[str], number: bool = False) -> Bagged:
    """Bag CatBoost."""
    return Bagged(lambda fold: fit_catboost(categories, fold, number), number)


def lightgbm_bagged(categories: list[str], number: bool = False) -> Bagged:
    """Bag LightGBM."""
    from lightgbm import early_stopping  # noqa: PLC0415

    def fit_member(fold: Fold) -> Any:
        model = lightgbm([], number, fold.number, learning_rate=0.05, n_estimators=2000)
        return model.fit(
            fold.rows,
            fold.labels,
            eval_set=[(fold.held_rows, fold.held_labels)],
            callbacks=[early_stopping(PATIENCE, verbose=False)],
        )

    return Bagged(fit_member, number)


@dataclass
class TunedCatBoost:
    """The bag with the least out-of-fold loss of all trials.

    Attributes:
        categories: Names of columns.
        best: Of a fitted one.
    """

    categories: list[str]
    best: Bagged = field(default_factory=lambda: Bagged(lambda fold: None))

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Search."""
        import optuna  # noqa: PLC0415

        def loss_of(trial: Any) -> float:
            parameters = {
                "learning_rate": trial.suggest_float("learning_rate", np.exp(-5), 1, log=True),
                "random_strength": trial.suggest_int("random_strength", 1, 20),
                "one_hot_max_size": trial.suggest_int("one_hot_max_size", 0, 25),
                "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1, 10, log=True),
                "bagging_temperature": trial.suggest_float("bagging_temperature", 0, 1),
                "leaf_estimation_iterations": trial.suggest_int(
                    "leaf_estimation_iterations", 1, 20
                ),
                "iterations": 1000,
            }
            bag = Bagged(lambda fold: fit_catboost(self.categories, fold, **parameters))
            bag.fit(rows, labels)
            self.best = min(self.best, bag, key=lambda bag: bag.loss)
            return bag.loss

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(loss_of, n_trials=TRIALS)
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give what the best bag gives, (rows, 2)."""
        return self.best.predict_proba(rows)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Decide at 0.5."""
        return self.best.predict(rows)


def catboost_tuned(categories: list[str], number: bool = False) -> TunedCatBoost:
    """Tune CatBoost, of two classes alone."""
    return TunedCatBoost(categories)


def realmlp(categories: list[str], number: bool = False) -> Any:
    """Bag RealMLP."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor  # noqa: PLC0415

    common = torch_parameters(number) | {"n_cv": MEMBERS}
    return with_missing_filled(
        RealMLP_TD_Regressor(**common) if number else RealMLP_TD_Classifier(**common, use_ls=False)
    )


def tabm(categories: list[str], number: bool = False) -> Any:
    """Take TabM, which has 32 members in one network."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor  # noqa: PLC0415

    return with_missing_filled(
        (TabM_D_Regressor if number else TabM_D_Classifier)(**torch_parameters(number))
    )


def torch_parameters(number: bool) -> dict[str, Any]:
    """Give what pytabkit's models have in common."""
    cores = thread_count()
    return {
        "device": "cpu",
        "random_state": 0,
        "n_threads": cores if cores > 0 else None,
        "val_metric_name": "rmse" if number else "cross_entropy",
    }


def with_missing_filled(network: Any) -> Any:
    """Replace a missing number by the mean, and add a column that tells that it was missing."""
    filled = make_column_transformer(
        (SimpleImputer(add_indicator=True), make_column_selector(dtype_include="number")),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return make_pipeline(filled.set_output(transform="pandas"), network)


METHODS: dict[str, Method] = {
    method.__name__: method
    for method in (
        lstm,
        catboost_bagged,
        lightgbm_bagged,
        catboost,
        lightgbm,
        random_forest,
        linear,
        hist_gradient_boosting,
        catboost_tuned,
        realmlp,
        tabm,
    )
}
# Each is measured where no method is named.
DEFAULT = [*METHODS][:7]
