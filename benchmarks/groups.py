"""What training the members in groups costs in accuracy, on the sets that defaults are chosen on.

    python benchmarks/groups.py [SET ...]

Five-fold cross-validation of the default network, on the folds of `benchmarks/accuracy.py`, in one
group of members and in several, and in one with another seed, which is what chance does. It prints
each set's means, and by how much each way differs from one group: mean over the sets and standard
error of that mean. Default: all 13 sets, which take about half an hour on two cores.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np
import pandas as pd
from sets import BALANCED_CHOSEN, load
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from tables import markdown

from tabular_lstm.network.build import build
from tabular_lstm.network.fit import predict, train
from tabular_lstm.parameters.hyperparameters import (
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.rows.column_kinds import declared_by_dtype
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.task import Task

WAYS = {
    "1 group": TrainingOptions(),
    "2 groups": TrainingOptions(groups=2),
    "4 groups": TrainingOptions(groups=4),
    "8 groups": TrainingOptions(groups=8),
    "another seed": TrainingOptions(seed=1),
}
PROCESSES = 2
METRICS = {"ROC AUC": roc_auc_score, "log loss": log_loss}


def measure(name: str) -> dict[str, np.ndarray]:
    """Train each way on each fold.

    Returns:
        Of each metric an array (ways, folds).
    """
    rows, labels = load(name)
    declared = declared_by_dtype(rows)
    found = np.empty((len(METRICS), len(WAYS), 5))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for fold, (fitted, tested) in enumerate(folds.split(rows, labels)):
        schema = fit_schema(
            rows.iloc[fitted],
            declared,
            reshaping=ReshapingOptions(),
            label="label",
            task=Task.of_classes((0, 1)),
        )
        sequences = to_sequences(rows, schema)
        for way, training in enumerate(WAYS.values()):
            network = build(schema, NetworkOptions(), training.seed)
            of_fitted = labels[fitted].astype(np.float32)
            candidate, _ = train(network, sequences[fitted], of_fitted, training)
            positive = predict(candidate, sequences[tested])
            of_fold = [metric(labels[tested], positive) for metric in METRICS.values()]
            found[:, way, fold] = of_fold
    return dict(zip(METRICS, found, strict=True))


def told(name: str, values: list[float]) -> dict[str, Any]:
    """Give a line of a table."""
    return {"": name, **{way: f"{value:.4f}" for way, value in zip(WAYS, values, strict=True)}}


def main() -> None:
    """Measure the sets, then print the tables."""
    names = sys.argv[1:] or BALANCED_CHOSEN
    fresh = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    with ProcessPoolExecutor(PROCESSES, fresh) as pool:
        futures = {pool.submit(measure, name): name for name in names}
        for future in as_completed(futures):
            done = {m: f.mean(axis=1).round(4).tolist() for m, f in future.result().items()}
            print(futures[future], done, flush=True)
    measured = {name: future.result() for future, name in futures.items()}
    differences = []
    for metric in METRICS:
        means = pd.DataFrame(
            {name: of_set[metric].mean(axis=1) for name, of_set in measured.items()}
        )
        print(f"\nMean {metric} of five folds:\n")
        print(markdown([told(name, means[name].tolist()) for name in measured]))
        change = means - means.iloc[0]
        errors = change.std(axis=1, ddof=1) / np.sqrt(change.shape[1])
        cells = [f"{m:+.4f} ± {e:.4f}" for m, e in zip(change.mean(axis=1), errors, strict=True)]
        differences.append({"minus one group": metric, **dict(zip(WAYS, cells, strict=True))})
    print(f"\nMean over the {len(measured)} sets, and its standard error:\n")
    print(markdown([{k: v for k, v in line.items() if k != "1 group"} for line in differences]))


if __name__ == "__main__":
    main()
