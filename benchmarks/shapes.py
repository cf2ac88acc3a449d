"""How long a whole run takes by the shape of the table, and how much memory it holds.

    python benchmarks/shapes.py [wide | long | folder | histories] [rows]

Random numbers, of which a few tell the label, in a temporary copy of the project.

- wide, long: `kedro run` on 1,000 rows of 5,000 features, and on 1,000,000 rows of 8.
- folder: a retraining on ten files, 10,000,000 rows of 8 features.
- histories: a retraining of two epochs, after which it holds no more than after many, on 1,000,000
  rows: twenty visits of each customer, all in the order of time, so that a customer's rows are far
  apart in the file: a date, eight numbers, and a label that rests on all visits so far. Then the
  last row of each customer is scored.

It prints the seconds by the clock and of the processor, the peak memory, and each node that took a
second or more. Default: wide and long, some three and five minutes on two cores.
"""

import re
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from processes import Finished, run
from projects import project_copy
from pyarrow import csv

VISITS, NUMBERS, EPOCHS = 20, 8, 2
# Rows, features, files, and the pipeline.
SHAPES = {
    "wide": (1_000, 5_000, 1, "__default__"),
    "long": (1_000_000, NUMBERS, 1, "__default__"),
    "folder": (10_000_000, NUMBERS, 10, "retraining"),
}
LINE = re.compile(r"^(\S+ \S+) (?:INFO|DEBUG|WARNING) +(.*)$", re.MULTILINE)
CONF = "columns: {label: y, positive_class: 1, negative_class: 0}\n"
HISTORY = """
columns:
  label: y
  positive_class: 1
  negative_class: 0
  key: id
  history: {of: customer, order: day, steps: 20}
"""


def declare(project: Path, conf: str = CONF) -> Path:
    """Make an environment `measured` that reads a folder, and give the folder."""
    folder = project / "data/01_raw/measured"
    folder.mkdir()
    (project / "conf/measured").mkdir()
    (project / "conf/measured/catalog.yml").write_text(
        "raw_rows:\n  type: tabular_lstm.datasets.RawRowsDataset\n"
        "  filepath: data/01_raw/measured\n"
    )
    (project / "conf/measured/parameters.yml").write_text(conf)
    return folder


def write_numbers(folder: Path, rows: int, features: int = NUMBERS, files: int = 1) -> None:
    """Write files of rows, of which the first two features tell the label."""
    rng = np.random.default_rng(0)
    for file in range(files):
        numbers = rng.normal(size=(features, rows // files))
        label = numbers[0] + np.sin(2 * numbers[1]) + rng.normal(size=rows // files) > 0
        table = {f"x{place}": column.round(4) for place, column in enumerate(numbers)}
        csv.write_csv(pa.table({**table, "y": label.astype(int)}), folder / f"{file}.csv")


def write_histories(file: Path, rows: int) -> None:
    """Write one visit of all customers after the other."""
    rng, count = np.random.default_rng(0), rows // VISITS
    customers = rng.permutation(count)
    level, total, day = rng.normal(size=(3, count)) * [[1], [0], [0]]
    with file.open("wb") as out:
        for visit in range(VISITS):
            level = 0.8 * level + 0.6 * rng.normal(size=count)
            total, day = total + level, day + rng.integers(1, 60, count)
            noise = rng.normal(size=(NUMBERS - 1, count)).round(4)
            table = {
                "id": visit * count + np.arange(count),
                "customer": customers,
                "day": np.datetime64("2020-01-01") + day.astype(int),
                "x0": level.round(4),
                **{f"x{place + 1}": column for place, column in enumerate(noise)},
                "y": (total + rng.normal(size=count) > 0).astype(int),
            }
            csv.write_csv(pa.table(table), out, csv.WriteOptions(include_header=not visit))


def node_seconds(log: str) -> dict[str, float]:
    """Give the seconds of each node, from its first line of the log to that of the next."""
    lines = [(datetime.fromisoformat(when), words) for when, words in LINE.findall(log)]
    starts = [
        (when, words.removeprefix("Running ")) for when, words in lines if "Running " in words
    ]
    ends = [*starts[1:], (lines[-1][0], "")]
    return {
        node: (end - start).total_seconds()
        for (start, node), (end, _) in zip(starts, ends, strict=True)
    }


def tell(title: str, finished: Finished) -> None:
    """Print what a run took."""
    print(
        f"{title}: {finished.seconds:.0f} s, {finished.processor_seconds:.0f} s of processor time, "
        f"{finished.peak / 1e9:.2f} GB",
        flush=True,
    )
    for node, seconds in node_seconds(finished.log).items():
        if seconds >= 1:
            print(f"  {node}: {seconds:.0f} s")


def measure(shape: str, rows: int | None) -> None:
    """Run once on a table of a shape."""
    default, features, files, pipeline = SHAPES[shape]
    rows = rows or default
    with project_copy() as project:
        write_numbers(declare(project), rows, features, files)
        command = ["-m", "kedro", "run", "--env", "measured", "--pipelines", pipeline]
        tell(f"{pipeline}, {rows:,} rows of {features:,} features", run(command, project))


def measure_histories(rows: int) -> None:
    """Train on histories, and score the last row of each customer."""
    with project_copy() as project:
        write_histories(declare(project, HISTORY) / "visits.csv", rows)
        for pipeline, parameters in (
            ("retraining", f"training.epochs={EPOCHS}"),
            ("scoring", "rows_to_score=data/01_raw/measured/visits.csv"),
        ):
            command = ["-m", "kedro", "run", "--env", "measured", "--pipelines", pipeline]
            finished = run([*command, "--params", parameters], project)
            tell(f"{pipeline}, {rows:,} rows of {rows // VISITS:,} customers", finished)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.isdigit()]
    counts = [int(word) for word in sys.argv[1:] if word.isdigit()]
    for word in words or ["wide", "long"]:
        if word == "histories":
            measure_histories(counts[0] if counts else 1_000_000)
        else:
            measure(word, counts[0] if counts else None)
