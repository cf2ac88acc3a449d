"""Progress of what takes long: a line now and then, none of what is quick."""

import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from tabular_lstm.network import progress
from tabular_lstm.network.progress import RowsDone, told


def test_what_takes_long_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = iter([0.0, *(4.0 * step for step in range(10))])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(told(range(10), "Counting")) == list(range(10))
    assert [record.message for record in caplog.records] == [
        "Counting: 3 of 10, about 28 s left",
        "Counting: 6 of 10, about 16 s left",
        "Counting: 9 of 10, about 4 s left",
    ]


def test_what_is_quick_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(told("abc", "Counting")) == ["a", "b", "c"]
    assert not caplog.records


# Rows ---------------------------------------------------------------------------------------------


def test_rows_that_take_long_are_told_of_each_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with RowsDone("Scored", 5000) as rows:
        for _ in range(6):
            now[0] += 4
            rows.add(1000)
    assert [record.message for record in caplog.records] == [
        "Scored: 3,000 rows of about 5,000, 250 rows/s, about 8 s left",
        # Of more than were expected.
        "Scored: 6,000 rows of about 6,000, 250 rows/s, about 0 s left",
    ]


def test_rows_that_are_quick_are_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with RowsDone("Scored", 10) as rows:
        rows.add(10)
    assert not caplog.records


IN_A_TERMINAL = """
import time
from tabular_lstm.network.progress import RowsDone
with RowsDone("Scored", 300) as rows:
    for _ in range(3):
        time.sleep(0.2)
        rows.add(100)
"""


def test_on_a_terminal_there_is_a_bar_with_rows_and_rate() -> None:
    terminal, end = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", IN_A_TERMINAL], stdout=end, stdin=end) as process:
        assert process.wait(60) == 0
    os.close(end)
    shown = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert re.search(r"Scored .*300/300 .* rows/s", shown), shown
    assert "100/300" in shown


def test_elsewhere_there_is_no_bar() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_TERMINAL], check=True, capture_output=True, timeout=60
    )
    assert ended.stdout == ended.stderr == b""
