"""A value as JSON: what is saved is loaded, anything else is refused by name, and Viz shows it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.datasets.typed_json import TypedJSONDataset
from tabular_lstm.serving.decision import Decision
from tests.helpers.decisions import decision
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import promotion
from tests.helpers.networks import schema_of


def dataset(path: Path, model: type) -> TypedJSONDataset:
    return TypedJSONDataset(model=f"{model.__module__}.{model.__name__}", filepath=str(path))


@pytest.mark.parametrize(
    "value", [schema_of(names=(1,)), decision(True), decision(False, [promotion("a")])]
)
def test_what_is_saved_is_loaded_and_shown(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "value.json"
    saved = dataset(path, type(value))
    saved.save(value)
    assert saved.load() == value
    expected = value.model_dump(mode="json")
    assert json.loads(path.read_text()) == json.loads(saved.preview()) == expected
    # A browser can read it where a number is none.
    path.write_text('{"roc_auc": NaN, "interval": [-Infinity, 1.0]}')
    shown = TypedJSONDataset(filepath=str(path)).preview()
    assert json.loads(shown, parse_constant=pytest.fail)["roc_auc"] == "NaN"


@pytest.mark.parametrize("content", ["[]", "", "{"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "decision.json"
    path.write_text(content)
    with raises_data_error(match="expected a Decision as JSON") as refused:
        dataset(path, Decision).load()
    assert str(path) in str(refused.value)
