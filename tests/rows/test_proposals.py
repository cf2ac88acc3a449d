"""What to declare is proposed for all columns at once, and what is not sure is asked."""

import io
from typing import Any

import pandas as pd
import pytest
import yaml

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.load_args import marks_of, refuse_other_arguments
from tabular_lstm.rows.looks import LOOKED_AT, counts_of, look
from tabular_lstm.rows.proposals import HEAD, in_yaml
from tabular_lstm.rows.validation import read_rows
from tests.helpers.cells import read_cells

ROLES: dict[str, Any] = {"label": "y", "positive_class": "yes", "negative_class": "no"}
ROWS = 60
DAYS = pd.date_range("2026-01-01", periods=ROWS, freq="7D")
COLUMNS: dict[str, list[str]] = {
    "id": [f"A{row:04d}" for row in range(ROWS)],
    "visit": DAYS.strftime("%Y-%m-%d").tolist(),
    "birth": DAYS.strftime("%d.%m.%Y").tolist(),
    "city": ["Rome", "Milan", "Turin"] * 20,
    "on call": ["on", "off"] * 30,
    "note": [f"said {row} things" for row in range(ROWS)],
    "lab": [*["?", "n/k"] * 3, *map(str, range(54))],
    "age": [str(20 + row) for row in range(ROWS)],
}


def told(cells: dict[str, list[str]], load_args: dict[str, Any] | None = None, **roles: Any) -> str:
    """What is proposed for a CSV of these cells, beside a label."""
    length = max(map(len, cells.values()), default=2)
    rows = pd.DataFrame({"y": (["yes", "no"] * length)[:length], **cells})
    columns = Columns.model_validate(ROLES | roles)
    given = load_args or {}
    refuse_other_arguments("rows.csv", given)
    raw = read_cells(rows.to_csv(index=False).encode(), "rows.csv", given)
    return read_rows(raw, columns, "rows.csv", marks_of(given))[2].to_declare


def lines_of(said: str) -> dict[str, Any]:
    """The lines of conf in a message."""
    _, _, after = said.partition(HEAD)
    lines = [line for line in after.split("\n")[1:] if line.startswith("  ")]
    return dict(yaml.safe_load("\n".join(lines)) or {})


def test_all_columns_are_named_at_once_with_the_lines_to_write() -> None:
    said = told(COLUMNS)
    assert lines_of(said) == {
        "categorical": ["city", "on call"],
        "dates": {"visit": None, "birth": "%d.%m.%Y"},
        "ignore": ["id", "note"],
        "missing": {"lab": ["?", "n/k"]},
    }
    # As soon as they are written, nothing is wrong.
    assert told(COLUMNS, **lines_of(said)) == ""


def test_lines_keep_what_is_declared_already() -> None:
    declared: dict[str, Any] = {
        "categorical": ["city"],
        "ignore": ["id"],
        "dates": ["visit"],
        "missing": {"age": [99], "lab": ["n/k"]},
    }
    said = told(COLUMNS, **declared)
    assert lines_of(said) == {
        "categorical": ["city", "on call"],
        "dates": {"visit": None, "birth": "%d.%m.%Y"},
        "ignore": ["id", "note"],
        "missing": {"age": [99], "lab": ["n/k", "?"]},
    }
    assert told(COLUMNS, **declared | lines_of(said)) == ""


def test_of_few_rows_a_text_of_its_own_may_be_a_category() -> None:
    assert lines_of(told({"a": ["red", "blue", "green"]})) == {"categorical": ["a"]}


def test_dates_of_one_form_are_a_list() -> None:
    assert "\n  dates: [visit]" in told({"visit": COLUMNS["visit"]})


def test_a_date_that_is_declared_in_another_form_is_found() -> None:
    assert lines_of(told({"visit": COLUMNS["visit"]}, dates={"visit": "%d.%m.%Y"})) == {
        "dates": ["visit"]
    }
    assert lines_of(told({"birth": COLUMNS["birth"]}, dates=["birth"])) == {
        "dates": {"birth": "%d.%m.%Y"}
    }
    assert lines_of(told({"city": COLUMNS["city"]}, dates=["city", "y2"][:1])) == {
        "categorical": ["city"],
        "dates": [],
    }


def test_a_word_among_dates_may_mean_that_nothing_was_measured() -> None:
    said = told({"visit": ["never", *COLUMNS["visit"]]})
    assert lines_of(said) == {"dates": ["visit"], "missing": {"visit": ["never"]}}
    assert "if 'never' means that nothing was measured" in said


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["05/11/2026", "06/11/2026"], ["2026-11-05, dates: {a: ", "2026-05-11, dates: {a: "]),
        (["05-11-26", "01-01-26"], ["2026-11-05, dates: {a: ", "2026-05-11, dates: {a: "]),
    ],
)
def test_a_day_that_may_be_a_month_is_asked_about(cells: list[str], options: list[str]) -> None:
    said = told({"a": cells})
    assert said.startswith(f"\nIs '{cells[0]}' of a ")
    assert said.endswith("?")
    assert all(option in said for option in options)
    assert HEAD not in said


def test_a_day_above_twelve_settles_which_is_the_month() -> None:
    assert lines_of(told({"a": ["05/11/2026", "13/11/2026"]})) == {"dates": {"a": "%d/%m/%Y"}}
    assert lines_of(told({"a": ["05/11/2026", "11/13/2026"]})) == {"dates": {"a": "%m/%d/%Y"}}
    times = ["05.11.2026 13:30", "06.11.2026 00:00"]
    assert lines_of(told({"a": times})) == {"dates": {"a": "%d.%m.%Y %H:%M"}}


# NumberFormat


def test_commas_before_three_digits_are_asked_about_with_what_each_choice_reads() -> None:
    said = told({"pay": ["1,100", "23,456", "7"]})
    assert said.startswith("\nWhat are the marks in the numbers of pay? Is '1,100' of pay ")
    for reading in ('1100, load_args: {thousands: ","}', '1.100, load_args: {decimal: ","}'):
        assert reading in said
    assert said.count("load_args") == 2


@pytest.mark.parametrize(
    ("cells", "answer", "read"),
    [
        ({"a": ["1,5", "2,25"]}, {"decimal": ","}, "'1,5' of a as 1.5"),
        ({"a": ["1,100", "1,5"]}, {"decimal": ","}, "'1,100' of a as 1.100"),
        ({"a": ["1,100"], "b": ["1,5"]}, {"decimal": ","}, "'1,5' of b as 1.5"),
        ({"a": ["1,100"], "b": ["2.5"]}, {"thousands": ","}, "'1,100' of a as 1100"),
        ({"a": ["1,100.5", "2"]}, {"thousands": ","}, "'1,100.5' of a as 1100.5"),
        ({"a": ["1.100,5", "2"]}, {"decimal": ",", "thousands": "."}, "'1.100,5' of a as 1100.5"),
        ({"a": ["1'100", "2"]}, {"thousands": "'"}, "'1'100' of a as 1100"),
        ({"a": ["1 100,5", "2"]}, {"decimal": ",", "thousands": " "}, "'1 100,5' of a as 1100.5"),
        ({"a": ["1,234,567", "2"]}, {"thousands": ","}, "'1,234,567' of a as 1234567"),
    ],
)
def test_marks_that_are_sure_are_said_with_what_they_read(
    cells: dict[str, list[str]], answer: dict[str, str], read: str
) -> None:
    said = told(cells)
    assert "can all be read with one choice of marks" in said
    assert read in said
    assert f"load_args: {in_yaml(answer)}." in said
    # By that answer all of them are numbers.
    assert told(cells, answer) == ""


def test_marks_that_no_choice_reads_are_no_hint() -> None:
    for cells in ({"a": ["1,5", "2.5"]}, {"a": ["1,5"], "b": ["2.5"]}):
        said = told(cells)
        assert "No marks in the catalog's load_args read all numbers of a" in said
        assert "'1,5' of a" in said
        assert "{" not in said
    assert "'2.5' of b" in told({"a": ["1,5"], "b": ["2.5"]})


def test_a_point_that_is_ambiguous_by_declared_marks_is_settled_by_others() -> None:
    said = told({"a": ["1,5", "4.309"]}, {"decimal": ","})
    assert "'4.309' of a as 4309" in said
    assert 'load_args: {decimal: ",", thousands: "."}' in said


def test_numbers_and_many_other_cells_are_no_hint_either() -> None:
    said = told({"dose": ["1", "2", "3", "4", "5", "6", "<1", "2 mg", "3x", "about 4"]})
    assert "Most cells of dose are numbers" in said
    assert HEAD not in said


# The label


def labels(*values: str, **roles: Any) -> str:
    return told({"y": list(values), "a": ["1"] * len(values)}, **roles)


def test_a_class_that_is_spelt_in_two_ways_is_named() -> None:
    said = labels("yes", "no", "Yes", "Yes", "n o")
    assert "'Yes' of y (2 rows) differs from the class 'yes' by case, blanks or Unicode" in said
    assert "'n o' of y (1 row) differs from the class 'no'" in said
    assert "third" not in said


def test_a_third_class_is_named() -> None:
    said = labels("yes", "no", "maybe", "maybe", "", "NA")
    assert "y also holds 'maybe' (2 rows): a label has two classes, 'yes' and 'no'" in said
    assert "differs" not in said


def test_two_other_classes_are_asked_about() -> None:
    said = labels("1", "0", "1")
    assert "y holds '1' (2 rows), '0' (1 row), and neither class of conf" in said
    assert said.endswith('? positive_class: "1" and negative_class: "0", or the other way round.')


def test_a_class_that_is_a_number_is_no_other_value_however_it_is_written() -> None:
    said = labels("1.0", "0", "2", positive_class=1, negative_class=0)
    assert "y also holds '2' (1 row)" in said
    assert "1.0" not in said


# The looks of a column


def test_only_so_many_texts_are_looked_at() -> None:
    cells = pd.Series([f"t{place}" for place in range(3 * LOOKED_AT)])
    counts = counts_of(cells)
    assert len(counts) == LOOKED_AT
    assert look(counts).kind == "own"
    assert counts_of(pd.Series(["a", " a ", "", "NA", None, "b"])) == {"a": 2, "b": 1}


@pytest.mark.parametrize("value", ["yes", "No", "null", "a: b", "7", "", "é", '"', "a b", "-", "#"])
def test_a_text_is_written_so_that_yaml_reads_that_text(value: str) -> None:
    assert yaml.safe_load(io.StringIO(in_yaml([value, {value: [value]}]))) == [
        value,
        {value: [value]},
    ]


def test_a_date_of_another_format_is_no_code() -> None:
    days = [f"{day:02}.11.2026" for day in range(1, 29)]
    found = look(counts_of(pd.Series([*days, "2026-11-05", "unknown"])))
    assert (found.kind, found.words) == ("dates", ("unknown",))
