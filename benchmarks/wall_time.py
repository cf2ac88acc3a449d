"""How long `kedro run` takes beside the tutorial's own program, in one sitting.

    python benchmarks/wall_time.py [rounds]

Each round starts both as processes of their own, in turn, in a temporary copy of the project.
It prints each time, the medians and their ratio. Default: three rounds.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from pima import project_copy

TUTORIAL = Path(__file__).with_name("tutorial.py")


def seconds(command: list[str], folder: Path) -> float:
    """Run a command and measure its wall time."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Time both, in turn."""
    times: dict[str, list[float]] = {"tutorial.py": [], "kedro run": []}
    with project_copy() as project:
        for _ in range(rounds):
            times["tutorial.py"].append(seconds([str(TUTORIAL)], project))
            times["kedro run"].append(seconds(["-m", "kedro", "run"], project))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        listed = ", ".join(f"{value:.1f}" for value in values)
        print(f"{name}: {listed} s, median {medians[name]:.1f} s")
    print(f"kedro run / tutorial.py = {medians['kedro run'] / medians['tutorial.py']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
