"""What 30 trials of a tuning find on three data sets, and what pruning saves.

    python benchmarks/tuning.py [--data SET ...] [--studies FOLDER]

The sets are three of those that the defaults were chosen on, see `accuracy.py`, so that the
defaults are at their best there. Three outer folds each: on the rows outside a fold a search of 30
trials with the default space runs, none of them given up early, and the rows of the fold, which
nothing has seen, measure the present parameters and the best found. One line a fold into
`benchmarks/tuning.csv`; it goes on where it stopped. Then it prints the tables of `docs/tuning.md`.

Of the same trials it is told which ones pruning would have given up, and the best of the others.
Epochs are compared rather than seconds, which depend on what else the machine does.
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
from accuracy import load
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from tables import markdown

from tabular_lstm.network.plan import epochs, patience_of
from tabular_lstm.parameters import Network, Reshaping, Training, Tuning, with_values
from tabular_lstm.parts import one_by_one
from tabular_lstm.rows.learning import learn_schema
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.tensorflow_import import import_tensorflow
from tabular_lstm.tuning.found import Trial
from tabular_lstm.tuning.search import Search
from tabular_lstm.tuning.study import search_in
from tabular_lstm.tuning.trials import Outcome, TrialTask

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
    "epochs",
    "seconds",
    "pruned",
    "pruned_epochs",
    "pruned_out_of_fold_after",
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
        classes=(0, 1),
    )
    task = TrialTask(
        schema,
        Network(),
        Training(),
        to_sequences(rows.iloc[train], schema),
        labels[train].astype(np.float32),
        None,
        None,
    )
    search = Search(task, Tuning(prune=False), one_by_one)
    began = time.perf_counter()
    study = search_in(studies, search)
    seconds = time.perf_counter() - began
    outer = to_sequences(rows.iloc[test], schema)
    losses = [
        log_loss(labels[test], trained(schema, task, values, outer))
        for values in (search.present, study.best.values)
    ]
    stopped, of_pruned, best = replayed(search, study.trials)
    return [
        data,
        fold,
        len(train),
        study.trials[0].log_loss,
        study.best.log_loss,
        *losses,
        sum(len(trial.losses) for trial in study.trials),
        seconds,
        stopped,
        of_pruned,
        best,
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
    return predict(train(built, task.sequences, task.labels, training)[0], sequences)


def replayed(search: Search, trials: Sequence[Trial]) -> tuple[int, int, float]:
    """Say what pruning would have made of these trials: stopped, all epochs, the best left."""
    pruning, ended = Search(search.task, Tuning(), search.workers), list[Outcome]()
    patience = patience_of(epochs(len(search.task.labels), search.task.sequences[0].size))
    waits = max(1, patience // 3)
    for trial in trials:
        losses, limit = trial.losses, pruning.limit(ended)
        stalls = [
            place
            for place in range(waits, len(losses))
            if losses[place] > limit and losses[place] >= losses[place - waits]
        ]
        if stalls:
            ended.append(Outcome(end="pruned", log_loss=None, losses=losses[: stalls[0] + 1]))
        else:
            ended.append(trial)
    left = [outcome.log_loss for outcome in ended if outcome.log_loss is not None]
    stopped = sum(outcome.end == "pruned" for outcome in ended)
    return stopped, sum(len(outcome.losses) for outcome in ended), min(left)


def summarize(results: pd.DataFrame) -> str:
    """Write the tables: a line a set, means over the outer folds."""
    losses, pruning = [], []
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
        pruning.append(
            {
                "data": data,
                "given up": f"{mean['pruned']:.1f} of 30",
                "epochs": f"{mean['pruned_epochs'] / mean['epochs']:.2f} of {mean['epochs']:.0f}",
                "best of all": f"{mean['out_of_fold_after']:.4f}",
                "best of the others": f"{mean['pruned_out_of_fold_after']:.4f}",
            }
        )
    return f"{markdown(losses)}\n\n{markdown(pruning)}"


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
