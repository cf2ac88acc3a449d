"""A value as JSON: what is saved is loaded, anything else is refused by name, and Viz shows it."""

import json
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DatasetError, Version

from tabular_lstm.datasets.typed_json import SHOWN, TypedJSONDataset
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
def test_what_is_saved_is_loaded(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "value.json"
    dataset(path, type(value)).save(value)
    assert dataset(path, type(value)).load() == value
    assert json.loads(path.read_text()) == value.model_dump(mode="json")
    assert (
        json.loads(dataset(path, type(value)).preview()).keys() == type(value).model_fields.keys()
    )


def test_a_version_holds_it_too(tmp_path: Path) -> None:
    name = "tabular_lstm.serving.decision.Decision"
    saving = TypedJSONDataset(
        model=name, filepath=str(tmp_path / "decision.json"), version=Version(None, "a")
    )
    saving.save(decision(True))
    reading = TypedJSONDataset(
        model=name, filepath=str(tmp_path / "decision.json"), version=Version(None, None)
    )
    assert reading.load() == decision(True)
    (tmp_path / "decision.json/a/decision.json").write_text("{}")
    with raises_data_error(match=r"decision\.json/a/decision\.json: expected a Decision"):
        reading.load()


@pytest.mark.parametrize("content", ["[]", "null", '"promoted"', "", "{", '{"run_id"'])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "decision.json"
    path.write_text(content)
    with raises_data_error(match="expected a Decision as JSON") as refused:
        dataset(path, Decision).load()
    assert str(path) in str(refused.value)


def test_no_file_is_kedros_to_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"decision\.json"):
        dataset(tmp_path / "decision.json", Decision).load()


# What Kedro-Viz shows of it


def previewed(tmp_path: Path, value: Any) -> Any:
    dataset = TypedJSONDataset(filepath=str(tmp_path / "value.json"))
    dataset.save(value)
    return json.loads(dataset.preview())


def test_the_decision_then_scores_then_the_run_then_counts_then_hashes(tmp_path: Path) -> None:
    given = {
        "rows_sha256": "f4",
        "parameters": {"seed": 0},
        "rows": 768,
        "run_id": "a",
        "test": {"accuracy": 0.7, "f1": 0.6, "interval": {}, "roc_auc": 0.8},
        "reason": "better",
        "action": "promoted",
    }
    shown = previewed(tmp_path, given)

    expected = ["action", "reason", "test", "run_id", "rows", "rows_sha256", "parameters"]
    assert list(shown) == expected
    assert list(shown["test"]) == ["roc_auc", "accuracy", "interval", "f1"]
    assert shown == given


def test_a_real_decision_keeps_all_its_parts(tmp_path: Path) -> None:
    of_decision = decision(True).model_dump(mode="json")
    shown = previewed(tmp_path, of_decision)

    assert list(shown)[:3] == ["action", "reason", "run_id"]
    assert next(iter(shown["judgement"])) == "candidate"
    assert shown.keys() == of_decision.keys()


@pytest.mark.parametrize("of", [list, lambda items: {f"f{item}": item for item in items}])
def test_of_a_thousand_features_some_are_shown_and_the_others_counted(
    tmp_path: Path, of: Any
) -> None:
    shown = previewed(tmp_path, {"features": of(range(1000))})["features"]

    assert len(shown) == SHOWN + 1
    last = shown[-1] if isinstance(shown, list) else shown["…"]
    assert last.endswith(f"{1000 - SHOWN} more")
    as_many = of(range(SHOWN))
    assert previewed(tmp_path, as_many) == as_many


def test_an_interval_is_one_line(tmp_path: Path) -> None:
    shown = previewed(tmp_path, {"interval": {"roc_auc": [0.77, 0.9]}, "steps": [1, 2]})
    assert shown == {"interval": {"roc_auc": "[0.77, 0.9]"}, "steps": [1, 2]}


def test_a_browser_can_read_it_where_a_number_is_none(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    path.write_text('{"roc_auc": NaN, "interval": [-Infinity, 1.0]}')
    shown = TypedJSONDataset(filepath=str(path)).preview()
    assert json.loads(shown, parse_constant=pytest.fail)["roc_auc"] == "nan"
