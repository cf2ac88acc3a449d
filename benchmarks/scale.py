"""What workers of a Dask cluster on this machine give: speed, what they cost, memory.

    python benchmarks/scale.py scoring [rows ...]
    python benchmarks/scale.py training [rows ...]

Each command runs by itself: in its own process with one thread and with two, and with one and with
two workers of one thread each. From what a scoring takes, that of 100 rows is taken off, which is
the start of Kedro and of the workers; of a training only the node that trains is counted, and not
the one before, in which this process and the workers import TensorFlow. Default: ten thousand to
ten million rows to score and one million to train on, of eight features; three epochs in two groups
of members. Memory is that of the process that holds most, the driver and a worker by themselves.
Processor time is that of all their threads, and less noisy than seconds where others are at work on
the machine.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from projects import project_copy, serve
from scoring_files import FEW, FEW_ROWS, numbers, write
from shapes import declare

from tabular_lstm.parameters import Ensemble

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# Name: threads of the driver, and workers.
WAYS = {
    "one thread": (1, 0),
    "two threads": (2, 0),
    "one worker": (1, 1),
    "two workers": (1, 2),
}
LINE = re.compile(r"^(\S+ \S+) (?:INFO|DEBUG) +(.*)$", re.MULTILINE)
AT_LENGTH = (16, 64)
SECONDS_BETWEEN_LOOKS = 0.2
# Seconds that are compared.
LEAST = 0.5


@dataclass(frozen=True)
class Done:
    """A command that has ended well.

    Attributes:
        seconds: From its start to its exit.
        driver: Bytes that the driver held at most.
        worker: And the worker that held most; 0 where there was none.
        log: What it printed.
        driver_seconds: Of processor time.
        worker_seconds: Of that of all workers together.
    """

    seconds: float
    driver: int
    worker: int
    log: str
    driver_seconds: float = 0.0
    worker_seconds: float = 0.0


def kedro(project: Path, way: str, *arguments: str, parameters: str = "") -> Done:
    """Run a command of Kedro's one way, and look often what its processes hold and take."""
    threads, workers = WAYS[way]
    engine = f",engine.kind=dask,engine.workers={workers}" if workers else ""
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    command += ["--params", f"{parameters}{engine}"]
    env = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    peaks: dict[int, int] = {}
    took: dict[int, float] = {}
    with tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        running = subprocess.Popen(
            command, cwd=project, env=env, stdout=said, stderr=subprocess.STDOUT
        )
        ended = threading.Event()
        looking = threading.Thread(target=look, args=(running.pid, peaks, took, ended))
        looking.start()
        code = running.wait()
        seconds = time.perf_counter() - began
        ended.set()
        looking.join()
        said.seek(0)
        log = said.read()
    if code:
        sys.exit(f"{' '.join(command)} failed: {log[-2000:]}")
    driver, driver_seconds = peaks.pop(running.pid, 0), took.pop(running.pid, 0.0)
    if not workers:  # what else it starts is over at once
        return Done(seconds, driver, 0, log, driver_seconds)
    most = max(peaks.values(), default=0)
    return Done(seconds, driver, most, log, driver_seconds, sum(took.values()))


def look(root: int, peaks: dict[int, int], took: dict[int, float], ended: threading.Event) -> None:
    """Note the peak memory and the processor time of a process and of all that it started."""
    while not ended.wait(SECONDS_BETWEEN_LOOKS):
        left = [root]
        while left:
            process = Path("/proc") / str(left.pop())
            try:
                status = (process / "status").read_text()
                fields = dict(line.split(":", 1) for line in status.splitlines())
                times = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                for started in process.glob("task/*/children"):
                    left.extend(map(int, started.read_text().split()))
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            pid, held = int(process.name), int(fields.get("VmHWM", "0").split()[0]) * 1024
            peaks[pid] = max(peaks.get(pid, 0), held)
            took[pid] = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def measure_scorings(counts: list[int]) -> None:
    """Score so many rows each way, and say how that grows."""
    by_rows = {rows: measure_scoring(rows) for rows in counts}
    for few, many in pairwise(counts):
        for way in WAYS:
            one, other = by_rows[few][way], by_rows[many][way]
            print(
                f"scoring: {many:,} rows against {few:,}, {way}: seconds "
                f"{times(one.seconds, other.seconds)}, processor time "
                f"{times(processor(one), processor(other))}, the driver's memory "
                f"{times(one.driver, other.driver)}, a worker's {times(one.worker, other.worker)}",
                flush=True,
            )


def times(one: float, other: float) -> str:
    """Write a ratio, unless one of them is next to nothing beside the start that is taken off."""
    return f"{other / one:.2f} times" if min(one, other) > LEAST else "-"


def measure_scoring(rows: int) -> dict[str, Done]:
    """Score so many rows each way, and give what is left of each without its start."""
    table = numbers()
    found: dict[str, Done] = {}
    with project_copy() as project:
        serve(project, table.schema)
        table.block.head(FEW).to_csv(project / FEW_ROWS, index=False)
        # A block is the least that can be written several times.
        table = replace(table, block=table.block.head(min(rows, len(table.block))))
        write(table, max(1, rows // len(table.block)), project / "rows.csv")

        def scored(way: str, file: str) -> Done:
            parameters = f"rows_to_score={file},scoring.force=true"
            return kedro(project, way, "--pipelines", "scoring", parameters=parameters)

        for way in WAYS:
            start, whole = scored(way, FEW_ROWS), scored(way, "rows.csv")
            done = found[way] = replace(
                whole,
                seconds=whole.seconds - start.seconds,
                driver_seconds=whole.driver_seconds - start.driver_seconds,
                worker_seconds=whole.worker_seconds - start.worker_seconds,
            )
            more = f", and {start.seconds:.1f} s to start"
            more += f"; processor time: the driver {done.driver_seconds:.1f} s"
            more += f", its workers {done.worker_seconds:.1f} s" if done.worker else ""
            tell("scoring", rows, way, done.seconds, whole, more)
        newest = max((project / "data/07_model_output/predictions").glob("*/"))
        parts = len([*newest.glob("*.parquet")])
    if min(done.seconds for done in found.values()) > LEAST:
        compare("scoring", {way: done.seconds for way, done in found.items()})
        tell_limits(found["two workers"], parts)
    return found


def processor(done: Done) -> float:
    """Give the processor time of all processes."""
    return done.driver_seconds + done.worker_seconds


def tell_limits(two: Done, parts: int) -> None:
    """Say what the driver leaves to its workers, by the processor time that each takes.

    Two workers and a driver that share two cores take at least half of all that.
    """
    share = two.driver_seconds / two.worker_seconds
    print(
        f"scoring: the driver takes {100 * share:.1f} % of its workers' processor time, so that on "
        f"two cores two workers are at most {2 / (1 + share):.2f} times as fast as one"
    )
    for count in AT_LENGTH:
        fast = min(count, 1 / share)
        print(
            f"scoring: predicted, not measured: {count} workers with a core each, and one for the "
            f"driver, are at most {fast:.1f} times as fast as one"
            + (", for the driver has no more time" if fast < count else "")
        )
    print(f"scoring: there are {parts} parts, and no more workers have anything to do", flush=True)


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
    tell_predicted(took)


def tell(what: str, rows: int, way: str, seconds: float, done: Done, more: str = "") -> None:
    """Print one of them."""
    worker = f", a worker {done.worker / 2**20:,.0f} MB" if done.worker else ""
    print(
        f"{what}: {rows:,} rows, {way}: {seconds:.1f} s{more}; the driver held "
        f"{done.driver / 2**20:,.0f} MB{worker}",
        flush=True,
    )


def compare(what: str, took: dict[str, float]) -> None:
    """Print the ratios."""
    gain = took["one worker"] / took["two workers"]
    print(f"{what}: two workers are {gain:.2f} times as fast as one")
    print(f"{what}: one worker takes {took['one worker'] / took['one thread']:.2f} of one thread")
    print(json.dumps({what: took}), flush=True)


def tell_predicted(took: dict[str, float]) -> None:
    """Say what more workers would give a training, a group of one member each.

    What two workers leave of one's time is a part that is shared out and one that is not (Amdahl,
    "Validity of the single processor approach", 1967).
    """
    alone = max(0.0, 2 * took["two workers"] / took["one worker"] - 1)
    for count in AT_LENGTH:
        used = min(count, Ensemble().count)
        fast = 1 / (alone + (1 - alone) / used)
        print(
            f"training: predicted, not measured: {count} workers {fast:.1f} times as fast as one; "
            f"there are {used} members, and no more workers have anything to do"
        )


def measure_trainings(counts: list[int]) -> None:
    """Train on so many rows each way."""
    for rows in counts:
        measure_training(rows)


MEASURED = {
    "scoring": (measure_scorings, [10**4, 10**5, 10**6, 10**7]),
    "training": (measure_trainings, [10**6]),
}

if __name__ == "__main__":
    measure, default = MEASURED[sys.argv[1]]
    measure([int(argument) for argument in sys.argv[2:]] or default)
