"""How long `kedro run` takes on a wide table and on a long one, and what it does meanwhile.

    python benchmarks/shapes.py [rows] [features]

Random numbers, of which a few tell the label, in a temporary copy of the project. It prints the
wall time, the peak memory and each node that took a second or more. Default: 1,000 rows of 5,000
features, then 1,000,000 of 8, which take some three and five minutes on two cores.
"""

import re
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from processes import run
from projects import project_copy

SHAPES = [(1_000, 5_000), (1_000_000, 8)]
NODE = re.compile(r"^(\S+ \S+) (?:INFO|DEBUG) +Running (\S+)$", re.MULTILINE)


def declare(project: Path, rows: int, features: int) -> None:
    """Write the table, and an environment `shape` that reads it."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, features))
    label = numbers[:, 0] + np.sin(2 * numbers[:, 1]) + rng.normal(size=rows) > 0
    table = pd.DataFrame(numbers.round(4), columns=[f"x{place}" for place in range(features)])
    table.assign(y=label.astype(int)).to_csv(project / "data/01_raw/shape.csv", index=False)
    (project / "conf/shape").mkdir()
    (project / "conf/shape/catalog.yml").write_text(
        "raw_rows:\n"
        "  type: tabular_lstm.datasets.RawRowsDataset\n"
        "  filepath: data/01_raw/shape.csv\n"
    )
    (project / "conf/shape/parameters.yml").write_text(
        "columns: {label: y, positive_class: 1, negative_class: 0}\n"
    )


def measure(rows: int, features: int) -> None:
    """Run once and print what took how long."""
    with project_copy() as project:
        declare(project, rows, features)
        finished = run(["-m", "kedro", "run", "--env", "shape"], project)
    print(
        f"{rows:,} rows of {features:,} features: {finished.seconds:.0f} s, "
        f"{finished.processor_seconds:.0f} s of processor time, {finished.peak / 2**30:.1f} GB"
    )
    stages = [(datetime.fromisoformat(when), node) for when, node in NODE.findall(finished.log)]
    for (start, node), (end, _) in zip(stages, [*stages[1:], stages[-1]], strict=True):
        if (took := (end - start).total_seconds()) >= 1:
            print(f"  {node}: {took:.0f} s")


if __name__ == "__main__":
    given = tuple(int(argument) for argument in sys.argv[1:])
    for shape in [given] if given else SHAPES:
        measure(*shape)
