"""What a frame's columns become: the schema's facts, and the slots of a sequence."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.cells import is_categorical
from tabular_lstm.rows.column_kinds import Declaration
from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import count_unknown, slots_of, to_sequences
from tabular_lstm.task import Task

NAN = float("nan")
ROWS = pd.DataFrame(
    {
        "size": [1.0, NAN, 3.0, 8.0],
        "color": ["red", "blue", None, "red"],
        "age": [30, 40, 50, 40],
    }
)


def learn(
    rows: pd.DataFrame = ROWS,
    categorical: Sequence[str] = ("color",),
    missing: dict[str, list[Any]] | None = None,
    bounds: dict[str, Any] | None = None,
    **reshaping: Any,
) -> Schema:
    return fit_schema(
        rows,
        Declaration(categorical, missing=missing or {}, bounds=bounds or {}),
        reshaping=ReshapingOptions(**reshaping),
        label="y",
        task=Task.of_classes(("no", "yes")),
    )


def slots(rows: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Lay the rows out and give the features' slots, (rows, features)."""
    sequences = to_sequences(rows, schema)
    assert sequences.dtype == np.float32
    assert sequences.shape == (len(rows), schema.steps, schema.features_per_step)
    return sequences.reshape(len(rows), -1)[:, : len(schema.features)]


def one_column(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


@pytest.mark.parametrize(
    ("features", "steps", "features_per_step"),
    [(2, 1, 2), (4, 2, 2), (8, 4, 2), (13, 4, 4), (100, 4, 25)],
)
def test_by_default_features_make_four_steps_of_at_least_two(
    features: int, steps: int, features_per_step: int
) -> None:
    rows = pd.DataFrame({f"f{place}": [1.0, 2.0] for place in range(features)})
    schema = learn(rows, ())
    assert (schema.steps, schema.features_per_step) == (steps, features_per_step)
    if features == 13:  # without padding
        with pytest.raises(DataError, match=r"13 features .* steps of 4:"):
            learn(rows, (), allow_padding=False)


def test_the_schema_says_what_the_rows_say() -> None:
    assert learn().model_dump() == {
        "features": ["size", "color", "age"],
        "steps": 2,
        "features_per_step": 2,
        "categories": {"color": ["blue", "red"]},
        "missing": {},
        "bounds": {},
        "dates": {},
        "marks": {"decimal": ".", "thousands": None},
        "mean": [4.0, 0.0, 40.0],
        "variance": [pytest.approx(26 / 3), 1.0, 50.0],
        "quantiles": {
            "size": [1.0] * 10 + [3.0] * 5 + [8.0] * 10,
            "age": [30.0] * 9 + [40.0] * 7 + [50.0] * 9,
        },
        "scores": True,
        "label": "y",
        "negative_class": "no",
        "positive_class": "yes",
    }


@pytest.mark.parametrize(
    ("values", "dtype", "are_names"),
    [
        (["red", "blue"], object, True),
        (["red", "blue"], "category", True),
        ([1, 2], "category", True),
        ([1, "red", None], object, True),
        (["1", "2", "1-2"], "str", True),
        ([None, None], object, True),
        ([1, 2], "int64", False),
        ([1, None], "Int64", False),
        ([True, None], "boolean", False),
        ([True, None, False], object, False),
        ([1, pd.NA], object, False),
        (["1", "", " NA "], "str", False),
        (["1", 2.5, "+3e1"], object, False),
    ],
)
def test_a_column_of_names_is_categorical(values: Any, dtype: Any, are_names: bool) -> None:
    assert is_categorical(pd.Series(values, dtype=dtype)) == are_names


def test_a_missing_code_is_missing_however_it_is_written() -> None:
    schema = learn(one_column([1.0, 2.0]), (), {"a": [0, -9.5, "?", "none so far"]})
    rows = one_column([0, 0.0, "0.0", "-9.50", "?", "none so far", None, 1, "2"], object)
    np.testing.assert_array_equal(slots(rows, schema)[:, 0], [NAN] * 7 + [1, 2])


@pytest.mark.parametrize("learned", [False, True], ids=["learn_schema", "to_sequences"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("high", "'high' is not a number. An unmeasured value is NaN, None or empty"),
        ("1e39", "1e39 is infinite or beyond 1e+30 in size."),
    ],
)
def test_a_value_that_is_no_number_is_refused_with_column_and_row(
    learned: bool, value: Any, expected: str
) -> None:
    schema = learn(one_column([1.0, 2.0]), ())
    rows = one_column([1.0, None, value, 4.0], object)
    with pytest.raises(DataError) as error:
        to_sequences(rows, schema) if learned else learn(rows, ())
    assert f"Column 'a', row 3: {expected}" in str(error.value)


NUMBERS = st.floats(width=32, allow_infinity=False) | st.sampled_from([0.0, -9.5, 33.6, 1e30])
AMOUNTS = st.none() | st.integers(-10, 10) | st.integers(-(2**60), 2**60)
WORDS = st.none() | st.sampled_from(["red", "blue", "01067", "7", "green", "?", "0"])
SPACE = st.sampled_from(["", " ", "\t"])
NOTHING = st.sampled_from(["", " ", "NA", "nan", "NULL", "None"])
TYPED = st.lists(st.tuples(NUMBERS, AMOUNTS, WORDS), min_size=1, max_size=8)


def outcome(rows: pd.DataFrame, schema: Schema) -> Any:
    """Give the sequences as bytes, or the column and rows that are refused."""
    try:
        return to_sequences(rows, schema).tobytes()
    except DataError as error:
        return str(error).split(": ")[0]


@given(
    cells=TYPED, bounded=st.booleans(), amounts=st.sampled_from(["Int64", object]), data=st.data()
)
@settings(max_examples=40)
def test_a_text_frame_and_the_typed_frame_of_its_rows_are_the_same(
    cells: list[tuple[Any, ...]], bounded: bool, amounts: Any, data: st.DataObject
) -> None:
    known = pd.DataFrame(
        {"number": [1.0, 2.0], "amount": [1, 2], "word": ["red", "01067"]},
    )
    schema = learn(
        known,
        ["word"],
        {"number": [-9.5, "?"], "amount": [0, -9, "?"], "word": ["?", 0]},
        bounds={"number": (-1e6, 1e6), "amount": (1, None)} if bounded else {},
    )
    number, amount, word = zip(*cells, strict=True)
    typed = pd.DataFrame(
        {
            "number": pd.Series(number, dtype="float64"),
            "amount": pd.Series(amount, dtype=amounts),
            "word": pd.Series(word, dtype=object),
        }
    )

    def written(cell: Any) -> str:
        if pd.isna(cell):
            return data.draw(NOTHING)
        return f"{data.draw(SPACE)}{cell}{data.draw(SPACE)}"

    text = pd.DataFrame([[written(cell) for cell in row] for row in cells], columns=typed.columns)
    assert outcome(text.astype("str"), schema) == outcome(typed, schema)
    assert outcome(text.astype(object), schema) == outcome(typed, schema)


# Many rows

CELL = st.one_of(
    st.none(),
    st.sampled_from(["7", " 7 ", "7.0", "007", "1e5", "?", "-9", "red", "", "NA", "nan", "1,5"]),
    st.sampled_from([7, 7.0, True, False, 1, 1.0, -9, 1e39, NAN, np.float32(0.1)]),
)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=40), st.booleans())
@settings(max_examples=40)
def test_a_row_among_many_is_the_same_sequence_and_has_the_same_problems_as_alone(
    cells: list[tuple[Any, Any]], as_text: bool
) -> None:
    schema = learn(
        pd.DataFrame({"a": [1.0, 2.0], "b": ["7", "red"]}),
        ["b"],
        {"a": [-9, "?"], "b": ["?", 0]},
        bounds={"a": (0, 1e6)},
    )
    rows = pd.DataFrame(cells, columns=["a", "b"], dtype=object)
    if as_text:
        rows = rows.map(lambda cell: cell if pd.isna(cell) else str(cell)).astype("str")
    many = pd.concat([rows] * 3, ignore_index=True)
    sequences, problems = slots_of(many, schema)
    places = problems.get("a", {})
    for place in range(len(rows)):
        alone, found = slots_of(rows.iloc[[place]].reset_index(drop=True), schema)
        for other in range(place, len(many), len(rows)):
            assert sequences[other].tobytes() == alone[0].tobytes()
            assert places.get(other) == found.get("a", {}).get(0)


def test_all_problems_are_told_by_column_and_place_and_their_cells_are_missing() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": ["x", "y"]})
    schema = learn(rows, ["c"], bounds={"b": (0, 9)})
    cells = {"a": ["1", "high", "", "1e31"], "b": ["10", "2", "x", "3"], "c": ["x", "z", "", "y"]}
    sequences, problems = slots_of(pd.DataFrame(cells, dtype="str"), schema)
    assert problems == {
        "a": {1: "'high' is not a number", 3: "1e31 is infinite or beyond 1e+30 in size"},
        "b": {0: "10 is outside [0, 9]", 2: "'x' is not a number"},
    }
    expected = [[1, NAN, 0], [NAN, 2, 2], [NAN, NAN, NAN], [NAN, 3, 1]]
    np.testing.assert_array_equal(sequences.reshape(4, -1)[:, :3], expected)
    assert count_unknown(sequences, schema) == {"c": 1}


def test_a_unit_is_read_with_the_number_and_another_unit_is_a_problem() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    schema = learn(rows, bounds={"b": (0, 99)}, missing={"a": [-9]})
    schema = schema.model_copy(update={"units": {"a": "$", "b": "months"}})
    german = NumberFormat(decimal=",", thousands=".")
    for cells, marks in (
        ({"a": ["$40,5", "-$ 3", "7", "€5", "$ -9"]}, german),
        ({"a": ["$40.5", "-3 $", " 7.0 ", "€5", "$-9"]}, POINT),
    ):
        cells |= {"b": ["36 months", "1 Month", "NA", "3 years", "120months"]}
        sequences, problems = slots_of(pd.DataFrame(cells, dtype="str"), schema, marks)
        expected = [[40.5, 36], [-3, 1], [7, NAN], [NAN, NAN], [NAN, NAN]]
        np.testing.assert_array_equal(sequences.reshape(5, -1)[:, :2], expected)
        assert problems == {
            "a": {3: "'€5' is not a number in $"},
            "b": {
                3: "'3 years' is not a number in months",
                4: "120months is outside [0, 99]",
            },
        }
    # A short unit counts as it is written, and a word in front of a number is a code's.
    schema = schema.model_copy(update={"units": {"a": "MW", "b": "A"}, "missing": {"a": ["0 MW"]}})
    cells = {"a": ["5 MW", "5 mW", "0 MW"], "b": ["A5", "5 A", "x A"]}
    sequences, problems = slots_of(pd.DataFrame(cells, dtype="str"), schema)
    expected = [[5, NAN], [NAN, 5], [NAN, NAN]]
    np.testing.assert_array_equal(sequences.reshape(3, -1)[:, :2], expected)
    assert {name: [*faults] for name, faults in problems.items()} == {"a": [1], "b": [0, 2]}
    schema = schema.model_copy(update={"units": {"a": "$", "b": "months"}, "missing": {}})
    # In Parquet a number has no unit, and a unit alone is no number.
    typed = pd.DataFrame({"a": [40.5, "$"], "b": [36, "months"]}, dtype=object)
    sequences, problems = slots_of(typed, schema)
    np.testing.assert_array_equal(sequences.reshape(2, -1)[:, :2], [[40.5, 36], [NAN, NAN]])
    assert [*problems["a"]] == [*problems["b"]] == [1]


# A capital makes another prefix of the first letter of these units, but not of these words.
PREFIXED = "mamp mwatt mjoule mgram mliter mlitre mgal mton mmeter mmetre msec pfarad pgram ybyte"
WORDS = (
    "months minutes mins meters miles moles people persons pieces percent pounds points pages "
    "packs pairs pints years yards zlotys MYR PHP ZAR"
)


@pytest.mark.parametrize(
    ("unit", "same", "others"),
    [
        ("MPa", ["MPa"], ["mPa", "MPA", "mpa", "MPas", "Pa"]),
        ("GBs", ["GBs", "GB"], ["Gb", "gbs", "Gbs"]),
        ("kWh", ["kWh"], ["kwh", "KWH"]),
        ("mbar", ["mbar", "mbars"], ["Mbar", "MBAR"]),
        ("mbps", ["mbps"], ["Mbps", "MBPS", "mbp"]),
        ("Mbps", ["Mbps"], ["mbps", "MBPS"]),
        ("mvolts", ["mvolt", "mvolts"], ["Mvolt", "Mvolts", "MVOLTS"]),
        *((unit, [unit, f"{unit}s"], [unit.title(), unit.upper()]) for unit in PREFIXED.split()),
        *((word, [word.lower(), word.title(), word.upper()], ["mon"]) for word in WORDS.split()),
        ("cal", ["cal", "cals"], ["Cal"]),
        ("yrs", ["yr", "yrs"], ["YR", "Yrs"]),
        ("months", ["month", "Months", "MONTH", "MONTHS"], ["mOnth", "mon"]),
        ("MONTHS", ["month", "Months", "MONTH", "MONTHS"], ["monthss"]),
        ("Monate", ["monate", "MONATE"], ["Monat"]),
        ("EUR", ["EUR", "eur", "Eur"], ["eUR"]),
        ("mph", ["mph", "MPH"], ["mPh"]),
    ],
)
def test_the_case_of_a_unit_counts_unless_it_is_a_word_in_one_form(
    unit: str, same: list[str], others: list[str]
) -> None:
    """5 mPa read as 5 MPa would be wrong by a factor of a billion."""
    schema = learn(one_column([1.0, 2.0]), []).model_copy(update={"units": {"a": unit}})
    cells = [f"5 {spelling}" for spelling in [*same, *others]]
    sequences, problems = slots_of(one_column(cells, "str"), schema)
    assert [*problems["a"]] == [*range(len(same), len(cells))]
    assert (sequences.reshape(len(cells), -1)[: len(same), 0] == 5).all()


def test_a_category_is_its_place_and_an_unknown_one_the_place_after_the_last() -> None:
    rows = pd.DataFrame({"a": ["c", "b", "a", "d", "A", "a b", " a", "", None]})
    schema = learn(one_column(["b", "c", "a", "c"]), ["a"])
    assert slots(rows, schema)[:7, 0].tolist() == [2, 1, 0, 3, 3, 3, 0]
    assert np.isnan(slots(rows, schema)[7:, 0]).all()


@pytest.mark.parametrize(
    ("known", "value", "place"),
    [
        (["01067", "80331"], 1067, 0),
        (["01067", "80331"], "1067", 2),
        (["1.0", "2.50"], 2.5, 1),
        (["TRUE", "false"], True, 0),
        (["TRUE", "false"], np.False_, 1),
        (["007", "7.0"], 7, 1),
        (["007", "7.00", "7."], 7, 3),
        (["red", "7"], datetime.date(2020, 1, 2), 2),
    ],
)
def test_a_number_or_a_boolean_is_the_category_that_writes_its_value(
    known: list[str], value: Any, place: int
) -> None:
    # A reader of CSVs makes numbers of codes; of text the spelling counts.
    rows = one_column([value], object)
    assert slots(rows, learn(one_column(known), ["a"]))[:, 0].tolist() == [place]
    # A value of a category and of a code is neither.
    schema = learn(one_column(["00", "1"]), ("a",), missing={"a": ["000"]})
    assert slots(one_column([0, 1]), schema)[:, 0].tolist() == [2, 1]


@pytest.mark.parametrize("wrong", [9999.0, -1e30])
@pytest.mark.parametrize("count", [10, 1000])
def test_a_lone_wrong_number_does_not_set_the_scale(count: int, wrong: float) -> None:
    ages = np.random.default_rng(0).normal(50, 10, count)
    clean, spoiled = (learn(one_column(np.append(ages, last)), ()) for last in (50.0, wrong))
    assert spoiled.mean[0] == pytest.approx(clean.mean[0], rel=0.05)
    assert clean.variance[0] / 2 < spoiled.variance[0] < 2 * clean.variance[0]


def test_columns_are_found_by_name_and_missing_ones_refused() -> None:
    schema = learn()
    mixed = ROWS.assign(note="text", other=np.inf)[["other", "age", "color", "note", "size"]]
    np.testing.assert_array_equal(to_sequences(mixed, schema), to_sequences(ROWS, schema))
    for left, named in ((["size", "age"], "'color'"), (["age"], "'size', 'color'")):
        with pytest.raises(DataError) as error:
            to_sequences(ROWS[left], schema)
        for fact in (f"no column {named}:", "expected size, color, age", f"got {', '.join(left)}."):
            assert fact in str(error.value)


# The marks of numbers

GERMAN = NumberFormat(decimal=",", thousands=".")


def test_text_is_read_by_the_schemas_marks_and_a_number_is_itself() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0], "kind": ["1.234", "1234"]})
    schema = learn(rows, ["kind"]).model_copy(update={"marks": GERMAN})
    cells = {"a": ["6.476", 6.476, "0,5"], "kind": ["1.234", 1.234, "1,234"]}
    expected = np.array([[6476, 1], [6.476, 0], [0.5, 0]], np.float32)
    np.testing.assert_array_equal(slots(pd.DataFrame(cells, dtype=object), schema), expected)


CODES = learn(
    pd.DataFrame({"a": ["0.1", "0.5", "01067", "7"]}), ("a",), missing={"a": ["00000", -9]}
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([0.1, 0.5, NAN], np.float32), [0, 1, NAN], id="float32"),
        pytest.param(np.array([0.1, 0.5, NAN], np.float16), [0, 1, NAN], id="float16"),
        pytest.param(pd.array([0.1, None, 0.5], "Float32"), [0, NAN, 1], id="Float32"),
        pytest.param(pd.arrays.SparseArray([0.1, 0.5, 7.0]), [0, 1, 3], id="sparse"),
        pytest.param([0, -9, 1067], [NAN, NAN, 2], id="codes by value"),
        pytest.param([Decimal("-9.00"), Decimal("0.10"), 8], [NAN, 0, 4], id="decimals"),
    ],
)
def test_a_category_or_a_code_is_found_by_its_value_in_any_dtype(
    values: Any, expected: list[float]
) -> None:
    for rows in (one_column(values), pd.concat([one_column(values)] * 33, ignore_index=True)):
        expected_here = np.resize(expected, (len(rows), 1))
        np.testing.assert_array_equal(slots(rows, CODES), expected_here)


def test_a_list_an_array_and_bytes_are_the_text_that_a_file_gives() -> None:
    schema = learn(pd.DataFrame({"a": ["['x', 'y']", "['z']", "b"]}), ("a",))
    for first in (["x", "y"], np.array(["x", "y"], object)):
        rows = one_column([first, ["z"], b"b", None])
        np.testing.assert_array_equal(slots(rows, schema)[:, 0], [0, 1, 2, NAN])
