"""How long a fit takes: `LSTMClassifier().fit` beside eight CatBoosts and the tutorial.

    python benchmarks/fit_time.py [SET ...]

CatBoost has eight members on the network's folds, each stopped early, as in `methods.py`. Both are
fitted on all rows of a set, in turn, three rounds; sets of many cells once. A SET is one of
`sets.py`, or `all`, which are the 71 sets of two classes. Default: four sets of 200 to 3,000 rows,
none of those that are only reported on: `german` has 13 categories, `card` almost yes and no alone.
Then Pima is fitted beside the tutorial's 20 epochs of Keras' `fit`.

It prints medians, sums and ratios. Seconds are of the processor, of all threads, and in brackets by
the clock, without imports.
"""

import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import keras
import numpy as np
import pandas as pd
from methods import Fold, catboost_bagged, fit_catboost
from projects import pima, schema_of
from sets import CHOSEN_ON, REPORTED_ON, load

from tabular_lstm import tutorial
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.rows.sequences import to_sequences

SETS = ("glass1", "pima", "german", "card")
ROUNDS = 3
# Cells of which a fit takes so long that one round is enough.
MANY_CELLS = 200_000
OURS, EIGHT = "LSTMClassifier", "eight CatBoosts"

Work = Mapping[str, Callable[[], Any]]
# By method: seconds of the processor and by the clock, (2,).
Times = dict[str, np.ndarray]


def clocks() -> np.ndarray:
    """Give seconds of the processor, and by the clock."""
    return np.array([time.process_time(), time.perf_counter()])


def fits(rows: pd.DataFrame, labels: np.ndarray) -> Work:
    """Give both fits of a set."""
    categories = rows.select_dtypes("category").columns.tolist()
    return {
        OURS: lambda: LSTMClassifier(random_state=0).fit(rows, labels),
        EIGHT: lambda: catboost_bagged(categories).fit(rows, labels),
    }


def in_turn(work: Work, rounds: int) -> Times:
    """Time each in turn, several rounds, and give the medians."""
    times: dict[str, list[np.ndarray]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            began = clocks()
            function()
            times[name].append(clocks() - began)
    return {name: np.median(seconds, axis=0) for name, seconds in times.items()}


def shown(times: Times) -> str:
    """Write two times, and their ratio."""
    listed = ", ".join(f"{name} {s[0]:.2f} s ({s[1]:.2f})" for name, s in times.items())
    first, second = times.values()
    return f"{listed}; ratio {(first / second)[0]:.2f} ({(first / second)[1]:.2f})"


def tell_sums(by_set: dict[str, Times]) -> None:
    """Print the sums over sets, and the ratios to eight CatBoosts."""
    sums = {
        name: np.sum([times[name] for times in by_set.values()], axis=0) for name in (OURS, EIGHT)
    }
    print(f"sum of {len(by_set)} sets: {shown(sums)}")
    ratios = {name: times[OURS] / times[EIGHT] for name, times in by_set.items()}
    middle = np.median([*ratios.values()], axis=0)
    slowest = sorted(ratios, key=lambda name: -ratios[name][0])[:5]
    listed = ", ".join(f"{name} {ratios[name][0]:.2f} ({ratios[name][1]:.2f})" for name in slowest)
    print(f"of {EIGHT}: {middle[0]:.2f} ({middle[1]:.2f}) on the middle set, most on {listed}")


def tutorial_fit() -> None:
    """Fit Pima by the estimator and by the tutorial, and print both."""
    rows, labels = pima()
    schema = schema_of(rows)
    sequences = to_sequences(rows, schema)

    def fit_tutorial() -> None:
        keras.utils.set_random_seed(0)
        model = tutorial.two_lstms(schema, (schema.steps, schema.features_per_step), 0)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(loss=loss, optimizer="adam", metrics=["accuracy"])
        model.fit(sequences, labels, epochs=20, batch_size=8, verbose=0)

    work = {OURS: fits(rows, labels)[OURS], "the tutorial's fit": fit_tutorial}
    print(f"pima: {shown(in_turn(work, ROUNDS))}")


def main(names: list[str]) -> None:
    """Print each set, the sums, and the tutorial."""
    warnings.simplefilter("ignore")
    rows, labels = pima()
    LSTMClassifier(members=1, epochs=1).fit(rows[:100], labels[:100])  # imports
    fit_catboost([], Fold(0, rows, labels, rows, labels), iterations=10)
    by_set: dict[str, Times] = {}
    for name in [*CHOSEN_ON, *REPORTED_ON] if names == ["all"] else names or SETS:
        rows, labels = load(name)
        by_set[name] = in_turn(fits(rows, labels), 1 if rows.size > MANY_CELLS else ROUNDS)
        print(f"{name}, {len(rows)} x {rows.shape[1]}: {shown(by_set[name])}", flush=True)
    tell_sums(by_set)
    tutorial_fit()


if __name__ == "__main__":
    main(sys.argv[1:])
