"""What is written is what is read: by YAML, and by what Kedro makes of it."""

from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from tabular_lstm.profiling.conf_files import (
    RowsToScore,
    catalog_text,
    parameters_text,
    sentences,
)
from tabular_lstm.profiling.layout import Layout
from tabular_lstm.profiling.proposal import Choice, Proposal, propose
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
ODD = [
    "yes",
    "no",
    "null",
    "1",
    "1e3",
    "a: b",
    "# c",
    "- d",
    "${e}",
    "it's",
    'say "f"',
    "ü",
    "y",
    "[g]",
    "\\${h}",
    "\\\\${oc.env:HOME}",
    "i\x7f",
    "j\x85k",
    "l\u2028m",
    "\ufeffn",
]


def parameters(proposal: Proposal) -> dict[str, Any]:
    text = parameters_text(proposal, "kedro profile rows.csv --env rows")
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


def test_dates_of_iso_are_a_list() -> None:
    table = {name: values for name, values in TABLE.items() if name != "seen"}
    assert parameters(propose(profile(table)))["columns"]["dates"] == ["born"]


def test_each_choice_has_its_reason_and_what_is_unsure_stands_above() -> None:
    proposal = propose(profile(TABLE))
    text = parameters_text(proposal, "kedro profile rows.csv --env rows")
    for entry in ("label: sick", "key: id", "- site", "- color", "age: [-9]", "positive_class"):
        (line,) = [line for line in text.splitlines() if entry in line]
        assert " # " in line, line
    above = text.partition("columns:")[0].replace("\n#   ", " ")
    assert all(said in above for said in sentences(proposal.unsure))
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("name", ODD)
def test_odd_names_and_values_stay_what_they_are(name: str) -> None:
    table = {name: TABLE["color"], "age": TABLE["age"], "sick": [name, name, "other"] * 20}
    columns = parameters(propose(profile(table), label="sick"))["columns"]
    assert columns["categorical"] == [name]
    assert columns["missing"] == {name: ["?"], "age": [-9]}
    classes = {str(columns["positive_class"]), str(columns["negative_class"])}
    assert classes <= {name, "other", "1000"}


def test_many_columns_are_lists_of_a_few_lines() -> None:
    choices = {f"c{x}": Choice(role="categorical", why="2 values") for x in range(300)}
    proposal = propose(profile(TABLE)).model_copy(update={"choices": choices})
    text = parameters_text(proposal, "kedro profile rows.csv --env rows")
    assert len(text.splitlines()) < 40
    assert parameters(proposal)["columns"]["categorical"] == [*choices]


def test_the_catalog_says_how_the_file_is_read() -> None:
    load_args = {
        "sep": "\t",
        "header": None,
        "decimal": ",",
        "names": ["a b", "yes"],
        "skiprows": 2,
    }
    reasons = {"sep": "it parts each line into 2 cells"}
    layout = Layout(load_args=load_args, reasons=reasons, unsure=["header: is it one?"])
    to_score = RowsToScore(path="data/01_raw/mine_to_score.csv", load_args=load_args)
    text = catalog_text("data/a ${b}.csv", "kedro profile", layout, to_score)
    assert yaml.safe_load(text)["raw_rows"]["load_args"] == load_args
    entry: Any = OmegaConf.to_container(OmegaConf.create(text)["raw_rows"], resolve=True)
    entry = {"raw_rows": entry}
    assert entry["raw_rows"]["filepath"] == "data/a ${b}.csv"
    assert entry["raw_rows"]["metadata"] == {"kedro-viz": {"layer": "01_raw"}}
    assert "# it parts each line" in text
    assert "# Unsure: header: is it one?" in text
    assert "# They have no header and no label" in text


def test_rows_to_score_with_a_header_may_hold_a_label() -> None:
    to_score = RowsToScore(path="data/01_raw/mine_to_score.csv", load_args={"sep": ";"})
    layout = Layout(load_args={}, reasons={}, unsure=[])
    text = catalog_text("data/mine.csv", "kedro profile", layout, to_score)
    assert "no header" not in text
