"""What Kedro-Viz shows of JSON: the parts in the order in which people look for them, in short."""

import json
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.datasets.previewed_json import SHOWN, PreviewedJSONDataset
from tests.helpers.decisions import decision


def previewed(tmp_path: Path, value: Any) -> Any:
    dataset = PreviewedJSONDataset(filepath=str(tmp_path / "value.json"))
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
    shown = PreviewedJSONDataset(filepath=str(path)).preview()
    assert json.loads(shown, parse_constant=pytest.fail)["roc_auc"] == "nan"
