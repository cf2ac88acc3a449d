"""How the default network does on Pima's held-out rows, over five splits.

    python benchmarks/pima.py [training.epochs=50 ...]

For each of five split salts the whole pipeline runs in a temporary copy of the project. It
prints the network's accuracy and ROC AUC beside those of the baselines on the same test rows,
and the means over the five.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from projects import project_copy

SALTS = ("a", "b", "c", "d", "e")


def run(project: Path, parameters: list[str]) -> dict[str, Any]:
    """Run `kedro run` with some parameters and read its metrics."""
    command = [sys.executable, "-m", "kedro", "run", "--params", ",".join(parameters)]
    subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)
    newest = max((project / "data/08_reporting/metrics.json").iterdir())
    metrics: dict[str, Any] = json.loads((newest / "metrics.json").read_text())
    return metrics


def main(parameters: list[str]) -> None:
    """Print a line for each salt and the means."""
    rows = []
    with project_copy() as project:
        for salt in SALTS:
            metrics = run(project, [f"split.salt={salt}", *parameters])
            models = {"network": metrics["test"], **metrics["baselines"]}
            row = {
                f"{name} {metric}": model[metric]
                for metric in ("accuracy", "roc_auc", "log_loss")
                for name, model in models.items()
            }
            rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(SALTS, name="salt"))
    table.loc["mean"] = table.mean()
    print(table.T.round(3).to_string())
    gains = 100 * (table["network accuracy"] - table["majority_class accuracy"])
    print(f"accuracy above the majority class: {gains.iloc[-1]:.1f} points")


if __name__ == "__main__":
    main(sys.argv[1:])
