"""Scorings beside each other and beside retrainings: each has its own rows, whole."""

import os
import signal
import subprocess

from tests.helpers.commands import here, succeeds
from tests.helpers.processes import at_work, started
from tests.helpers.project import Project
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    predictions_of,
    rows_at,
    unfinished,
    write_rows,
)


def test_four_scorings_at_once_each_give_their_own_rows(served: Project) -> None:
    counts = [20_000, 30_000, 40_000, 40_000]
    for number, count in enumerate(counts):
        write_rows(served, f"rows_{number}.csv", count)
    runs = [
        started(
            served,
            *SCORING,
            *rows_at(f"rows_{number}.csv"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(len(counts))
    ]
    said = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(counts), said
    assert len(assert_sound(served)) == len(counts)
    assert sorted(manifest["rows"] for manifest in finished(served)) == counts
    assert unfinished(served) == []


def test_a_scoring_takes_away_nothing_of_one_that_is_at_work(served: Project) -> None:
    write_rows(served, "rows.csv", 150_000)
    with at_work(served, *SCORING, *rows_at("rows.csv"), node="scoring.score_rows") as first:
        succeeds(here(*SCORING))
        os.killpg(first.pid, signal.SIGCONT)
        rest = first.stdout.read()
        assert first.wait() == 0, rest
    assert len(assert_sound(served)) == 2
    # The newest is the one that began last.
    assert len(predictions_of(served)) == 20
