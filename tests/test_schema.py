"""The schema: what it counts, what it refuses, and that it survives being written as JSON."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tabular_lstm.schema import Schema


def schema(**changed: Any) -> Schema:
    values: dict[str, Any] = {
        "features": ["a", "b", "c"],
        "steps": 2,
        "features_per_step": 2,
        "missing": {"b": [0.0, -9.0]},
        "mean": [1.0, 2.0, 3.0],
        "variance": [1.0, 4.0, 9.0],
        "label": "sick",
        "positive_class": 1,
        "negative_class": 0,
    }
    return Schema.model_validate(values | changed)


@pytest.mark.parametrize(
    ("features", "steps", "features_per_step", "padded"),
    [(["a"], 1, 1, 0), (["a"], 1, 4, 3), (["a", "b", "c"], 2, 2, 1), (["a", "b", "c"], 3, 1, 0)],
)
def test_slots_without_a_feature_are_padded(
    features: list[str], steps: int, features_per_step: int, padded: int
) -> None:
    known = schema(features=features, steps=steps, features_per_step=features_per_step)
    assert known.padded_slots == padded


@pytest.mark.parametrize(
    ("positive", "negative"), [(1, 0), (1.5, 0.5), ("yes", "no"), ("1", "0"), (1, "other")]
)
def test_json_gives_the_same_schema_back(positive: object, negative: object) -> None:
    known = schema(positive_class=positive, negative_class=negative)
    again = Schema.model_validate(json.loads(json.dumps(known.model_dump(), allow_nan=False)))
    assert again == known
    assert type(again.positive_class) is type(positive)
    assert type(again.negative_class) is type(negative)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="median"):
        schema(median=[1.0])


def test_boolean_is_no_class() -> None:
    with pytest.raises(ValidationError, match="positive_class"):
        schema(positive_class=True)


def test_schema_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        schema().steps = 3
