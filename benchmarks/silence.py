"""The longest silences in the log of each command, on tables of several shapes.

    python benchmarks/silence.py [table ...]

In a temporary copy of the project, each command is a process of its own, whose lines are timed as
they come. It prints the longest silences, how much processor time the command used in each, and the
lines before and after. A network learns for a few epochs only, for one is as quiet as another.
Default: all tables but `million`.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from projects import PROJECT, project_copy

LONGEST = 3
EPOCHS = 3
WIDTH = 90
TICKS = os.sysconf("SC_CLK_TCK")
CONF = "columns: {label: y, positive_class: 1, negative_class: 0, categorical: [%s]}\n"
RUN = ("kedro", "run", "--env", "measured")


@dataclass(frozen=True)
class Silence:
    """Time in which a command logged nothing.

    Attributes:
        seconds: From the line before to the line after, or the command's start or end.
        processor_seconds: What it computed meanwhile, in all its threads.
    """

    seconds: float
    processor_seconds: float
    before: str
    after: str


# Tables -------------------------------------------------------------------------------------------


def example() -> pd.DataFrame:
    """The shipped rows."""
    rows = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv")
    return rows.rename(columns={"diabetes": "y"})


def numbers(rows: int, features: int) -> pd.DataFrame:
    """Random numbers, of which two tell the label."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, features))
    label = values[:, 0] + np.sin(2 * values[:, 1]) + rng.normal(size=rows) > 0
    table = pd.DataFrame(values.round(4), columns=[f"x{place}" for place in range(features)])
    return table.assign(y=label.astype(int))


def words(rows: int, features: int) -> pd.DataFrame:
    """Text of some thirty words a column."""
    rng = np.random.default_rng(0)
    known = np.array([f"word {place}" for place in range(30)])
    table = pd.DataFrame(
        known[rng.integers(30, size=(rows, features))], columns=[f"w{n}" for n in range(features)]
    )
    return table.assign(y=rng.integers(2, size=rows))


def notes(rows: int, features: int) -> pd.DataFrame:
    """A text of its own in each cell, which nothing declares: a run stops and says what it saw."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(10**9, size=(rows, features))
    columns = {f"n{place}": [f"{n} in all" for n in drawn[:, place]] for place in range(features)}
    numbers = rng.normal(size=rows)
    return pd.DataFrame(columns).assign(x=numbers, y=rng.integers(2, size=rows))


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "example": example,
    "columns": lambda: numbers(5_000, 400),
    "wide": lambda: numbers(2_000, 1_000),
    "long": lambda: numbers(100_000, 30),
    "words": lambda: words(5_000, 200),
    "notes": lambda: notes(5_000, 400),
    "million": lambda: numbers(1_000_000, 8),
}


# Measuring ----------------------------------------------------------------------------------------


def processor_seconds(process: int) -> float:
    """Read what a process has used so far; 0 once it has ended."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def silences(command: tuple[str, ...], folder: Path) -> tuple[int, list[Silence]]:
    """Run a command and time its lines; give its exit code too."""
    found = []
    others = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    last, used, before = time.monotonic(), 0.0, "(start)"
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([sys.executable, "-m", *command], cwd=folder, **out) as process:  # type: ignore[call-overload]
        for line in process.stdout:
            now, computed = time.monotonic(), processor_seconds(process.pid)
            found.append(Silence(now - last, computed - used, before, line))
            last, used, before = now, computed, line
        code = process.wait()
    computed = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - others
    found.append(Silence(time.monotonic() - last, computed - used, before, "(end)"))
    return code, found


def declare(table: pd.DataFrame, project: Path, has_notes: bool) -> None:
    """Write the table, and an environment that reads it."""
    table.to_csv(project / "data/01_raw/measured.csv", index=False)
    names = [str(n) for n in table if not has_notes and not pd.api.types.is_numeric_dtype(table[n])]
    conf = project / "conf/measured"
    conf.mkdir()
    (conf / "parameters.yml").write_text(
        f"{CONF % ', '.join(names)}training: {{epochs: {EPOCHS}}}\n"
    )
    (conf / "catalog.yml").write_text(
        "raw_rows:\n"
        "  type: tabular_lstm.datasets.RawCSVDataset\n"
        "  filepath: data/01_raw/measured.csv\n"
    )


def commands(has_notes: bool) -> dict[str, tuple[str, ...]]:
    """What is run on a table, in this order."""
    file = "data/01_raw/measured.csv"
    profile = ("kedro", "profile", file, "--env", "proposed", "--label", "y")
    if has_notes:  # nothing is learned of them
        return {"kedro run": RUN, "kedro profile": profile}
    retraining = (*RUN, "--pipelines", "retraining")
    scoring = (*RUN, "--pipelines", "scoring", "--params", f"rows_to_score={file}")
    return {
        "kedro run": RUN,
        "first retraining": retraining,
        "retraining beside a champion": (*retraining, "--params", "retraining.force=true"),
        "scoring": scoring,
        "kedro profile": profile,
    }


def shortened(line: str) -> str:
    """Give a line's beginning."""
    return line.strip()[:WIDTH]


def measure(name: str) -> None:
    """Run all commands on a table and print their longest silences."""
    has_notes = name == "notes"
    with project_copy() as project:
        declare(TABLES[name](), project, has_notes)
        for what, command in commands(has_notes).items():
            code, found = silences(command, project)
            whole = sum(silence.seconds for silence in found)
            print(f"{name}: {what}: {whole:.1f} s, exit code {code}, {len(found) - 1} lines")
            for silence in sorted(found, key=lambda one: -one.seconds)[:LONGEST]:
                print(
                    f"  {silence.seconds:.1f} s, {silence.processor_seconds:.1f} s of processor "
                    f"time\n    after  {shortened(silence.before)}\n"
                    f"    before {shortened(silence.after)}",
                    flush=True,
                )


if __name__ == "__main__":
    for table in sys.argv[1:] or [name for name in TABLES if name != "million"]:
        measure(table)
