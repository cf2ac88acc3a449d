"""Seconds and memory of many models in one process, beside a run of its own for one of them.

    python benchmarks/models.py [models]

A project is copied into a temporary folder, with a table of so many stores (default: 100) of 1,000
rows each. `kedro run-models` retrains each of them. Memory is the resident memory of the process,
read whenever a model is decided.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
ROWS = 1_000
TABLE = "data/01_raw/stores.csv"


def write(project: Path, names: list[str]) -> None:
    """Write the project: its conf, and a table of the stores' rows."""
    shutil.copytree(ROOT / "conf", project / "conf")
    (project / "src").mkdir()
    (project / "data/01_raw").mkdir(parents=True)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, project)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(ROWS * len(names), 8)), columns=list("abcdefgh")).round(3)
    score = rows["a"] + np.sin(2 * rows["b"]) + rows["c"] * rows["d"]
    rows["sold"] = (score + rng.normal(size=len(rows)) > 0).astype(int)
    rows["store"] = np.repeat(names, ROWS)
    rows.sample(frac=1, random_state=0).to_csv(project / TABLE, index=False)
    conf = project / "conf/stores"
    conf.mkdir()
    where = {"store": "${model:}"}
    entry = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": TABLE, "where": where}
    (conf / "catalog.yml").write_text(json.dumps({"raw_rows": entry}))
    columns = {"label": "sold", "positive_class": 1, "negative_class": 0, "ignore": ["store"]}
    (conf / "parameters.yml").write_text(json.dumps({"models": names, "columns": columns}))


def megabytes(process: int) -> float:
    """Read the resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(project: Path, arguments: list[str], names: list[str]) -> tuple[list[float], list[float]]:
    """Run kedro; give the seconds until each model was decided, and the memory then."""
    command = [sys.executable, "-m", "kedro", *arguments, "--env", "stores"]
    begin = time.perf_counter()
    seconds: list[float] = []
    memory: list[float] = []
    logs = [project / f"data/stores/{name}/08_reporting/promotions.jsonl" for name in names]
    with subprocess.Popen(command, cwd=project, stdout=-3, stderr=-3) as process:
        while process.poll() is None:
            while len(seconds) < len(logs) and logs[len(seconds)].exists():
                seconds.append(time.perf_counter() - begin)
                memory.append(megabytes(process.pid))
            time.sleep(0.02)
    return [*seconds, time.perf_counter() - begin], memory


def main() -> None:
    """Print seconds and memory."""
    names = [f"m{number:03}" for number in range(int(sys.argv[1]) if sys.argv[1:] else 100)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write(project, names)
        retraining = ["run", "--pipelines", "retraining", "--params", "model=m000"]
        (_, alone), (peak,) = timed(project, retraining, names[:1])
        print(f"a run of its own: {alone:.1f} s, {peak:.0f} MB")
        shutil.rmtree(project / "data/stores")
        seconds, memory = timed(project, ["run-models"], names)
        steps = np.diff(seconds[: len(names)])
        print(f"{len(names)} models: {seconds[-1]:.0f} s in all")
        print(f"each but the first: median {np.median(steps):.1f} s, at most {max(steps):.1f} s")

        for place in sorted({1, 10, 25, 50, len(names)} & {*range(len(names) + 1)}):
            print(f"memory after {place}: {memory[place - 1]:.0f} MB")


if __name__ == "__main__":
    main()
