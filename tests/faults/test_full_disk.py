"""No space left, for each file that counts and on a full disk: what served goes on serving, nothing
half written is read, and one line names the file."""

from pathlib import Path

import keras
import pytest

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers import scorings
from tests.helpers.champions import assert_settled, assert_sound, log_of, log_path, on_disk
from tests.helpers.commands import RETRAINING, here, message_of, sabotaged, seed, succeeds
from tests.helpers.disks import FOR_TEMPORARY_FILES, assert_no_space, on_a_small_disk
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, rows_at, unfinished, write_rows

ROWS = 150_000
SCORE = (
    *SCORING,
    *rows_at("rows.csv", "monitoring.exit_on_alarm=0"),
)  # some rows are in quarantine


def half_written(project: Project) -> list[Path]:
    """Network files that do not load, and what is left of writing one beside its final place."""
    left = list(project.path.glob("data/06_models/**/.*.new"))
    for path in project.path.glob("data/06_models/**/*.keras"):
        try:
            _ = path.is_file() and keras.saving.load_model(path)
        except (OSError, ValueError):
            left.append(path)
    return left


def assert_retraining_succeeds(project: Project) -> None:
    """Check that nothing is half written, and that with space a retraining promotes."""
    assert half_written(project) == []
    succeeds(here(*RETRAINING, *seed(5)))
    assert [line["action"] for line in log_of(project)] == ["promoted", "promoted"]
    assert_settled(project)


@pytest.mark.parametrize(
    ("output", "size", "file", "task"),
    [("candidate@network", 1000, "candidate", NUMBER), ("promotions", 10, "promotions", CLASSES)],
)
def test_no_space_for_a_file_of_a_retraining_leaves_no_half_of_it(
    served: Project, output: str, size: int, file: str
) -> None:
    before, old = log_path(served).read_bytes(), on_disk(served)
    # Of the log, so much more is written than is there, and not the whole line.
    size += len(before) if output == "promotions" else 0
    assert_no_space(sabotaged(served, output, f"size={size}", *RETRAINING, *seed(5)), file)
    assert assert_sound(served, before) == old
    assert log_path(served).read_bytes() == before
    assert_retraining_succeeds(served)


@pytest.mark.parametrize(
    ("output", "file", "task"),
    [
        ("train_rows", "03_primary/train_rows.parquet", TWO_CLASSES),
        ("candidate_predictions", "07_model_output/candidate_predictions.csv", NUMBER),
        ("figures", "08_reporting/figures", CLASSES),
    ],
)
def test_a_training_names_the_file_without_kedros_words(
    quick: Project, output: str, file: str
) -> None:
    """Datasets of this project and of Kedro, whose errors of writing name no file."""
    finished = sabotaged(quick, output, "size=10", "run")
    assert_no_space(finished, f"{quick.path}/data/{file}/")
    assert message_of(finished).endswith("The champion has not changed.")


@pytest.mark.usefixtures("mounts")
def test_a_full_temporary_folder_is_named(quick: Project) -> None:
    """Keras writes the candidate there first."""
    finished = on_a_small_disk(quick, 40, "run", program=FOR_TEMPORARY_FILES)
    assert_no_space(finished, f"{quick.path}/tmp/")


def kibibytes(project: Project, pattern: str) -> int:
    """What outputs take on a disk of pages of 4 KiB."""
    outputs = (project.path / "data").glob(pattern)
    return sum(4 * -(-path.stat().st_size // 4096) for path in outputs if path.is_file())


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(("file", "task"), [("", NUMBER), ("report", TWO_CLASSES)])
def test_a_full_disk_ends_a_retraining_and_the_next_one_with_space_succeeds(
    served: Project, file: str
) -> None:
    """With space for what a retraining writes before a file, but not for that one."""
    before, old = log_path(served).read_bytes(), on_disk(served)
    free = kibibytes(served, "0[2-8]*/*/**/*") // 2 if file else 0
    finished = on_a_small_disk(served, free, *RETRAINING, *seed(5))
    assert_no_space(finished, file)
    serving = assert_sound(served, before)
    assert (serving == old) == (log_path(served).read_bytes() == before)
    assert_retraining_succeeds(served)


# Scorings


@pytest.fixture
def scored(served: Project) -> Project:
    """A project with rows to score, in which others were scored before."""
    succeeds(here(*SCORING))
    write_rows(served, "rows.csv", ROWS)
    return served


def assert_scoring_finishes(project: Project, runs: int) -> None:
    """Check that so many scorings count, none half written, and that with space one finishes."""
    assert len(scorings.assert_sound(project)) == runs
    assert unfinished(project) == []
    succeeds(here(*SCORE))
    scorings.assert_sound(project)
    assert scorings.finished(project)[-1]["rows"] == ROWS
    assert unfinished(project) == []


@pytest.mark.parametrize(
    ("output", "size", "file", "runs", "task"),
    [
        ("predictions@plan", 20_000, "quarantined_rows_to_score.csv", 1, TWO_CLASSES),
        ("predictions@plan", 200_000, "predictions", 1, NUMBER),
        ("scoring_summary", 100, "scoring_summary.json", 2, CLASSES),
        ("scoring_drift", 1000, "scoring_drift.json", 2, NUMBER),
    ],
)
def test_no_space_for_a_file_of_a_scoring_leaves_no_half_of_it(
    scored: Project, output: str, size: int, file: str, runs: int
) -> None:
    assert_no_space(sabotaged(scored, output, f"size={size}", *SCORE), file)
    assert_scoring_finishes(scored, runs)


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(("free", "task"), [(0, NUMBER), (1000, CLASSES)])
def test_a_full_disk_ends_a_scoring_and_the_next_one_with_space_succeeds(
    scored: Project, free: int
) -> None:
    ended = on_a_small_disk(scored, free, *SCORE)
    assert_no_space(ended, f"{scored.path}/data")
    assert_scoring_finishes(scored, 1)
