"""Entries of a promotion log. Runs go by letters here: `run("a")` is the run id of run a."""

import json
from pathlib import Path
from typing import Any

from tabular_lstm.files import sha256
from tabular_lstm.serving.promotion_log import Action, LogEntry

# Of a line, in their order.
FIELDS = [
    *("format", "run_id", "time", "action", "reason", "served_before", "serves_now", "sha256"),
    *("user", "host", "inputs", "test_rows_sha256", "decision_sha256", "line_before"),
]


def run(letter: str) -> str:
    return f"2026-11-25T02.15.00.{ord(letter):03}Z"


def letters(runs: list[str]) -> str:
    """The letters of run ids, in their order."""
    return "".join(chr(int(run_id[-4:-1])) for run_id in runs)


def hash_of(letter: str) -> str:
    """The SHA-256 that the artifact of a run has."""
    return sha256(letter.encode())


def promotion(letter: str, before: str | None = None) -> LogEntry:
    return decided(letter, "promoted", before, letter)


def rejection(letter: str, champion: str | None) -> LogEntry:
    return decided(letter, "rejected", champion, champion)


def rollback(letter: str, champion: str, before: str) -> LogEntry:
    return decided(letter, "rolled_back", before, champion)


def decided(letter: str, action: Action, before: str | None, now: str | None) -> LogEntry:
    return LogEntry(
        run_id=run(letter),
        time="2026-11-25T02:15:00Z",
        action=action,
        reason="to see",
        served_before=before and run(before),
        serves_now=now and run(now),
        sha256=now and hash_of(now),
        inputs=None,
        test_rows_sha256=None,
        decision_sha256=hash_of(letter),
        line_before=None,
    )


# With each kind of entry.
LOG = [
    rejection("0", None),
    promotion("a"),
    promotion("b", "a"),
    rejection("x", "b"),
    promotion("c", "b"),
    rollback("r", "b", "c"),
    promotion("d", "b"),
    rejection("y", "d"),
]


def write_chained(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write lines whose hashes of the lines before are right, as a forger would."""
    before, content = None, b""
    for line in lines:
        written = json.dumps({**line, "line_before": before}).encode() + b"\n"
        content, before = content + written, sha256(written)
    path.write_bytes(content)
