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
from sets import load
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from tables import markdown

from tabular_lstm.engine import one_by_one
from tabular_lstm.network.member_training import STALLS
from tabular_lstm.parameters import Network, Reshaping, Task, Training, Tuning, with_values
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.tensorflow_import import import_tensorflow
from tabular_lstm.tuning.search import limit_of, search
from tabular_lstm.tuning.trials import Outcome, Trial, TrialTask, best_of

SETS = ("bands", "pima", "saheart")
FOLDS = 3
RESULTS = Path(__file__).with_suffix(".csv")
RULES = {"rule": "no longer better, above the median", "median": "behind at the same epoch"}
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
    *(f"{rule}_{what}" for rule in RULES for what in ("given_up", "epochs", "best")),
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
    tuning = Tuning(prune=False)
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
        sum(len(trial.losses) for trial in study.trials),
        seconds,
        *replayed(task, study.trials),
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


def replayed(task: TrialTask, trials: Sequence[Trial]) -> list[Any]:
    """Say what two rules would have made of these trials.

    The project's, and that of Optuna's median pruner from the eleventh epoch on: above the median
    that the complete trials had at the same epoch.

    Returns:
        Of each the trials given up, the epochs of all, and the lowest log loss of the others.
    """

    def stalls(ended: Sequence[Outcome], losses: Sequence[float], place: int) -> bool:
        above = losses[place] > limit_of(task, Tuning(), ended)
        return above and place >= STALLS and losses[place] >= losses[place - STALLS]

    def is_behind(ended: Sequence[Outcome], losses: Sequence[float], place: int) -> bool:
        others = [outcome.losses for outcome in ended if outcome.end == "complete"]
        # A training that has stopped keeps its weights.
        at_place = [other[min(place, len(other) - 1)] for other in others]
        return len(others) >= 5 and place >= 10 and losses[place] > float(np.median(at_place))

    found: list[Any] = []
    for hopeless in (stalls, is_behind):
        ended: list[Outcome] = []
        for trial in trials:
            losses = trial.losses
            places = [place for place in range(len(losses)) if hopeless(ended, losses, place)]
            cut = Outcome(end="pruned", log_loss=None, losses=losses[: [*places, 0][0] + 1])
            ended.append(cut if places else trial)
        left = [outcome.log_loss for outcome in ended if outcome.log_loss is not None]
        found += [len(ended) - len(left), sum(len(o.losses) for o in ended), min(left)]
    return found


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
        for rule, called in RULES.items():
            given_up, passes = mean[f"{rule}_given_up"], mean[f"{rule}_epochs"]
            pruning.append(
                {
                    "data": data,
                    "given up where": called,
                    "trials": f"{given_up:.1f} of 30",
                    "epochs": f"{passes:.0f} of {mean['epochs']:.0f}",
                    "best of all": f"{mean['out_of_fold_after']:.4f}",
                    "best of the others": f"{mean[f'{rule}_best']:.4f}",
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
