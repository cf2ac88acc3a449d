"""What is odd about columns is said in one line each, and the rows are read all the same."""

import logging
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.oddities import warn_of_oddities
from tabular_lstm.rows.validation import read_rows

ROLES: dict[str, Any] = {"label": "y", "positive_class": 1, "negative_class": 0}
ROWS = 60


def told(
    caplog: pytest.LogCaptureFixture, cells: dict[str, Any], count: int = ROWS, **roles: Any
) -> list[str]:
    """What is said of a CSV of these cells, beside a label."""
    raw = pd.DataFrame({"y": ["1", "0"] * ROWS}).assign(y=lambda rows: rows["y"])[:count]
    raw = raw.assign(**{name: list(values)[:count] for name, values in cells.items()}).astype("str")
    columns = Columns.model_validate(ROLES | roles)
    rows, _, faults = read_rows(raw, columns, "rows.csv")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        warn_of_oddities(rows, columns, "rows.csv", faults.odd, faults.ignore)
    return [record.getMessage() for record in caplog.records]


def test_columns_of_one_value_are_named_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    cells = {
        "empty": [""] * ROWS,
        "const": ["7"] * ROWS,
        "town": ["Rome"] * ROWS,
        "nowhere": ["NA"] * ROWS,
        "day": ["2026-11-05"] * ROWS,
        "some": ["7", ""] * 30,
        "other": ["7"] * 59 + ["8"],
    }
    (line,) = told(caplog, cells, categorical=["town", "nowhere"], dates=["day"], ignore=["some"])
    assert line == (
        "rows.csv: every row has the same in empty (empty), const (7), town (Rome), nowhere "
        "(empty), day (2026-11-05 00:00:00): a column of one value tells nothing. If that is what "
        "they are, leave out: columns.ignore: [some, empty, const, town, nowhere, day]"
    )


def test_identifiers_and_free_text_are_named_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    cells = {
        "id": [f"A{row}" for row in range(ROWS)],
        "note": [f"said {row} things" if row % 11 else "" for row in range(ROWS)],
        "number": map(str, order + 1000),
        "amount": map(str, order / 7),
        "sparse": map(str, order * 3),
        "city": ["Rome", "Milan"] * 30,
    }
    (line,) = told(caplog, cells, categorical=["id", "note", "city"])
    assert "nearly each row has its own value in id, note, number: " in line
    assert line.endswith("leave out: columns.ignore: [id, note, number]")


def test_categories_that_are_spelt_in_two_ways_are_named_and_stay_two(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cells = {
        "city": ["Rome", "rome", " Rome ", "Milan"] * 15,
        "town": ["New  York", "New York", "Newyork", "NY"] * 15,
    }
    (line,) = told(caplog, cells, categorical=["city", "town"])
    assert "city: 'Rome' (30 rows), 'rome' (15 rows)" in line
    assert "town: 'New  York' (15 rows), 'New York' (15 rows), 'Newyork' (15 rows)" in line
    assert "Milan" not in line


def test_of_few_rows_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    cells = {"const": ["7"] * ROWS, "id": [f"A{row}" for row in range(ROWS)]}
    assert told(caplog, cells, count=10, categorical=["id"]) == []
    assert len(told(caplog, cells, categorical=["id"])) == 1


def test_a_run_proposes_one_list_of_columns_to_leave_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cells = {
        "const": ["7"] * ROWS,
        "id": [f"A{row}" for row in range(ROWS)],
        "town": ["Rome", "Oslo"] * (ROWS // 2),
        "note": [f"said {row} things" if row < 25 else "" for row in range(ROWS)],
    }
    (line,) = told(caplog, cells, categorical=["id"], ignore=["town"])
    assert "every row has the same in const (7): a column of one value tells nothing; " in line
    assert "own value in id: identifiers and free text tell nothing" in line
    # Free text that was declared as numbers sets its rows aside: its other cells are empty.
    (proposed,) = re.findall(r"ignore: (\[.*\])", line)
    assert proposed == "[town, note, const, id]"
    raw = pd.DataFrame({"y": ["1", "0"] * (ROWS // 2), **cells})
    columns = Columns.model_validate(ROLES | {"categorical": ["id"], "ignore": ["town"]})
    _, _, faults = read_rows(raw, columns, "rows.csv")
    assert f"ignore: {proposed} # note has nearly in each row a text" in faults.to_declare
