"""How long `LSTMClassifier().fit` takes beside eight bagged CatBoosts and beside one.

    python benchmarks/fit_time.py [SET ...]
    python benchmarks/fit_time.py all [SET ...]

CatBoost has eight members on the network's folds, each stopped early, as in `bagged.py`; the one is
the first of them. All are fitted on all rows of a set. A SET is one of `sets.py`, or ROWSxFEATURES,
numbers drawn at random.

- Without `all` each is fitted several times in turn, and the medians are printed. The default is
  six sets of 200 to 100,000 rows and 4 to 500 features, none of those that are only reported on:
  `german` has 13 categories, `card` almost yes and no alone. Then Pima is fitted beside the
  tutorial's 20 epochs of Keras' `fit`.
- With `all` each is fitted once, into `fit_time.csv`; the default are the 71 sets of two classes.
  It goes on where it stopped: delete lines to measure them anew.

Seconds are of the processor, of all threads, and in brackets by the clock, without imports.
"""

import csv
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import numpy as np
import pandas as pd
from bagged import Fold, catboost_bagged, fit_catboost, folds_of
from sets import CHOSEN_ON, REPORTED_ON, Labelled, load
from speed import pima, schema_of, synthetic

from tabular_lstm import LSTMClassifier
from tabular_lstm.network.build import build
from tabular_lstm.parameters import Network
from tabular_lstm.rows.sequences import to_sequences

RESULTS = Path(__file__).with_suffix(".csv")
SIX = ("glass1", "pima", "german", "card", "1000x500", "100000x4")
ROUNDS = 3
# Cells of which a fit takes so long that one round is enough.
MANY_CELLS = 200_000
OURS, EIGHT, ONE = "LSTMClassifier", "eight CatBoosts", "one CatBoost"


def clocks() -> np.ndarray:
    """Seconds of the processor, and by the clock."""
    return np.array([time.process_time(), time.perf_counter()])


def timed(work: Callable[[], Any]) -> np.ndarray:
    """Time one call by both."""
    began = clocks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()
    spent: np.ndarray = clocks() - began
    return spent


def rows_of(name: str) -> Labelled:
    """Read or draw a set."""
    if re.fullmatch(r"\d+x\d+", name):
        count, features = map(int, name.split("x"))
        rows, labels, _ = synthetic(count, features, seed=1)
        return pd.DataFrame(rows).add_prefix("x"), labels
    return load(name)


def fits(rows: pd.DataFrame, labels: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Give the three fits of a set."""
    categories = rows.select_dtypes("category").columns.tolist()

    def fit_one() -> None:
        held = folds_of(labels, number=False) == 0
        fit_catboost(categories, Fold(0, rows[~held], labels[~held], rows[held], labels[held]))

    return {
        OURS: lambda: LSTMClassifier(random_state=0).fit(rows, labels),
        EIGHT: lambda: catboost_bagged(categories).fit(rows, labels),
        ONE: fit_one,
    }


def in_turn(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Time each in turn, several rounds, and give the medians, (2,) each."""
    times = [{name: timed(one) for name, one in work.items()} for _ in range(rounds)]
    return {name: np.median([one[name] for one in times], axis=0) for name in work}


def told(times: dict[str, np.ndarray]) -> str:
    """Write times, and the ratios of the first to the others."""
    first, *others = times
    listed = ", ".join(f"{name} {s[0]:.2f} s ({s[1]:.2f})" for name, s in times.items())
    ratios = {other: times[first] / times[other] for other in others}
    return f"{listed}; " + ", ".join(f"{r[0]:.2f} ({r[1]:.2f}) of {o}" for o, r in ratios.items())


def summary(times: dict[str, dict[str, np.ndarray]]) -> None:
    """Print the sums over sets, and their ratios to eight CatBoosts."""
    sums = {
        name: np.sum([of[name] for of in times.values()], axis=0) for name in (OURS, EIGHT, ONE)
    }
    print(f"sum of {len(times)} sets: {told(sums)}")
    ratios = {data: of[OURS] / of[EIGHT] for data, of in times.items()}
    middle = np.median([*ratios.values()], axis=0)
    most = sorted(ratios, key=lambda data: -ratios[data][0])[:5]
    listed = ", ".join(f"{data} {ratios[data][0]:.2f} ({ratios[data][1]:.2f})" for data in most)
    above = np.sum([ratio > 4 for ratio in ratios.values()], axis=0)
    print(
        f"of {EIGHT}: {middle[0]:.2f} ({middle[1]:.2f}) on the middle set, above 4 on {above[0]} "
        f"({above[1]}), most on {listed}"
    )


def warm_up() -> None:
    """Let all be imported."""
    rows, labels = pima()
    LSTMClassifier(members=1, epochs=1).fit(rows[:100], labels[:100])
    fit_catboost([], Fold(0, rows, labels, rows, labels), iterations=10)


def measure_six(names: list[str]) -> None:
    """Print the medians of each set, then the sums, and beside the tutorial."""
    warm_up()
    times = {}
    for data in names or SIX:
        rows, labels = rows_of(data)
        times[data] = in_turn(fits(rows, labels), 1 if rows.size > MANY_CELLS else ROUNDS)
        print(f"{data}, {len(rows)} x {rows.shape[1]}: {told(times[data])}", flush=True)
    summary(times)
    rows, labels = pima()
    schema = schema_of(rows)
    sequences = to_sequences(rows, schema)

    def fit_tutorial() -> None:
        model = build(schema, Network(kind="tutorial"), 0)
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        model.fit(sequences, labels, epochs=20, batch_size=8, verbose=0)

    work = {OURS: fits(rows, labels)[OURS], "the tutorial's fit": fit_tutorial}
    print(f"pima: {told(in_turn(work, ROUNDS))}")


def measure_all(names: list[str]) -> None:
    """Fit what is not in the file yet, and sum up."""
    names = names or [*CHOSEN_ON, *REPORTED_ON]
    if not RESULTS.exists():
        RESULTS.write_text("data,method,cpu_seconds,fit_seconds\n")
    done = read()
    warm_up()
    for data in names:
        work = fits(*load(data))
        if done.keys() >= {data} and done[data].keys() >= work.keys():
            continue
        for method, one in work.items():
            if method not in done[data]:
                done[data][method] = timed(one)
                with RESULTS.open("a", newline="") as file:
                    line = [data, method, *(f"{second:.3f}" for second in done[data][method])]
                    csv.writer(file, lineterminator="\n").writerow(line)
        print(f"{data}: {told(done[data])}", flush=True)
    summary({data: done[data] for data in names})


def read() -> defaultdict[str, dict[str, np.ndarray]]:
    """Read what is measured."""
    done: defaultdict[str, dict[str, np.ndarray]] = defaultdict(dict)
    with RESULTS.open() as file:
        for row in csv.DictReader(file):
            times = row["cpu_seconds"], row["fit_seconds"]
            done[row["data"]][row["method"]] = np.array(times, float)
    return done


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["all"]:
        measure_all(words[1:])
    else:
        measure_six(words)
