"""Which column is the label, what of it is predicted, and what is said where that is unsure."""

from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.profiling.label_choice import ProposedLabel, choose_label
from tabular_lstm.profiling.proposal import propose
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.profiles import profile

AGES = [*range(20, 50)]
TWO = [0, 0, 1] * 10
SEX = ["f", "m", "m"] * 10
MANY = ["a", "b", "c"] * 10
PRICES = [x * 7 % 31 + 0.5 for x in range(30)]
YEARS = [*range(2000, 2003)] * 10
BLANKS = ["", *TWO[1:28], "NA", ""]
FEW = (
    "label: classes of fewer than 100 rows: {}. A promotion needs 20 test rows of each "
    "(promotion.min_test_rows_per_class). If there are more than two classes, those below 8 rows "
    "are left out, and their rows go to quarantine: collect more, or put rare classes together"
)


def label(columns: dict[str, list[Any]], *told: str | None) -> ProposedLabel:
    return choose_label(profile(columns), *told)


def refusal(columns: dict[str, list[Any]], *told: str | None) -> str:
    with pytest.raises(DataError, match=r"^rows\.csv: ") as caught:
        label(columns, *told)
    return str(caught.value)


ONLY, LAST = "the only column of two values", "the last column, and it has two values"
TRAIT = f"{ONLY} that most rows have and that is no trait, such as sex"


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({"age": AGES, "left": TWO}, "left", LAST),
        ({"target": TWO, "age": AGES, "left": TWO}, "target", ""),
        ({"survived": BLANKS, "age": AGES, "left": TWO}, "survived", ""),
        ({"loan_status": TWO, "left": TWO, "age": AGES}, "loan_status", ""),
        ({"rownames": [*range(1, 31)], "sick": TWO, "left": TWO, "age": AGES}, "sick", ""),
        ({"age": AGES, "left": TWO, "size": AGES}, "left", ONLY),
        ({"age": AGES, "left": TWO, "sex": SEX, "size": AGES}, "left", TRAIT),
        ({"age": AGES, "left": TWO, "note": [""] * 30}, "left", LAST),
        ({"left": TWO, "age": AGES, "sex": SEX}, "left", ""),
        ({"left": TWO, "age": AGES, "kind": MANY}, "left", LAST.replace("last", "first")),
        ({"class": MANY, "survived": TWO, "age": AGES}, "survived", ""),
        ({"age": AGES, "left": [0, 1, "1.0"] * 10}, "left", ""),
        ({"deny": TWO, "age": AGES, "hschool": TWO}, "deny", ""),
        ({"age": AGES, "left": TWO, "new": [*TWO[:10], *[""] * 20]}, "left", ""),
        ({"age": AGES, "left": ["", "", "", 0, 1] * 6}, "left", ONLY),
    ],
)
def test_the_label_is_told_by_name_place_and_values(
    columns: dict[str, list[Any]], name: str, reason: str
) -> None:
    found = label(columns)
    assert found.name == name
    assert not reason or found.reason == reason


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({"age": AGES, "kind": MANY, "size": PRICES}, "size", "the last column"),
        ({"age": AGES, "kind": MANY}, "kind", "the last column"),
        ({"kind": MANY, "age": AGES, "sex": SEX}, "kind", "the first column, and it has classes"),
        ({"kind": MANY, "age": AGES, "year": YEARS}, "kind", "the first column"),
        ({"age": AGES, "price": PRICES, "a": AGES}, "price", "often a label by its name"),
        ({"x": PRICES, "y": PRICES, "z": PRICES}, "z", "the last column"),
        ({"x1": PRICES, "y": PRICES, "x2": PRICES}, "y", "by its name"),
        ({"smoker": TWO, "age": AGES, "charges": PRICES}, "charges", "the last column, and often"),
        ({"class": MANY, "age": AGES, "left": TWO}, "class", "by its name"),
        ({"smoker": TWO, "age": AGES, "size": PRICES}, "smoker", "the first column, and it has"),
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


def test_others_that_may_be_the_label_are_named() -> None:
    for columns, doubt in (
        (
            {"class": TWO, "age": AGES, "target": BLANKS, "size": AGES},
            "also of two values: target (0: 18, 1: 9)",
        ),
        (
            {"age": AGES, "sick": BLANKS, "sex": SEX, "left": TWO},
            "also of two values: sick (0: 18, 1: 9); sex (m: 20, f: 10) (--label names "
            "another one)",
        ),
    ):
        assert label(columns).unsure[0].startswith(f"label: {doubt}")


def test_the_label_may_be_told_and_have_blanks() -> None:
    columns = {"left": TWO, "age": AGES, "sex": SEX}
    assert label(columns, "sex").name == "sex"
    assert "Did you mean 'sex'?" in refusal(columns, "Sexe")
    assert label(columns, "age").task.kind == NUMBER
    found = label({"sick": BLANKS, **columns, "size": AGES}, "sick")
    assert (found.counts, found.unlabelled) == ((18, 9), 3)


def test_where_no_column_is_surely_the_label_those_that_may_be_are_named() -> None:
    message = refusal({"age": AGES, "left": TWO, "sex": SEX, "new": TWO, "size": AGES})
    assert "or of numbers with --label. Columns of two" in message
    assert (
        "--label may name: left (0: 20, 1: 10); sex (m: 20, f: 10); new (0: 20, 1: 10)" in message
    )
    message = refusal({"age": AGES, "one": BLANKS, "two": TWO, "size": AGES})
    assert "one (0: 18, 1: 9); two (0: 20, 1: 10)" in message
    dates = [f"2026-11-{7 * day % 30 + 1:02}" for day in range(30)]
    assert refusal({"age": AGES, "seen": dates}).endswith("or of numbers with --label.")
    paid = {"contract_value": [f"${age}.50" for age in AGES], "age": AGES, "seen": dates}
    assert label(paid, "contract_value").task.kind == NUMBER


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        ([0, 1], 1),
        ([1, 2], 2),
        ([-1, 1], 1),
        (["0.0", "1.0"], 1),
        (["no", "yes"], "yes"),
        (["benign", "malignant"], "malignant"),
        (["red", "red", "blue"], "blue"),
        (["M", "B", "B"], "M"),
    ],
)
def test_the_positive_class_is_the_word_the_number_or_the_rarer_one(
    values: list[Any], positive: str | int
) -> None:
    found = label({"age": AGES, "y": (values * 30)[:30]}).task.classes[1]
    assert found == positive
    assert type(found) is type(positive)
    told = label({"age": AGES, "y": (values * 30)[:30]}, None, str(values[0]))
    assert str(told.task.classes[1]) == str(values[0]).removesuffix(".0")


@pytest.mark.parametrize("values", [["a", "b"], ["m", "f"]])
def test_where_only_the_alphabet_chooses_the_positive_class_it_is_unsure(
    values: list[str],
) -> None:
    """Whatever the order of the rows; and a letter is no word for yes or no."""
    found = label({"age": AGES, "y": values * 15})
    assert found.task.classes[1] == min(values)
    assert found.unsure == [
        f"positive class: '{min(values)}' is only the first in the alphabet; "
        f"--positive '{max(values)}' chooses the other one",
        FEW.format(f"{values[0]}: 15, {values[1]}: 15"),
    ]
    assert label({"age": AGES, "y": ["y", "n"] * 15}).unsure == [FEW.format("y: 15, n: 15")]


@pytest.mark.parametrize("positive", [None, "1", "1,0"])
def test_a_label_of_numbers_is_read_as_the_file_writes_numbers(positive: str | None) -> None:
    cells = ["1,0", "1,0", "0,0", ""] * 10
    table = profile({"age": range(40), "y": cells}, NumberFormat(decimal=","))
    found = choose_label(table, "y", positive)
    assert (found.task.classes, found.counts) == ((0, 1), (10, 20))
    assert found.unsure == [FEW.format("1,0: 20, 0,0: 10")]


def test_values_of_neither_class_are_said_to_go_to_quarantine() -> None:
    cells = [*([9] * 5), *([0, 1] * 60)[5:100], *([""] * 20)]
    _, said = label({"age": range(120), "y": cells}, "y").unsure
    assert "label: 5 rows of neither class, such as '9', will go to" in said
    assert "leave the cell empty" in said


def test_a_positive_class_that_is_not_there_is_refused_with_those_that_are() -> None:
    long = refusal({"age": AGES, "y": ["x" * 60, "no", "no"] * 10}, "y", "married")
    assert (
        f"--positive married: the label 'y' has no such value; expected one of its two values "
        f"(no: 20, {'x' * 39}…: 10)." in long
    )


# The task

COUNT = 600
AMOUNTS = [round(20 + (x * 37 % 601) / 7, 2) for x in range(COUNT)]
QUALITY = [3 + x % 7 for x in range(COUNT)]
PEOPLE = {"age": [18 + x % 70 for x in range(COUNT)]}


def proposed(
    values: list[Any], name: str = "target", **told: str
) -> tuple[str, ColumnsOptions, str]:
    """The kind of task, the columns, and what is unsure."""
    found = propose(profile({**PEOPLE, name: values}), **told)
    return found.label.task.kind, found.columns(), " ".join(found.unsure)


@pytest.mark.parametrize(
    ("values", "name", "kind", "asked"),
    [
        (["no", "yes"] * 300, "target", TWO_CLASSES, ""),
        (["red", "blue", "green"] * 200, "target", CLASSES, ""),
        ([0, 1, 2] * 200, "target", CLASSES, "--task number"),
        ([0, 1, 2] * 200, "class", CLASSES, ""),
        ([x % 10 for x in range(COUNT)], "class", CLASSES, ""),
        (QUALITY, "quality", NUMBER, "--task classes"),
        ([0.5, 1, 1.5] * 200, "target", NUMBER, "--task classes"),
        (AMOUNTS, "target", NUMBER, ""),
        ([x % 150 for x in range(COUNT)], "target", NUMBER, ""),
    ],
)
def test_the_values_tell_the_task_and_few_whole_numbers_are_asked_for(
    values: list[Any], name: str, kind: str, asked: str
) -> None:
    found, _, doubts = proposed(values, name)
    assert found == kind
    assert asked in doubts
    assert asked or "--task" not in doubts


@pytest.mark.parametrize(
    ("values", "told", "kind"),
    [
        (QUALITY, "classes", CLASSES),
        (QUALITY, "number", NUMBER),
        ([0, 1] * 300, "number", NUMBER),
        ([0, 1] * 300, "classes", TWO_CLASSES),
    ],
)
def test_what_is_told_is_asked_for_no_more(values: list[Any], told: str, kind: str) -> None:
    found, _, doubts = proposed(values, task=told)
    assert found == kind
    assert "--task" not in doubts


def test_classes_are_those_that_can_be_learned_and_what_is_odd_of_them_is_said() -> None:
    three = ["a", "b", "c"] * 200
    # In the order of numbers or of the alphabet.
    assert proposed(["red", "blue", 10, 9] * 150)[1].classes == [9, 10, "blue", "red"]
    assert proposed([2.0, "1", "0", "2"] * 150)[1].classes == [0, 1, 2]
    table = profile({**PEOPLE, "class": ["1,5", "0,5", "2,0"] * 200}, NumberFormat(decimal=","))
    assert propose(table, task="classes").columns().classes == [0.5, 1.5, 2]
    _, columns, doubts = proposed([*["rare"] * 3, *three[3:]])
    assert columns.classes == ["a", "b", "c"]
    assert "classes of fewer than 100 rows: rare: 3. " in doubts
    # Two are left: one is predicted against the other.
    _, pair, _ = proposed([*["rare"] * 3, *(["no", "yes"] * 300)[3:]])
    assert (pair.positive_class, pair.negative_class) == ("yes", "no")
    # A class of one row is left out.
    many = [f"rare {x // 20}" if x < 100 else "ab"[x % 2] for x in range(COUNT)]
    for values in (many, ["lone", *many[1:]]):
        assert proposed(values)[1].classes == ["a", "b", *(f"rare {n}" for n in range(5))]
    assert "A promotion needs 20 test rows of each" in proposed(many)[2]
    _, columns, doubts = proposed([*["rare"] * 60, *three[60:]])
    assert columns.classes == ["a", "b", "c", "rare"]
    assert "classes of fewer than 100 rows: rare: 60" in doubts
    assert "fewer than 100" not in proposed(three)[2]


def test_a_code_for_no_label_stands_beyond_the_bounds() -> None:
    _, columns, doubts = proposed([*AMOUNTS[:591], *[-999] * 8, "n/k"])
    assert columns.bounds == {"target": (20.0, None)}
    assert "9 rows that are no number within bounds, such as 'n/k', will go to quara" in doubts


WORDS = [f"about {x % 100}" for x in range(COUNT)]
RARE = "has 100 distinct values, such as 'about 0'; expected numbers, or two to 100 classes of at l"


@pytest.mark.parametrize(
    ("values", "told", "reason"),
    [
        (WORDS, {}, RARE),
        (WORDS, {"task": "classes", "label": "target"}, RARE),
        ([5] * COUNT, {}, "has 1 distinct value, such as '5'"),
        (
            [f"w{x % 150}" for x in range(COUNT)],
            {},
            "'target' has 150 distinct values, such as 'w0'",
        ),
        ([f"w{x % 150}" for x in range(COUNT)], {}, "; expected numbers, or two to 100"),
        (["a", "b", "c"] * 200, {"task": "number"}, "such as 'a'; expected numbers"),
        (AMOUNTS, {"task": "classes"}, "'target' has 600 distinct values"),
        ([0, 1, 2] * 200, {"positive": "1"}, "not have two classes, so none is the positive"),
    ],
)
def test_a_column_that_is_no_label_is_refused_with_the_reason(
    values: list[Any], told: dict[str, str], reason: str
) -> None:
    with pytest.raises(DataError) as caught:
        proposed(values, **told)
    assert reason in str(caught.value)
