"""No space left in a scoring: one line names the file, and nothing half-written is read."""

import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.commands import here, message_of, note, sabotaged, succeeds
from tests.helpers.disks import assert_no_space, on_a_small_disk
from tests.helpers.project import Project
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    rows_at,
    unfinished,
    write_rows,
)

ROWS = 150_000


@pytest.fixture
def scored(served: Project) -> Project:
    """A project with rows to score, in which others were scored before."""
    succeeds(here(*SCORING))
    write_rows(served, "rows.csv", ROWS)
    return served


def assert_next_one_finishes(project: Project) -> None:
    succeeds(here(*SCORING, *rows_at("rows.csv")))
    assert_sound(project)
    assert finished(project)[-1]["rows"] == ROWS
    assert unfinished(project) == []


@pytest.mark.parametrize(
    ("output", "size", "file", "runs", "task"),
    [
        ("quarantined_rows_to_score", 20_000, "quarantined_rows_to_score.csv", 1, TWO_CLASSES),
        ("predictions", 200_000, "predictions", 1, NUMBER),
        ("scoring_summary", 100, "scoring_summary.json", 2, CLASSES),
        ("scoring_drift", 1000, "scoring_drift.json", 2, NUMBER),
    ],
)
def test_no_space_for_a_file_leaves_no_half_of_it(
    scored: Project, output: str, size: int, file: str, runs: int
) -> None:
    ended = sabotaged(scored, output, f"size={size}", *SCORING, *rows_at("rows.csv"))
    assert_no_space(ended, file)
    assert len(assert_sound(scored)) == runs
    assert unfinished(scored) == []

    assert_next_one_finishes(scored)


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("free", "task"), [(0, TWO_CLASSES), (40, CLASSES), (400, NUMBER), (1000, CLASSES)]
)
def test_a_full_disk_ends_a_scoring_and_the_next_one_with_space_succeeds(
    scored: Project, free: int
) -> None:
    ended = on_a_small_disk(scored, free, *SCORING, *rows_at("rows.csv"))
    assert_no_space(ended, f"{scored.path}/data")
    note(f"{free} KiB", message_of(ended).partition(":")[0])
    assert len(assert_sound(scored)) == 1
    assert unfinished(scored) == []

    assert_next_one_finishes(scored)
