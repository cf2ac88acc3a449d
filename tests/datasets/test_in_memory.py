"""What a run saves or loads stays in memory for it, and is what a later run reads."""

from pathlib import Path

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
