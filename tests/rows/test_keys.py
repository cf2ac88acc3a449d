"""A key has one spelling, and what is no key says so."""

import logging
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.errors import shown
from tabular_lstm.rows.keys import read_key, warn_of_spellings
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.numbers import EMPTY

COMMA = NumberFormat(decimal=",", thousands=".")


def key(cell: Any, marks: NumberFormat = POINT, dtype: Any = "str") -> tuple[str, str]:
    """Read one cell of the key `id`: the key, and its problem."""
    keys, problems = read_key(pd.Series([cell], name="id", dtype=dtype), marks)
    assert keys.dtype == "str"
    return keys[0], problems.get(0, "")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("A-7", "A-7"),
        ("  A-7 ", "A-7"),
        ("7", "7"),
        ("7.0", "7"),
        ("7.00", "7.00"),
        ("1.000", "1.000"),
        ("-7.00", "-7.00"),
        ("-7.0", "-7"),
        ("-0.0", "0"),
        ("7.5", "7.5"),
        ("7.", "7."),
        ("007", "007"),
        ("007.0", "007.0"),
        ("+7", "+7"),
        ("1E5", "1E5"),
        ("7e0", "7e0"),
        ("1e-05", "1e-05"),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740992", "9007199254740992"),
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


@pytest.mark.parametrize("cell", [None, math.nan, pd.NA, "", "NULL"])
def test_a_missing_cell_of_any_kind_is_no_key(cell: Any) -> None:
    assert key(cell, dtype=object)[1] == "no key"


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


def test_a_rounded_key_is_refused_from_a_column_of_floats_too() -> None:
    keys, problems = read_key(pd.Series([7.0, 1e16, 2.0**53, math.nan]))
    assert keys[0] == "7"
    assert problems == {
        1: "1e+16 is a rounded number, not a key",
        2: "9007199254740992.0 is a rounded number, not a key",
        3: "no key",
    }


def warning(caplog: pytest.LogCaptureFixture, *texts: str) -> str:
    """Read a column of keys and give what is warned of."""
    caplog.clear()
    index = [f"2026-11-{day:02d}.csv:1" for day in range(1, len(texts) + 1)]
    cells = pd.Series(texts, index=index, name="id", dtype="str")
    warn_of_spellings(cells, read_key(cells)[0], "daily")
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert len(caplog.records) < 2
    return caplog.messages[0] if caplog.records else ""


def test_a_column_that_spells_keys_in_two_ways_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = warning(caplog, "8", "7.0", "7", "9.0", "007", "K1", "")
    assert said.startswith("daily: column 'id': ")
    assert "2 keys are written like '7.0' (row 2026-11-02.csv:1)" in said
    assert "and 2 like '8' (row 2026-11-01.csv:1)" in said
    assert "2 keys differ from another one by zeros in front or after a point alone" in said
    assert "such as '7.0' (row 2026-11-02.csv:1) and '007' (row 2026-11-05.csv:1)" in said


@pytest.mark.parametrize(
    ("one", "other"), [("7", "7.00"), ("07", "7.000"), ("0", "00"), ("10.50", "10.5")]
)
def test_numbers_that_another_program_writes_with_other_zeros_are_warned_of(
    caplog: pytest.LogCaptureFixture, one: str, other: str
) -> None:
    said = warning(caplog, "100", one, "10", other)
    assert "2 keys differ from another one by zeros in front or after a point alone" in said
    assert f"'{one}' (row 2026-11-02.csv:1) and '{other}' (row 2026-11-04.csv:1)" in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ACME", "acme"),
        ("New York", "NewYork"),
        ("u\u0308", "\u00fc"),
        ("A B", "A\u00a0B"),
    ],
    ids=["case", "blanks", "Unicode form", "another blank"],
)
def test_keys_that_people_take_for_one_are_warned_of_once_and_stay_two(
    caplog: pytest.LogCaptureFixture, one: str, other: str
) -> None:
    said = warning(caplog, "K1", one, "NULL", other, "null", one)
    assert "2 keys differ from another one by case, blanks or Unicode form alone, such as" in said
    for text, row in ((one, 2), (other, 4)):
        assert f"'{shown(text)}' (row 2026-11-{row:02d}.csv:1)" in said
    assert said.endswith("different keys. If they are the same, write them alike in the file.")
    keys, _ = read_key(pd.Series([one, other], dtype="str"))
    assert keys.nunique() == 2


@pytest.mark.parametrize(
    "texts",
    [("7", "8"), ("7.0", "8.0"), ("007", "008"), ("007", "1234"), ("K1", "7"), ("7.5", "7.0")],
)
def test_a_column_of_one_spelling_is_not_warned_of(
    caplog: pytest.LogCaptureFixture, texts: tuple[str, ...]
) -> None:
    assert warning(caplog, *texts) == ""
