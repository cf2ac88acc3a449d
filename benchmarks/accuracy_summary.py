"""The tables of `accuracy.md` and the plot, from the measured folds in `accuracy.csv`.

python benchmarks/accuracy_summary.py

A table compares its methods on the sets that all of them were measured on, and says how many these
are. A method that was measured on none of a table's sets is left out of it.

Of more classes and of numbers there are the tables of `loss_comparison.py`, and those of every set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import accuracy_drawing
import pandas as pd
from accuracy_comparison import compare
from loss_comparison import BAGS, FIRST, Measures, complete, intervals, means_of, pairs, table
from sets import (
    BALANCED_CHOSEN,
    BALANCED_REPORTED,
    CHOSEN_ON,
    CLASSES_CHOSEN,
    CLASSES_REPORTED,
    NUMBERS_CHOSEN,
    NUMBERS_REPORTED,
    REPORTED_ON,
)
from tables import markdown

from tabular_lstm.parameters.task import CLASSES, NUMBER, TWO_CLASSES

HERE = Path(__file__).resolve().parent
FILES = {
    TWO_CLASSES: "accuracy.csv",
    CLASSES: "accuracy_classes.csv",
    NUMBER: "accuracy_numbers.csv",
}
FAST = [
    *BAGS,
    "catboost",
    "lightgbm",
    "random_forest",
    "logistic_regression",
    "hist_gradient_boosting",
]
OLD = [*FAST[:1], *FAST[3:], "xgboost", "mlp", "svm"]
ALL = [*CHOSEN_ON, *REPORTED_ON]
FOLDS = 5
LESS_IS_BETTER = {"log_loss", "fit_seconds", "cpu_seconds"}


@dataclass(frozen=True)
class Table:
    """What is compared on what; no table where the methods of `needs` have no set in common."""

    title: str
    methods: Sequence[str]
    names: Sequence[str]
    needs: Sequence[str] = ()


TABLES = [
    Table("sets that the defaults of lstm were not chosen on", FAST, REPORTED_ON),
    Table("sets that they were chosen on", FAST, CHOSEN_ON),
    Table("with RealMLP", [*FAST, "realmlp"], ALL, ["realmlp"]),
    Table("with TabM and RealMLP", [*FAST, "realmlp", "tabm"], ALL, ["realmlp", "tabm"]),
    Table("with LightGBM tuned", [*BAGS, "lightgbm_tuned"], ALL, ["lightgbm_tuned"]),
    Table("with CatBoost tuned", [*BAGS, "catboost_tuned"], ALL, ["catboost_tuned"]),
    Table("balanced sets of KEEL", OLD, [*BALANCED_CHOSEN, *BALANCED_REPORTED]),
    Table("of these, sets that the defaults were not chosen on", OLD, BALANCED_REPORTED),
]


def in_common(results: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Give the folds of the sets that all of a table's methods have, in full."""
    chosen = results[results["data"].isin(table.names) & results["method"].isin(table.methods)]
    folds = chosen.pivot_table("roc_auc", "data", "method", aggfunc="count")
    complete = folds.where(folds == FOLDS).dropna(axis="columns", how="all").dropna()
    return chosen[chosen["data"].isin(complete.index) & chosen["method"].isin(complete.columns)]


def mean_over_folds(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a data set, one column a method; NaN where not all folds have it."""
    means = results.groupby(["data", "method"])[metric].agg(["mean", "count"])
    return means["mean"].where(means["count"] == FOLDS).unstack("method")


def ranks(means: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rank the methods on each data set, 1 is best, equals share the mean of their ranks."""
    return means.round(6).rank(axis="columns", ascending=metric in LESS_IS_BETTER)


def section(results: pd.DataFrame, table: Table) -> str | None:
    """Write one table, the least mean rank by AUC first."""
    folds = in_common(results, table)
    if not set(table.needs) <= set(folds["method"]) or folds.empty:
        return None
    columns = {}
    for metric in ("roc_auc", "log_loss", "accuracy"):
        means = mean_over_folds(folds, metric)
        columns[f"mean {metric}"] = means.mean()
        columns[f"mean rank by {metric}"] = ranks(means, metric).mean()
    for metric in ("fit_seconds", "cpu_seconds"):
        # Folds of the first rounds have no cpu_seconds: no mean of other sets in their place.
        columns[f"mean {metric}"] = mean_over_folds(folds, metric).mean(skipna=False)
    ordered = pd.DataFrame(columns).sort_values("mean rank by roc_auc").round(4)
    count = folds["data"].nunique()
    rows = [{"": name, **filled(row)} for name, row in ordered.iterrows()]
    missing = [name for name in table.methods if name not in ordered.index]
    note = f"\n\nNot measured: {', '.join(missing)}." if missing else ""
    return f"## {count} of {len(table.names)} data sets: {table.title}\n\n{markdown(rows)}{note}\n"


def filled(row: pd.Series) -> dict[str, object]:
    """Leave what is missing empty."""
    return {str(name): "" if pd.isna(value) else value for name, value in row.items()}


def every_set(results: pd.DataFrame, metric: str) -> str:
    """Write a metric of every set and method."""
    means = mean_over_folds(results, metric).round(4)
    order = [name for name in dict.fromkeys([*FAST, *OLD, *means]) if name in means]
    rows = [
        {"": name, "chosen on": "yes" if name in CHOSEN_ON else "", **filled(row[order])}
        for name, row in means.iterrows()
    ]
    return f"## Mean {metric} of five folds\n\n{markdown(rows)}\n"


def summarize(results: pd.DataFrame) -> str:
    """Write all tables."""
    parts = ["# LSTMClassifier, its equals and its peers\n"]
    parts += [text for table in TABLES if (text := section(results, table)) is not None]
    parts += compare(results, {"not chosen on": REPORTED_ON, "chosen on": CHOSEN_ON})
    parts += [every_set(results, metric) for metric in ("roc_auc", "log_loss")]
    return "\n".join(parts)


@dataclass(frozen=True)
class Compared:
    """A task's sets, and by what models are compared on them."""

    measures: Measures
    sides: dict[str, list[str]]


OF_TASKS = {
    CLASSES: Compared(
        Measures("log_loss", ("roc_auc", "accuracy"), ("log loss", "ROC AUC", "accuracy")),
        {"not chosen on": CLASSES_REPORTED, "chosen on": CLASSES_CHOSEN},
    ),
    NUMBER: Compared(
        Measures("nrmse", ("r2",), ("nRMSE", "R²")),
        {"not chosen on": NUMBERS_REPORTED, "chosen on": NUMBERS_CHOSEN},
    ),
}


def of_task(kind: str, results: pd.DataFrame) -> str:
    """Write what is compared of a task, for people."""
    parts, compared = [], OF_TASKS[kind]
    for side, names in compared.sides.items():
        if complete(results, names, BAGS).empty:
            continue
        parts.append(f"**Sets that the defaults were {side}.**")
        parts.append(table(results, names, compared.measures))
        parts.append(pairs(results, names, compared.measures.loss))
        if kind == NUMBER:
            parts.append(intervals(results, names))
    return "\n".join(parts)


def sets_of_task(kind: str, results: pd.DataFrame) -> str:
    """Write all measures of every set."""
    measures = OF_TASKS[kind].measures
    parts = []
    for measure in (measures.loss, *measures.others):
        means = means_of(results, measure).round(4)
        rows = [{"": name, **filled(row)} for name, row in means.iterrows()]
        parts.append(f"## {kind}: mean {measure} of five folds\n\n{markdown(rows)}\n")
    return "\n".join(parts)


def main() -> None:
    """Write them, and draw."""
    results = pd.read_csv(HERE / "accuracy.csv")
    summary = summarize(results)
    for kind in OF_TASKS:
        if not (HERE / FILES[kind]).exists():
            continue
        of_kind = pd.read_csv(HERE / FILES[kind])
        if FIRST in set(of_kind["method"]):
            summary += f"\n## {kind}: the network beside its equals\n\n{of_task(kind, of_kind)}"
        summary += f"\n{sets_of_task(kind, of_kind)}"
    (HERE / "accuracy.md").write_text(summary)
    folds = in_common(results, TABLES[0])
    accuracy_drawing.draw(
        {
            metric: ranks(mean_over_folds(folds, metric), metric)
            for metric in ("roc_auc", "log_loss")
        },
        TABLES[0].title,
        HERE / "accuracy.png",
    )
    print(summary)


if __name__ == "__main__":
    main()
