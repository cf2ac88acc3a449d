"""Rows of one group have one number; what rows on one side share is known as text."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.keys import keys_of, number_groups, together_of

PLAIN = Columns(label="y", positive_class=1, negative_class=0)
GROUPED = PLAIN.model_copy(update={"group": "patient"})
TIMED = PLAIN.model_copy(update={"time": "day"})
ROWS = pd.DataFrame(
    {
        "patient": pd.Series(["B", "A", "B", "C", "A"], dtype="str"),
        "day": pd.date_range("2026-03-01", periods=5, unit="us"),
        "y": 0,
    }
)


def test_groups_are_numbered_in_the_order_of_their_first_rows() -> None:
    assert number_groups(ROWS, GROUPED).tolist() == [0, 1, 0, 2, 1]
    assert number_groups(ROWS[:0], GROUPED).tolist() == []
    np.testing.assert_array_equal(number_groups(ROWS, PLAIN), range(5))


def test_what_rows_on_one_side_share_is_their_group_or_their_time() -> None:
    assert together_of(ROWS, PLAIN) is None
    shared = together_of(ROWS, GROUPED)
    assert shared is not None
    assert (shared.name, shared.tolist()) == ("patient", ROWS["patient"].tolist())
    days = together_of(ROWS, TIMED)
    assert days is not None
    assert (days.name, days.nunique()) == ("day", 5)
    assert pd.api.types.is_string_dtype(days)


@pytest.mark.parametrize("role", ["key", "group", "time"])
@pytest.mark.parametrize("name", ["y", "gone"])
def test_rows_that_were_split_by_something_else_are_refused(role: str, name: str) -> None:
    """As where conf names a role that was no column, or a feature, when the rows were split."""
    columns = PLAIN.model_copy(update={"label": "z", role: name})
    read = keys_of if role == "key" else together_of
    with pytest.raises(DataError, match=f"do not have column '{name}' as their {role}"):
        read(ROWS, columns)
