"""Many columns of numbers are read in few passes, each as if it were read alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows import cells
from tabular_lstm.rows.numbers import ANY, read_number, read_numbers
from tabular_lstm.rows.validation import read_rows

COLUMNS = {
    "plain": ["1.5", " 2 ", "", "na", "x"],
    "coded": ["-9", "-9.0", "none yet", "7", "1e40"],
    "bounded": ["-9", "11", "5", "+inf", "1e-3"],
    "empty": ["", "", "", "", ""],
}
MISSING = {"coded": [-9, "none yet"], "bounded": [-9]}
BOUNDS = {"bounded": (0.0, 10.0), "coded": (0.0, None)}


@pytest.mark.parametrize("at_once", [1, 10, 15, 2**20])
def test_columns_read_together_are_read_as_each_alone(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "AT_ONCE", at_once)
    frame = pd.DataFrame(COLUMNS, dtype="str", index=pd.Index(range(3, 8), name="row"))
    read = read_numbers(frame, MISSING, BOUNDS)
    assert list(read) == list(COLUMNS)
    for name, (values, problems) in read.items():
        alone = read_number(frame[name], MISSING.get(name, ()), BOUNDS.get(name, ANY))
        pd.testing.assert_series_equal(values, alone[0], check_exact=True)
        assert problems == alone[1]
    assert {name: list(problems) for name, (_, problems) in read.items()} == {
        "plain": [4],
        "coded": [4],
        "bounded": [1, 3],
        "empty": [],
    }


def test_a_table_of_many_columns_takes_no_more_passes_over_text_than_its_cells_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes = []
    read_all = cells.read_all

    def counted(texts: Any, *marks: Any) -> tuple[np.ndarray, np.ndarray]:
        passes.append(len(texts))
        return read_all(texts, *marks)

    monkeypatch.setattr(cells, "read_all", counted)
    for count in (500, 1000):
        table = pd.DataFrame(np.arange(20 * count).reshape(20, count)).astype(str)
        table.columns = [f"f{place}" for place in range(count)]
        table["y"] = ["0", "1"] * 10
        passes.clear()
        columns = Columns(label="y", positive_class=1, negative_class=0)
        valid, _, _ = read_rows(table.astype("str"), columns, "wide.csv")
        assert valid.shape == (20, count + 1)
        # The features, and the label.
        assert passes == [20 * count, 20]
