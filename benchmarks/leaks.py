"""How often a leak of the label is found, and how often a table is asked about falsely.

    python benchmarks/leaks.py [planted] [sets] [dropped]

- `planted`: independent tables of `dependent_rows.py` with a leak. A status is of 90 % of positive
  rows, `filled` of 70 %; row numbers are of three sorted files. Noise is the share of wrong rows.
- `sets`: which sets are asked about; `dropped`: which tables of R, with all their columns.
"""

import sys
from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import sets_files
from dependent_rows import POSITIVE, ROWS, columns_of, independent
from sets import CHOSEN_ON, REPORTED_ON, TABLES, Labelled, kind_of, load
from tables import markdown

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tabular_lstm.rows.data_warnings import possible_leaks

KINDS, NOISE = ("copy", "later", "status", "row number", "filled"), (0.0, 0.01, 0.03)


def leak_of(rng: np.random.Generator, kind: str, label: pd.Series, noise: float) -> np.ndarray:
    """Make a feature that tells the label; a number's label is told by its ranks."""
    is_number, rows = label.dtype.kind == "f", len(label)
    is_wrong = rng.random(rows) < noise
    told = (label.rank(pct=True) if is_number else label).to_numpy()
    told = np.where(is_wrong, rng.permutation(told), told)
    if kind == "later":
        return np.exp(told * 4) + (noise if is_number else 1) * rng.normal(size=rows)
    if kind == "row number":
        return np.argsort(np.lexsort((told, rng.integers(0, 1 if is_number else 3, rows)))) * 1.0
    if kind == "filled":
        is_filled = np.where(label == 1, rng.random(rows) < 0.7, is_wrong)
        return np.where(is_filled, rng.normal(size=rows), np.nan)
    if kind == "status" and (is_number or label.max() > 1):
        return np.char.add("status ", np.floor(told * 20).astype(int).astype(str))
    if kind == "status":
        is_closed = np.where(label == 1, rng.random(rows) < 0.9, is_wrong)
        return np.where(is_closed, "closed", rng.choice(["active", "new", "paused"], rows))
    return told


def planted() -> None:
    """Plant leaks, and count what is found; and what is asked about without a leak."""
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    shares = [(TWO_CLASSES, share) for share in (*POSITIVE, 0.05)]
    for (task, share), rows in product([*shares, (CLASSES, 0.5), (NUMBER, 0.5)], ROWS):
        rng = np.random.default_rng([rows, int(100 * share)])
        table = independent(rng, np.full(rows // 5, 5), share, task)
        hits["nothing"][task].append(bool(possible_leaks(table, columns_of(table, task))))
        for kind, noise in product(KINDS[: None if task == TWO_CLASSES else 4], NOISE):
            leaking = table.assign(leak=leak_of(rng, kind, table["label"], noise))
            names = [*possible_leaks(leaking, columns_of(leaking, task))]
            hits[kind][task].append("leak" in names)
            if names != ["leak"]:
                print(f"{kind}, noise {noise}, {task}, {rows} rows, {share}: found {names}")
    counts = {kind: {t: f"{sum(h)} of {len(h)}" for t, h in hits[kind].items()} for kind in hits}
    print(markdown([{"": kind, **counted} for kind, counted in counts.items()]))


def ask(tables: dict[str, Labelled]) -> None:
    """Say which of the tables are asked about."""
    asked = 0
    for name, (rows, label) in tables.items():
        kinds = dict.fromkeys(rows.select_dtypes("category"), object)
        table = rows.astype(kinds).assign(label=label)
        leaks = possible_leaks(table, columns_of(table, kind_of(name)))
        asked += bool(leaks)
        if leaks:
            print(f"{name}: {', '.join(f'{leak} {leaks[leak]:.3f}' for leak in leaks)}")
    print(f"asked about {asked} of {len(tables)}")


if __name__ == "__main__":
    all_sets = [*CHOSEN_ON, *REPORTED_ON, *sets_files.CLASSES, *sets_files.NUMBERS]
    chosen = sys.argv[1:] or ["planted", "sets", "dropped"]
    if "planted" in chosen:
        planted()
    if "sets" in chosen:
        ask({name: load(name) for name in all_sets})
    if "dropped" in chosen:
        ask({name: replace(table, dropped="").load(name) for name, table in TABLES.items()})
