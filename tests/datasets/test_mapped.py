"""Large values of a run are on disk while it runs, and nowhere afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet as pq

from tabular_lstm.datasets import in_memory, mapped
from tabular_lstm.datasets.in_memory import RowsDataset
from tabular_lstm.datasets.mapped import MappedDataset
from tests.helpers.disks import files_of_at_most
from tests.helpers.errors import raises_data_error

SEQUENCES = np.random.default_rng(0).normal(size=(1000, 2, 4)).astype(np.float32)
ROWS = pd.DataFrame(
    {
        "a": np.r_[np.nan, np.arange(999.0)],
        "y": np.arange(1000) % 2,
        "day": pd.Series(["2026-11-05", None] * 500).astype("datetime64[us]").to_numpy(),
        "kind": pd.Series(["red", None, "ünder", ""] * 250, dtype="str"),
    },
    index=pd.Index([f"2026-11-01.csv:{row}" for row in range(1, 1001)], name="row"),
)[::2]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE", 100)
    monkeypatch.setattr(mapped, "PIECE", 1000)


def is_mapped(array: Any) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


@pytest.mark.usefixtures("large")
def test_a_large_array_is_the_same_on_disk_without_a_name(tmp_path: Path) -> None:
    dataset = MappedDataset(str(tmp_path / "new" / "folder"))
    dataset.save(SEQUENCES)
    loaded = dataset.load()
    assert is_mapped(loaded)
    assert not loaded.flags.writeable
    np.testing.assert_array_equal(loaded, SEQUENCES)
    assert [*tmp_path.rglob("*")] == [tmp_path / "new", tmp_path / "new/folder"]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("numbered", [False, True], ids=["named rows", "numbered rows"])
def test_large_rows_are_the_same_on_disk(tmp_path: Path, numbered: bool) -> None:
    rows = ROWS.set_axis(np.arange(len(ROWS)) * 3) if numbered else ROWS
    dataset = MappedDataset(str(tmp_path))
    dataset.save(rows)
    loaded = dataset.load()
    pd.testing.assert_frame_equal(loaded, rows)
    assert all(is_mapped(loaded[name].to_numpy()) for name in ("a", "y", "day"))
    assert not [*tmp_path.iterdir()]
    pd.testing.assert_frame_equal(loaded[loaded["y"] == 0], rows[rows["y"] == 0])


@pytest.mark.usefixtures("large")
def test_large_rows_that_were_saved_are_kept_on_disk_too(tmp_path: Path) -> None:
    dataset = RowsDataset(filepath=str(tmp_path / "rows.parquet"))
    dataset.save(ROWS)
    (tmp_path / "rows.parquet").unlink()
    pd.testing.assert_frame_equal(dataset.load(), ROWS)
    assert is_mapped(dataset.load()["a"].to_numpy())
    assert not [*tmp_path.iterdir()]


def test_many_named_rows_are_written_some_at_a_time_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pq.read_table(written(tmp_path / "expected.parquet"))
    monkeypatch.setattr(in_memory, "AT_ONCE", 99)
    path = written(tmp_path / "rows.parquet")
    assert pq.read_metadata(path).num_row_groups == 6
    assert pq.read_table(path).equals(expected, check_metadata=True)
    pd.testing.assert_frame_equal(RowsDataset(filepath=str(path)).load(), ROWS)


def written(path: Path) -> Path:
    dataset = RowsDataset(filepath=str(path))
    dataset.save(ROWS)
    pd.testing.assert_frame_equal(dataset.load(), ROWS)
    return path


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"kind": pd.Categorical(["red", None, "red"] * 50)}),
        pd.DataFrame({"count": pd.array([1, None] * 50, "Int64"), "of": [1, "x"] * 50}),
        pd.DataFrame({"day": pd.to_datetime(["2026-11-05"] * 50, utc=True)}),
        pd.DataFrame({"kind": pd.array(["red", None] * 50, "string")}),
        pd.DataFrame([[1.0, 2.0]] * 50, columns=["a", "a"]),
        pd.DataFrame({"a": np.ones(50)}, index=pd.MultiIndex.from_product([range(50), [1]])),
        pd.DataFrame({"a": np.ones(0), "b": pd.Series(dtype="str")}),
        pd.DataFrame(index=pd.Index(["red"] * 50)),
    ],
    ids=["categories", "objects", "zone", "NA", "twice", "levels", "no row", "no column"],
)
def test_large_rows_of_any_kind_are_the_same(tmp_path: Path, rows: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(mapped.mapped(rows, tmp_path), rows)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("array", [np.array(["a", None] * 99, object), np.ones((99, 0))])
def test_an_array_whose_bytes_are_not_its_values_stays_in_memory(
    tmp_path: Path, array: np.ndarray
) -> None:
    assert mapped.mapped(array, tmp_path) is array


def test_a_small_value_is_passed_on_as_it_is(tmp_path: Path) -> None:
    dataset = MappedDataset(str(tmp_path / "none"))
    for value in (SEQUENCES, ROWS):
        dataset.save(value)
        assert dataset.load() is value
    assert not [*tmp_path.iterdir()]


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from tabular_lstm.datasets import in_memory, mapped
mapped.LARGE = 100
kept = mapped.mapped(np.ones((1000, 2), np.float32), Path(sys.argv[1]))
assert kept.sum() == 2000
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not os.listdir(tmp_path)


@pytest.mark.usefixtures("large")
def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    for value in (SEQUENCES, ROWS, ROWS[["kind"]].reset_index(drop=True)):
        with (
            files_of_at_most(1000),
            raises_data_error(match="expected space for large values") as error,
        ):
            mapped.mapped(value, tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: ")
    assert not [*tmp_path.iterdir()]


@pytest.mark.usefixtures("large")
def test_large_rows_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    rows = pd.DataFrame({"a": np.arange(1000.0) % 2})
    path = str(tmp_path / "rows.parquet")
    RowsDataset(filepath=path).save(rows)
    with files_of_at_most(5000):
        read = RowsDataset(filepath=path).load()
    pd.testing.assert_frame_equal(read, rows)
    assert not is_mapped(read["a"].to_numpy())
