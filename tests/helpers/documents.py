"""The documents: their blocks of code, and what in a line does not change from run to run."""

import re

from tests.helpers.project import ROOT

BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
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
