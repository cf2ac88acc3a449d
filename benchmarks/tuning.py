"""What 30 trials of a tuning find on three data sets, and what pruning saves.

    python benchmarks/tuning.py [--data SET ...] [--trials whole pruned] [--studies FOLDER]

The sets are three of those that the defaults were chosen on, see `accuracy.py`, so that the defaults
are at their best there. Three outer folds each: on the rows outside a fold a search of 30 trials with
the default space runs, once with pruning (`pruned`) and once without (`whole`), and the rows of the
fold, which nothing has seen, measure the present parameters and the best found. One line a fold into
`benchmarks/tuning.csv`; it goes on where it stopped. Then it prints the tables of `docs/tuning.md`.

Epochs are compared rather than seconds, which depend on what else the machine does. From the trials
without pruning it is also read which of them pruning would have stopped, and the best of the others.
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
KINDS = ("pruned", "whole")
RESULTS = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "data",
    "fold",
    "trials",
    "rows",
    "out_of_fold_before",
    "out_of_fold_after",
    "outer_before",
    "outer_after",
    "stopped",
    "epochs",
    "seconds",
    "would_be_stopped",
    "would_be_epochs",
    "would_be_out_of_fold_after",
)


def measure(data: str, fold: int, kind: str, studies: Path) -> list[Any]:
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
    tuning = Tuning(prune=kind == "pruned")
    search = Search(task, tuning, one_by_one)
    began = time.perf_counter()
    study = search_in(studies, search)
    seconds = time.perf_counter() - began
    outer = to_sequences(rows.iloc[test], schema)
    losses = [
        log_loss(labels[test], trained(schema, task, values, outer))
        for values in (search.present, study.best.values)
    ]
    stopped, epochs, best = replayed(search, study.trials)
    return [
        data,
        fold,
        kind,
        len(train),
        study.trials[0].log_loss,
        study.best.log_loss,
        *losses,
        sum(trial.end == "pruned" for trial in study.trials),
        sum(len(trial.losses) for trial in study.trials),
        seconds,
        stopped,
        epochs,
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
    """Say what pruning would have made of the same trials: stopped, epochs in all, the best left."""
    pruning = Search(search.task, Tuning(), search.workers)
    ended: list[Outcome] = []
    for trial in trials:
        limits = pruning.limits(ended) if ended else ()
        limits += limits[-1:] * (len(trial.losses) - len(limits))
        above = np.flatnonzero(np.array(trial.losses) > [*limits[: len(trial.losses)]]) if limits else []
        if len(above):
            losses = trial.losses[: above[0] + 1]
            ended.append(Outcome(end="pruned", log_loss=None, losses=losses))
        else:
            ended.append(trial)
    left = [outcome.log_loss for outcome in ended if outcome.log_loss is not None]
    stopped = sum(outcome.end == "pruned" for outcome in ended)
    return stopped, sum(len(outcome.losses) for outcome in ended), min(left)


def summarize(results: pd.DataFrame) -> str:
    """Write the tables: a line a set, means over the outer folds."""
    parts = []
    for kind in KINDS:
        table: list[dict[str, Any]] = []
        for data, of_set in results[results["trials"] == kind].groupby("data"):
            mean = of_set.mean(numeric_only=True)
            line = {
                "data": data,
                "rows": round(mean["rows"]),
                "folds": len(of_set),
                "out-of-fold before": f"{mean['out_of_fold_before']:.4f}",
                "after": f"{mean['out_of_fold_after']:.4f}",
                "outer fold before": f"{mean['outer_before']:.4f}",
                "after ": f"{mean['outer_after']:.4f}",
                "folds better": f"{(of_set['outer_after'] < of_set['outer_before']).sum()}",
                "stopped": f"{mean['stopped']:.1f}",
                "epochs": round(mean["epochs"]),
                "minutes": f"{mean['seconds'] / 60:.1f}",
            }
            table.append(line)
        if table:
            parts.append(f"Trials {kind}:\n\n{markdown(table)}\n")
    whole = results[results["trials"] == "whole"]
    table = [
        {
            "data": data,
            "would be stopped": f"{of_set['would_be_stopped'].mean():.1f} of 30",
            "epochs": f"{of_set['would_be_epochs'].sum() / of_set['epochs'].sum():.2f}",
            "best": f"{of_set['out_of_fold_after'].mean():.4f}",
            "best of those left": f"{of_set['would_be_out_of_fold_after'].mean():.4f}",
        }
        for data, of_set in whole.groupby("data")
    ]
    if table:
        parts.append(f"The trials that ran whole, had they been pruned:\n\n{markdown(table)}\n")
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then summarize."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="*", default=list(SETS))
    parser.add_argument("--trials", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--studies", type=Path, help="where studies are kept; default: nowhere")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tabular_lstm.tuning").setLevel(logging.INFO)
    if not RESULTS.exists():
        RESULTS.write_text(",".join(COLUMNS) + "\n")
    for fold in range(FOLDS):
        for data in options.data:
            for kind in options.trials:
                with RESULTS.open() as file:
                    done = {(r["data"], r["fold"], r["trials"]) for r in csv.DictReader(file)}
                if (data, str(fold), kind) in done:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    line = measure(data, fold, kind, options.studies or Path(folder))
                with RESULTS.open("a", newline="") as file:
                    shown = [f"{cell:.6f}" if isinstance(cell, float) else cell for cell in line]
                    csv.writer(file, lineterminator="\n").writerow(shown)
    print(summarize(pd.read_csv(RESULTS)))


if __name__ == "__main__":
    main()
