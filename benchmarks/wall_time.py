"""How long `kedro run` and a retraining take beside the tutorial's own program, in one sitting.

    python benchmarks/wall_time.py [rounds]

Each round starts all as processes of their own, in turn, in a temporary copy of the project that
has a champion; each forced retraining is judged against one champion more, up to five. It prints
each time, the medians and their ratios. Default: three rounds.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from projects import project_copy

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
    """Time all, in turn."""
    retraining = ["-m", "kedro", "run", "--pipelines", "retraining"]
    commands = {
        "tutorial.py": [str(TUTORIAL)],
        "kedro run": ["-m", "kedro", "run"],
        "retraining": [*retraining, "--params", "retraining.force=true"],
        "retraining, nothing new": retraining,
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with project_copy() as project:
        seconds(retraining, project)  # the first champion
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, project))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        listed = ", ".join(f"{value:.1f}" for value in values)
        print(f"{name}: {listed} s, median {medians[name]:.1f} s")
    print(f"kedro run / tutorial.py = {medians['kedro run'] / medians['tutorial.py']:.2f}")
    print(f"retraining / kedro run = {medians['retraining'] / medians['kedro run']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
