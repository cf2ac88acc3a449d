"""The quarantine of a scoring as a CSV: written while rows pass, there once all have passed."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.predictions import QuarantineDataset
from tabular_lstm.rows.validation import Quarantine
from tests.helpers.errors import raises_data_error

TEXT = {"dtype": str, "keep_default_na": False}
ASIDE = pd.DataFrame(
    {"row": [1, 5], "reason": ["age: 'ä, \"' is …", "id: no key"], "id": ["007", ""]}
)


def dataset(tmp_path: Path) -> QuarantineDataset:
    version = Version("a", "a")
    return QuarantineDataset(filepath=str(tmp_path / "q.csv"), load_args=TEXT, version=version)


def files(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))


def subscribed(tmp_path: Path) -> Quarantine:
    quarantine = Quarantine()
    dataset(tmp_path).save(quarantine)
    return quarantine


def test_rows_are_loaded_as_they_were_once_all_have_passed(tmp_path: Path) -> None:
    quarantine = subscribed(tmp_path)
    assert files(tmp_path) == []
    quarantine.add(ASIDE[:1])
    quarantine.add(ASIDE[:0])
    quarantine.add(ASIDE[1:])
    assert files(tmp_path) == ["q.csv", "q.csv/a", "q.csv/a/.q.csv.new"]
    with pytest.raises(DatasetError):
        dataset(tmp_path).load()
    quarantine.close(True)
    assert files(tmp_path) == ["q.csv", "q.csv/a", "q.csv/a/q.csv"]
    pd.testing.assert_frame_equal(dataset(tmp_path).load(), ASIDE.astype(str))
    assert dataset(tmp_path).preview()["columns"] == ["row", "reason", "id"]


def test_where_nothing_was_set_aside_there_is_a_header(tmp_path: Path) -> None:
    quarantine = subscribed(tmp_path)
    quarantine.add(ASIDE[:0])
    quarantine.close(True)
    loaded = dataset(tmp_path).load()
    assert loaded.columns.tolist() == ASIDE.columns.tolist()
    assert len(loaded) == 0


def test_rows_that_are_not_all_leave_nothing(tmp_path: Path) -> None:
    quarantine = subscribed(tmp_path)
    quarantine.add(ASIDE)
    quarantine.close(False)
    assert files(tmp_path) == ["q.csv"]
    # Nor does a stream that ended before its first block.
    subscribed(tmp_path).close(False)
    subscribed(tmp_path).close(True)
    assert files(tmp_path) == ["q.csv"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("a file where the folder should be")
    with raises_data_error(match=r"q\.csv: File exists"):
        subscribed(tmp_path).add(ASIDE)
