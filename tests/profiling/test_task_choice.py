"""What is proposed to be predicted of a label, and what is said to be unsure of it."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES
from tabular_lstm.profiling.proposal import Proposal, propose
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.profiles import profile

COUNT = 600
AGES = {"age": [18 + x % 70 for x in range(COUNT)]}
MANY = [round(20 + (x * 37 % 601) / 7, 2) for x in range(COUNT)]
QUALITY = [3 + x % 7 for x in range(COUNT)]


def found(values: list[Any], name: str = "target", **told: str) -> Proposal:
    return propose(profile({**AGES, name: values}), **told)


def doubts(values: list[Any], name: str = "target", **told: str) -> str:
    return " ".join(found(values, name, **told).unsure)


def refusal(values: list[Any], name: str = "target", **told: str) -> str:
    with pytest.raises(DataError) as caught:
        found(values, name, **told)
    return str(caught.value)


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
        (MANY, "target", NUMBER, ""),
        ([x % 150 for x in range(COUNT)], "target", NUMBER, ""),
    ],
)
def test_the_values_tell_the_task_and_few_whole_numbers_are_asked_for(
    values: list[Any], name: str, kind: str, asked: str
) -> None:
    assert found(values, name).label.proposed.task.kind == kind
    said = doubts(values, name)
    assert asked in said
    assert asked or "--task" not in said


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
    assert found(values, task=told).label.proposed.task.kind == kind
    assert "--task" not in doubts(values, task=told)


def test_classes_are_in_the_order_of_numbers_or_of_the_alphabet() -> None:
    columns = found(["red", "blue", 10, 9] * 150).columns()
    assert columns.classes == [9, 10, "blue", "red"]
    assert found([2.0, "1", "0", "2"] * 150).columns().classes == [0, 1, 2]
    table = profile({**AGES, "class": ["1,5", "0,5", "2,0"] * 200}, NumberFormat(decimal=","))
    assert propose(table, task="classes").columns().classes == [0.5, 1.5, 2]


def test_a_class_of_too_few_rows_is_left_out_and_said() -> None:
    values = [*["rare"] * 3, *(["a", "b", "c"] * 200)[3:]]
    assert found(values).columns().classes == ["a", "b", "c"]
    assert "too few rows to learn a class from: rare: 3. These rows go to qua" in doubts(values)
    # Two are left: the one is predicted against the other.
    pair = found([*["rare"] * 3, *(["no", "yes"] * 300)[3:]]).columns()
    assert (pair.positive_class, pair.negative_class) == ("yes", "no")
    # So many that too many rows would go are kept, but for those of which a run would stop.
    many = [f"rare {x // 20}" if x < 100 else "ab"[x % 2] for x in range(COUNT)]
    assert len(found(many).columns().classes or []) == 7
    assert "A promotion needs 20 test rows of each" in doubts(many)
    assert found(["lone", *many[1:]]).columns().classes == found(many).columns().classes
    words = [f"about {x % 100}" for x in range(COUNT)]
    for told in ({}, {"task": "classes", "label": "target"}):
        said = refusal(words, **told)
        assert "has 100 different values, 100 of them in fewer than 8 rows, such as 'a" in said
        assert "write only numbers" in said


def test_a_class_too_rare_to_be_judged_is_named_with_what_to_do() -> None:
    values = [*["rare"] * 60, *(["a", "b", "c"] * 200)[60:]]
    assert found(values).columns().classes == ["a", "b", "c", "rare"]
    said = doubts(values)
    assert "classes of fewer than 100 rows: rare: 60" in said
    assert "20 test rows of each (promotion.min_test_rows_per_class), and a run two" in said
    assert "fewer than 100" not in doubts(["a", "b", "c"] * 200)


@pytest.mark.parametrize("two", [("red", "Red"), ("a  b", "a b")])
def test_classes_that_differ_by_case_or_blanks_are_pointed_out(two: tuple[str, str]) -> None:
    said = doubts([*two, "other"] * 200)
    assert f"'{two[0]}', '{two[1]}' differ only by case or blanks" in said


def test_a_label_far_outside_the_others_is_named_with_what_to_do() -> None:
    said = doubts([*MANY[1:], 1e9])
    assert "1 row lies far outside the others, such as 1000000000: these are 20.14 to" in said
    assert "set bounds of the label, and such rows go to quarantine" in said
    assert found([*MANY[1:], 1e9]).columns().bounds == {}
    low = doubts([*MANY[:597], -1e7, -1e7, 1e9])
    assert "3 rows lie far outside" in low
    assert "these are 20 to 105.71" in low
    skewed = np.random.default_rng(0).lognormal(3, 1.5, COUNT).round(2).tolist()
    assert "far outside" not in doubts(skewed)
    assert "far outside" not in doubts([*([0] * 400), *skewed[:200]])


def test_a_code_for_no_label_stands_beyond_the_bounds() -> None:
    proposal = found([*MANY[:591], *[-999] * 8, "n/k"])
    assert proposal.columns().bounds == {"target": (20.0, None)}
    said = " ".join(proposal.unsure)
    assert "9 rows that are no number within bounds, such as 'n/k', will go to quarantine" in said
    stops = doubts([*MANY[100:], *[-999] * 100])
    assert "100 rows that are no number within bounds, such as '-999'" in stops
    assert "the run will stop" in stops


def test_a_column_that_is_no_label_is_refused_with_the_reason() -> None:
    assert "has one value only, such as '5'" in refusal([5] * COUNT)
    words = refusal([f"w{x % 150}" for x in range(COUNT)])
    assert (
        "'target' has 150 distinct values, such as 'w0'; expected numbers, or two to 100" in words
    )
    units = [f"{x % 130} EUR" for x in range(COUNT)]
    for name in ("target", "price"):
        assert "Write numbers without a unit" in refusal(units, name)
    assert "holds no numbers, such as 'a'" in refusal(["a", "b", "c"] * 200, task="number")
    assert "'target' has 600 distinct values" in refusal(MANY, task="classes")
    assert "does not have two classes, so none is the positive" in refusal(
        [0, 1, 2] * 200, positive="1"
    )
