"""How LSTMClassifier and LSTMRegressor do beside their equals and their peers on data sets.

    python benchmarks/accuracy.py [--data SET ...] [--methods METHOD ...] [--up-to ROWS]

Runs 5-fold cross-validation on each data set, one line a fold into a file of the set's task:
`accuracy.csv` of two classes, `accuracy_classes.csv` of more, `accuracy_numbers.csv`. It goes on
where it stopped: delete lines to measure them anew. Then `accuracy_summary.py` writes the tables,
and `accuracy_drawing.py` the plot of mean ranks.

Data: see `sets.py`; `--data` also takes the words of GROUPS; `balanced`, the default, are the 26
balanced sets of KEEL. One configuration of the network for all sets of a task. It was chosen on the
sets of `chosen`, `classes_chosen` and `numbers_chosen` alone; the others are reported separately.

Methods: `lstm` and the peers of `peers.py` by default. Its equals have eight members as it has:
`bagged.py`, `tuned.py`, of two classes alone, and `bagged_networks.py`, which needs another
environment.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import accuracy_summary
import numpy as np
from accuracy_summary import FILES
from bagged import BAGGED
from bagged_networks import NETWORKS
from peers import FEWER_PEERS, PEERS, Method
from sets import (
    BALANCED_CHOSEN,
    BALANCED_REPORTED,
    CHOSEN_ON,
    CLASSES_CHOSEN,
    CLASSES_REPORTED,
    NUMBERS_CHOSEN,
    NUMBERS_REPORTED,
    REPORTED_ON,
    kind_of,
    load,
)
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from tuned import TUNED

from tabular_lstm.parameters.task import CLASSES, NUMBER, TWO_CLASSES, Kind

HERE = Path(__file__).resolve().parent
OF_CLASSES = ("roc_auc", "accuracy", "log_loss")
SCORES = {
    TWO_CLASSES: OF_CLASSES,
    CLASSES: OF_CLASSES,
    NUMBER: ("nrmse", "r2", "coverage", "width"),
}
TIMES = ("fit_seconds", "cpu_seconds")
GROUPS = {
    "balanced": [*BALANCED_CHOSEN, *BALANCED_REPORTED],
    "chosen": CHOSEN_ON,
    "reported": REPORTED_ON,
    "all": [*CHOSEN_ON, *REPORTED_ON],
    "classes_chosen": CLASSES_CHOSEN,
    "classes_reported": CLASSES_REPORTED,
    "classes": [*CLASSES_CHOSEN, *CLASSES_REPORTED],
    "numbers_chosen": NUMBERS_CHOSEN,
    "numbers_reported": NUMBERS_REPORTED,
    "numbers": [*NUMBERS_CHOSEN, *NUMBERS_REPORTED],
}


def lstm(categories: list[str], number: bool = False) -> Any:
    """The default of this project."""
    import tabular_lstm  # noqa: PLC0415

    estimator = tabular_lstm.LSTMRegressor if number else tabular_lstm.LSTMClassifier
    return estimator(random_state=0)


OF_ALL_TASKS: dict[str, Method] = {"lstm": lstm, **FEWER_PEERS, **BAGGED, **NETWORKS}
METHODS: dict[Kind, dict[str, Method]] = {
    TWO_CLASSES: {"lstm": lstm, **PEERS, **BAGGED, **TUNED, **NETWORKS},
    CLASSES: OF_ALL_TASKS,
    NUMBER: OF_ALL_TASKS,
}


def measure(data: str, method: str, results: Path, done: set[tuple[str, str, str]]) -> None:
    """Fit and score the folds that are not done yet, and append a line for each.

    `cpu_seconds` is what all threads of the process took.
    """
    rows, labels = load(data)
    kind = kind_of(data)
    categories = rows.select_dtypes("category").columns.tolist()
    folds = (KFold if kind == NUMBER else StratifiedKFold)(5, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(folds.split(rows, labels)):
        if (data, method, str(fold)) in done:
            continue
        model = METHODS[kind][method](categories, kind == NUMBER)
        began, cpu_began = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows.iloc[train], labels[train])
            times = (time.perf_counter() - began, time.process_time() - cpu_began)
            scored = scores(model, kind, rows.iloc[test], labels[test], labels)
        with results.open("a", newline="") as file:
            line = [data, method, fold, *(f"{score:.6f}" for score in (*scored, *times))]
            csv.writer(file, lineterminator="\n").writerow(line)


def scores(
    model: Any, kind: Kind, rows: Any, labels: np.ndarray, all_labels: np.ndarray
) -> tuple[float, ...]:
    """Score a fitted model on the test rows: what SCORES names.

    Of a number, RMSE and the intervals' mean width are shares of the standard deviation of all
    labels of the set; of a model without intervals coverage and width are NaN.
    """
    predicted = model.predict(rows)
    if kind != NUMBER:
        given = model.predict_proba(rows)
        given = given[:, 1] if kind == TWO_CLASSES else given
        classes = np.unique(all_labels)
        area = roc_auc_score(labels, given, multi_class="ovr", labels=classes)
        loss = log_loss(labels, given, labels=classes)
        return area, accuracy_score(labels, predicted), loss
    spread = all_labels.std()
    covered = width = np.nan
    if hasattr(model, "predict_interval"):
        low, high = model.predict_interval(rows).T
        covered = np.mean((low <= labels) & (labels <= high))
        width = np.mean(high - low) / spread
    nrmse = np.sqrt(np.mean((predicted - labels) ** 2)) / spread
    return nrmse, r2_score(labels, predicted), covered, width


def sets_of(words: Sequence[str], up_to: int | None) -> list[str]:
    """Give the names of sets that words mean; with `up_to` the smaller ones, smallest first."""
    names = dict.fromkeys(name for word in words for name in GROUPS.get(word, [word]))
    if up_to is None:
        return list(names)
    sizes = {name: len(load(name)[1]) for name in names}
    return sorted((name for name in names if sizes[name] <= up_to), key=lambda name: sizes[name])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=["balanced"])
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="default: lstm and peers")
    parser.add_argument("--up-to", type=int, metavar="ROWS", help="no larger sets, smallest first")
    parser.add_argument("--folder", type=Path, default=HERE, help="of the files; default: here")
    options = parser.parse_args(arguments)
    for data in sets_of(options.data, options.up_to):
        kind = kind_of(data)
        results = options.folder / FILES[kind]
        if not results.exists():
            columns = ("data", "method", "fold", *SCORES[kind], *TIMES)
            results.write_text(",".join(columns) + "\n")
        with results.open() as file:
            done = {(row["data"], row["method"], row["fold"]) for row in csv.DictReader(file)}
        default = ["lstm", *(PEERS if kind == TWO_CLASSES else {**FEWER_PEERS, **BAGGED})]
        for method in options.methods or default:
            measure(data, method, results, done)
    if options.folder == HERE:
        accuracy_summary.main()


if __name__ == "__main__":
    main()
