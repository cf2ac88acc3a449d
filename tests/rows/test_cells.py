"""A category is the text of a cell, in its one spelling, whatever the column's type."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Value
from tabular_lstm.rows.cells import EMPTY, read_category
from tabular_lstm.rows.number_format import POINT, NumberFormat


def category(text: Any, missing: Sequence[Value] = (), dtype: Any = "str") -> str | None:
    """Read one cell of the categorical feature `age`."""
    values = read_category(pd.Series([text], name="age", dtype=dtype), missing)
    assert values.dtype == "str"
    return None if pd.isna(values[0]) else values[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("red", "red"),
        ("  dark red\t", "dark red"),
        ("Red", "Red"),
        ("1.00", "1.00"),
        ("01.0", "01.0"),
        ("007", "007"),
    ],
)
def test_a_category_is_the_text_without_the_space_around_it(text: str, value: str) -> None:
    assert category(text) == value


@pytest.mark.parametrize("text", [*sorted(EMPTY), "NULL", " NaN ", "  "])
def test_an_empty_cell_and_the_usual_words_are_no_category(text: str) -> None:
    assert category(text) is None


@pytest.mark.parametrize(
    ("written", "value"),
    [(["1", "1.0", 1, 1.0, np.float32(1)], "1"), (["-3", "-3.0", -3], "-3"), (["0", "-0.0"], "0")],
)
@pytest.mark.parametrize("number_format", [POINT, NumberFormat(decimal=",")], ids=str)
def test_a_whole_number_that_pandas_wrote_as_a_float_is_the_category_without_its_fraction(
    written: list[Any], value: str, number_format: NumberFormat
) -> None:
    values = read_category(pd.Series(written, dtype=object), (), number_format)
    assert values.tolist() == [value] * len(written)
    number = float(value)
    for code in (number, int(number), str(number), str(int(number))):
        assert read_category(pd.Series(written, dtype=object), [code], number_format).isna().all()


@pytest.mark.parametrize(
    ("text", "code"), [("00", 0), ("0.00", 0), ("0.00", "0.0"), ("Unknown", "unknown")]
)
def test_a_code_means_a_category_that_is_written_just_so(text: str, code: Value) -> None:
    assert category(text, [code]) == text


def test_a_category_that_is_a_number_is_written_with_a_point() -> None:
    german = NumberFormat(decimal=",", thousands=".")
    cells = pd.Series(["1,5", "1.234", "x,1", "4.30", "?"], name="a", dtype="str")
    values = read_category(cells, ["?"], german)
    assert values.fillna("missing").tolist() == ["1.5", "1234", "x,1", "4.30", "missing"]
    missing = read_category(cells, ["1,5", 1234, 0.5], german)
    assert missing.isna().tolist() == [True, True, False, False, False]
