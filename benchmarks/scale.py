"""How much faster workers of a Dask cluster on this machine score and train.

    python benchmarks/scale.py scoring | training [rows ...]

Each command runs by itself: in its own process with one thread and with two, and with one and with
two workers of one thread each. From what a scoring takes, that of 100 rows is taken off, which is
the start of Kedro and of the workers; of a training only the node that trains is counted, and not
the one before, in which this process and the workers import TensorFlow. Default: ten million rows
to score and one million to train on, of eight features; three epochs in two groups of members.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace

from processes import run
from projects import project_copy, serve
from scoring import FEW, FEW_ROWS, numbers, write
from shapes import declare, node_seconds, write_numbers

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# Name: threads of the command, and workers.
MODES = {
    "one thread": (1, 0),
    "two threads": (2, 0),
    "one worker": (1, 1),
    "two workers": (1, 2),
}


def measure(title: str, seconds: Callable[[str], float]) -> None:
    """Print the seconds of each mode, by the parameters that it adds, and their ratios."""
    took = {}
    for mode, (threads, workers) in MODES.items():
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
        engine = f",engine.kind=dask,engine.workers={workers}" if workers else ""
        took[mode] = seconds(engine)
        print(f"{title}, {mode}: {took[mode]:.1f} s", flush=True)
    gain = took["one worker"] / took["two workers"]
    alone = took["one worker"] / took["one thread"]
    print(f"{title}: two workers are {gain:.2f} times as fast as one", flush=True)
    print(f"{title}: one worker takes {alone:.2f} of one thread's time", flush=True)


def measure_scoring(rows: int) -> None:
    """Score so many rows each way."""
    table = numbers()
    # A block is the least that can be written several times.
    table = replace(table, block=table.block.head(rows))
    command = ["-m", "kedro", "run", "--pipelines", "scoring", "--params"]
    with project_copy() as project:
        serve(project, table.schema)
        table.block.head(FEW).to_csv(project / FEW_ROWS, index=False)
        write(table, rows // len(table.block), project / "rows.csv")

        def seconds(engine: str) -> float:
            few_rows, all_rows = (
                run([*command, f"rows_to_score={file},scoring.force=true{engine}"], project)
                for file in (FEW_ROWS, "rows.csv")
            )
            return all_rows.seconds - few_rows.seconds

        measure(f"scoring, {rows:,} rows", seconds)


def measure_training(rows: int) -> None:
    """Train on so many rows each way, in two groups of members."""
    node = "training.train_network"
    command = ["-m", "kedro", "run", "--env", "measured", "--to-nodes", node, "--params"]
    with project_copy() as project:
        write_numbers(declare(project), rows)

        def seconds(engine: str) -> float:
            options = f"training.groups=2,training.epochs=3{engine}"
            return node_seconds(run([*command, options], project).log)[node]

        measure(f"training, {rows:,} rows", seconds)


MEASURED = {"scoring": (measure_scoring, 10**7), "training": (measure_training, 10**6)}

if __name__ == "__main__":
    measure_one, default = MEASURED[sys.argv[1]]
    for rows in [int(word) for word in sys.argv[2:]] or [default]:
        measure_one(rows)
