"""What Arrow reads of many cells at once is what is read of each cell alone."""

import itertools
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.rows import numbers
from tabular_lstm.rows.keys import read_key
from tabular_lstm.rows.number_format import (
    POINT,
    NumberFormat,
    all_pointed,
    pointed,
    without_fraction,
)
from tabular_lstm.rows.numbers import FEW, read, read_all

MARKS = [
    POINT,
    NumberFormat(decimal=","),
    NumberFormat(decimal=",", thousands="."),
    NumberFormat(thousands=","),
    NumberFormat(thousands="'"),
    NumberFormat(decimal=",", thousands=" "),
]
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


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether numbers are equal to the bit, NaN equal to NaN."""
    return bool(np.array_equal(found, expected, equal_nan=True)) and bool(
        np.array_equal(np.signbit(found[found == 0]), np.signbit(expected[expected == 0]))
    )


@given(
    st.lists(CELLS, min_size=1, max_size=30),
    st.integers(1, 3),
    st.sampled_from(MARKS),
    st.sampled_from([2, 7, 2048]),
)
@settings(deadline=None, max_examples=500)
def test_many_cells_are_read_as_each_alone(
    cells: list[str | None], times: int, marks: NumberFormat, again: int
) -> None:
    many = cells * times * (1 + FEW // len(cells))
    alone = [None if text is None else read(text, marks) for text in many]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "AGAIN", again)
        found, absent = read_all(pa.array(many, pa.large_string()), marks)
    assert absent.tolist() == [number is None for number in alone]
    assert same(found, np.array(alone, float))


def is_cast(text: str) -> bool:
    try:
        pa.array([text], pa.large_string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def test_arrow_casts_just_what_is_a_number() -> None:
    """Each text of these characters, up to five of them, and some others."""
    texts = ["".join(t) for length in range(6) for t in itertools.product("01.eE+-", repeat=length)]
    texts += ["0x1A", "1_0", " 7", "7 ", "7\n", "\uff11", "\u0663", "infinit", "1d5", "1f", "1\0"]
    assert [text for text in texts if is_cast(text) != (pointed(text) is not None)] == []
    written = [text for text in [*texts, *ODD] if pointed(text) is not None]
    cast = pa.array(written, pa.large_string()).cast(pa.float64()).to_numpy()
    assert same(cast, np.array([float(text) for text in written]))


def test_white_space_is_the_same_to_arrow_and_to_python() -> None:
    spaces = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert [read(f"{space}7{space}") for space in spaces] == [7.0] * len(spaces)
    found, _ = read_all(pa.array([f"{space}7{space}" for space in spaces] * 3, pa.large_string()))
    assert set(found) == {7.0}


@given(st.lists(CELLS, min_size=1, max_size=20), st.sampled_from(MARKS))
def test_all_texts_are_pointed_as_each_alone(cells: list[str | None], marks: NumberFormat) -> None:
    stripped = [None if text is None else text.strip() for text in cells]
    found = all_pointed(pa.array(stripped, pa.large_string()), marks).to_pylist()
    assert found == [None if text is None else pointed(text, marks) for text in stripped]


@given(st.text("-01.x", min_size=1, max_size=6))
def test_a_key_loses_its_fraction_as_a_category_does(text: str) -> None:
    keys, _ = read_key(pd.Series([text], dtype="str"))
    assert keys.tolist() == [without_fraction(text)]


def test_a_bad_cell_does_not_make_all_others_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again: list[int] = []

    def counted(texts: pa.Array, marks: NumberFormat) -> pa.Array:
        again.append(len(texts))
        return all_pointed(texts, marks)

    monkeypatch.setattr(numbers, "all_pointed", counted)
    cells = [str(place / 7) for place in range(2**16)]
    for place, text in {0: "", 9: "NA", 70: "1,5", 4000: "high"}.items():
        cells[place] = text
    found, absent = read_all(pa.array(cells, pa.large_string()))
    assert np.flatnonzero(np.isnan(found)).tolist() == [0, 9, 70, 4000]
    assert np.flatnonzero(absent).tolist() == [0, 9]
    assert sum(again) <= 2 * numbers.AGAIN


def test_a_number_is_read_to_the_nearest() -> None:
    assert read("0.1") == 0.1
    assert read("9007199254740993") == 9007199254740992.0
