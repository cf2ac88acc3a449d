"""What is written is what is read: by YAML, and by what Kedro makes of it."""

from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.proposal import Proposal, catalog_text, page, parameters_text, propose
from tests.helpers.profiles import profile

COUNT = 60
TABLE: dict[str, list[Any]] = {
    "id": [*range(1, COUNT + 1)],
    "patient": [f"P{x // 2}" for x in range(COUNT)],
    "sample_weight": [0.5, 1, 2] * 20,
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


def test_the_parameters_say_each_role() -> None:
    assert parameters(propose(profile(TABLE)))["columns"] == {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "id",
        "group": "patient",
        "weight": "sample_weight",
        "ignore": ["site"],
        "categorical": ["color"],
        "dates": {"born": None, "seen": "%d.%m.%Y"},
        "missing": {"age": [-9], "color": ["?"]},
    }


def test_each_choice_has_its_reason_and_what_is_unsure_stands_above() -> None:
    proposal = propose(profile(TABLE))
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
    one = name if name != "null" else "~"  # which always means "missing"
    table = {name: TABLE["color"], "age": TABLE["age"], "sick": [one, one, "other"] * 20}
    columns = parameters(propose(profile(table), label="sick"))["columns"]
    assert columns["categorical"] == [name]
    assert columns["missing"] == {name: ["?"], "age": [-9]}
    classes = {str(columns["positive_class"]), str(columns["negative_class"])}
    assert classes <= {one, "other", "1000"}


def test_the_catalog_says_how_the_file_is_read() -> None:
    load_args = {"sep": "\t", "header": None, "decimal": ",", "skiprows": 2}
    reasons = {"sep": "it splits each line into 9 cells"}
    layout = Layout(load_args=load_args, reasons=reasons, unsure=["header: is it one?"])
    table = profile({"a b": TABLE["age"], "sick": TABLE["sick"], "yes": TABLE["color"]})
    rows = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/a ${b}.csv"}
    text = catalog_text(rows, "data/new.csv", layout, table, "sick")
    read = yaml.safe_load(text)
    assert read["raw_rows"]["load_args"] == load_args
    # Rows without a header have their names by their places, and new ones have no label.
    assert read["rows_to_score"]["load_args"] == load_args | {"names": ["a b", "yes"]}
    entry: Any = OmegaConf.to_container(OmegaConf.create(text)["raw_rows"], resolve=True)
    assert entry["filepath"] == "data/a ${b}.csv"
    assert entry["metadata"] == {"kedro-viz": {"layer": "01_raw"}}
    assert "# it splits each line" in text
    assert "# Unsure: header: is it one?" in text
    assert "# They have no header and no label" in text


def test_classes_have_their_counts_and_a_number_what_it_spans() -> None:
    three = parameters_text(propose(profile({**TABLE, "sick": ["yes", "no", "1"] * 20}), "sick"))
    assert '  classes:\n    - 1 # 20 rows\n    - "no" # 20 rows\n' in three
    prices = [*([-999] * 3), *(10 + x % 45 / 2 for x in range(COUNT - 3))]
    proposal = propose(profile({**TABLE, "sick": prices}), "sick")
    text = parameters_text(proposal)
    assert (
        "  task: number # 46 distinct values, 10 to 32\n  bounds:\n    sick: [10.0, null]" in text
    )
    assert parameters(proposal)["columns"]["bounds"] == {"sick": [10, None]}
    last = page(profile(TABLE), Layout({}, {}, []), proposal).splitlines()
    assert "Label sick: a number, 46 distinct values, 10 to 32" in last
