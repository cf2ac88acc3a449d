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
        ("0", "0"),
        ("1", "1"),
        ("1.00", "1.00"),
        ("1.10", "1.10"),
        ("01.0", "01.0"),
        ("v1.0", "v1.0"),
        ("007", "007"),
        ("inf", "inf"),
        ("1e400", "1e400"),
        ("?", "?"),
        ("naïve", "naïve"),
    ],
)
def test_a_category_is_the_text_without_the_space_around_it(text: str, value: str) -> None:
    assert category(text) == value


@pytest.mark.parametrize("text", [*sorted(EMPTY), "NULL", " NaN ", "  "])
def test_an_empty_cell_and_the_usual_words_are_no_category(text: str) -> None:
    assert category(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("?", "?"), (" ? ", "?"), ("0", 0), ("-9", -9), (" 0.5 ", 0.5), ("0", "0"), ("-9.0", -9.0)],
)
def test_a_declared_word_or_number_is_no_category(text: str, code: Value) -> None:
    assert category(text, ["unknown", code]) is None


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


@pytest.mark.parametrize("dtype", ["str", "string", object, "category"])
def test_text_means_the_same_whatever_the_dtype(dtype: Any) -> None:
    assert category("-9.0", [-8], dtype) == "-9"
    assert category("-9.00", [-9], dtype) == "-9.00"
    for text in ("-9", "-9.0"):
        assert all(category(text, [code], dtype) is None for code in (-9, -9.0, "-9", "-9.0"))


@pytest.mark.parametrize("dtype", ["float64", "float32", object, "category", "Int64"])
@pytest.mark.parametrize("code", [-9, -9.0])
def test_a_number_among_categories_means_a_code_of_its_value(dtype: Any, code: Value) -> None:
    cell = -9 if dtype == "Int64" else -9.0
    assert category(cell, [code], dtype) is None
    assert category(cell, [-8], dtype) == "-9"


def test_categories_stay_with_their_rows() -> None:
    cells = pd.Series(["red", "?", " ", "blue"], index=[4, 7, 8, 9], name="age", dtype="str")
    values = read_category(cells, ["?"])
    assert values.dtype == "str"
    assert values.dropna().to_dict() == {4: "red", 9: "blue"}
    assert cells.tolist() == ["red", "?", " ", "blue"]


def test_a_category_that_is_a_number_is_written_with_a_point() -> None:
    german = NumberFormat(decimal=",", thousands=".")
    cells = pd.Series(["1,5", "1.234", "x,1", "4.30", "?"], name="a", dtype="str")
    values = read_category(cells, ["?"], german)
    assert values.fillna("missing").tolist() == ["1.5", "1234", "x,1", "4.30", "missing"]
    missing = read_category(cells, ["1,5", 1234, 0.5], german)
    assert missing.isna().tolist() == [True, True, False, False, False]
