"""One run at a time puts its report and metrics in the place of the last run's."""

import threading
from pathlib import Path

from tabular_lstm.runs.latest import folder_lock


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    done: list[str] = []

    def second() -> None:
        with folder_lock(tmp_path):
            done.append("second")

    other = threading.Thread(target=second)
    with folder_lock(tmp_path):
        other.start()
        other.join(0.5)
        done.append("first")
    other.join(60)
    assert done == ["first", "second"]
