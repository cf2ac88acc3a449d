"""Progress of what takes long: a line now and then, none of what is quick."""

import os
import pty
import re
import subprocess
import sys
import time

import pytest

from tabular_lstm.at_work import now_at_work
from tabular_lstm.network.progress import RowsDone


def test_rows_tell_how_many_are_done_how_fast_and_how_long_the_others_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    said = []
    with RowsDone("Scored", 5000) as rows:
        for _ in range(6):
            now[0] += 4
            rows.add(1000)
            said.append(now_at_work())
    assert said[2] == "Scored: 3,000 rows of about 5,000, 250 rows/s, about 8 s left"
    # Of more than were expected.
    assert said[5] == "Scored: 6,000 rows of about 6,000, 250 rows/s"
    assert now_at_work() == ""


IN_A_TERMINAL = """
import sys
import time
from tabular_lstm.at_work import now_at_work
from tabular_lstm.network.progress import RowsDone
with RowsDone("Scored", 300) as rows:
    for _ in range(3):
        time.sleep(0.2)
        rows.add(100)
        sys.stderr.write(now_at_work())
"""


def test_on_a_terminal_there_is_a_bar_with_rows_and_rate() -> None:
    terminal, end = pty.openpty()
    program = [sys.executable, "-c", IN_A_TERMINAL]
    with subprocess.Popen(program, stdout=end, stdin=end, stderr=subprocess.PIPE) as process:
        # No line beside it.
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0
    os.close(end)
    shown = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert re.search(r"Scored .*300/300 .* rows/s", shown), shown
    assert "100/300" in shown


def test_elsewhere_there_is_no_bar() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_TERMINAL], check=True, capture_output=True, timeout=60
    )
    assert ended.stdout == b""
    assert b"Scored: 300 rows of about 300, " in ended.stderr
