"""A cell is a number by the number format that the catalog declares, or a category by its text."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.rows.cells import (
    ANY,
    EMPTY,
    is_missing,
    numbers_of_texts,
    read_category,
    read_numbers,
)
from tabular_lstm.rows.number_format import POINT, NumberFormat, all_pointed, pointed
from tabular_lstm.rows.schema import Bounds
from tabular_lstm.task import Value

COMMA = NumberFormat(decimal=",")
GERMAN = NumberFormat(decimal=",", thousands=".")
ENGLISH = NumberFormat(thousands=",")
SWISS = NumberFormat(thousands="'")
SPACED = NumberFormat(decimal=",", thousands=" ")
ODD = [
    *("1e5", "+9e 32", " 7 ", "nan", "NaN", "-nan", "nan(1)", "1_000", "0x1A", "\uff11", "\u0663"),
    *("inf", "-Infinity", "infinit", "1e400", "-1e400", "1e-400", "", " ", "NA", "n/a", "NULL"),
    *("?", "high", "-9", "-9.0", "1.5", "1,5", "1.234,5", "1,234.5", "4.309", "1'000", "12 345,6"),
    *("+.5", "5.", ".", "+-1", "1e", "1d5", "1f", "\t8\n", "7\0", "7\n8", "\xa07", "0" * 400, "é"),
    *("243.03009062080926", "9007199254740993", "18446744073709551616", "5e-324", "2e-324"),
]
CELLS = st.one_of(
    st.none(),
    st.sampled_from(ODD),
    st.floats(allow_nan=False).map(repr),
    st.integers().map(str),
    st.text("0123456789.,eE+- '", max_size=6),
    st.text(max_size=3),
)


def same(numbers: np.ndarray, expected: np.ndarray) -> bool:
    """Whether numbers are equal to the bit, NaN equal to NaN."""
    return bool(np.array_equal(numbers, expected, equal_nan=True)) and bool(
        np.array_equal(np.signbit(numbers[numbers == 0]), np.signbit(expected[expected == 0]))
    )


def alone(text: str | None, number_format: NumberFormat) -> float | None:
    """Say what a cell holds: a number, NaN for other text, None where it is missing."""
    if text is None or is_missing(text.strip()):
        return None
    number = pointed(text.strip(), number_format)
    return math.nan if number is None else float(number)


@given(
    st.lists(CELLS, min_size=1, max_size=60),
    st.sampled_from([POINT, COMMA, GERMAN, ENGLISH, SWISS, SPACED]),
)
@settings(max_examples=200)
def test_many_cells_are_read_as_each_alone(
    cells: list[str | None], number_format: NumberFormat
) -> None:
    expected = [alone(text, number_format) for text in cells]
    numbers, absent = numbers_of_texts(pa.array(cells, pa.large_string()), number_format)
    assert absent.tolist() == [number is None for number in expected]
    assert same(numbers, np.array(expected, float))
    stripped = [text and text.strip() for text in cells]
    texts = all_pointed(pa.array(stripped, pa.large_string()), number_format).to_pylist()
    assert texts == [(text and pointed(text, number_format)) or None for text in stripped]


def number(
    cell: Any,
    bounds: Bounds = ANY,
    missing: Sequence[Value] = (),
    dtype: Any = "str",
    number_format: NumberFormat = POINT,
) -> tuple[float, str]:
    """Read one cell of the feature `age`: its value, and its problem."""
    cells = pd.Series([cell], name="age", dtype=dtype)
    values, problems = read_numbers(cells, missing, bounds, number_format)
    assert values.dtype == "float64"
    return values[0], problems.get(0, "")


@pytest.mark.parametrize(
    ("text", "number_format", "value"),
    [
        ("+7", POINT, 7.0),
        (".5", POINT, 0.5),
        ("1E-3", POINT, 0.001),
        ("1e30", POINT, 1e30),
        ("18446744073709551616", POINT, 2.0**64),
        ("243.03009062080926", POINT, 243.03009062080926),
        ("1,5", COMMA, 1.5),
        ("-2,25e3", COMMA, -2250.0),
        ("4.309", GERMAN, 4309.0),
        ("1.234.567,89", GERMAN, 1234567.89),
        ("-1,234,567.5", ENGLISH, -1234567.5),
        ("1'234.5", SWISS, 1234.5),
        ("1 234,5", SPACED, 1234.5),
        # No numbers.
        ("1,100", POINT, None),
        ("4.309", COMMA, None),
        ("1.23", GERMAN, None),
        ("1234.567", GERMAN, None),
        ("1.234.56", NumberFormat(decimal=",", thousands="'"), None),
        ("1,5", ENGLISH, None),
        *((text, GERMAN, None) for text in ("5 %", "1_000", "0x10", "٣", "True")),
        *((text, POINT, None) for text in ("5 %", "1_000", "0x10", "٣", "True", "1\x00")),
        *((text, POINT, None) for text in ("+9e 32", "1e", "1..5", "-", "?", "1d5", "nan(1)")),
    ],
)
def test_a_number_is_read_by_the_declared_format(
    text: str, number_format: NumberFormat, value: float | None
) -> None:
    found, problem = number(f" {text}\t", number_format=number_format)
    if value is None:
        assert math.isnan(found)
        assert problem.endswith("' is not a number")
    else:
        assert (found, problem) == (value, "")


@pytest.mark.parametrize(
    ("text", "bounds", "problem"),
    [
        ("18", (18, 120), ""),
        ("17.9", (18, 120), "17.9 is outside [18, 120]"),
        ("-1", (0, None), "-1 is outside [0, inf)"),
        ("0.51", (None, 0.5), "0.51 is outside (-inf, 0.5]"),
        *(
            (text, bounds, f"{text} is infinite or beyond 1e+30 in size")
            for text in ("inf", "-inf", "Infinity", "1e400", "1.7e38", "-1.001e30")
            for bounds in (ANY, (0, 120))
        ),
    ],
)
def test_a_number_out_of_bounds_or_beyond_what_float32_can_sum_is_a_problem(
    text: str, bounds: Bounds, problem: str
) -> None:
    assert number(text, bounds)[1] == problem


@pytest.mark.parametrize(
    ("cell", "dtype", "value"),
    [
        (7, "int64", 7.0),
        (7, "Int64", 7.0),
        (True, "bool", 1.0),
        (" 7 ", object, 7.0),
        (" 7 ", "category", 7.0),
        (7, "category", 7.0),
    ],
)
def test_a_cell_of_any_kind_is_read_alike(cell: Any, dtype: Any, value: float) -> None:
    assert number(cell, dtype=dtype) == (value, "")
    assert number(cell, (8, None), dtype=dtype)[1].endswith("is outside [8, inf)")
    assert number(cell, (8, None), [value], dtype=dtype) == (value, "")


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32", "float[pyarrow]"])
def test_bounds_and_codes_hold_to_the_precision_of_the_column(dtype: str) -> None:
    assert number(0.3, (0, 0.3), dtype=dtype)[1] == ""
    assert number(99.9, (99.9, None), dtype=dtype)[1] == ""
    assert number(0.5, (0, 0.3), dtype=dtype)[1] == "0.5 is outside [0, 0.3]"
    # The very code, for whoever compares with it later.
    assert number(-9.9, (0, None), [-9.9], dtype=dtype) == (-9.9, "")
    assert number(1, (-1e300, 1e300), [1e300], dtype=dtype) == (1.0, "")


@pytest.mark.parametrize(
    ("text", "missing", "value"),
    [
        ("  dark red\t", [], "dark red"),
        ("Red", [], "Red"),
        ("1.00", [], "1.00"),
        ("01.0", [], "01.0"),
        ("007", [], "007"),
        *((text, [], None) for text in [*sorted(EMPTY), "NULL", " NaN ", "  "]),
        # A code means a category that is written just so.
        ("00", [0], "00"),
        ("0.00", [0, "0.0"], "0.00"),
        ("Unknown", ["unknown"], "Unknown"),
        ("unknown", ["unknown"], None),
    ],
)
def test_a_category_is_the_text_without_the_space_around_it(
    text: str, missing: list[Value], value: str | None
) -> None:
    values = read_category(pd.Series([text], name="age", dtype="str"), missing)
    assert values.dtype == "str"
    assert (None if pd.isna(values[0]) else values[0]) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [(["1", "1.0", 1, 1.0, np.float32(1)], "1"), (["-3", "-3.0", -3], "-3"), (["0", "-0.0"], "0")],
)
@pytest.mark.parametrize("number_format", [POINT, COMMA], ids=str)
def test_a_whole_number_that_pandas_wrote_as_a_float_is_the_category_without_its_fraction(
    written: list[Any], value: str, number_format: NumberFormat
) -> None:
    cells = pd.Series(written, dtype=object)
    assert read_category(cells, (), number_format).tolist() == [value] * len(written)
    number = float(value)
    for code in (number, int(number), str(number), str(int(number))):
        assert read_category(cells, [code], number_format).isna().all()


def test_a_category_that_is_a_number_is_written_with_a_point() -> None:
    cells = pd.Series(["1,5", "1.234", "x,1", "4.30", "?"], name="a", dtype="str")
    values = read_category(cells, ["?"], GERMAN)
    assert values.fillna("missing").tolist() == ["1.5", "1234", "x,1", "4.30", "missing"]
    missing = read_category(cells, ["1,5", 1234, 0.5], GERMAN)
    assert missing.isna().tolist() == [True, True, False, False, False]
