"""Progress of long loops: a bar on a terminal, elsewhere lines of log; none where it is quick."""

import logging
import math
import os
import pty
import re
import subprocess
import sys
import termios
import time

import pytest

from tabular_lstm import progress as module
from tabular_lstm.progress import progress, progress_bar

LINE = r"Counting: +\d+% (\d+)/40 \[00:0\d<00:0\d, +[\d.]+it/s\]"


def test_each_line_has_the_number_of_steps_that_are_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.01)
    caplog.set_level(logging.INFO)
    start, done_at_line = time.monotonic(), list[int]()
    for done in progress(range(40), "Counting"):
        done_at_line += [done] * (len(caplog.messages) - len(done_at_line))
        time.sleep(0.01)
    assert {record.name for record in caplog.records} == {"tabular_lstm.progress"}
    lines = [re.fullmatch(LINE, line) for line in caplog.messages]
    counts = [int(line[1]) for line in lines if line]
    assert len(counts) == len(lines) >= 3
    assert counts[: len(done_at_line)] == done_at_line
    # Each line comes after twice the time, or later on a busy machine.
    assert len(lines) <= math.log2((time.monotonic() - start) / 0.01 + 1)


def test_a_loop_may_count_its_own_steps_and_add_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.01)
    caplog.set_level(logging.INFO)
    with progress_bar("Scored", 5000, " rows") as bar:
        time.sleep(0.02)
        bar.set_postfix_str("loss 0.5", refresh=False)
        bar.update(3000)
    (line,) = caplog.messages
    assert re.fullmatch(r"Scored: +60% 3.00k/5.00k \[00:00<00:00, .*k rows/s, loss 0.5\]", line)


IN_A_TERMINAL = """
import logging
import time
from tabular_lstm import progress
logging.basicConfig(level=logging.INFO)
progress.SECONDS_BETWEEN_BARS = 0.1
for _ in progress.progress(range(3), "Counting"):
    time.sleep(0.2)
"""


def test_on_a_terminal_there_is_a_bar_and_no_line() -> None:
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    program = [sys.executable, "-c", IN_A_TERMINAL]
    subprocess.run(program, stdout=end, stderr=end, check=True, timeout=60)
    os.close(end)
    shown = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert re.search(r"\rCounting: .*\|.*\| 2/3 \[", shown), shown
    assert "INFO" not in shown
