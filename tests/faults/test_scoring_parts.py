"""Predictions that somebody changed afterwards: who reads them is told, and gets none of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from kedro.io import DatasetError

from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.commands import here, succeeds
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of


def parts_of(project: Project) -> list[Path]:
    return sorted(folder_of(project).glob("*/*.parquet"))


def deleted(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "task"), [(deleted, TWO_CLASSES), (emptied, CLASSES), (flipped, NUMBER)]
)
def test_a_part_that_is_not_as_it_was_written_is_named_and_the_rows_can_be_scored_again(
    served: Project, change: Callable[[Path], None]
) -> None:
    succeeds(here(*SCORING))
    (part,) = parts_of(served)
    change(part)
    with pytest.raises(
        DatasetError, match="score the rows again: kedro run --pipelines scoring"
    ) as refused:
        predictions_of(served)
    assert str(part) in str(refused.value)

    succeeds(here(*SCORING))
    assert len(finished(served)) == 2
    assert len(predictions_of(served)) == 20


def test_a_part_that_no_manifest_names_is_not_read(served: Project) -> None:
    succeeds(here(*SCORING))
    (part,) = parts_of(served)
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())
    assert len(predictions_of(served)) == 20


def lost_a_row(manifest: dict[str, object]) -> None:
    manifest["rows"] = 21


def half(manifest: dict[str, object]) -> None:
    del manifest["parts"]


def of_no_task(manifest: dict[str, object]) -> None:
    manifest["task"] = "colors"


@pytest.mark.parametrize(
    ("change", "task"), [(lost_a_row, NUMBER), (half, TWO_CLASSES), (of_no_task, CLASSES)]
)
def test_a_damaged_manifest_is_named_and_keeps_nobody_from_scoring(
    served: Project, change: Callable[[dict[str, object]], None]
) -> None:
    succeeds(here(*SCORING))
    (path,) = folder_of(served).glob("*/manifest.json")
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match="expected the manifest of a scoring") as refused:
        predictions_of(served)
    assert str(path) in str(refused.value)
    assert "score the rows again: kedro run --pipelines scoring" in str(refused.value)

    succeeds(here(*SCORING))
    assert len(predictions_of(served)) == 20
