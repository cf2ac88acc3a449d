"""What is proposed for a column, what is said to be unsure, and that it is read as written."""

from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from tabular_lstm.errors import DataError
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.proposal import (
    Proposal,
    catalog_text,
    parameters_text,
    profile_page,
    propose,
)
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
        ("patient", [f"P{x}" for x in range(COUNT)], "key"),
        ("customer_id", [x * x for x in range(COUNT)], "key"),
        ("id", [*range(1, COUNT + 1)], "key"),
        ("Unnamed: 0", [*range(COUNT)], "ignore"),
        ("subject", [x // 3 for x in range(COUNT)], "group"),
        ("subject", [x // 4 for x in range(COUNT)], "number"),
        ("family", [1] * 20 + [x % 25 for x in range(COUNT - 20)], "number"),
        ("students", [30 + x // 2 for x in range(COUNT)], "number"),
        ("PID", [7 * x + 900 for x in range(COUNT)], "key"),
        ("uid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "group"),
        ("paid", [900, *(7 * x + 900 for x in range(COUNT - 1))], "number"),
        ("patient_id", [f"P{x // 2}" for x in range(COUNT)], "group"),
        ("user_id", ["", *(f"U{x // 2}" for x in range(1, COUNT))], "ignore"),
        ("store_id", [(x * 7919) % 40 * 113 for x in range(COUNT)], "ignore"),
        ("body_weight", [x + 0.5 for x in SPREAD], "number"),
        ("name", [f"Mr {x % 50} Smith" for x in range(COUNT)], "ignore"),
        ("remark", [f"he said that it was {x} today" for x in range(COUNT)], "ignore"),
        ("site", ["Berlin"] * COUNT, "ignore"),
        ("notes", [""] * COUNT, "ignore"),
        ("case", [x % 25 for x in range(COUNT)], "group"),
    ],
)
def test_each_kind_of_column_has_its_role(name: str, values: list[Any], role: str) -> None:
    found = proposal({name: values})
    assert found.choices[name].role == role
    assert found.choices[name].why
    assert found.choices["y"].role == "label"


def test_a_key_may_be_told_and_something_must_be_left_to_learn_from() -> None:
    columns = {"id": [*range(1, COUNT + 1)], "patient": [f"P{x}" for x in range(COUNT)]}
    found = proposal(columns, key="patient")
    assert [*found.named("key")] == ["patient"]
    assert found.choices["id"].role == "ignore"
    for name, said in (("nobody", "'nobody' is not in the file"), ("y", "'y' is both key and")):
        with pytest.raises(DataError, match=f"column {said}"):
            proposal(columns, key=name)
    with pytest.raises(DataError, match="no column is left to learn from: name: key"):
        propose(profile({"name": [f"N{x}" for x in range(COUNT)], **LABEL}))
    # The only feature is no group by its name alone.
    case = propose(profile({"case": [x % 25 for x in range(COUNT)], **LABEL}))
    assert case.choices["case"].role == "number"


DAYS = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 11)]


@pytest.mark.parametrize(
    ("name", "values", "doubt"),
    [
        ("region", [1, 2, 4] * 20, "if they are amounts, remove them"),
        ("bmi", [0] * 5 + [20 + x / 10 for x in range(COUNT - 5)], "stand apart"),
        ("seen", ["05/11/2026", "06/11/2026", "07/11/2026"] * 20, "%d/%m/%Y and %m/%d/%Y"),
        (
            "dose",
            [f"{mg} {u}" for mg in range(15) for u in ("g", "mg")] * 2,
            "write all in one unit",
        ),
        (
            "dose",
            [f"{mg} mg" for mg in range(50)] + list(range(10)),
            "10 numbers without a unit: in",
        ),
        (
            "fee",
            [*(f"{n}.5" for n in range(58)), "$7.25", "$8.25"],
            "such as '$7.25'; their labelled rows go to quarantine: correct them, name them under",
        ),
        ("grade", ["10-20", "20-30", "x"] * 20, ""),
        ("zip", [10_000 + 7 * n for n in range(20)] * 3, "if they are codes, name the column"),
        ("branch_no", [100 + n for n in range(20)] * 3, "if they are codes, name the column"),
        ("area", [100 + n for n in range(20)] * 3, ""),
        # Rows in the order of their dates may be split by time.
        ("seen", DAYS, "add split: {kind: time}"),
        ("seen", [day.replace("-", "/") for day in DAYS], "leave its format under dates"),
        ("seen", DAYS[::-1], ""),
        (
            "born",
            [f"{n % 28 + 1}.0{n // 28 + 1}.85" for n in range(COUNT)],
            "00 to 68 are read as 20",
        ),
        # Many zeros may be amounts.
        (
            "insulin",
            [0] * 25 + [14 + 2 * x for x in range(32)] + [400, 600, 900],
            "0 is far more frequent than other numbers",
        ),
        ("visits", [0] * 25 + [*range(1, COUNT - 24)], ""),
    ],
)
def test_what_might_be_otherwise_is_said(name: str, values: list[Any], doubt: str) -> None:
    found = proposal({name: values, "height": SPREAD})
    assert doubt in doubts(found, name)
    assert doubt or doubts(found, name) == ""
    assert doubts(found, "age") == ""
    assert found.choices[name].missing == ({0: 5} if name == "bmi" else {})
    assert any(
        said.startswith("label: classes of fewer than 100 rows: 0: 40, 1: 20. A promotion")
        for said in found.unsure
    )


def test_unlabelled_rows_are_said_and_the_guard_stays_as_it_is() -> None:
    some = [*([""] * 12), *LABEL["y"][12:]]
    found = propose(table := profile({"age": OTHERS["age"], "y": some}))
    layout = Layout(load_args={}, unsure=[])
    assert "1 16 rows; positive: 1; 12 unlabelled, left out" in profile_page(table, layout, found)
    assert "validation" not in yaml.safe_load(parameters_text(found))
    # What no run reads as missing goes to quarantine, and is not called unlabelled.
    odd = profile({"age": OTHERS["age"], "y": ["?", "?", *some[2:]]})
    text = profile_page(odd, layout, propose(odd))
    assert "10 unlabelled, left out" in text
    assert "label: 2 rows of neither class, such as '?', will go to" in text
    sizes = ["Total", *(x % 45 + 0.5 for x in range(299))]
    found = propose(profile({"size": sizes, "y": ["", *[0, 1] * 149, 1]}))
    assert "their labelled rows go to quarantine" in doubts(found, "size")


# What is written

TABLE: dict[str, list[Any]] = {
    "id": [*range(1, COUNT + 1)],
    "patient": [f"P{x // 2}" for x in range(COUNT)],
    "age": [*([-9] * 3), *(20 + x % 45 for x in range(COUNT - 3))],
    "color": ["red", "?", "blue"] * 20,
    "born": ["1980-03-01", "1980-03-02"] * 30,
    "seen": ["05.11.2026", "17.11.2026"] * 30,
    "site": ["Berlin"] * COUNT,
    "sick": ["no", "no", "yes"] * 20,
}
ODD = ["yes", "null", "1", "1e3", "a: b", "# c", "- d", "${e}", 'say "f"', "ü", "y", "[g]"]
ODD += ["\\${h}", "\\\\${oc.env:HOME}", "i\x7f", "j\x85k", "l\u2028m", "\ufeffn"]


def parameters(proposal: Proposal) -> dict[str, Any]:
    text = parameters_text(proposal)
    read: Any = OmegaConf.to_container(OmegaConf.create(text), resolve=True)
    return dict(read)


def test_the_parameters_say_each_role_with_its_reason_and_what_is_unsure_above() -> None:
    proposal = propose(profile(TABLE))
    assert parameters(proposal)["columns"] == {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "id",
        "group": "patient",
        "ignore": ["site"],
        "categorical": ["color"],
        "dates": {"born": None, "seen": "%d.%m.%Y"},
        "missing": {"age": [-9], "color": ["?"]},
    }
    text = parameters_text(proposal)
    assert "    born: null # written as ISO 8601" in text, "where a format may be put in"
    for entry in ("label: sick", "key: id", "- site", "- color", "age: [-9]", "positive_class"):
        (line,) = [line for line in text.splitlines() if entry in line]
        assert " # " in line, line
    above = text.partition("columns:")[0].replace("\n#   ", " ")
    for doubt, names in proposal.unsure.items():
        assert f"# Unsure: {', '.join(names)}{': ' if names else ''}{doubt}" in above
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("name", ODD)
def test_odd_names_and_values_stay_what_they_are(name: str) -> None:
    value = name if name != "null" else "~"  # which always means "missing"
    table = {name: TABLE["color"], "age": TABLE["age"], "sick": [value, value, "other"] * 20}
    columns = parameters(propose(profile(table), label="sick"))["columns"]
    assert columns["categorical"] == [name]
    assert columns["missing"] == {name: ["?"], "age": [-9]}
    classes = {str(columns["positive_class"]), str(columns["negative_class"])}
    assert classes <= {value, "other", "1000"}


def test_the_catalog_says_how_the_file_is_read() -> None:
    load_args = {"sep": "\t", "header": None, "decimal": ",", "skiprows": 2}
    layout = Layout(load_args=load_args, unsure=["header: is it one?"])
    rows = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/a ${b}.csv"}
    text = catalog_text(rows, "data/new.csv", layout)
    read = yaml.safe_load(text)
    assert read["raw_rows"]["load_args"] == read["rows_to_score"]["load_args"] == load_args
    entry: Any = OmegaConf.to_container(OmegaConf.create(text)["raw_rows"], resolve=True)
    assert entry["filepath"] == "data/a ${b}.csv"
    assert entry["metadata"] == {"kedro-viz": {"layer": "01_raw"}}
    assert "# Unsure: header: is it one?" in text


def test_classes_have_their_counts_and_a_number_what_it_spans() -> None:
    three = parameters_text(propose(profile({**TABLE, "sick": ["yes", "no", "1"] * 20}), "sick"))
    assert '  classes:\n    - 1 # 20 rows\n    - "no" # 20 rows\n' in three
    prices = [*([-999] * 3), *(10 + x % 45 / 2 for x in range(COUNT - 3))]
    proposal = propose(profile({**TABLE, "sick": prices}), "sick")
    number = "  task: number # 46 distinct values, 10 to 32\n  bounds:\n    sick: [10.0, null]"
    assert number in parameters_text(proposal)
    assert parameters(proposal)["columns"]["bounds"] == {"sick": [10, None]}
    last = profile_page(profile(TABLE), Layout({}, []), proposal).splitlines()
    assert "Label sick: a number, 46 distinct values, 10 to 32" in last
    amounts = [round(1.02**x) + 99 for x in range(600)]
    ages = [20 + x % 45 for x in range(600)]
    skewed = propose(profile({"age": ages, "amount": amounts}), "amount")
    text = "half of the values are below 475.5, the largest is 141,800: the run chooses a scale"
    assert text in parameters_text(skewed)
