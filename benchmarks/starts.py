"""How long the commands take that a user waits for, each beside another one of the same round.

    python benchmarks/starts.py [ROUNDS]

- `kedro run` on the rows that the project ships, beside the tutorial's program, `tutorial.py`;
- a scoring of 100 rows, from command to exit, beside `kedro registry list`.

Each command is a process of its own. Prints the medians of the seconds, and the median over the
rounds of the ratio of both, by the clock and in brackets of the processor. Default: seven rounds.
"""

import sys
from pathlib import Path

import numpy as np
from processes import run
from projects import PROJECT, project_copy
from scoring import FEW, FEW_ROWS, numbers, score_command, served

ROUNDS = 7


def compare(first: list[str], second: list[str], folder: Path, rounds: int) -> str:
    """Run both commands in turn and describe the times of both and the ratio of each pair."""
    seconds = []
    for _ in range(1 + rounds):
        pair = [run(command, folder) for command in (first, second)]
        seconds.append([(done.seconds, done.processor_seconds) for done in pair])
    measured = np.array(seconds[1:])  # the first round warms the disk's cache
    (one, one_cpu), (other, other_cpu) = np.median(measured, axis=0)
    clock, processor = np.median(measured[:, 0] / measured[:, 1], axis=0)
    return (
        f"{one:.2f} s ({one_cpu:.2f}) and {other:.2f} s ({other_cpu:.2f}), "
        f"ratio {clock:.2f} ({processor:.2f})"
    )


def main(rounds: int) -> None:
    """Print both comparisons."""
    kedro = ["-m", "kedro"]
    with project_copy() as project:
        tutorial = [str(PROJECT / "benchmarks/tutorial.py")]
        times = compare([*kedro, "run"], tutorial, project, rounds)
        print(f"kedro run and the tutorial: {times}", flush=True)
    table = numbers()
    with served(table) as project:
        listing = [*kedro, "registry", "list"]
        times = compare(score_command(table, FEW_ROWS), listing, project, rounds)
        print(f"scoring {FEW} rows and kedro registry list: {times}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
