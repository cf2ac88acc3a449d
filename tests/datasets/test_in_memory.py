"""What a run saves or loads stays in memory for it, and is what a later run reads."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.in_memory import RowsDataset

ROWS = pd.DataFrame({"age": [1.0, None], "color": ["red", None]}, index=[3, 8])


def test_what_was_saved_is_loaded_without_the_file_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    dataset = RowsDataset(filepath=str(path), version=Version(None, "a"))
    dataset.save(ROWS)
    (file,) = path.glob("a/*")
    content = file.read_bytes()
    file.unlink()
    pd.testing.assert_frame_equal(dataset.load(), ROWS)
    dataset.release()
    with pytest.raises(DatasetError):
        dataset.load()
    file.write_bytes(content)
    for _ in range(2):
        pd.testing.assert_frame_equal(dataset.load(), ROWS)
        file.unlink(missing_ok=True)
    # A node that changes its rows changes no others.
    kept, rows = dataset.load(), dataset.load()
    rows.loc[3, "age"] = 99
    rows["new"] = "new"
    del rows["color"]
    rows.index.name = "changed"
    rows.columns = rows.columns.str.upper()
    for unchanged in (kept, dataset.load()):
        pd.testing.assert_frame_equal(unchanged, ROWS)
        assert unchanged.index.name is None


def named(rows: int, label: str = "label", name: str | None = "row") -> pd.DataFrame:
    """Rows of each dtype, with the names that rows of a folder have."""
    columns = {
        "age": np.linspace(0, 1, rows),
        "ward": pd.array([None, "süd"] * (rows // 2), dtype="str"),
        "born": pd.date_range("1960-01-01", periods=rows, unit="us"),
        label: np.arange(rows),
    }
    names = pd.Index([f"a.csv:{row}" for row in range(rows)], dtype="str", name=name)
    return pd.DataFrame(columns, index=names)


@pytest.mark.parametrize(
    "rows",
    [named(0), named(2000), named(2, label="row"), named(2, name=None), ROWS, pd.DataFrame()],
    ids=["no rows", "text", "text and a column of its name", "no name", "numbers", "nothing"],
)
def test_rows_are_written_as_pandas_writes_them(tmp_path: Path, rows: pd.DataFrame) -> None:
    rows.to_parquet(tmp_path / "pandas.parquet")
    dataset = RowsDataset(filepath=str(tmp_path / "rows.parquet"))
    dataset.save(rows)
    written = (tmp_path / "rows.parquet").read_bytes()
    assert written == (tmp_path / "pandas.parquet").read_bytes()
    pd.testing.assert_frame_equal(dataset.load(), rows)


def test_rows_are_written_without_a_python_string_for_each_name(tmp_path: Path) -> None:
    rows, dataset = named(20_000), RowsDataset(filepath=str(tmp_path / "rows.parquet"))
    dataset.save(rows[:1])  # what Python imports and caches once
    dataset.release()
    tracemalloc.start()  # it does not count Arrow's memory
    try:
        dataset.save(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(rows)  # a Python string takes 60 bytes or more
