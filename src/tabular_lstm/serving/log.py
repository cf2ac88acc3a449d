"""The promotion log: one line for each decision, from which follows who serves and who may again.

A line is a JSON object:

- `run_id`, `time`, `action` (promoted, rejected or rolled_back), `reason`
- `champion`, `sha256`: run id and hash of the artifact that serves from this line on, or null
- `replaced`: run id of the champion before this line, or null
- `inputs`, `test_rows_sha256`: what was judged; not there for rolled_back

A champion is named by the run that trained it. The log is what counts: a promotion is done once
its line is written, and `champion.keras` follows.
"""

import json
import os
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from tabular_lstm.errors import DataError
from tabular_lstm.files import append_line, whole_lines

Line = dict[str, Any]

REQUIRED = ("run_id", "time", "action", "reason", "champion", "sha256", "replaced")
PREVIEWED = 20


class PromotionLogDataset(AbstractDataset[Line, list[Line]]):
    """The log in the catalog: `load` gives all lines, `save` appends one."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[Line]:
        """Read all lines, oldest first; none where there is no file yet.

        Raises:
            DataError: A line is not a decision.
        """
        content = self.filepath.read_bytes() if self.filepath.exists() else b""
        lines = []
        for number, text in enumerate(whole_lines(content).splitlines(), 1):
            try:
                line = json.loads(text)
                lacking = [name for name in REQUIRED if name not in line]
            except (ValueError, TypeError):
                lacking = list(REQUIRED)
            if lacking:
                raise DataError(
                    f"{self.filepath}, line {number}: expected a decision as a JSON object with "
                    f"{', '.join(lacking)}, got {text[:60]!r}. The log is only ever appended to; "
                    "put back a copy of it."
                )
            lines.append(line)
        return lines

    def save(self, data: Line) -> None:
        """Append a line, once all that it rests on has reached the disk."""
        os.sync()
        append_line(self.filepath, json.dumps(data, ensure_ascii=False))

    def preview(self) -> JSONPreview:
        """Show the newest lines, newest first."""
        return JSONPreview(json.dumps(self.load()[: -PREVIEWED - 1 : -1]))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.filepath}


def changes(lines: list[Line]) -> list[Line]:
    """Take the lines that changed the champion."""
    return [line for line in lines if line["action"] in {"promoted", "rolled_back"}]


def serving(lines: list[Line]) -> str | None:
    """Name the run whose artifact serves."""
    return changes(lines)[-1]["champion"] if changes(lines) else None


def promoted(lines: list[Line]) -> dict[str, Line]:
    """Find, by run id, the line in which each champion was promoted."""
    return {line["champion"]: line for line in lines if line["action"] == "promoted"}


def lineage(lines: list[Line]) -> list[str]:
    """Name the champions that stand: the one that serves, the one it replaced, and so on.

    One that was rolled back from is not among them.

    Examples:
        >>> log = [
        ...     {"action": "promoted", "champion": "a", "replaced": None},
        ...     {"action": "promoted", "champion": "b", "replaced": "a"},
        ...     {"action": "rolled_back", "champion": "a", "replaced": "b"},
        ...     {"action": "promoted", "champion": "c", "replaced": "a"},
        ... ]
        >>> lineage(log)
        ['c', 'a']
    """
    replaced = {run: line["replaced"] for run, line in promoted(lines).items()}
    run, standing = serving(lines), []
    while run is not None:
        standing.append(run)
        run = replaced.get(run)
    return standing


def restorable(lines: list[Line], keep: int) -> list[str]:
    """Name the champions to keep the artifacts of: those that stand and those that served last.

    Args:
        lines: The log.
        keep: How many of each.

    Returns:
        Run ids, the one that served last first.
    """
    served = [line["champion"] for line in reversed(changes(lines))]
    kept = {*list(dict.fromkeys(served))[:keep], *lineage(lines)[:keep]}
    return [run for run in dict.fromkeys(served) if run in kept]
