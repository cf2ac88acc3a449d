"""How often a leak of the label is refused or asked about, and how often falsely.

    python benchmarks/leaks.py [planted] [honest] [sets] [dropped]

- `planted`: independent tables of `dependent_rows.py` with a leak. A status is of 90 % of positive
  rows, `filled` of 70 %; row numbers are of three sorted files. Noise is the share of wrong rows.
- `honest`: tables with one strong feature that is known before the label, beside weak ones.
- `sets`: which sets are refused or asked about; `dropped`: which tables of R, with all columns.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import sets_files
from dependent_rows import POSITIVE, ROWS, columns_of, independent
from sets import CHOSEN_ON, REPORTED_ON, TABLES, Labelled, kind_of, load
from tables import markdown

from tabular_lstm.rows.data_warnings import possible_leaks
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES

KINDS, NOISE = ("copy", "later", "status", "row number", "filled"), (0.0, 0.01, 0.03)
# By whether something is refused, and whether something is asked about.
END = {(True, True): "refused", (True, False): "refused"}
END |= {(False, True): "asked about", (False, False): "not found"}


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
    """Plant leaks, and count what is refused, asked about and not found; list what is not."""
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    shares = [(TWO_CLASSES, share) for share in (*POSITIVE, 0.05)]
    for (task, share), rows in product([*shares, (CLASSES, 0.5), (NUMBER, 0.5)], ROWS):
        rng = np.random.default_rng([rows, int(100 * share)])
        table = independent(rng, np.full(rows // 5, 5), share, task)
        refused, asked = possible_leaks(table, columns_of(table, task))
        counts["nothing"][task][END[bool(refused), bool(asked)]] += 1
        for kind, noise in product(KINDS[: None if task == TWO_CLASSES else 4], NOISE):
            leaking = table.assign(leak=leak_of(rng, kind, table["label"], noise))
            refused, asked = possible_leaks(leaking, columns_of(leaking, task))
            counts[kind][task][END["leak" in refused, "leak" in asked]] += 1
            if [*refused] != ["leak"] or asked:
                print(
                    f"{kind}, noise {noise}, {task}, {rows} rows, {share}: {said(refused, asked)}"
                )
    print(
        markdown(
            [{"": kind, **{t: written(c) for t, c in counts[kind].items()}} for kind in counts]
        )
    )
    every = sum((c for kind in KINDS for c in counts[kind].values()), Counter[str]())
    print(f"all leaks: {written(every)}")


def honest_features(rng: np.random.Generator, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Make tables of weak features and one strong one that is known before the label."""
    weak = {f"weak {place}": rng.normal(size=rows) for place in range(4)}
    weak["kind"] = rng.choice([*"abcde"], rows)
    drawn, coin = rng.random(rows), rng.random(rows)
    age = rng.integers(18, 100, rows).astype(float)
    died = drawn < 0.55 / (1 + np.exp((74 - age) / 3))
    yield "age", pd.DataFrame({"age": age, **weak, "label": died.astype(int)})
    left, terms = drawn < 0.27, ["month", "year", "two years"]
    of_left, of_others = (
        rng.choice(terms, rows, p=shares) for shares in ([0.72, 0.275, 0.005], [0.3, 0.12, 0.58])
    )
    contract = np.where(left, of_left, of_others)
    yield "contract", pd.DataFrame({"contract": contract, **weak, "label": left.astype(int)})
    late = drawn < 0.15
    overdue = (rng.gamma(1.3, 20, rows) * (coin > np.where(late, 0.28, 0.98))).round()
    yield "days overdue", pd.DataFrame({"overdue": overdue, **weak, "label": late.astype(int)})
    fraud = drawn < 0.1
    common = np.where(coin < 0.66, rng.normal(3, 0.9, rows), rng.normal(5.8, 0.9, rows))
    amount = np.exp(np.where(fraud, rng.normal(5.7, 0.3, rows), common)).round(2)
    yield "amount", pd.DataFrame({"amount": amount, **weak, "label": fraud.astype(int)})
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.012, rows + 1))).round(4)
    days = np.datetime64("2010-01-01", "s") + np.arange(rows) * np.timedelta64(86_400, "s")
    of_days = {"yesterday": prices[:-1], "day": days}
    yield "yesterday's price", pd.DataFrame({**of_days, **weak, "label": prices[1:]})
    strong = rng.uniform(-1, 1, rows)
    told = drawn < np.interp(strong, [-0.2, 0.8], [0.002, 0.8])
    yield "strong", pd.DataFrame({"strong": strong, **weak, "label": told.astype(int)})


def honest() -> None:
    """Say what is refused and asked about of honest features; no feature should be refused."""
    for rows in ROWS:
        for name, table in honest_features(np.random.default_rng(rows), rows):
            task = NUMBER if table["label"].dtype.kind == "f" else TWO_CLASSES
            found = possible_leaks(table, columns_of(table, task))
            print(f"{name}, {rows} rows: {said(*found)}")


def said(refused: dict[str, float], asked: dict[str, float]) -> str:
    """Give what is refused and what is asked about, in a line."""
    lists = {"refused": refused, "asked about": asked}
    texts = [
        f"{end} {', '.join(f'{name} {measured:.3f}' for name, measured in found.items())}"
        for end, found in lists.items()
        if found
    ]
    return "; ".join(texts) or "nothing"


def written(ends: Counter[str]) -> str:
    """Give counts, such as "25 refused, 2 asked about"."""
    return ", ".join(
        f"{ends[end]} {end}" for end in ("refused", "asked about", "not found") if ends[end]
    )


def ask(tables: dict[str, Labelled]) -> None:
    """Say which of the tables are refused or asked about."""
    counts = Counter[str]()
    for name, (rows, label) in tables.items():
        kinds = dict.fromkeys(rows.select_dtypes("category"), object)
        table = rows.astype(kinds).assign(label=label)
        refused, asked = possible_leaks(table, columns_of(table, kind_of(name)))
        counts[END[bool(refused), bool(asked)]] += 1
        if refused or asked:
            print(f"{name}: {said(refused, asked)}")
    print(f"of {len(tables)} tables {written(counts)}")


if __name__ == "__main__":
    all_sets = [*CHOSEN_ON, *REPORTED_ON, *sets_files.CLASSES, *sets_files.NUMBERS]
    chosen = sys.argv[1:] or ["planted", "honest", "sets", "dropped"]
    if "planted" in chosen:
        planted()
    if "honest" in chosen:
        honest()
    if "sets" in chosen:
        ask({name: load(name) for name in all_sets})
    if "dropped" in chosen:
        ask({name: replace(table, dropped="").load(name) for name, table in TABLES.items()})
