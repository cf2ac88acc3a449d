"""Seconds and memory of many models: a run of one alone, all in one process, and in two.

    python benchmarks/models.py [models]

A project is copied into a temporary folder, with a table of so many stores (default: 100) of 1,000
rows each. `kedro run-models` retrains each of them. Memory is that of the process
and of those that it started, read all the time; that of one process also whenever a model is
decided.
"""

import json
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
    """Read the memory of a process and of those that it started; 0 if it has ended.

    A page that several processes share counts as a part in each: the kernel's `Pss`.
    """
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        tasks = [*Path(f"/proc/{process}/task").iterdir()]
        children = [c for task in tasks for c in (task / "children").read_text().split()]
    except (OSError, StopIteration):
        return 0.0
    return kilobytes / 1e3 + sum(map(megabytes, map(int, children)))


def timed(project: Path, arguments: list[str], names: list[str]) -> tuple[list[float], list[float]]:
    """Run kedro; give the seconds until each model was decided, and at the end; memory likewise.

    The last of the memory is its peak.
    """
    command = [sys.executable, "-m", "kedro", *arguments, "--env", "stores"]
    begin = time.perf_counter()
    seconds: list[float] = []
    memory: list[float] = []
    logs = {project / f"data/stores/{name}/08_reporting/promotions.jsonl" for name in names}
    decided, peak = set[Path](), 0.0
    with subprocess.Popen(command, cwd=project, stdout=-3, stderr=-3) as process:
        while process.poll() is None:
            peak = max(peak, now := megabytes(process.pid))
            for log in {log for log in logs - decided if log.exists()}:
                decided.add(log)
                seconds.append(time.perf_counter() - begin)
                memory.append(now)
            time.sleep(0.02)
    return [*seconds, time.perf_counter() - begin], [*memory, peak]


def main() -> None:
    """Print seconds and memory."""
    names = [f"m{number:03}" for number in range(int(sys.argv[1]) if sys.argv[1:] else 100)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write(project, names)
        retraining = ["run", "--pipelines", "retraining", "--params", "model=m000"]
        (_, alone), (_, peak) = timed(project, retraining, names[:1])
        print(f"a run of its own: {alone:.1f} s, {peak:.0f} MB")
        shutil.rmtree(project / "data/stores")
        seconds, memory = timed(project, ["run-models"], names)
        steps = np.diff(seconds[: len(names)])
        print(f"{len(names)} models: {seconds[-1]:.0f} s in all")
        print(f"each but the first: median {np.median(steps):.1f} s, at most {max(steps):.1f} s")

        for place in sorted({1, 10, 25, 50, len(names)} & {*range(len(names) + 1)}):
            print(f"memory after {place}: {memory[place - 1]:.0f} MB")
        shutil.rmtree(project / "data/stores")
        several, in_two = timed(project, ["run-models", "--jobs", "2"], names)
        print(
            f"in two processes: {several[-1]:.0f} s in all, {several[-1] / seconds[-1]:.2f} times"
        )
        print(f"peak: {memory[-1]:.0f} MB in one process, {in_two[-1]:.0f} MB in two")


if __name__ == "__main__":
    main()
