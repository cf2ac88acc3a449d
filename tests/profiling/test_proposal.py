"""What is proposed for a column, and what is said to be unsure."""

from typing import Any

import pytest
import yaml

from tabular_lstm.errors import DataError
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.proposal import Proposal, page, parameters_text, propose
from tests.helpers.profiles import profile

COUNT = 60
LABEL = {"y": [0, 0, 1] * 20}
SPREAD = [(x * 37) % 101 for x in range(COUNT)]
OTHERS = {"age": [20 + x % 45 for x in range(COUNT)], **LABEL}


def proposal(columns: dict[str, list[Any]], **told: str) -> Proposal:
    return propose(profile({**columns, **OTHERS}), **told)


def doubts(found: Proposal, name: str) -> str:
    return " ".join(said for said, names in found.unsure.items() if name in names)


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("height", SPREAD, "number"),
        ("color", ["red", "blue", "green"] * 20, "categorical"),
        ("region", [1, 2, 4] * 20, "categorical"),
        ("children", [0, 1, 2] * 20, "number"),
        ("zip", ["01067", "04109", "10115"] * 20, "categorical"),
        ("seen", [f"2026-11-{day:02}" for day in range(1, 21)] * 3, "dates"),
        ("dose", [f"{mg} mg" for mg in range(COUNT)], "ignore"),
        ("patient", [f"P{x}" for x in range(COUNT)], "key"),
        ("customer_id", [x * x for x in range(COUNT)], "key"),
        ("id", [*range(1, COUNT + 1)], "key"),
        ("Unnamed: 0", [*range(COUNT)], "ignore"),
        ("subject", [x // 3 for x in range(COUNT)], "group"),
        ("subject", [x // 4 for x in range(COUNT)], "number"),
        ("family", [1] * 20 + [x % 25 for x in range(COUNT - 20)], "number"),
        ("students", [30 + x // 2 for x in range(COUNT)], "number"),
        ("PID", [7 * x + 900 for x in range(COUNT)], "key"),
        ("uid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "ignore"),
        ("paid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "number"),
        ("patient_id", [f"P{x // 2}" for x in range(COUNT)], "group"),
        ("user_id", ["", *(f"U{x // 2}" for x in range(1, COUNT))], "ignore"),
        ("store_id", [(x * 7919) % 40 * 113 for x in range(COUNT)], "ignore"),
        ("sample_weight", [0.5, 1, 2] * 20, "weight"),
        ("case_weight", [0.5, "", 2] * 20, "ignore"),
        ("body_weight", [x + 0.5 for x in SPREAD], "number"),
        ("name", [f"Mr {x % 50} Smith" for x in range(COUNT)], "ignore"),
        ("remark", [f"he said that it was {x} today" for x in range(COUNT)], "ignore"),
        ("site", ["Berlin"] * COUNT, "ignore"),
        ("notes", [""] * COUNT, "ignore"),
    ],
)
def test_each_kind_of_column_has_its_role(name: str, values: list[Any], role: str) -> None:
    found = proposal({name: values})
    assert found.choices[name].role == role
    assert found.choices[name].why
    assert found.choices["y"].role == "label"


def test_a_key_may_be_told() -> None:
    columns = {"id": [*range(1, COUNT + 1)], "patient": [f"P{x}" for x in range(COUNT)]}
    found = proposal(columns, key="patient")
    assert [*found.named("key")] == ["patient"]
    assert found.choices["id"].role == "ignore"
    with pytest.raises(DataError, match="column 'nobody' is not in the file"):
        proposal(columns, key="nobody")
    with pytest.raises(DataError, match="column 'y' is both key and label"):
        proposal(columns, key="y")


def test_what_might_be_otherwise_is_said() -> None:
    found = proposal(
        {
            "region": [1, 2, 4] * 20,
            "bmi": [0] * 5 + [20 + x / 10 for x in range(COUNT - 5)],
            "seen": ["05/11/2026", "06/11/2026", "07/11/2026"] * 20,
            "dose": [f"{mg} mg" for mg in range(COUNT)],
        }
    )
    assert "if amounts, take them away" in doubts(found, "region")
    assert "stand apart" in doubts(found, "bmi")
    assert found.choices["bmi"].missing == {0: 5}
    assert "%d/%m/%Y and %m/%d/%Y" in doubts(found, "seen")
    assert "write them without it" in doubts(found, "dose")
    assert doubts(proposal({"grade": ["10-20", "20-30", "x"] * 20}), "grade") == ""
    assert doubts(found, "age") == ""


def test_rows_in_the_order_of_their_dates_may_be_split_by_time() -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 11)]
    assert "add split: {kind: time}" in doubts(proposal({"seen": days}), "seen")
    slashes = [day.replace("-", "/") for day in days]
    assert "leave its format under dates" in doubts(proposal({"seen": slashes}), "seen")
    assert doubts(proposal({"seen": days[::-1]}), "seen") == ""


def test_a_column_that_is_nothing_leaves_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no column is left to learn from: name: key"):
        propose(profile({"name": [f"N{x}" for x in range(COUNT)], **LABEL}))


def test_unlabelled_rows_are_said_and_the_guard_stays_as_it_is() -> None:
    some = [*([""] * 12), *LABEL["y"][12:]]
    table = profile({"age": OTHERS["age"], "y": some})
    found = propose(table)
    layout = Layout(load_args={}, reasons={}, unsure=[])
    assert "33.3% positive; 12 unlabelled, left out" in page(table, layout, found)
    assert "validation" not in yaml.safe_load(parameters_text(found))
    # What no run reads as missing goes to quarantine, and is not called unlabelled.
    odd = profile({"age": OTHERS["age"], "y": ["?", "?", *some[2:]]})
    assert "10 unlabelled, left out" in page(odd, layout, propose(odd))
    assert "label: 2 rows of neither class, such as '?', will go to" in page(
        odd, layout, propose(odd)
    )


def test_a_weight_is_said_to_be_unsure() -> None:
    found = proposal({"sample_weight": [0.5, 1, 2] * 20, "case_weight": [1, 2, 3] * 20})
    assert [*found.named("weight")] == ["sample_weight"]
    assert "if it is an amount, such as kilograms" in doubts(found, "sample_weight")
    assert "a second one" in found.choices["case_weight"].why
    broken = proposal({"sample_weight": [1, 2, ""] * 20, "height": SPREAD})
    assert "mend its cells and name it under weight" in doubts(broken, "sample_weight")


def test_many_zeros_that_may_be_amounts_are_asked_for() -> None:
    found = proposal({"insulin": [0] * 25 + [14 + 2 * x for x in range(32)] + [400, 600, 900]})
    assert found.choices["insulin"].missing == {}
    assert "0 is far more frequent than other numbers" in doubts(found, "insulin")
    count = [0] * 25 + [*range(1, COUNT - 24)]
    assert doubts(proposal({"visits": count}), "visits") == ""


def test_few_rows_of_a_class_are_said() -> None:
    (said,) = proposal({}).unsure
    assert said.startswith("label: classes of fewer than 100 rows: 0: 40, 1: 20. A promotion")


def test_the_only_feature_is_no_group_by_its_name_alone() -> None:
    cases = [x % 25 for x in range(COUNT)]
    assert propose(profile({"case": cases, **LABEL})).choices["case"].role == "number"
    assert proposal({"case": cases}).choices["case"].role == "group"


def test_cells_that_are_no_numbers_cost_only_labelled_rows() -> None:
    sizes = ["Total", *(x % 45 + 0.5 for x in range(299))]
    found = propose(profile({"size": sizes, "y": ["", *[0, 1] * 149, 1]}))
    assert "their labelled rows go to quarantine" in doubts(found, "size")
