"""Whoever must know is told once how a run ended: real programs, and a real server on loopback."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, finished

SECRET = "c0ffee-s3cret"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.jsonl"


def to(told: Path, **notify: Any) -> dict[str, Any]:
    """A command that appends what it is told to a file, as one line."""
    code = "import sys, json; print(json.dumps(json.load(sys.stdin)), file=open(sys.argv[1], 'a'))"
    return {"command": [sys.executable, "-c", code, str(told)], **notify}


def lines(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


def test_a_command_is_told_of_each_end_once(quick: Project, told: Path) -> None:
    declare(quick, **QUICK, notify=to(told))
    succeeds(here(*RETRAINING))
    succeeds(here(*RETRAINING))  # unchanged, of which nobody asked to be told
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*SCORING))
    succeeds(here(*ROLLBACK))
    quick.raw.write_text("no, such\ncolumns,1\n")
    message = message_of(here(*RETRAINING))
    ends = lines(told)
    assert [end["event"] for end in ends] == [
        *(["promoted"] * 2),
        "scored",
        "rolled_back",
        "failed",
    ]
    first, second, scored, back, failed = ends
    log = log_of(quick)
    for end, entry in zip([first, second, back], log, strict=True):
        assert end["decision"]["run_id"] == end["run_id"] == entry["run_id"]
        assert end["decision"]["reason"] in end["message"]
    assert scored["manifest"] == finished(quick)[0]
    assert failed["message"] == f"Error: {message}"
    assert "decision" not in failed
    assert {end["environment"] for end in ends} == {"base"}
