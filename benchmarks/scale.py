"""What workers of a Dask cluster on this machine give: speed, what they cost, memory.

    python benchmarks/scale.py scoring [rows ...]
    python benchmarks/scale.py training [rows ...]

Each command runs by itself: in its own process with one thread and with two, and with one and with
two workers of one thread each. From what a scoring takes, that of 100 rows is taken off, which is
the start of Kedro and of the workers; of a training only the node that trains is counted, and not
the one before, in which this process and the workers import TensorFlow. Default: ten million rows
to score and one million to train on, of eight features; three epochs in two groups of members.
Memory is that of the process that holds most, the driver and a worker by themselves.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from projects import project_copy, serve
from scoring_files import FEW, FEW_ROWS, numbers, write
from shapes import declare

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# Name: threads of the driver, and workers.
WAYS = {
    "one thread": (1, 0),
    "two threads": (2, 0),
    "one worker": (1, 1),
    "two workers": (1, 2),
}
LINE = re.compile(r"^(\S+ \S+) INFO +(.*)$", re.MULTILINE)
AT_LENGTH = (16, 64)


@dataclass(frozen=True)
class Done:
    """A command that has ended well.

    Attributes:
        seconds: From its start to its exit.
        driver: Bytes that the driver held at most.
        worker: And the worker that held most; 0 where there was none.
        log: What it printed.
    """

    seconds: float
    driver: int
    worker: int
    log: str


def kedro(project: Path, way: str, *arguments: str, parameters: str = "") -> Done:
    """Run a command of Kedro's one way, and look each second what its processes hold."""
    threads, workers = WAYS[way]
    engine = f",engine.kind=dask,engine.workers={workers}" if workers else ""
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    command += ["--params", f"{parameters}{engine}"]
    env = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    peaks: dict[int, int] = {}
    with tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        running = subprocess.Popen(
            command, cwd=project, env=env, stdout=said, stderr=subprocess.STDOUT
        )
        ended = threading.Event()
        looking = threading.Thread(target=look, args=(running.pid, peaks, ended))
        looking.start()
        code = running.wait()
        seconds = time.perf_counter() - began
        ended.set()
        looking.join()
        said.seek(0)
        log = said.read()
    if code:
        sys.exit(f"{' '.join(command)} failed: {log[-2000:]}")
    driver = peaks.pop(running.pid, 0)
    return Done(seconds, driver, max(peaks.values(), default=0), log)


def look(root: int, peaks: dict[int, int], ended: threading.Event) -> None:
    """Note each second the peak memory of a process and of all that it started."""
    while not ended.wait(1):
        parent_of, held = {}, {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            pid = int(fields["Pid"])
            parent_of[pid] = int(fields["PPid"])
            held[pid] = int(fields.get("VmHWM", "0").split()[0]) * 1024
        for pid, most in held.items():
            ancestor = pid
            while ancestor in parent_of and ancestor != root:
                ancestor = parent_of[ancestor]
            if ancestor == root:
                peaks[pid] = max(peaks.get(pid, 0), most)


def measure_scoring(rows: int) -> None:
    """Score so many rows each way."""
    table = numbers()
    with project_copy() as project:
        serve(project, table.schema)
        table.block.head(FEW).to_csv(project / FEW_ROWS, index=False)
        write(table, max(1, rows // len(table.block)), project / "rows.csv")

        def scored(way: str, file: str) -> Done:
            parameters = f"rows_to_score={file},scoring.force=true"
            return kedro(project, way, "--pipelines", "scoring", parameters=parameters)

        took = {}
        for way in WAYS:
            start, whole = scored(way, FEW_ROWS), scored(way, "rows.csv")
            took[way] = whole.seconds - start.seconds
            tell("scoring", rows, way, took[way], whole, f", and {start.seconds:.1f} s to start")
    compare("scoring", took)


def measure_training(rows: int) -> None:
    """Train on so many rows each way, in two groups of members."""
    with project_copy() as project:
        declare(project, rows, 8)
        took = {}
        for way in WAYS:
            parameters = "training.groups=2,training.epochs=3"
            arguments = ("--env", "shape", "--to-nodes", "training.train_network")
            done = kedro(project, way, *arguments, parameters=parameters)
            lines = [(datetime.fromisoformat(when), said) for when, said in LINE.findall(done.log)]
            (began,) = [when for when, said in lines if said == "Running training.train_network"]
            took[way] = (lines[-1][0] - began).total_seconds()
            tell("training", rows, way, took[way], done)
    compare("training", took)


def tell(what: str, rows: int, way: str, seconds: float, done: Done, more: str = "") -> None:
    """Print one of them."""
    worker = f", a worker {done.worker / 2**20:,.0f} MB" if done.worker else ""
    print(
        f"{what}: {rows:,} rows, {way}: {seconds:.1f} s{more}; the driver held "
        f"{done.driver / 2**20:,.0f} MB{worker}",
        flush=True,
    )


def compare(what: str, took: dict[str, float]) -> None:
    """Print the ratios, and what they say of more workers.

    What two workers leave of one's time is a part that is shared out and one that is not (Amdahl,
    "Validity of the single processor approach", 1967).
    """
    gain = took["one worker"] / took["two workers"]
    alone = max(0.0, 2 / gain - 1)
    print(f"{what}: two workers are {gain:.2f} times as fast as one")
    print(f"{what}: one worker takes {took['one worker'] / took['one thread']:.2f} of one thread")
    for count in AT_LENGTH:
        fast = 1 / (alone + (1 - alone) / count)
        print(f"{what}: predicted, not measured: {count} workers {fast:.0f} times as fast as one")
    print(json.dumps({what: took}))


MEASURED = {"scoring": (measure_scoring, 10_000_000), "training": (measure_training, 1_000_000)}

if __name__ == "__main__":
    measure, default = MEASURED[sys.argv[1]]
    for count in [int(argument) for argument in sys.argv[2:]] or [default]:
        measure(count)
