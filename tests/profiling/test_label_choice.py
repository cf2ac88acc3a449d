"""Which column is the label, and what is said where none is."""

from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import NUMBER
from tabular_lstm.profiling.label_choice import Label, choose_label
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.profiles import profile

AGES = [*range(20, 50)]
TWO = [0, 0, 1] * 10
SEX = ["f", "m", "m"] * 10
MANY = ["a", "b", "c"] * 10
BLANKS = ["", *TWO[1:28], "NA", ""]
FEW = (
    "label: classes of fewer than 100 rows: {}. A promotion needs 20 test rows of each "
    "(promotion.min_test_rows_per_class), and a run two rows on each side: collect more, or put "
    "rare classes together"
)


def label(columns: dict[str, list[Any]], *told: str | None) -> Label:
    return choose_label(profile(columns), *told)


def refusal(columns: dict[str, list[Any]], *told: str | None) -> str:
    with pytest.raises(DataError, match=r"^rows\.csv: ") as caught:
        label(columns, *told)
    return str(caught.value)


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"age": AGES, "left": TWO}, "left"),
        ({"target": TWO, "age": AGES, "left": TWO}, "target"),
        ({"survived": TWO, "age": AGES, "left": TWO}, "survived"),
        ({"loan_status": TWO, "left": TWO, "age": AGES}, "loan_status"),
        ({"rownames": [*range(1, 31)], "sick": TWO, "left": TWO, "age": AGES}, "sick"),
        ({"age": AGES, "left": TWO, "size": AGES}, "left"),
        ({"left": TWO, "age": AGES, "sex": SEX}, "left"),
        ({"class": MANY, "survived": TWO, "age": AGES}, "survived"),
        ({"age": AGES, "left": [0, 1, "1.0"] * 10}, "left"),
        ({"deny": TWO, "age": AGES, "hschool": TWO}, "deny"),
        ({"survived": BLANKS, "age": AGES, "left": TWO}, "survived"),
        ({"age": AGES, "left": TWO, "new": [*TWO[:10], *[""] * 20]}, "left"),
    ],
)
def test_the_label_is_told_by_name_place_and_values(
    columns: dict[str, list[Any]], name: str
) -> None:
    assert label(columns).name == name


PRICES = [x * 7 % 31 + 0.5 for x in range(30)]


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({"age": AGES, "kind": MANY, "size": PRICES}, "size", "the last column"),
        ({"age": AGES, "kind": MANY}, "kind", "the last column"),
        ({"kind": MANY, "age": AGES, "sex": SEX}, "kind", "the first column, and it has classes"),
        (
            {"kind": MANY, "age": AGES, "year": [*range(2000, 2003)] * 10},
            "kind",
            "the first column",
        ),
        ({"age": AGES, "price": PRICES, "a": AGES}, "price", "often a label by its name"),
        ({"x": PRICES, "y": PRICES, "z": PRICES}, "z", "the last column"),
        ({"x1": PRICES, "y": PRICES, "x2": PRICES}, "y", "by its name"),
        ({"smoker": TWO, "age": AGES, "charges": PRICES}, "charges", "the last column, and often"),
        ({"class": MANY, "age": AGES, "left": TWO}, "class", "by its name"),
        (
            {"smoker": TWO, "age": AGES, "size": PRICES},
            "smoker",
            "the first column, and it has two",
        ),
    ],
)
def test_a_label_of_another_task_is_told_too(
    columns: dict[str, list[Any]], name: str, reason: str
) -> None:
    """Where columns have two values, one of these is rather the label."""
    found = label(columns)
    assert found.name == name
    assert found.reason.startswith(reason)
    if reason != "by its name":
        assert "--label names another one" in found.unsure[0]


def test_beside_the_only_column_of_two_values_the_last_one_is_named() -> None:
    found = label({"age": AGES, "by_river": TWO, "rooms": PRICES})
    assert found.name == "by_river"
    assert found.unsure[0].startswith("label: or is it the last column, rooms?")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"age": AGES, "left": TWO, "size": AGES}, "the only column of two values"),
        (
            {"age": AGES, "left": TWO, "sex": SEX, "size": AGES},
            "the only column of two values that most rows have and that is no trait, such as sex",
        ),
        ({"age": AGES, "left": TWO}, "the last column, and it has two values"),
        (
            {"age": AGES, "left": TWO, "note": [""] * 30},
            "the last column but for those that are empty or in the order of the rows, and it has "
            "two values",
        ),
        ({"left": TWO, "age": AGES, "kind": MANY}, "the first column, and it has two values"),
    ],
)
def test_the_reason_is_never_false(columns: dict[str, list[Any]], reason: str) -> None:
    assert label(columns).reason == reason


def test_a_label_may_have_blanks_and_all_that_may_be_the_label_are_listed() -> None:
    """With their counts, also one of which a tenth is blank."""
    columns = {"sick": BLANKS, "age": AGES, "left": TWO, "sex": SEX, "size": AGES}
    found = label(columns, "sick")
    assert (found.proposed.counts, found.unlabelled) == ((18, 9), 3)
    found = label({"age": AGES, "sick": BLANKS, "sex": SEX, "left": TWO})
    also = "also of two values: sick (0: 18, 1: 9; 3 without); sex (m: 20, f: 10)"
    assert found.unsure[0] == f"label: {also} (--label names another one)"
    message = refusal({"age": AGES, "one": BLANKS, "two": TWO, "size": AGES})
    assert "one (0: 18, 1: 9; 3 without); two (0: 20, 1: 10)" in message


def test_of_two_columns_that_are_called_as_labels_are_the_other_is_named() -> None:
    found = label({"class": TWO, "age": AGES, "target": BLANKS, "size": AGES})
    assert found.unsure[0].startswith("label: also of two values: target (0: 18, 1: 9; 3 without)")


def test_the_label_may_be_told() -> None:
    columns = {"left": TWO, "age": AGES, "sex": SEX}
    assert label(columns, "sex").name == "sex"
    assert "Did you mean 'sex'?" in refusal(columns, "Sexe")
    assert label(columns, "age").proposed.task.kind == NUMBER


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        ([0, 1], 1),
        ([1, 2], 2),
        ([-1, 1], 1),
        (["0.0", "1.0"], 1),
        (["no", "yes"], "yes"),
        (["benign", "malignant"], "malignant"),
        (["cancer", "no cancer"], "cancer"),
        (["red", "red", "blue"], "blue"),
        (["M", "B", "B"], "M"),
    ],
)
def test_the_positive_class_is_the_word_the_number_or_the_rarer_one(
    values: list[Any], positive: str | int
) -> None:
    found = label({"age": AGES, "y": (values * 30)[:30]}).proposed.task.classes[1]
    assert found == positive
    assert type(found) is type(positive)
    other = label({"age": AGES, "y": (values * 30)[:30]}, None, str(values[0])).proposed
    assert str(other.task.classes[1]) == str(values[0]).removesuffix(".0")


def test_where_no_column_is_surely_the_label_those_that_may_be_are_named() -> None:
    message = refusal({"age": AGES, "left": TWO, "sex": SEX, "new": TWO, "size": AGES})
    assert "or of numbers without a unit. The last column is size. Columns of two" in message
    assert (
        "--label may name: left (0: 20, 1: 10); sex (m: 20, f: 10); new (0: 20, 1: 10)" in message
    )
    few = ["", "", "", 0, 1] * 6
    gaps = refusal({"age": AGES, "left": few, "right": few})
    assert "left (0: 6, 1: 6; 18 without); right (0: 6, 1: 6; 18 without)" in gaps
    assert label({"age": AGES, "left": few}).reason == "the only column of two values"
    dates = [f"2026-11-{7 * day % 30 + 1:02}" for day in range(30)]
    assert refusal({"age": AGES, "seen": dates}).endswith("or of numbers without a unit.")


@pytest.mark.parametrize("values", [["a", "b"], ["m", "f"]])
def test_where_only_the_alphabet_chooses_the_positive_class_it_is_unsure(
    values: list[str],
) -> None:
    """Whatever the order of the rows; and a letter is no word for yes or no."""
    found = label({"age": AGES, "y": values * 15})
    assert found.proposed.task.classes[1] == min(values)
    other = max(values)
    assert found.unsure == [
        f"positive class: '{min(values)}' is only the first by the alphabet; "
        f"--positive '{other}' chooses the other one",
        FEW.format(f"{values[0]}: 15, {values[1]}: 15"),
    ]
    assert label({"age": AGES, "y": ["y", "n"] * 15}).unsure == [FEW.format("y: 15, n: 15")]


@pytest.mark.parametrize("positive", [None, "1", "1,0"])
def test_a_label_of_numbers_is_read_as_the_file_writes_numbers(positive: str | None) -> None:
    cells = ["1,0", "1,0", "0,0", ""] * 10
    table = profile({"age": range(40), "y": cells}, NumberFormat(decimal=","))
    found = choose_label(table, "y", positive)
    proposed = found.proposed
    assert (proposed.task.classes, proposed.counts) == ((0, 1), (10, 20))
    assert found.unsure == [FEW.format("1,0: 20, 0,0: 10")]
    points = label({"age": AGES, "y": ["0.0", "1.0", "1.0"] * 10}, "y")
    assert points.unsure == [FEW.format("1.0: 20, 0.0: 10")]


def test_values_of_neither_class_that_will_stop_the_run_are_said_to() -> None:
    for count, stops in ((5, False), (6, True)):
        cells = [*([9] * count), *([0, 1] * 60)[count:100], *([""] * 20)]
        _, said = label({"age": range(120), "y": cells}, "y").unsure
        assert f"label: {count} rows of neither class, such as '9', will go to" in said
        assert ("the run will stop" in said) == stops
        assert "leave the cell empty" in said


@pytest.mark.parametrize("word", ["NA", "None", "n/a", ""])
def test_a_class_that_counts_as_missing_is_named(word: str) -> None:
    message = refusal({"age": AGES, "y": [word, "yes", "yes"] * 10}, "y")
    assert "'y' has one value only, beside 10 cells that are empty or hold a word" in message
    assert "write it in conf, such as columns.negative_class: 'NA'" in message


def test_each_class_keeps_its_count_however_long_it_is() -> None:
    long = "x" * 60
    message = refusal({"age": AGES, "y": [long, "no", "no"] * 10}, "y", "married")
    assert (
        f"--positive married: the label 'y' has no such value; expected one of its two values "
        f"(no: 20, {long[:39]}…: 10)." in message
    )
