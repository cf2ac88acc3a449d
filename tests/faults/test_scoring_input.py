"""Rows that change while they are scored: predictions are of the bytes hashed first, or none."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tabular_lstm.files import sha256
from tabular_lstm.rows import text
from tabular_lstm.rows.blocks import Block
from tabular_lstm.rows.checking import CheckedBlock, CheckedRows
from tests.helpers.commands import here, message_of, succeeds
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

# Blocks of 65,536 rows.
ROWS = 300_000


def grown(path: Path) -> None:
    with path.open("a") as file:
        file.write(path.read_text().partition("\n")[2])


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(len(content) - 1000)


def overwritten(path: Path) -> None:
    """By as many bytes, of which the last are others."""
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(content) - 5)
        file.write(b"7")


def after(block: int, change: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a change come when so many blocks have been read."""
    check, seen = CheckedRows._check, []

    def check_and_change(rows: CheckedRows, read: Block, expected: int) -> CheckedBlock:
        seen.append(read)
        if len(seen) == block:
            change()
        return check(rows, read, expected)

    monkeypatch.setattr(CheckedRows, "_check", check_and_change)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("change", [grown, cut_off, overwritten])
def test_rows_that_change_while_they_are_read_are_not_predicted_upon(
    served: Project, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], ending: str
) -> None:
    path = write_rows(served, "rows.csv", ROWS)
    if ending == "parquet":
        whole = path.with_suffix(".parquet")
        pd.read_csv(path, dtype=str).to_parquet(whole)
        path, change = whole, {grown: appended_bytes}.get(change, change)
    with monkeypatch.context() as patched:
        # Otherwise so small a file is read at once, and what is changed later is not seen.
        patched.setattr(text, "PIECE", 2**14)
        after(2, lambda: change(path), patched)
        message = message_of(here(*SCORING, *rows_at(path)))
    assert str(path) in message
    assert assert_sound(served) == []
    assert unfinished(served) == []


def appended_bytes(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def test_a_file_that_is_replaced_by_another_is_read_to_its_own_end(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(served, "rows.csv", ROWS)
    other = write_rows(served, "other.csv", 1000)
    content = sha256(path.read_bytes())
    with monkeypatch.context() as patched:
        after(2, lambda: other.rename(path), patched)
        succeeds(here(*SCORING, *rows_at(path)))
    assert len(assert_sound(served)) == 1
    (manifest,) = finished(served)
    assert manifest["inputs"] == [{"file": "rows.csv", "rows": ROWS, "sha256": content}]
    # What is there now is something new.
    succeeds(here(*SCORING, *rows_at(path)))
    assert finished(served)[-1]["rows"] == 1000
    assert len(predictions_of(served)) == 980


def test_a_file_of_a_folder_that_goes_away_meanwhile_is_named(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = served.path / "days"
    folder.mkdir()
    for day in (1, 2, 3):
        write_rows(served, f"days/day_{day}.csv", 1000)
    with monkeypatch.context() as patched:
        after(1, (folder / "day_3.csv").unlink, patched)
        message = message_of(here(*SCORING, *rows_at(folder)))
    assert f"{folder}/day_3.csv: no such file" in message
    assert finished(served) == []
    assert unfinished(served) == []
