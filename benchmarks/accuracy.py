"""How LSTMClassifier does beside its equals and its peers on two-class data sets.

    python benchmarks/accuracy.py [--data SET ...] [--methods METHOD ...] [--up-to ROWS]

Runs 5-fold cross-validation on each data set, one line a fold into `benchmarks/accuracy.csv`,
and goes on where it stopped: delete lines to measure them anew. Then `accuracy_summary.py` writes
the tables, and `accuracy_drawing.py` the plot of mean ranks.

Data: see `sets.py`; `--data` also takes `chosen`, `reported`, `all`, and `balanced`, the default:
the 26 balanced sets of KEEL. One configuration of the network for all sets. It was chosen on
CHOSEN_ON alone; the others are reported separately.

Methods: `lstm` and the peers of `peers.py` by default. Its equals have eight members as it has:
`bagged.py`, `tuned.py`, and `bagged_networks.py`, which needs another environment.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import accuracy_summary
from bagged import BAGGED
from bagged_networks import NETWORKS
from peers import PEERS, Method
from sets import BALANCED_CHOSEN, BALANCED_REPORTED, CHOSEN_ON, REPORTED_ON, load
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from tuned import TUNED

RESULTS = Path(__file__).resolve().parent / "accuracy.csv"
COLUMNS = (
    "data",
    "method",
    "fold",
    "roc_auc",
    "accuracy",
    "log_loss",
    "fit_seconds",
    "cpu_seconds",
)
GROUPS = {
    "balanced": [*BALANCED_CHOSEN, *BALANCED_REPORTED],
    "chosen": CHOSEN_ON,
    "reported": REPORTED_ON,
    "all": [*CHOSEN_ON, *REPORTED_ON],
}


def lstm(categories: list[str]) -> Any:
    """The default of this project."""
    from tabular_lstm import LSTMClassifier  # noqa: PLC0415

    return LSTMClassifier(random_state=0)


METHODS: dict[str, Method] = {"lstm": lstm, **PEERS, **BAGGED, **TUNED, **NETWORKS}


def measure(data: str, method: str, done: set[tuple[str, str, str]]) -> None:
    """Fit and score the folds that are not done yet, and append a line for each.

    `cpu_seconds` is what all threads of the process took.
    """
    rows, labels = load(data)
    categories = rows.select_dtypes("category").columns.tolist()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(folds.split(rows, labels)):
        if (data, method, str(fold)) in done:
            continue
        model = METHODS[method](categories)
        began, cpu_began = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows.iloc[train], labels[train])
        seconds = time.perf_counter() - began
        cpu_seconds = time.process_time() - cpu_began
        positive = model.predict_proba(rows.iloc[test])[:, 1]
        scores = (
            roc_auc_score(labels[test], positive),
            accuracy_score(labels[test], model.predict(rows.iloc[test])),
            log_loss(labels[test], positive),
            seconds,
            cpu_seconds,
        )
        with RESULTS.open("a", newline="") as file:
            line = [data, method, fold, *(f"{score:.6f}" for score in scores)]
            csv.writer(file, lineterminator="\n").writerow(line)


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
    parser.add_argument(
        "--methods", nargs="+", default=["lstm", *PEERS], choices=list(METHODS), metavar="METHOD"
    )
    parser.add_argument("--up-to", type=int, metavar="ROWS", help="no larger sets, smallest first")
    options = parser.parse_args(arguments)
    if not RESULTS.exists():
        RESULTS.write_text(",".join(COLUMNS) + "\n")
    with RESULTS.open() as file:
        done = {(row["data"], row["method"], row["fold"]) for row in csv.DictReader(file)}
    for data in sets_of(options.data, options.up_to):
        for method in options.methods:
            measure(data, method, done)
    accuracy_summary.main()


if __name__ == "__main__":
    main()
