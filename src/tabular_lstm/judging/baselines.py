"""The models that are compared: each is an entry of `MODELS` or a user's own baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any, Literal

from tabular_lstm.parameters.hyperparameters import OwnBaseline
from tabular_lstm.task import Task


@dataclass(frozen=True)
class Model:
    """A model in figures and on pages: the candidate, the champion, or a baseline.

    Attributes:
        words: Its name in sentences.
        color: Its color in all figures, from Okabe and Ito's palette for color-blind readers.
        explained: What it is, for the report.
        role: The role of a baseline: a candidate must beat the `simplest` one, and must not be
            worse than the `linear` one. Other baselines are only compared.
        classifier, regressor: The class of a baseline for classes or for a number, such as
            `sklearn.linear_model.Ridge`. It is imported only when needed, because that takes time.
        options: Its arguments, with `random_state` if it draws random numbers. A boosted one gets
            the run's seed.
        encoded: Whether it gets medians for missing numbers, standardized numbers and one-hot
            categories.
        boosted: Whether it is told which columns are categories, stops when the held-out rows no
            longer improve, and is the mean of several models, calibrated on these rows.
        own: Whether it is a user's own, from `evaluation.baselines`. It is such a mean, too.
        predicts: `mean` or `median` if it predicts only that of a number. Default: what the task
            asks for.
    """

    words: str
    color: str
    explained: str = ""
    role: Literal["", "simplest", "linear"] = ""
    classifier: str = ""
    regressor: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    encoded: bool = False
    boosted: bool = False
    own: bool = False
    predicts: Literal["", "mean", "median"] = ""

    @property
    def said(self) -> str:
        """Its name in a sentence, with an article if it needs one."""
        return f"the {self.words}" if self.role == "simplest" else self.words

    def estimator(self, task: Task) -> str:
        """Name the class that is fitted for a task; empty if there is none."""
        if self.predicts == ("mean" if task.median else "median"):
            return ""
        return self.classifier if task.classes else self.regressor


CANDIDATE = "candidate"
GREY = "#777777"
SAME_ANSWER, WEIGHTED_SUM = "the same answer for every row", "a weighted sum of the features"
# Chosen on the classification tables of `benchmarks/baseline.py`.
BOOSTING = {
    "early_stopping": True,
    "n_iter_no_change": 20,
    "max_iter": 300,
    "max_leaf_nodes": 15,
    "l2_regularization": 10.0,
    "max_features": 0.5,
}
# By the model's name in predictions, where a champion's name is its run ID.
MODELS: dict[str, Model] = {
    CANDIDATE: Model("candidate", "#0072B2", "the model of this run"),
    "champion": Model("champion", "#000000"),
    "majority_class": Model(
        "majority class",
        GREY,
        SAME_ANSWER,
        role="simplest",
        classifier="sklearn.dummy.DummyClassifier",
    ),
    "mean": Model(
        "mean",
        GREY,
        SAME_ANSWER,
        role="simplest",
        regressor="sklearn.dummy.DummyRegressor",
        predicts="mean",
    ),
    "median": Model(
        "median",
        GREY,
        SAME_ANSWER,
        role="simplest",
        regressor="sklearn.dummy.DummyRegressor",
        options={"strategy": "median"},
        predicts="median",
    ),
    "logistic_regression": Model(
        "logistic regression",
        "#D55E00",
        WEIGHTED_SUM,
        role="linear",
        classifier="sklearn.linear_model.LogisticRegression",
        options={"max_iter": 1000},
        encoded=True,
    ),
    "linear_regression": Model(
        "linear regression",
        "#D55E00",
        WEIGHTED_SUM,
        role="linear",
        regressor="sklearn.linear_model.Ridge",
        encoded=True,
    ),
    "hist_gradient_boosting": Model(
        "gradient boosting",
        "#009E73",
        "many small decision trees",
        classifier="sklearn.ensemble.HistGradientBoostingClassifier",
        regressor="sklearn.ensemble.HistGradientBoostingRegressor",
        options=BOOSTING,
        boosted=True,
    ),
}


def models_named(names: Iterable[str]) -> dict[str, Model]:
    """Return the models with these names; a name not in `MODELS` is a user's own baseline."""
    # In the order of the user's own baselines; from the fifth on, colors repeat.
    colors = cycle(("#CC79A7", "#E69F00", "#56B4E9", "#882255"))
    return {
        name: MODELS[name]
        if name in MODELS
        else Model(name, next(colors), "a baseline of your own", own=True)
        for name in names
    }


def own_baselines(declared: Mapping[str, OwnBaseline]) -> dict[str, Model]:
    """Return the user's own baselines by name, each for any task."""
    return {
        name: replace(
            model,
            classifier=declared[name].class_,
            regressor=declared[name].class_,
            options=declared[name].model_extra or {},
        )
        for name, model in models_named(declared).items()
    }


def baselines_of(task: Task) -> dict[str, Model]:
    """Return the baselines of every run by name."""
    return {name: model for name, model in MODELS.items() if model.estimator(task)}


def baseline_of(task: Task, role: str) -> str:
    """Return the name of the baseline with a role, see `Model.role`."""
    return next(name for name, model in baselines_of(task).items() if model.role == role)
