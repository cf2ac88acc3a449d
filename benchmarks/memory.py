"""How much memory each node holds on the way from a folder of files to a champion.

    python benchmarks/memory.py [csv | parquet] [retraining | data_processing] [rows ...]

Random numbers in eight features, of which a few tell the label, as a folder of ten files in a
temporary copy of the project, and a whole retraining, or the data processing alone. Of each node it
prints the seconds and the most memory, in MB: own, which is of the process alone, and mapped, which
are pages of files that the system can take back. Default: CSV, a retraining, 100,000 and 1,000,000
rows. Linux only.
"""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from projects import project_copy
from pyarrow import csv, parquet

ROWS = [100_000, 1_000_000]
FEATURES = 8
FILES = 10
NODE = re.compile(r"(?:INFO|DEBUG) +Running (\S+)$")
HELD = {"own": "RssAnon", "mapped": "RssFile"}
EVERY = 0.02


def declare(project: Path, rows: int, kind: str) -> None:
    """Write the folder, and an environment `memory` that reads it."""
    folder = project / "data/01_raw/memory"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for file in range(FILES):
        numbers = rng.normal(size=(FEATURES, rows // FILES))
        label = numbers[0] + np.sin(2 * numbers[1]) + rng.normal(size=rows // FILES) > 0
        table = {f"x{place}": column.round(4) for place, column in enumerate(numbers)}
        write = parquet.write_table if kind == "parquet" else csv.write_csv
        write(pa.table({**table, "y": label.astype(int)}), folder / f"{file}.{kind}")
    (project / "conf/memory").mkdir()
    (project / "conf/memory/catalog.yml").write_text(
        "raw_rows:\n  type: tabular_lstm.datasets.RawRowsDataset\n  filepath: data/01_raw/memory\n"
    )
    (project / "conf/memory/parameters.yml").write_text(
        "columns: {label: y, positive_class: 1, negative_class: 0}\n"
    )


class Watch:
    """Looks what a process holds while it runs, node by node."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._now = process, "start"
        self.nodes: dict[str, dict[str, float]] = {}

    def follow(self) -> str:
        """Read the log to its end, and give it."""
        looking = threading.Thread(target=self._look, daemon=True)
        looking.start()
        lines = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line)
            if node := NODE.search(line.rstrip()):
                self._now = node[1]
        self._now = ""
        looking.join()
        return "".join(lines)

    def _look(self) -> None:
        while node := self._now:
            try:
                status = Path(f"/proc/{self._process.pid}/status").read_text()
            except OSError:
                return
            held = dict(line.split(":", 1) for line in status.splitlines())
            of_node = self.nodes.setdefault(node, {"began": time.perf_counter()})
            of_node["ended"] = time.perf_counter()
            for name, field in HELD.items():
                kilobytes = int(held.get(field, "0 kB").split()[0])
                of_node[name] = max(of_node.get(name, 0), kilobytes / 1024)
            time.sleep(EVERY)


def measure(rows: int, kind: str, pipeline: str) -> None:
    """Run a pipeline once on so many rows."""
    with project_copy() as project:
        declare(project, rows, kind)
        what = f"{pipeline}, {rows:,} rows of {FEATURES} features in {FILES} files of {kind}"
        retrain(project, what, "--env", "memory", pipeline=pipeline)


def retrain(
    project: Path, what: str, *arguments: str, pipeline: str = "retraining"
) -> dict[str, float]:
    """Run a retraining, or part of it, print what each node took, and give the seconds of each."""
    command = ["-m", "kedro", "run", "--pipelines", pipeline, *arguments]
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([sys.executable, *command], cwd=project, **out) as process:  # type: ignore[call-overload]
        watch = Watch(process)
        log = watch.follow()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"The run failed: {log[-2000:]}")
    most = max(node["own"] for node in watch.nodes.values())
    took = sum(node["ended"] - node["began"] for node in watch.nodes.values())
    print(
        f"{what}: {took:.0f} s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor time, {most:.0f} MB own at most, "
        f"{used.ru_maxrss / 1024:.0f} MB with what is mapped"
    )
    seconds = {name: node["ended"] - node["began"] for name, node in watch.nodes.items()}
    for name, node in watch.nodes.items():
        print(
            f"  {name}: {seconds[name]:.1f} s, {node['own']:.0f} own, {node['mapped']:.0f} mapped"
        )
    return seconds


if __name__ == "__main__":
    given = sys.argv[1:]
    for count in [int(argument) for argument in given if argument.isdigit()] or ROWS:
        measure(
            count,
            "parquet" if "parquet" in given else "csv",
            "data_processing" if "data_processing" in given else "retraining",
        )
