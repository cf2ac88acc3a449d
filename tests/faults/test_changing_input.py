"""Rows that change while they are read: what comes out is of the bytes hashed first, or nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.rows.raw_rows import Batch, Table
from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.project import Project
from tests.helpers.raw_rows import whole
from tests.helpers.scorings import (
    SCORING,
    assert_sound,
    finished,
    predictions_of,
    rows_at,
    unfinished,
    write_rows,
)

# Batches of 65,536 rows.
ROWS = 200_000


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more" if path.suffix == ".parquet" else path.read_bytes().partition(b"\n")[2])


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


def after(batch: int, change: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a change come when so many batches have been read."""
    read_batches = Table.batches

    def batches(rows: Table, *options: Any) -> Iterator[Batch]:
        for place, read in enumerate(read_batches(rows, *options), 1):
            if place == batch:
                change()
            yield read

    monkeypatch.setattr(Table, "batches", batches)


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        (grown, "csv"),
        (cut_off, "csv"),
        (overwritten, "csv"),
        (grown, "parquet"),
        (cut_off, "parquet"),
    ],
)
def test_rows_that_change_while_they_are_read_are_not_predicted_upon(
    served: Project, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], ending: str
) -> None:
    path = write_rows(served, "rows.csv", ROWS)
    if ending == "parquet":
        csv, path = path, path.with_suffix(".parquet")
        pd.read_csv(csv, dtype=str).to_parquet(path)
    changed = []
    with monkeypatch.context() as patched:
        after(2, lambda: changed.append(change(path)), patched)
        message = message_of(here(*SCORING, *rows_at(path)))
    assert str(path) in message
    assert len(changed) == 1
    assert assert_sound(served) == []
    assert unfinished(served) == []


def test_a_file_that_is_replaced_by_another_is_read_to_its_own_end(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(served, "rows.csv", ROWS)
    other = write_rows(served, "other.csv", 1000)
    content = sha256(path.read_bytes())
    with monkeypatch.context() as patched:
        after(2, lambda: other.rename(path), patched)
        succeeds(here(*SCORING, *rows_at(path, "monitoring.exit_on_alarm=0")))
    assert len(assert_sound(served)) == 1
    (manifest,) = finished(served)
    assert manifest["inputs"] == [{"file": "rows.csv", "rows": ROWS, "sha256": content}]
    # What is there now is something new.
    succeeds(here(*SCORING, *rows_at(path, "monitoring.exit_on_alarm=0")))
    assert finished(served)[-1]["rows"] == 1000
    assert len(predictions_of(served)) == 980


def test_rows_to_train_on_have_the_fingerprint_of_their_own_bytes(
    quick: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard hashes the file before it is read: it is read as it was then, or not at all."""
    content = quick.raw.read_bytes()
    other = content.replace(b",0\n", b",1\n", 1)
    cells = [tuple(line.split(",")) for line in content.decode().splitlines()[1:]]
    for change in (quick.raw.write_bytes, lambda new: overwritten(quick.raw)):
        rows = RawRowsDataset(filepath=str(quick.raw)).load()
        assert rows.sha256() == sha256(content)
        assert list(whole(rows).itertuples(index=False, name=None)) == cells
        change(other)
        with pytest.raises(DataError, match="the file changed while it was being read"):
            whole(rows)
        quick.raw.write_bytes(content)
    with monkeypatch.context() as patched:
        after(1, lambda: overwritten(quick.raw), patched)
        with pytest.raises(DataError, match="the file changed while it was being read"):
            _ = [*RawRowsDataset(filepath=str(quick.raw)).load().batches()]
