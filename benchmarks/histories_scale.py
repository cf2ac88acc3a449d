"""What many rows of histories cost: how much memory a retraining holds, and a scoring.

    python benchmarks/histories_scale.py [train [rows] | score [rows ...]]

Twenty visits of each customer, all in the order of time, so that a customer's rows are far apart in
the file: a date, eight numbers, and a label that rests on all visits so far.

- train: a whole retraining, of two epochs, after which it holds no more than after many: of each
  node the seconds and the most memory, as `memory.py` has them; and rows of the table, test rows
  too, a second, of the whole and of an epoch of training. Default: 1,000,000 rows.
- score: the last row of each customer by the default network with its initial weights, which take
  as long as trained ones: peak memory, and rows a second that are read. Default: 100,000, 1,000,000
  and 3,000,000 rows.

Linux only.
"""

import sys
from pathlib import Path

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import numpy as np
import pyarrow as pa
from memory import retrain
from processes import run
from projects import project_copy, serve
from pyarrow import csv

from tabular_lstm.rows.schema import Schema

VISITS, NUMBERS, EPOCHS = 20, 8, 2
SIZES = [100_000, 1_000_000, 3_000_000]
CONF = """
columns:
  label: y
  positive_class: 1
  negative_class: 0
  key: id
  history: {of: customer, order: day, steps: 20}
"""


def write(rows: int, file: Path) -> None:
    """Write the table, one visit of all customers after the other."""
    rng, count = np.random.default_rng(0), rows // VISITS
    customers = rng.permutation(count)
    level, total, day = rng.normal(size=(3, count)) * [[1], [0], [0]]
    with file.open("wb") as out:
        for visit in range(VISITS):
            level = 0.8 * level + 0.6 * rng.normal(size=count)
            total, day = total + level, day + rng.integers(1, 60, count)
            others = rng.normal(size=(NUMBERS - 1, count)).round(4)
            table = {
                "id": visit * count + np.arange(count),
                "customer": customers,
                "day": np.datetime64("2020-01-01") + day.astype(int),
                "x0": level.round(4),
                **{f"x{place + 1}": of for place, of in enumerate(others)},
                "y": (total + rng.normal(size=count) > 0).astype(int),
            }
            csv.write_csv(pa.table(table), out, csv.WriteOptions(include_header=not visit))


def declare(project: Path, rows: int) -> Path:
    """Write a table to train on, and conf that declares it."""
    write(rows, project / "data/01_raw/visits.csv")
    (project / "conf/local").mkdir(exist_ok=True)
    (project / "conf/local/parameters.yml").write_text(CONF)
    (project / "conf/local/catalog.yml").write_text(
        "raw_rows:\n  type: tabular_lstm.datasets.RawRowsDataset\n"
        "  filepath: data/01_raw/visits.csv\n"
    )
    return project


def train(rows: str = "1000000") -> None:
    """Train once, and print what each node holds and how fast it is."""
    with project_copy() as project:
        declare(project, int(rows))
        what = f"train: {int(rows):,} rows of {int(rows) // VISITS:,} customers"
        seconds = retrain(project, what, "--params", f"training.epochs={EPOCHS}")
        whole, training = sum(seconds.values()), seconds["training.train_network"]
        print(
            f"train: {int(rows) / whole:,.0f} rows/s, "
            f"of an epoch of training {int(rows) * EPOCHS / training:,.0f} rows/s"
        )


def score(*sizes: str) -> None:
    """Score tables of some sizes."""
    with project_copy() as project:
        declare(project, SIZES[0])
        run(["-m", "kedro", "run", "--pipelines", "data_processing,reshaping"], project)
        (schema,) = project.glob("data/**/schema.json/*/schema.json")
        serve(project, Schema.model_validate_json(schema.read_bytes()))
        for rows in map(int, sizes or SIZES):
            write(rows, project / "rows.csv")
            rows_to_score = "rows_to_score=rows.csv,scoring.force=true"
            command = ["-m", "kedro", "run", "--pipelines", "scoring", "--params", rows_to_score]
            took = run(command, project)
            print(
                f"score: {rows:,} rows of {rows // VISITS:,} customers: {took.seconds:.0f} s, "
                f"{took.processor_seconds:.0f} s of processor time, "
                f"{rows / took.seconds:,.0f} rows/s, peak memory {took.peak / 1e6:,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:]:
        command, *sizes = sys.argv[1:]
        score(*sizes) if command == "score" else train(*sizes)
    else:
        score()
        train()
