"""A column's text becomes values; each cell that has none says why."""

import math

import pandas as pd
import pytest

from tabular_lstm.parameters import Columns, Value
from tabular_lstm.rows.cells import EMPTY, read_category, read_key, read_label, read_number


def columns(
    bounds: tuple[float | None, float | None] | None = None,
    missing: list[Value] | None = None,
    positive: Value = 1,
    negative: Value = 0,
) -> Columns:
    return Columns(
        label="y",
        positive_class=positive,
        negative_class=negative,
        bounds={} if bounds is None else {"age": bounds},
        missing={} if missing is None else {"age": missing},
    )


def number(text: str, roles: Columns | None = None) -> tuple[float, str]:
    """Read one cell of the feature `age`: its value, and its problem."""
    values, problems = read_number(pd.Series([text], name="age", dtype="str"), roles or columns())
    assert values.dtype == "float64"
    return values[0], problems[0]


def category(text: str, roles: Columns | None = None) -> str | None:
    """Read one cell of the categorical feature `age`, which can't be wrong."""
    values, problems = read_category(pd.Series([text], name="age", dtype="str"), roles or columns())
    assert problems.tolist() == [""]
    return values[0]


def label(text: str, positive: Value = 1, negative: Value = 0) -> tuple[float, str]:
    """Read one cell of the label `y`: its value, and its problem."""
    roles = columns(positive=positive, negative=negative)
    values, problems = read_label(pd.Series([text], name="y", dtype="str"), roles)
    return values[0], problems[0]


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
        ("3.4e38", 3.4e38),
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
    "text", ["high", "1,5", "1 000", "1_000", "0x10", "True", "-", "?", "5 kg"]
)
def test_other_text_is_no_number(text: str) -> None:
    value, problem = number(text)
    assert math.isnan(value)
    assert problem == f"age: '{text}' is not a number"


@pytest.mark.parametrize("text", ["inf", "-inf", "Infinity", "1e400", "1e39", "-3.5e38"])
@pytest.mark.parametrize("bounds", [None, (0, 120)])
def test_a_number_beyond_float32_is_a_problem(
    text: str, bounds: tuple[float, float] | None
) -> None:
    assert number(text, columns(bounds))[1] == f"age: {text} is infinite or beyond float32"


@pytest.mark.parametrize("text", ["18", "120", "120.0", "50"])
def test_the_bounds_are_possible_values(text: str) -> None:
    assert number(text, columns((18, 120)))[1] == ""


@pytest.mark.parametrize(
    ("text", "bounds", "interval"),
    [
        ("17.9", (18, 120), "[18, 120]"),
        ("121", (18, 120), "[18, 120]"),
        ("-1", (0, None), "[0, inf)"),
        ("0.51", (None, 0.5), "(-inf, 0.5]"),
    ],
)
def test_a_number_out_of_bounds_is_a_problem(
    text: str, bounds: tuple[float | None, float | None], interval: str
) -> None:
    assert number(text, columns(bounds))[1] == f"age: {text} is outside {interval}"


@pytest.mark.parametrize(
    ("text", "bounds"), [("9999", (18, None)), ("-9999", (None, 120)), ("-9999", (None, None))]
)
def test_an_open_end_takes_any_number(text: str, bounds: tuple[float | None, float | None]) -> None:
    assert number(text, columns(bounds))[1] == ""


@pytest.mark.parametrize("text", ["?", " ? ", "unknown"])
def test_a_declared_word_is_missing(text: str) -> None:
    value, problem = number(text, columns((18, 120), ["?", "unknown"]))
    assert math.isnan(value)
    assert problem == ""


@pytest.mark.parametrize("text", ["-9", "-9.0", "-9e0"])
def test_a_numeric_code_stays_a_number_exempt_from_the_bounds(text: str) -> None:
    assert number(text, columns((18, 120), [-9])) == (-9.0, "")


def test_a_code_of_one_feature_means_nothing_in_another() -> None:
    roles = Columns(
        label="y",
        positive_class=1,
        negative_class=0,
        missing={"bmi": ["?", -9]},
        bounds={"age": (0, 9)},
    )
    assert "not a number" in number("?", roles)[1]
    assert "outside" in number("-9", roles)[1]


def test_each_cell_has_its_own_value_and_problem() -> None:
    cells = pd.Series(["20", "old", "", "130"], index=[4, 7, 8, 9], name="age", dtype="str")
    values, problems = read_number(cells, columns((18, 120)))
    assert list(values.index) == list(problems.index) == [4, 7, 8, 9]
    assert values[[4, 9]].tolist() == [20.0, 130.0]
    assert values.isna().tolist() == [False, True, True, False]
    assert problems.tolist() == [
        "",
        "age: 'old' is not a number",
        "",
        "age: 130 is outside [18, 120]",
    ]


# Categories


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("red", "red"),
        ("  dark red\t", "dark red"),
        ("Red", "Red"),
        ("0", "0"),
        ("1", "1"),
        ("1.0", "1.0"),
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
    assert category(text, columns(missing=["unknown", code])) is None


@pytest.mark.parametrize(("text", "code"), [("00", 0), ("0.0", 0), ("Unknown", "unknown")])
def test_a_code_means_a_category_that_is_written_just_so(text: str, code: Value) -> None:
    assert category(text, columns(missing=[code])) == text


def test_a_code_of_one_feature_is_a_category_of_another() -> None:
    roles = Columns(label="y", positive_class=1, negative_class=0, missing={"bmi": ["?", 0]})
    assert [category(text, roles) for text in ("?", "0")] == ["?", "0"]


def test_categories_stay_with_their_rows() -> None:
    cells = pd.Series(["red", "?", " ", "blue"], index=[4, 7, 8, 9], name="age", dtype="str")
    values, problems = read_category(cells, columns(missing=["?"]))
    assert values.dtype == object
    assert values.to_dict() == {4: "red", 7: None, 8: None, 9: "blue"}
    assert problems.to_dict() == {4: "", 7: "", 8: "", 9: ""}
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
        ("2", 1, 0, "y: '2' is neither 1 nor 0"),
        ("yes", 1, 0, "y: 'yes' is neither 1 nor 0"),
        ("inf", 1, 0, "y: 'inf' is neither 1 nor 0"),
        ("Yes", "yes", "no", "y: 'Yes' is neither 'yes' nor 'no'"),
        ("1.0", "1", "2", "y: '1.0' is neither '1' nor '2'"),
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
    assert problem == "y: no label"


# Keys


@pytest.mark.parametrize(("text", "key"), [("A-7", "A-7"), ("  A-7 ", "A-7"), ("007", "007")])
def test_a_key_is_text_without_the_space_around_it(text: str, key: str) -> None:
    keys, problems = read_key(pd.Series([text], name="id", dtype="str"))
    assert (keys[0], problems[0]) == (key, "")


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_key_is_a_problem(text: str) -> None:
    _, problems = read_key(pd.Series(["A", text], name="id", dtype="str"))
    assert problems.tolist() == ["", "id: no key"]
