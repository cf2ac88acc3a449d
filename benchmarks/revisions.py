"""Whole commands by these sources and by those of an earlier revision, in turns.

    python benchmarks/revisions.py REVISION [ROUNDS]

Both are taken from git, so that only what is committed counts. Each runs in a folder of its own, by
the same packages: `kedro run`, a retraining beside a champion, scorings of 1,000,000 rows of Pima's
eight numbers and of a mixed table of twenty columns, as CSV and, of numbers, as Parquet, and of the
twenty rows that are shipped. Prints the medians of seconds, of processor time and of peak memory,
and how much of the earlier revision's the new one takes. Needs 2 GB on disk.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from processes import Finished, run
from projects import PROJECT

ROUNDS = 3
ROWS = 1_000_000
TRAINED_ON = 3_000
SCORING = ("--pipelines", "scoring")
RETRAINING = ("--pipelines", "retraining")
# Every candidate of it is promoted, so that each retraining is beside a champion.
WIDE = {"promotion": {"tolerance": {"log_loss": 1.0, "roc_auc": 1.0}}}
MIXED = {
    **WIDE,
    "columns": {
        "label": "label",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "customer",
        "categorical": [f"name_{place}" for place in range(7)],
    },
    "training": {"epochs": 3},
}


def mixed(count: int) -> pd.DataFrame:
    """A key, twelve numbers, seven categories, and a label that the first number tells."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"customer": [f"C{place:07}" for place in range(count)]})
    for place in range(12):
        rows[f"number_{place}"] = rng.normal(10, 5, count).round(3)
    for place in range(7):
        rows[f"name_{place}"] = rng.choice(
            [f"word_{word}" for word in range(10 + 3 * place)], count
        )
    return rows.assign(label=np.where(rows["number_0"] + rng.normal(0, 3, count) > 10, "yes", "no"))


def write_tables(folder: Path) -> dict[str, Path]:
    """Write the rows to score, and those that the mixed table's champion is trained on."""
    pima = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv").drop(columns="diabetes")
    numbers = pima.iloc[np.arange(ROWS) % len(pima)].reset_index(drop=True)
    files = {name: folder / name for name in ("numbers.csv", "numbers.parquet", "mixed.csv")}
    numbers.to_csv(files["numbers.csv"], index=False)
    numbers.to_parquet(files["numbers.parquet"])
    many = mixed(ROWS)
    many.drop(columns="label").to_csv(files["mixed.csv"], index=False)
    many[:TRAINED_ON].to_csv(folder / "mixed_train.csv", index=False)
    return files


class State:
    """The sources of a revision, in a folder in which they run."""

    def __init__(self, revision: str, folder: Path, rows: Path) -> None:
        folder.mkdir()
        archive = ["git", "-C", str(PROJECT), "archive", revision]
        content = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=content, check=True)
        self.folder, self.seed = folder, 0
        (folder / "conf/mixed").mkdir()
        raw = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": str(rows)}
        (folder / "conf/mixed/catalog.yml").write_text(json.dumps({"raw_rows": raw}))
        (folder / "conf/mixed/parameters.yml").write_text(json.dumps(MIXED))
        (folder / "conf/local").mkdir(exist_ok=True)
        (folder / "conf/local/parameters.yml").write_text(json.dumps(WIDE))
        self.kedro(*RETRAINING)
        self.kedro("--env", "mixed", *RETRAINING)

    def kedro(self, *options: str) -> Finished:
        """Run `kedro run` by these sources."""
        os.environ["PYTHONPATH"] = str(self.folder / "src")
        return run(["-m", "kedro", "run", *options], self.folder)

    def retrain(self) -> Finished:
        """Retrain with another seed than ever before."""
        self.seed += 1
        return self.kedro(*RETRAINING, "--params", f"training.seed={self.seed}")

    def score(self, file: str | Path, *options: str) -> Finished:
        """Score a file, though it was scored before."""
        return self.kedro(
            *options, *SCORING, "--params", f"rows_to_score={file},scoring.force=true"
        )


def main(revision: str, rounds: int) -> None:
    """Print a line for each command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_tables(folder)
        states = {
            which: State(of, folder / which, folder / "mixed_train.csv")
            for which, of in {"before": revision, "now": "HEAD"}.items()
        }
        commands: dict[str, Callable[[State], Finished]] = {
            "kedro run": lambda state: state.kedro(),
            "retraining": State.retrain,
            "scoring, 20 rows": lambda state: state.score("data/01_raw/rows_to_score.csv"),
            "scoring, numbers.csv": lambda state: state.score(files["numbers.csv"]),
            "scoring, numbers.parquet": lambda state: state.score(files["numbers.parquet"]),
            "scoring, mixed.csv": lambda state: state.score(files["mixed.csv"], "--env", "mixed"),
        }
        for what, command in commands.items():
            took: dict[str, list[Finished]] = {which: [] for which in states}
            for _ in range(rounds):
                for which, state in states.items():
                    took[which].append(command(state))
            print(f"{what}: {', '.join(compared(took))}", flush=True)


def compared(took: dict[str, list[Finished]]) -> list[str]:
    """Say the medians of both, and the ratio."""
    said = []
    for unit, scale, of in (
        ("s", 1.0, "seconds"),
        ("s of processor time", 1.0, "processor_seconds"),
        ("MB at most", 1e-6, "peak"),
    ):
        before, now = (
            scale * statistics.median(getattr(one, of) for one in took[which])
            for which in ("before", "now")
        )
        said.append(f"{before:.1f} → {now:.1f} {unit} ({now / before:.2f})")
    return said


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else ROUNDS)
