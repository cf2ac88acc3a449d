"""A key has one spelling, what is no key says so, and rows of one group have one number."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cells import EMPTY
from tabular_lstm.rows.fingerprints import number_groups, read_key
from tabular_lstm.rows.number_format import POINT, NumberFormat

COMMA = NumberFormat(decimal=",", thousands=".")


def key(cell: Any, number_format: NumberFormat = POINT, dtype: Any = "str") -> tuple[str, str]:
    """Read one cell of the key `id`: the key, and its problem."""
    keys, problems = read_key(pd.Series([cell], name="id", dtype=dtype), number_format)
    assert keys.dtype == "str"
    return keys[0], problems.get(0, "")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("A-7", "A-7"),
        ("  A-7 ", "A-7"),
        ("7", "7"),
        ("7.0", "7"),
        ("1.000", "1.000"),
        ("-7.0", "-7"),
        ("-0.0", "0"),
        ("007", "007"),
        ("007.0", "007.0"),
        ("+7", "+7"),
        ("1E5", "1E5"),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740993", "9007199254740993"),
        ("9" * 5000, "9" * 5000),
        ("\uff11\uff12.0", "\uff11\uff12.0"),
    ],
)
def test_a_whole_number_written_as_a_float_is_the_key_without_its_fraction_and_no_other_text_is(
    text: str, spelled: str
) -> None:
    assert key(text) == (spelled, "")


@pytest.mark.parametrize("text", [*sorted(EMPTY), "  ", "NULL", " NaN ", "None", "N/A"])
def test_every_word_that_means_missing_is_no_key(text: str) -> None:
    assert key(text)[1] == "no key"


def test_a_number_that_float32_rounded_is_refused() -> None:
    assert key(16777217.0)[0] == "16777217"
    assert key(16777217.0, dtype=np.float32)[1].endswith("is a rounded number, not a key")
    assert key(16777215.0, dtype=np.float32) == ("16777215", "")


@pytest.mark.parametrize(
    "text",
    ["1e+16", "1.2345678901e+17", "1.23457E+17", "9007199254740992.0", f"{'9' * 5000}.0"],
)
def test_a_key_whose_digits_a_program_rounded_is_refused(text: str) -> None:
    assert key(text)[1].endswith("is a rounded number, not a key")
    assert key(text)[1].startswith(f"'{text[:30]}")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("7,0", "7"),
        ("1.234.567", "1234567"),
        ("1.234,0", "1234"),
        ("1.234,00", "1234.00"),
        ("7", "7"),
    ],
)
def test_a_key_is_read_by_the_declared_marks(text: str, spelled: str) -> None:
    assert key(text, COMMA) == (spelled, "")
    assert key("1.000", NumberFormat(decimal=",")) == ("1.000", "")
    assert key("1,23457E+17", COMMA)[1] == "'1,23457E+17' is a rounded number, not a key"


@given(st.lists(st.none() | st.integers(-(2**52), 2**52), min_size=1, max_size=9))
def test_keys_are_the_same_from_text_and_from_what_pandas_makes_of_them(
    numbers: list[int | None],
) -> None:
    written = ["" if number is None else str(number) for number in numbers]
    expected, missing = read_key(pd.Series(written, dtype="str"))
    for dtype in ("float64", "Int64", object):
        keys, problems = read_key(pd.Series(numbers, dtype=dtype))
        assert (keys.tolist(), problems) == (expected.tolist(), missing)
    again = pd.Series(numbers, dtype="float64").to_csv(index=False, header=False).splitlines()
    assert read_key(pd.Series(again, dtype="str").str.strip('"'))[0].tolist() == expected.tolist()


# Groups

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
    groups = number_groups(ROWS, GROUPED)
    assert groups is not None
    assert groups.tolist() == [0, 1, 0, 2, 1]
    for rows, columns in ((ROWS[:0], GROUPED), (ROWS[:2], GROUPED), (ROWS, PLAIN)):
        assert number_groups(rows, columns) is None


def test_a_key_that_is_a_number_is_not_read_in_the_format_of_texts() -> None:
    assert key(61.234, COMMA, float)[0] == "61.234"
    assert key("61.234", COMMA)[0] == "61234"


@pytest.mark.parametrize("dtype", ["float32", "Float32", pd.ArrowDtype(pa.float32()), "float16"])
def test_a_key_that_a_narrow_float_may_have_rounded_is_no_key(dtype: Any) -> None:
    number = 2048.0 if dtype == "float16" else 16777216.0
    assert "rounded number" in key(number, dtype=dtype)[1]
    assert key(number - 1, dtype=dtype) == (f"{number - 1:.0f}", "")


@pytest.mark.parametrize("dtype", [object, pd.ArrowDtype(pa.decimal128(9, 3)), "category"])
def test_a_decimal_is_written_as_a_csv_has_it(dtype: Any) -> None:
    cells = pd.Series([Decimal("1.234"), Decimal("5.000")], dtype=object).astype(dtype)
    assert read_key(cells, COMMA)[0].tolist() == ["1.234", "5.000"]
