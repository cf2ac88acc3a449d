"""A number is read by the marks that the catalog declares, and by no others."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.rows.categories import read_category
from tabular_lstm.rows.cells import read_number
from tabular_lstm.rows.number_format import POINT, NumberFormat

COMMA = NumberFormat(decimal=",")
GERMAN = NumberFormat(decimal=",", thousands=".")
ENGLISH = NumberFormat(thousands=",")
SWISS = NumberFormat(thousands="'")
SPACED = NumberFormat(decimal=",", thousands=" ")


def number(text: str, marks: NumberFormat) -> float | str:
    """Read one cell: its value or, where there is none, its problem."""
    values, problems = read_number(pd.Series([text], name="a", dtype="str"), marks=marks)
    assert math.isnan(values[0]) == bool(problems)
    return problems.get(0, values[0])


@pytest.mark.parametrize(
    ("text", "marks", "value"),
    [
        ("1,5", COMMA, 1.5),
        (",5", COMMA, 0.5),
        ("5,", COMMA, 5.0),
        ("-2,25e3", COMMA, -2250.0),
        ("1234567", COMMA, 1234567.0),
        ("4.309", GERMAN, 4309.0),
        ("4309", GERMAN, 4309.0),
        ("1.234.567,89", GERMAN, 1234567.89),
        ("12,3456", GERMAN, 12.3456),
        ("1,100", ENGLISH, 1100.0),
        ("-1,234,567.5", ENGLISH, -1234567.5),
        ("0.123", ENGLISH, 0.123),
        ("1'234.5", SWISS, 1234.5),
        ("1 234,5", SPACED, 1234.5),
    ],
)
def test_a_number_is_read_by_the_declared_marks(
    text: str, marks: NumberFormat, value: float
) -> None:
    assert number(f" {text}\t", marks) == value


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("4.309", COMMA),
        ("1.5", COMMA),
        ("1.234,5", COMMA),
        ("1,234.5", COMMA),
        ("1.23", GERMAN),
        ("0.123", GERMAN),
        ("1234.567", GERMAN),
        ("1,234.5", GERMAN),
        ("1.234.56", NumberFormat(decimal=",", thousands="'")),
        ("1,5", ENGLISH),
        ("1.234,5", ENGLISH),
        ("1234,567", ENGLISH),
        ("1,100", SWISS),
    ],
)
def test_a_number_that_other_marks_would_read_otherwise_is_ambiguous(
    text: str, marks: NumberFormat
) -> None:
    problem = number(text, marks)
    if text == "1.234.56":
        assert problem == f"'{text}' is not a number"
    else:
        assert problem == f"'{text}' is ambiguous with {marks}"


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "5 %",
        "1_000",
        "0x10",
        "\uff11\uff12",
        "٣",
        "1\x00",
        "+9e 32",
        "1e",
        "1..5",
        "1,2,3",
        "1'0",
        "²",
    ],
)
@pytest.mark.parametrize("marks", [POINT, COMMA, GERMAN, ENGLISH], ids=str)
def test_other_text_is_no_number_whatever_the_marks(text: str, marks: NumberFormat) -> None:
    assert str(number(text, marks)).endswith("is not a number")


@pytest.mark.parametrize("text", ["1,100", "1,5", "1.234,5", "1.234.567"])
def test_without_declared_marks_a_comma_makes_no_number(text: str) -> None:
    assert number(text, POINT) == f"'{text}' is not a number"


@given(
    value=st.decimals(-(10**9), 10**9, allow_nan=False, places=3),
    marks=st.sampled_from([COMMA, GERMAN, ENGLISH, SWISS, SPACED]),
)
def test_a_number_written_with_the_marks_is_that_number_and_with_others_none_or_the_same(
    value: float, marks: NumberFormat
) -> None:
    grouped = f"{value:,.3f}".replace(",", "~").replace(".", marks.decimal)
    written = grouped.replace("~", marks.thousands or "")
    assert number(written, marks) == float(value)
    for other in (POINT, COMMA, GERMAN, ENGLISH, SWISS, SPACED):
        read = number(written, other)
        if other.decimal == marks.decimal:
            assert isinstance(read, str) or read == float(value)


def test_a_category_that_is_a_number_is_written_with_a_point() -> None:
    cells = pd.Series(["1,5", "1.234", "x,1", "4.30", "?"], name="a", dtype="str")
    values, _ = read_category(cells, ["?"], GERMAN)
    assert values.fillna("missing").tolist() == ["1.5", "1234", "x,1", "4.30", "missing"]
    missing, _ = read_category(cells, ["1,5", 1234, 0.5], GERMAN)
    assert missing.isna().tolist() == [True, True, False, False, False]


def test_a_word_that_means_missing_is_the_text_in_the_file() -> None:
    cells = pd.Series(["-9,5", "-9.5"], name="a", dtype="str")
    values, problems = read_number(cells, ["-9,5"], marks=COMMA)
    assert values.isna().all()
    assert list(problems) == [1]
