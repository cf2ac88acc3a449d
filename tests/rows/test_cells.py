"""A column's text becomes values; each cell that has none says why."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns, Value
from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.cells import (
    ANY,
    read_label,
    read_number,
)
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.numbers import EMPTY
from tabular_lstm.rows.schema import Bounds


def number(
    text: Any, bounds: Bounds = ANY, missing: Sequence[Value] = (), dtype: Any = "str"
) -> tuple[float, str]:
    """Read one cell of the feature `age`: its value, and its problem."""
    cells = pd.Series([text], name="age", dtype=dtype)
    values, problems = read_number(cells, missing, bounds)
    assert values.dtype == "float64"
    return values[0], problems.get(0, "")


def category(text: Any, missing: Sequence[Value] = (), dtype: Any = "str") -> str | None:
    """Read one cell of the categorical feature `age`, which can't be wrong."""
    values, problems = read_category(pd.Series([text], name="age", dtype=dtype), missing)
    assert problems == {}
    assert values.dtype == "str"
    return None if pd.isna(values[0]) else values[0]


def label(cell: Any, positive: Value = 1, negative: Value = 0) -> tuple[float, str]:
    """Read one cell of the label `y`: its value, and its problem."""
    roles = Columns(label="y", positive_class=positive, negative_class=negative)
    values, problems = read_label(pd.Series([cell], name="y"), roles)
    return values[0], problems.get(0, "")


# Numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50.0),
        ("33.6", 33.6),
        ("-0.5", -0.5),
        ("+7", 7.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("007", 7.0),
        ("1e5", 1e5),
        ("1E-3", 0.001),
        ("  8\t", 8.0),
        ("1e30", 1e30),
        ("18446744073709551616", 2.0**64),
        ("243.03009062080926", 243.03009062080926),
        ("+243.03009062080926", 243.03009062080926),
    ],
)
def test_a_number_is_read_however_it_is_written(text: str, value: float) -> None:
    assert number(text) == (value, "")


@pytest.mark.parametrize("text", [*sorted(EMPTY), "NULL", " NaN ", "  "])
def test_an_empty_cell_and_the_usual_words_are_missing(text: str) -> None:
    value, problem = number(text)
    assert math.isnan(value)
    assert problem == ""


@pytest.mark.parametrize(
    "text",
    [
        "high",
        "1,5",
        "1 000",
        "1_000",
        "0x10",
        "True",
        "-",
        "?",
        "5 kg",
        "+9e 32",
        "1e",
        ".",
        "+-1",
        "1d5",
        "nan(1)",
    ],
)
def test_other_text_is_no_number(text: str) -> None:
    value, problem = number(text)
    assert math.isnan(value)
    assert problem == f"'{text}' is not a number"


@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "1e400", "1.7e38", "-1.001e30"])
@pytest.mark.parametrize("bounds", [ANY, (0, 120)])
def test_a_number_beyond_what_float32_can_sum_is_a_problem(text: str, bounds: Bounds) -> None:
    assert number(text, bounds)[1] == f"{text} is infinite or beyond 1e+30 in size"


@pytest.mark.parametrize("text", ["18", "120", "120.0", "50"])
def test_the_bounds_are_possible_values(text: str) -> None:
    assert number(text, (18, 120))[1] == ""


@pytest.mark.parametrize(
    ("text", "bounds", "interval"),
    [
        ("17.9", (18, 120), "[18, 120]"),
        ("121", (18, 120), "[18, 120]"),
        ("-1", (0, None), "[0, inf)"),
        ("0.51", (None, 0.5), "(-inf, 0.5]"),
    ],
)
def test_a_number_out_of_bounds_is_a_problem(text: str, bounds: Bounds, interval: str) -> None:
    assert number(text, bounds)[1] == f"{text} is outside {interval}"


@pytest.mark.parametrize(
    ("text", "bounds"), [("9999", (18, None)), ("-9999", (None, 120)), ("-9999", (None, None))]
)
def test_an_open_end_takes_any_number(text: str, bounds: Bounds) -> None:
    assert number(text, bounds)[1] == ""


@pytest.mark.parametrize("text", ["?", " ? ", "unknown"])
def test_a_declared_word_is_missing(text: str) -> None:
    value, problem = number(text, (18, 120), ["?", "unknown"])
    assert math.isnan(value)
    assert problem == ""


@pytest.mark.parametrize("text", ["-9", "-9.0", "-9e0"])
def test_a_numeric_code_stays_a_number_exempt_from_the_bounds(text: str) -> None:
    assert number(text, (18, 120), [-9]) == (-9.0, "")


def test_each_cell_has_its_own_value_and_problem() -> None:
    cells = pd.Series(["20", "old", "", "130"], index=[4, 7, 8, 9], name="age", dtype="str")
    values, problems = read_number(cells, bounds=(18, 120))
    assert list(values.index) == [4, 7, 8, 9]
    assert values[[4, 9]].tolist() == [20.0, 130.0]
    assert values.isna().tolist() == [False, True, True, False]
    assert problems == {1: "'old' is not a number", 3: "130 is outside [18, 120]"}


# Cells that are no text


@pytest.mark.parametrize(
    ("cell", "dtype", "value"),
    [
        (7, "int64", 7.0),
        (7.5, "float32", 7.5),
        (7, "Int64", 7.0),
        (True, "bool", 1.0),
        (True, object, 1.0),
        (" 7 ", object, 7.0),
        (" 7 ", "string", 7.0),
        (" 7 ", "category", 7.0),
        (7, "category", 7.0),
    ],
)
def test_a_cell_of_any_kind_is_read_alike(cell: Any, dtype: Any, value: float) -> None:
    assert number(cell, dtype=dtype) == (value, "")
    assert number(cell, (8, None), dtype=dtype)[1].endswith("is outside [8, inf)")
    assert number(cell, (8, None), [value], dtype=dtype) == (value, "")


@pytest.mark.parametrize("cell", [None, math.nan, pd.NA, pd.NaT, "", " NA ", "?"])
def test_a_cell_of_any_kind_may_be_missing(cell: Any) -> None:
    value, problem = number(cell, (8, 9), ["?"], dtype=object)
    assert math.isnan(value)
    assert problem == ""


@pytest.mark.parametrize(
    ("cell", "dtype"),
    [(-9, "int64"), (-9.0, "float64"), (-9, object), ("-9.0", object), ("-9.0", "str")],
)
def test_a_declared_word_is_that_very_text_and_no_number(cell: Any, dtype: Any) -> None:
    assert number(cell, missing=["-9"], dtype=dtype) == (-9.0, "")
    assert math.isnan(number("-9", missing=["-9"], dtype="str")[0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32", "float[pyarrow]"])
def test_bounds_and_codes_hold_to_the_precision_of_the_column(dtype: str) -> None:
    assert number(0.3, (0, 0.3), dtype=dtype)[1] == ""
    assert number(99.9, (99.9, None), dtype=dtype)[1] == ""
    assert number(0.5, (0, 0.3), dtype=dtype)[1] == "0.5 is outside [0, 0.3]"
    # The very code, for whoever compares with it later.
    assert number(-9.9, (0, None), [-9.9], dtype=dtype) == (-9.9, "")
    assert number(1, (-1e300, 1e300), [1e300], dtype=dtype) == (1.0, "")


@pytest.mark.parametrize("quote", ["", "'"])
def test_of_a_very_long_cell_the_start_is_shown(quote: str) -> None:
    cell, fault = ("x" * 10**6, "is not a number") if quote else ("1" * 10**6, "is infinite")
    problem = number(cell)[1]
    assert problem.startswith(f"{quote}{cell[:39]}…{quote} {fault}")
    assert len(problem) < 100


@pytest.mark.parametrize(("cell", "value"), [(1, 1.0), (1.0, 1.0), (True, 1.0), (0.0, 0.0)])
def test_a_label_of_any_kind_is_read_alike(cell: Any, value: float) -> None:
    assert label(cell) == (value, "")
    assert label(cell, "1", "0")[0] == value or isinstance(cell, bool)


@pytest.mark.parametrize("cell", [None, math.nan])
def test_a_label_of_any_kind_may_be_missing(cell: Any) -> None:
    assert label(cell)[1] == "no label"


# Categories


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
@pytest.mark.parametrize("marks", [POINT, NumberFormat(decimal=",")], ids=str)
def test_a_whole_number_that_pandas_wrote_as_a_float_is_the_category_without_its_fraction(
    written: list[Any], value: str, marks: NumberFormat
) -> None:
    values, _ = read_category(pd.Series(written, dtype=object), (), marks)
    assert values.tolist() == [value] * len(written)
    number = float(value)
    for code in (number, int(number), str(number), str(int(number))):
        assert read_category(pd.Series(written, dtype=object), [code], marks)[0].isna().all()


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
    values, problems = read_category(cells, ["?"])
    assert values.dtype == "str"
    assert values.dropna().to_dict() == {4: "red", 9: "blue"}
    assert problems == {}
    assert cells.tolist() == ["red", "?", " ", "blue"]


# Labels


@pytest.mark.parametrize("text", ["1", "1.0", " 1 ", "1.", "01", "1e0"])
def test_a_numeric_class_matches_however_it_is_written(text: str) -> None:
    assert label(text) == (1.0, "")


@pytest.mark.parametrize(
    ("text", "positive", "negative", "value"),
    [
        ("0", 1, 0, 0.0),
        ("-0.0", 1, 0, 0.0),
        ("2", 2, 1, 1.0),
        ("1", 2, 1, 0.0),
        ("0.5", 0.5, -0.5, 1.0),
        ("yes", "yes", "no", 1.0),
        (" no ", "yes", "no", 0.0),
        ("none", "some", "none", 0.0),
        ("1", "1", "2", 1.0),
    ],
)
def test_the_positive_class_is_1_and_the_other_0(
    text: str, positive: Value, negative: Value, value: float
) -> None:
    assert label(text, positive, negative) == (value, "")


@pytest.mark.parametrize(
    ("text", "positive", "negative", "fact"),
    [
        ("2", 1, 0, "'2' is neither 1 nor 0"),
        ("yes", 1, 0, "'yes' is neither 1 nor 0"),
        ("inf", 1, 0, "'inf' is neither 1 nor 0"),
        ("Yes", "yes", "no", "'Yes' is neither 'yes' nor 'no'"),
        ("1.0", "1", "2", "'1.0' is neither '1' nor '2'"),
    ],
)
def test_any_other_label_is_a_problem(
    text: str, positive: Value, negative: Value, fact: str
) -> None:
    value, problem = label(text, positive, negative)
    assert math.isnan(value)
    assert problem == fact


@pytest.mark.parametrize("text", ["", "  ", "NA", "null"])
@pytest.mark.parametrize(("positive", "negative"), [(1, 0), ("yes", "no")])
def test_a_row_without_label_says_so(text: str, positive: Value, negative: Value) -> None:
    value, problem = label(text, positive, negative)
    assert math.isnan(value)
    assert problem == "no label"
