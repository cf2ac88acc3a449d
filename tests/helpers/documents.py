"""The documents: their blocks of code, run, and what in a line does not change from run to run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.helpers.project import ROOT

BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
# tests/integration/test_package.py runs these in a project of the starter, one after the other.
OF_THE_STARTER = [
    "README.md",
    "docs/outputs.md",
    "docs/retraining.md",
    "docs/compare.md",
    "docs/scoring.md",
    "docs/scheduling.md",
    "docs/monitoring.md",
]
# What differs from run to run, or in the last bits from processor to processor.
CHANGING = [
    (r"\d{4}-\d\d-\d\dT[\d.]+Z", "RUN"),
    (r"[+-]?\d+(\.\d+)?", "NUMBER"),
    (r"is behind|is ahead of|is level with|beats|loses to", "COMPARES WITH"),
    (r", (within chance|by less than matters)", ""),
    (r"\s+", " "),
]


def text(page: str) -> str:
    return (ROOT / page).read_text()


def unchanging(line: str) -> str:
    """A line without numbers, run ids and the outcome of a comparison."""
    for pattern, replacement in CHANGING:
        line = re.sub(pattern, replacement, line)
    return line.strip()


def run_blocks(pages: list[str], folder: Path, python: str = sys.executable) -> list[str]:
    """Run all blocks in their order, each as its language says, in a folder.

    A block of `text` has to be among what the block before it printed. `python` is that of the
    environment whose commands run.

    Returns:
        What each block of Python printed.
    """
    printed, output = [], ""
    for page in pages:
        for language, code in BLOCK.findall(text(page)):
            if language in {"yaml", "python file"}:
                (folder / code.splitlines()[0].removeprefix("# ")).write_text(code)
            elif language == "python":
                output = run_block([python, "-c", code], folder, python)
                printed.append(output)
            elif language == "bash":
                output = run_block(["bash", "-euc", code], folder, python)
            elif language == "text":
                lines = "\n".join(map(unchanging, output.splitlines()))
                for line in code.splitlines():
                    assert unchanging(line) in lines, f"{page}: not printed: {line}\n{output}"
    return printed


def run_block(command: list[str], folder: Path, python: str = sys.executable) -> str:
    """Run a command in a folder, with the commands of the environment of `python`."""
    bin_folder = Path(python).parent
    variables = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        # `make` takes the environment that the tests run in for the one it would create.
        "MAKEFLAGS": f"VENV={bin_folder.parent} --assume-old={bin_folder.parent}/.installed "
        f"--assume-old={bin_folder.parent}/.mlflow",
    }
    finished = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables | ({} if python == sys.executable else {"PYTHONPATH": ""}),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, f"{command}: {finished.stdout[-2000:]}{finished.stderr}"
    return finished.stdout
