"""No space left, for each file that counts and on a full disk: what served goes on serving."""

from pathlib import Path

import keras
import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.champions import (
    assert_settled,
    assert_sound,
    champion_of,
    log_of,
    log_path,
    on_disk,
)
from tests.helpers.commands import (
    RETRAINING,
    here,
    message_of,
    note,
    sabotaged,
    seed,
    succeeds,
)
from tests.helpers.disks import (
    assert_no_space,
    on_a_small_disk,
    with_a_small_disk_for_temporary_files,
)
from tests.helpers.project import Project


def half_written(project: Project) -> list[Path]:
    """Network files that do not load, and what is left of writing one beside its final place."""
    left = list(project.path.glob("data/06_models/**/.*.new"))
    networks = [p for p in project.path.glob("data/06_models/**/*.keras") if p.is_file()]
    for path in networks:
        try:
            keras.saving.load_model(path)
        except (OSError, ValueError):
            left.append(path)
    return left


# The new champion's log line is longer than 10 bytes, so that this much more of it is written.
TORN = 10


@pytest.mark.parametrize(
    ("output", "fault", "file", "task"),
    [
        ("candidate@network", "size=1000", "candidate", NUMBER),
        ("promotions", "size=log", "promotions.jsonl", CLASSES),
    ],
)
def test_no_space_for_a_file_leaves_no_half_of_it(
    served: Project, output: str, fault: str, file: str
) -> None:
    before, old = log_path(served).read_bytes(), on_disk(served)
    fault = fault.replace("size=log", f"size={len(before) + TORN}")

    finished = sabotaged(served, output, fault, *RETRAINING, *seed(5))
    assert_no_space(finished, file)
    assert assert_sound(served, before) == old
    assert log_path(served).read_bytes() == before
    assert half_written(served) == []

    succeeds(here(*RETRAINING, *seed(5)))
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == 5


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
    assert message_of(finished).endswith("What serves is as it was.")


@pytest.mark.usefixtures("mounts")
def test_a_full_temporary_folder_is_named(quick: Project) -> None:
    """Keras writes the candidate there first."""
    finished = with_a_small_disk_for_temporary_files(quick, 40, "run")
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
    note(f"{free} KiB", message_of(finished).partition(":")[0])
    serving = assert_sound(served, before)
    assert (serving == old) == (log_path(served).read_bytes() == before)
    assert half_written(served) == []

    succeeds(here(*RETRAINING, *seed(5)))
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == 5
