"""All rows of a file are looked at, in however many pieces they come."""

from pathlib import Path

import pytest

from tabular_lstm.rows import csv_text
from tabular_lstm.runs import profiled as module
from tabular_lstm.runs.profiled import profiled


@pytest.mark.parametrize("together", [1, 2, 3, 1000])
def test_each_row_of_a_file_of_many_pieces_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Also where the last pieces that are counted together are as many as those before."""
    monkeypatch.setattr(module, "TOGETHER", together)
    monkeypatch.setattr(csv_text, "PIECE", 1 << 10)
    monkeypatch.setattr(csv_text, "OF_COLUMN", 1)
    file = tmp_path / "rows.csv"
    file.write_text("id,age,y\n" + "".join(f"{x},{x % 50},{x % 2}\n" for x in range(1000)))
    found = profiled(file, "rows.csv")
    assert found.profile.rows == len(found.rows) == 1000
    assert {c.name: c.distinct for c in found.profile.columns} == {"id": 1000, "age": 50, "y": 2}
    assert found.profile.column("y").counts == {"0": 500, "1": 500}
    assert sum(map(len, found.again())) == 1000
