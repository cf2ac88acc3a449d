"""A key has one spelling, and a row that was trained on is known again, and no other row is."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.cells import EMPTY
from tabular_lstm.rows.fingerprints import (
    Fingerprints,
    fingerprints_of_keys,
    fingerprints_of_sequences,
    number_groups,
    read_key,
)
from tabular_lstm.rows.number_format import POINT, NumberFormat

COMMA = NumberFormat(decimal=",", thousands=".")
ROUNDED = "is a rounded number, not a key"


def key(cell: Any, number_format: NumberFormat = POINT, dtype: Any = "str") -> tuple[str, str]:
    """Read one cell of the key `id`: the key, and its problem."""
    keys, problems = read_key(pd.Series([cell], name="id", dtype=dtype), number_format)
    assert keys.dtype == "str"
    return keys[0], problems.get(0, "")


@pytest.mark.parametrize(
    ("text", "spelled", "number_format"),
    [
        ("A-7", "A-7", POINT),
        ("  A-7 ", "A-7", POINT),
        ("7.0", "7", POINT),
        ("1.000", "1.000", POINT),
        ("-7.0", "-7", POINT),
        ("-0.0", "0", POINT),
        ("007", "007", POINT),
        ("007.0", "007.0", POINT),
        ("+7", "+7", POINT),
        ("1E5", "1E5", POINT),
        ("9007199254740991.0", "9007199254740991", POINT),
        ("9007199254740993", "9007199254740993", POINT),
        ("9" * 5000, "9" * 5000, POINT),
        ("\uff11\uff12.0", "\uff11\uff12.0", POINT),
        # By the declared marks.
        ("7", "7", COMMA),
        ("7,0", "7", COMMA),
        ("61.234", "61234", COMMA),
        ("1.234,0", "1234", COMMA),
        ("1.234,00", "1234.00", COMMA),
        ("1.000", "1.000", NumberFormat(decimal=",")),
    ],
)
def test_a_whole_number_written_as_a_float_is_the_key_without_its_fraction_and_no_other_text_is(
    text: str, spelled: str, number_format: NumberFormat
) -> None:
    assert key(text, number_format) == (spelled, "")


def test_no_key_and_a_key_whose_digits_a_program_rounded_are_refused() -> None:
    for text in (*sorted(EMPTY), "  ", "NULL", " NaN ", "None", "N/A"):
        assert key(text)[1] == "no key"
    for text in ("1e+16", "1.23457E+17", "9007199254740992.0", f"{'9' * 5000}.0"):
        assert key(text)[1].startswith(f"'{text[:30]}")
        assert key(text)[1].endswith(ROUNDED)
    assert key("1,23457E+17", COMMA)[1] == f"'1,23457E+17' {ROUNDED}"
    assert key(16777217.0)[0] == "16777217"
    for dtype in ("float32", "Float32", pd.ArrowDtype(pa.float32()), "float16"):
        number = 2048.0 if dtype == "float16" else 16777216.0
        assert key(number, dtype=dtype)[1].endswith(ROUNDED)
        assert key(number - 1, dtype=dtype) == (f"{number - 1:.0f}", "")


@settings(max_examples=40)
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


@pytest.mark.parametrize("dtype", [object, pd.ArrowDtype(pa.decimal128(9, 3)), "category"])
def test_a_decimal_is_written_as_a_csv_has_it_and_a_float_not_read_in_the_format_of_texts(
    dtype: Any,
) -> None:
    cells = pd.Series([Decimal("1.234"), Decimal("5.000")], dtype=object).astype(dtype)
    assert read_key(cells, COMMA)[0].tolist() == ["1.234", "5.000"]
    assert key(61.234, COMMA, float)[0] == "61.234"


def test_groups_are_numbered_in_the_order_of_their_first_rows() -> None:
    plain = ColumnsOptions(label="y", positive_class=1, negative_class=0)
    grouped = plain.model_copy(update={"group": "patient"})
    rows = pd.DataFrame({"patient": pd.Series([*"BABCA"], dtype="str"), "y": 0})
    groups = number_groups(rows, grouped)
    assert groups is not None
    assert groups.tolist() == [0, 1, 0, 2, 1]
    for some, columns in ((rows[:0], grouped), (rows[:2], grouped), (rows, plain)):
        assert number_groups(some, columns) is None


# Fingerprints

SEQUENCES = np.random.default_rng(0).normal(size=(1000, 4, 2)).astype(np.float32)
KEYS = pd.Series([f"P{place}" for place in range(1000)], name="patient")
GROUPS = pd.Series([f"G{place // 4}" for place in range(1000)], name="ward")
EVEN = np.arange(1000) % 2 == 0


def test_rows_that_were_trained_on_are_known_and_no_others() -> None:
    kept = Fingerprints.of_rows(SEQUENCES[::2], KEYS[::2])
    np.testing.assert_array_equal(kept.hold(SEQUENCES), EVEN)
    np.testing.assert_array_equal(kept.hold(SEQUENCES[::-1], KEYS), EVEN)
    # Keys of another column are other keys.
    np.testing.assert_array_equal(kept.hold(SEQUENCES, KEYS[::-1].rename("visit")), EVEN)
    # With groups, those of a group that was trained on with those that were not.
    kept = Fingerprints.of_rows(SEQUENCES[:500:2], KEYS[:500:2], GROUPS[:500:2])
    first = np.arange(1000) < 500
    for keys in (KEYS, None):
        np.testing.assert_array_equal(kept.hold(SEQUENCES, keys, GROUPS), first)
    # A key that was trained on is known in whatever group it is.
    np.testing.assert_array_equal(kept.hold(SEQUENCES, KEYS, GROUPS + "new"), first & EVEN)
    assert kept.hold(SEQUENCES, None, GROUPS.rename("city")).sum() == 250


def test_a_fingerprint_is_that_of_the_row_alone() -> None:
    order = np.random.default_rng(1).permutation(len(SEQUENCES))
    np.testing.assert_array_equal(
        fingerprints_of_sequences(SEQUENCES[order]), fingerprints_of_sequences(SEQUENCES)[order]
    )
    # Written down: a champion's fingerprints are compared with those of later versions.
    assert fingerprints_of_sequences(np.ones((1, 2, 2), np.float32)).tolist() == [
        5149200979559279256
    ]
    assert fingerprints_of_keys(pd.Series(["ключ"])).tolist() == [2362285139686184012]
    # Each way to hold a zero or a missing value is the same row.
    other_nan = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    alike = np.array([[0.0, np.nan], [-0.0, np.nan], [0.0, other_nan], [0.0, -np.nan]], np.float32)
    assert len(set(fingerprints_of_sequences(alike[:, None]).tolist())) == 1
    assert len(set(fingerprints_of_sequences(np.eye(3, dtype=np.float32)[:, None]).tolist())) == 3


def test_other_fingerprints_have_another_hash() -> None:
    kept = Fingerprints.of_rows(SEQUENCES, KEYS)
    assert Fingerprints.of_rows(SEQUENCES[::-1], KEYS[::-1]).sha256 == kept.sha256
    for sequences, keys in (
        (SEQUENCES[1:], KEYS),
        (SEQUENCES, KEYS[1:]),
        (SEQUENCES, KEYS.rename("visit")),
        (SEQUENCES, None),
    ):
        assert Fingerprints.of_rows(sequences, keys).sha256 != kept.sha256
