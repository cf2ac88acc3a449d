"""What 30 trials of a tuning find on three data sets.

    python benchmarks/tuning.py [--data SET ...] [--studies FOLDER]

The sets are three of those that the defaults were chosen on, see `accuracy.py`, so that the
defaults are at their best there. Three outer folds each: on the rows outside a fold a search of 30
trials with the default space runs, and the rows of the fold, which nothing has seen, measure the
present parameters and the best found. One line a fold into `benchmarks/tuning.csv`; it goes on
where it stopped. Then it prints the table of `docs/tuning.md`.
"""

import argparse
import csv
import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sets import load
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from tables import markdown

from tabular_lstm.engine import one_by_one
from tabular_lstm.parameters import Network, Reshaping, Task, Training, Tuning, with_values
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.tensorflow_import import import_tensorflow
from tabular_lstm.tuning.search import search
from tabular_lstm.tuning.trials import TrialTask, best_of

SETS = ("bands", "pima", "saheart")
FOLDS = 3
RESULTS = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "data",
    "fold",
    "rows",
    "out_of_fold_before",
    "out_of_fold_after",
    "outer_before",
    "outer_after",
    "seconds",
)


def measure(data: str, fold: int, studies: Path) -> list[Any]:
    """Search outside an outer fold, and measure before and after within it."""
    rows, labels = load(data)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    train, test = list(folds.split(rows, labels))[fold]
    schema = learn_schema(
        rows.iloc[train],
        categorical=rows.select_dtypes("category").columns.tolist(),
        missing={},
        reshaping=Reshaping(),
        label="label",
        task=Task.of_classes((0, 1)),
    )
    task = TrialTask(
        schema,
        Network(),
        Training(),
        LabelledSet(to_sequences(rows.iloc[train], schema), pd.Series(labels[train])),
    )
    tuning = Tuning()
    began = time.perf_counter()
    study = search(studies / "studies.db", task, tuning, one_by_one)
    seconds = time.perf_counter() - began
    outer = to_sequences(rows.iloc[test], schema)
    found = best_of(study, task.network, task.training, tuning, "")
    losses = [
        log_loss(labels[test], trained(schema, task, values, outer))
        for values in (found.present.values, found.best.values)
    ]
    return [
        data,
        fold,
        len(train),
        found.present.log_loss,
        found.best.log_loss,
        *losses,
        seconds,
    ]


def trained(
    schema: Schema, task: TrialTask, values: dict[str, Any], sequences: np.ndarray
) -> np.ndarray:
    """Train with some values, and predict."""
    import_tensorflow()
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    network, training = with_values(task.network, task.training, values)
    built = build(schema, network, training.seed)
    rows = task.train_set
    fitted, _ = train(built, rows.sequences, rows.labels.to_numpy(np.float32), training)
    return predict(fitted, sequences)


def summarize(results: pd.DataFrame) -> str:
    """Write the tables: a line a set, means over the outer folds."""
    losses = []
    for data, of_set in results.groupby("data"):
        mean = of_set.mean(numeric_only=True)
        better = int((of_set["outer_after"] < of_set["outer_before"]).sum())
        losses.append(
            {
                "data": data,
                "rows": round(mean["rows"]),
                "out-of-fold before": f"{mean['out_of_fold_before']:.4f}",
                "after": f"{mean['out_of_fold_after']:.4f}",
                "outer fold before": f"{mean['outer_before']:.4f}",
                "then": f"{mean['outer_after']:.4f}",
                "folds better": f"{better} of {len(of_set)}",
            }
        )
    return markdown(losses)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="*", default=list(SETS))
    parser.add_argument("--studies", type=Path, help="where studies are kept; default: nowhere")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tabular_lstm.tuning").setLevel(logging.INFO)
    if not RESULTS.exists():
        RESULTS.write_text(",".join(COLUMNS) + "\n")
    for fold in range(FOLDS):
        for data in options.data:
            with RESULTS.open() as file:
                done = {(line["data"], line["fold"]) for line in csv.DictReader(file)}
            if (data, str(fold)) in done:
                continue
            with tempfile.TemporaryDirectory() as folder:
                line = measure(data, fold, options.studies or Path(folder))
            with RESULTS.open("a", newline="") as file:
                shown = [f"{cell:.6f}" if isinstance(cell, float) else cell for cell in line]
                csv.writer(file, lineterminator="\n").writerow(shown)
    print(summarize(pd.read_csv(RESULTS)))


if __name__ == "__main__":
    main()
