"""What `kedro profile` costs, as a process of its own: time, processor time and peak memory.

    python benchmarks/profiling.py

A mixed table of thirty columns, of 100,000 and of 1,000,000 rows: an identifier, a date, a label,
twelve numbers with two decimals and two with six, five counts, six categories, a column with a code
for "not measured", and one of free text. Each is profiled three times, in turns; the medians count.
The numbers of another machine differ.
"""

import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from processes import Finished, run
from projects import project_copy

SIZES = (100_000, 1_000_000)
ROUNDS = 3
WORDS = {count: [f"word {number}" for number in range(count)] for count in (2, 3, 5, 10, 20, 100)}


def table(rows: int) -> pd.DataFrame:
    """Make the mixed table."""
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 2_000, rows), "D")
    columns: dict[str, object] = {
        "id": np.arange(1, rows + 1),
        "seen": (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d"),
        "age": rng.choice([-9, *range(18, 90)], rows),
        "remark": [f"seen by number {number} for the {number % 7} time" for number in range(rows)],
    }
    columns |= {f"size_{number}": rng.normal(50, 12, rows).round(2) for number in range(12)}
    columns |= {f"fine_{number}": rng.normal(0, 1, rows).round(6) for number in range(2)}
    columns |= {f"count_{number}": rng.integers(0, 80, rows) for number in range(5)}
    columns |= {f"kind_{count}": rng.choice(words, rows) for count, words in WORDS.items()}
    return pd.DataFrame({**columns, "outcome": rng.integers(0, 2, rows)})


def main() -> None:
    """Profile files of both sizes in turns, and print the medians."""
    with project_copy() as project:
        files = {rows: project / f"data/01_raw/rows_{rows}.csv" for rows in SIZES}
        for rows, file in files.items():
            table(rows).to_csv(file, index=False)
        measured: dict[int, list[Finished]] = {rows: [] for rows in SIZES}
        for _ in range(ROUNDS):
            for rows, file in files.items():
                measured[rows].append(profile(file, project))
        for rows, finished in measured.items():
            size = files[rows].stat().st_size / 1e6
            peak = statistics.median(f.peak for f in finished) / 1e6
            print(
                f"{rows:,} rows of 30 columns, {size:.0f} MB: "
                f"{statistics.median(f.seconds for f in finished):.1f} s, "
                f"{statistics.median(f.processor_seconds for f in finished):.1f} s of processor, "
                f"peak memory {peak:.0f} MB, {peak / size:.1f} times the file"
            )


def profile(file: Path, project: Path) -> Finished:
    """Profile a file."""
    return run(["-m", "kedro", "profile", str(file), "--env", "mine", "--force"], project)


if __name__ == "__main__":
    main()
