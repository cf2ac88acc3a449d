"""How often rows without drift raise an alarm, and which drift is seen.

    python benchmarks/drift.py [PYTHON]

PYTHON is one with evidently and pandas < 3, which is asked about the same batches; without it these
numbers are missing. Each batch has a reference of its own. A batch of fewer rows is the beginning
of one of more, and a table of fewer columns has the first ones of a wider one. Counts, differences
and thresholds are those of a scoring; where the largest difference of a batch is far below the
threshold of other batches, which are nearly alike, its own threshold is not drawn.

It takes some 15 minutes on one core, prints the tables and writes them to `benchmarks/drift.md`.
"""

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binomtest
from tables import markdown

from tabular_lstm.monitoring.drift import CellCounts, smallest_shift, threshold_of
from tabular_lstm.monitoring.reference import (
    cells_of,
    count_categories,
    count_numbers,
    profile_of,
)
from tabular_lstm.parameters.runs import MonitoringOptions

RESULTS = Path(__file__).with_suffix(".md")
TRAINED, TESTED = 2_000, 500
ROWS, COLUMNS = (50, 500, 5_000, 50_000), (8, 30, 100)
BATCHES = 1_000
EVIDENTLY_BATCHES = {8: 100, 30: 40, 100: 20}  # batches that evidently is asked about, by columns
DRIFTED = {50: 400, 500: 400, 5_000: 400, 50_000: 100}
CLOSE = 0.2  # to the lowest threshold of other batches, from where a batch needs its own
QUARANTINED = 0.02
MONITORING = MonitoringOptions()

Draw = np.random.Generator
Column = tuple[str, Callable[[Draw, np.ndarray], np.ndarray]]


def missing(values: np.ndarray, draw: Draw, share: float) -> np.ndarray:
    """Leave out a share of the values."""
    return np.where(draw.random(len(values), np.float32) < share, np.nan, values)


def placed(draw: Draw, rows: int, shares: list[float]) -> np.ndarray:
    """Draw places of categories."""
    places = np.searchsorted(np.cumsum(shares), draw.random(rows, np.float32), side="right")
    return np.minimum(places, len(shares) - 1).astype(float)


RARE = [1 / k / sum(1 / j for j in range(1, 31)) for k in range(1, 31)]
# Ten columns, again and again; `z` is what the correlated ones share.
KINDS: list[Column] = [
    ("number", lambda draw, z: draw.standard_normal(len(z), np.float32)),
    ("number", lambda draw, z: draw.standard_gamma(2, len(z), np.float32)),
    ("number", lambda draw, z: missing(draw.standard_normal(len(z), np.float32), draw, 0.05)),
    ("number", lambda draw, z: draw.poisson(3, len(z)).astype(float)),
    ("number", lambda draw, z: (draw.random(len(z), np.float32) < 0.3).astype(float)),
    ("category", lambda draw, z: placed(draw, len(z), [0.6, 0.3, 0.1])),
    ("category", lambda draw, z: placed(draw, len(z), RARE)),
    ("number", lambda draw, z: z + 0.4 * draw.standard_normal(len(z), np.float32)),
    ("number", lambda draw, z: z + 0.4 * draw.standard_normal(len(z), np.float32)),
    ("number", lambda draw, z: np.round(draw.random(len(z), np.float32), 1)),
]
LEVELS = [str(place) for place in range(30)]


def table(draw: Draw, rows: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw a hundred columns, and a score that depends on some of them."""
    z = draw.standard_normal(rows, np.float32)
    columns = [KINDS[place % len(KINDS)][1](draw, z) for place in range(max(COLUMNS))]
    return columns, expit(z + draw.standard_normal(rows, np.float32) - 1)


def counts_of(kind: str, before: np.ndarray, now: np.ndarray, rows: list[int]) -> list[CellCounts]:
    """Count a column in the first so many rows, in the cells of its reference, as a watch does."""
    if kind == "category":
        cells = cells_of(LEVELS)
        counts = np.array(profile_of("category", before, LEVELS).counts)
        return [CellCounts(False, counts, count_categories(now[:n], cells)) for n in rows]
    profile = profile_of("number", before)
    counts = np.array(profile.counts)
    return [CellCounts(True, counts, count_numbers(now[:n], profile.edges)) for n in rows]


def by_evidently(python: str | None, batches: list[Any]) -> list[list[bool]]:
    """Ask evidently about batches: each a list of (kind, reference, batch) by column."""
    if python is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batches.pickle"
        file.write_bytes(pickle.dumps(batches))
        program = Path(__file__).with_name("drift_evidently.py")
        done = subprocess.run([python, program, file], capture_output=True, check=True)
    return [list(map(bool, batch)) for batch in json.loads(done.stdout.splitlines()[-1])]


def rate(alarms: list[bool]) -> str:
    """Write a share in percent with its exact 95 % interval."""
    if not alarms:
        return "not measured"
    interval = binomtest(sum(alarms), len(alarms)).proportion_ci(method="exact")
    batches = "" if len(alarms) == BATCHES else f" of {len(alarms)}"
    share, low, high = 100 * np.mean(alarms), 100 * interval.low, 100 * interval.high
    return f"{share:.1f} ({low:.1f} to {high:.1f}){batches}"


def without_drift(python: str | None) -> tuple[str, dict[tuple[int, int], float]]:
    """Measure false alarms; give the table, and the mean threshold by rows and columns."""
    cases = [(n, m) for n in ROWS for m in COLUMNS]
    thresholds: dict[tuple[int, int], list[float]] = {case: [] for case in cases}
    alarms: dict[tuple[int, int], list[bool]] = {case: [] for case in cases}
    asked: dict[int, list[Any]] = {n: [] for n in ROWS}
    smallest, kinds = MONITORING.smallest_change, [kind for kind, _ in KINDS] * 10
    for batch in range(BATCHES):
        draw = np.random.default_rng(batch)
        before, now = table(draw, TRAINED), table(draw, max(ROWS))
        scores = table(draw, TESTED)[1]
        sides = [*zip(kinds, before[0], now[0], strict=True)]
        counted = [counts_of(*side, [*ROWS]) for side in sides]
        scored = counts_of("number", scores, now[1], [*ROWS])
        for at, n in enumerate(ROWS):
            bad_rows = [draw.binomial(size, QUARANTINED) for size in (TRAINED, n)]
            pairs = [np.array([s - k, k]) for s, k in zip((TRAINED, n), bad_rows, strict=True)]
            further = [scored[at], CellCounts(False, pairs[0], pairs[1], rise=True)]
            wide = max((m for m, to in EVIDENTLY_BATCHES.items() if batch < to), default=0)
            if wide and (n < max(ROWS) or batch < min(EVIDENTLY_BATCHES.values())):
                asked[n].append([(kind, old, new[:n]) for kind, old, new in sides[:wide]])
            for m in COLUMNS:
                compared = [*(column[at] for column in counted[:m]), *further]
                most = max(float(counts.differences(smallest).max()) for counts in compared)
                drawn = thresholds[n, m]
                alarm = False
                if len(drawn) < 3 or most > min(drawn) - CLOSE:
                    drawn.append(threshold_of(compared, MONITORING.false_alarms, smallest))
                    alarm = most > drawn[-1]
                alarms[n, m].append(alarm)
        if batch % 100 == 99:
            print(f"{batch + 1} batches", flush=True)
    answered = {n: by_evidently(python, batches) for n, batches in asked.items()}
    lines = []
    for n, m in cases:
        answers = [any(batch[:m]) for batch in answered[n] if len(batch) >= m]
        line = {"rows": n, "columns": m, "tabular-lstm": rate(alarms[n, m])}
        lines.append(line | {"evidently, a column": rate(answers)})
        print(lines[-1], flush=True)
    return markdown(lines), {case: float(np.mean(each)) for case, each in thresholds.items()}


def ratio(draw: Draw, rows: int) -> np.ndarray:
    """Draw a column in some unit, such as a concentration."""
    return 121 + 30 * draw.standard_normal(rows)


def city(share: float) -> Callable[[Draw, int], np.ndarray]:
    """Draw a category of which one has this share."""
    return lambda draw, rows: placed(draw, rows, [share, (1 - share) * 0.6, (1 - share) * 0.4])


def gaps(share: float) -> Callable[[Draw, int], np.ndarray]:
    """Draw a number of which a share is missing."""
    return lambda draw, rows: missing(draw.standard_normal(rows), draw, share)


def score(moved: float) -> Callable[[Draw, int], np.ndarray]:
    """Draw probabilities whose logits moved."""
    return lambda draw, rows: expit(logit(draw.beta(2, 4, rows)) + moved)


def shifted(by: float) -> Callable[[Draw, int], np.ndarray]:
    """Draw a number that moved by so many standard deviations."""
    return lambda draw, rows: draw.standard_normal(rows) + by


SHIFTS = (0.1, 0.2, 0.5, 1.0)
# What changes, the rows of the reference, its column and that of the batch.
CHANGES: list[tuple[str, str, int, Any, Any]] = [
    *((f"{by} deviations", "number", TRAINED, shifted(0), shifted(by)) for by in SHIFTS),
    ("times 100", "number", TRAINED, ratio, lambda draw, rows: 100 * ratio(draw, rows)),
    ("divided by 18", "number", TRAINED, ratio, lambda draw, rows: ratio(draw, rows) / 18),
    ("a category from 20 to 30 %", "category", TRAINED, city(0.2), city(0.3)),
    ("missing from 5 to 10 %", "number", TRAINED, gaps(0.05), gaps(0.1)),
    ("scores alone, logits + 0.5", "number", TESTED, score(0), score(0.5)),
]


def with_drift(thresholds: dict[tuple[int, int], float]) -> str:
    """Measure how often the column that changed is called."""
    lines: list[dict[str, Any]] = []
    for place, (name, kind, rows, was, becomes) in enumerate(CHANGES):
        line: dict[str, Any] = {"change": name}
        for n in ROWS:
            draw = np.random.default_rng([place, n])
            differences = []
            for _ in range(DRIFTED[n]):
                (counts,) = counts_of(kind, was(draw, rows), becomes(draw, n), [n])
                differences.append(counts.differences(MONITORING.smallest_change).max())
            seen = [np.mean(np.array(differences) > thresholds[n, m]) for m in (8, 100)]
            line[f"{n} rows"] = " / ".join(f"{100 * share:.0f}" for share in seen)
        lines.append(line)
    return markdown(lines)


def smallest(thresholds: dict[tuple[int, int], float]) -> str:
    """Tabulate the smallest shift that is said to be seen with four chances of five."""
    lines = []
    for n in ROWS:
        line: dict[str, Any] = {"rows": n}
        for m in COLUMNS:
            shift = smallest_shift(TRAINED, n, thresholds[n, m], MONITORING.smallest_change)
            line[f"{m} columns"] = f"{shift:.2f}" if shift else "none"
        lines.append(line)
    return markdown(lines)


def main() -> None:
    """Measure, print and write."""
    alarms, thresholds = without_drift(sys.argv[1] if len(sys.argv) > 1 else None)
    text = f"""# Drift: false alarms, and what is seen

References of {TRAINED:,} train rows and {TESTED} test rows, a new one for each batch; columns in
turn: normal, skewed, with 5 % missing, counts, yes/no, 3 and 30 categories, two correlated ones,
rounded. `python benchmarks/drift.py`.

## Without drift: runs with an alarm, %

{BATCHES:,} batches where no other number is given, with the exact 95 % interval; declared:
{100 * MONITORING.false_alarms:g}. All columns, a score and the quarantined rows are compared.
evidently decides as by default, and calls at least one column drifted.

{alarms}

## With drift: batches in which the column that changed is called, %

Of {min(DRIFTED.values())} to {max(DRIFTED.values())} batches, among 8 columns / among 100.

{with_drift(thresholds)}

## The smallest shift that is seen with four chances of five, in standard deviations

{smallest(thresholds)}
"""
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
