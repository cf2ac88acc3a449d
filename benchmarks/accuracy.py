"""How LSTMClassifier and LSTMRegressor do beside other methods on data sets.

    python benchmarks/accuracy.py [--data SET ...] [--methods METHOD ...] [--folder FOLDER]

Runs 5-fold cross-validation on each data set, one line a fold into a file of the set's task:
`accuracy.csv` of two classes, `accuracy_classes.csv` of more, `accuracy_numbers.csv`. It goes on
where it stopped: delete lines to measure them anew. Then `accuracy_summary.py` writes the tables.

Data: names of `sets.py`, or groups of sets of two classes: `reported` and `chosen`, mostly clean
ones; `messy_reported` and `messy_chosen`, tables as they come; `long`; `all_reported`. With the
prefix `classes_` or `numbers_`, those of the other tasks. One configuration of the network for all
sets of a task; nothing was chosen by the reported ones. Methods: see `methods.py`.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import accuracy_summary
import numpy as np
import pandas as pd
from accuracy_summary import FOLDS, HERE, TASKS
from methods import DEFAULT, METHODS
from sets import kind_of, load
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold

from tabular_lstm.task import NUMBER, TWO_CLASSES, TaskKind

CLASS_SCORES = ("roc_auc", "accuracy", "log_loss")
NUMBER_SCORES = ("nrmse", "r2", "coverage", "width")
GROUPS = {f"{task.prefix}{side}": names for task in TASKS.values() for side, names in task.sides()}


def columns_of(kind: TaskKind) -> list[str]:
    """Name the columns of a task's file."""
    scores = NUMBER_SCORES if kind == NUMBER else CLASS_SCORES
    return ["data", "method", "fold", *scores, "fit_seconds", "cpu_seconds"]


def measure(data: str, method: str, results: Path, folds: int = FOLDS) -> None:
    """Fit and score the first folds that are not done yet, and append a line for each.

    `cpu_seconds` is what all threads of the process took.
    """
    rows, labels = load(data)
    kind = kind_of(data)
    if not results.exists():
        results.write_text(",".join(columns_of(kind)) + "\n")
    with results.open() as file:
        done = {(row["data"], row["method"], row["fold"]) for row in csv.DictReader(file)}
    categories = rows.select_dtypes("category").columns.tolist()
    splitter = (KFold if kind == NUMBER else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(islice(splitter.split(rows, labels), folds)):
        if (data, method, str(fold)) in done:
            continue
        model = METHODS[method](categories, kind == NUMBER)
        began, cpu_began = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows.iloc[train], labels[train])
            times = (time.perf_counter() - began, time.process_time() - cpu_began)
            test_scores = scores(model, kind, rows.iloc[test], labels[test], labels)
        with results.open("a", newline="") as file:
            line = [data, method, fold, *(f"{score:.6f}" for score in (*test_scores, *times))]
            csv.writer(file, lineterminator="\n").writerow(line)


def scores(
    model: Any, kind: TaskKind, rows: pd.DataFrame, labels: np.ndarray, all_labels: np.ndarray
) -> tuple[float, ...]:
    """Score a fitted model on the test rows: CLASS_SCORES or NUMBER_SCORES.

    Of a number, RMSE and the intervals' mean width are shares of the standard deviation of all
    labels of the set; of a model without intervals coverage and width are NaN.
    """
    predicted = model.predict(rows)
    if kind != NUMBER:
        probabilities = model.predict_proba(rows)
        probabilities = probabilities[:, 1] if kind == TWO_CLASSES else probabilities
        classes = np.unique(all_labels)
        area = roc_auc_score(labels, probabilities, multi_class="ovr", labels=classes)
        loss = log_loss(labels, probabilities, labels=classes)
        return area, accuracy_score(labels, predicted), loss
    deviation = all_labels.std()
    coverage = width = np.nan
    if hasattr(model, "predict_interval"):
        low, high = model.predict_interval(rows).T
        coverage = np.mean((low <= labels) & (labels <= high))
        width = np.mean(high - low) / deviation
    nrmse = np.sqrt(np.mean((predicted - labels) ** 2)) / deviation
    return nrmse, r2_score(labels, predicted), coverage, width


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=["reported"], metavar="SET")
    parser.add_argument("--methods", nargs="+", default=DEFAULT, choices=[*METHODS])
    parser.add_argument("--folder", type=Path, default=HERE, help="of the files; default: here")
    options = parser.parse_args(arguments)
    for data in dict.fromkeys(name for word in options.data for name in GROUPS.get(word, [word])):
        for method in options.methods:
            measure(data, method, options.folder / TASKS[kind_of(data)].file)
    accuracy_summary.main(options.folder)


if __name__ == "__main__":
    main()
