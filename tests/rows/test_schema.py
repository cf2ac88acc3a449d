"""The schema: what it counts, what it refuses, and that it survives being written as JSON."""

import json
from typing import Any

import numpy as np
import pytest

from tabular_lstm.rows.number_format import POINT, NumberFormat
from tabular_lstm.rows.schema import Schema, training_fingerprint


def schema(**changed: Any) -> Schema:
    values: dict[str, Any] = {
        "features": ["a", "b", "c"],
        "steps": 2,
        "features_per_step": 2,
        "categories": {"c": ["blue", "red"]},
        "missing": {"b": [0.0, -9], "c": ["?", 0]},
        "mean": [1.0, 2.0, 3.0],
        "variance": [1.0, 4.0, 9.0],
        "label": "sick",
        "positive_class": 1,
        "negative_class": 0,
    }
    return Schema.model_validate(values | changed)


@pytest.mark.parametrize(
    ("positive", "negative"),
    [(1, 0), (1.5, 0.5), ("yes", "no"), ("1", "0"), (1, "other"), (True, False)],
)
def test_json_gives_the_same_schema_back(positive: object, negative: object) -> None:
    marks = {"decimal": ",", "thousands": "."}
    known = schema(positive_class=positive, negative_class=negative, marks=marks)
    again = Schema.model_validate(json.loads(json.dumps(known.model_dump(), allow_nan=False)))
    assert again == known
    assert type(again.positive_class) is type(positive)
    assert type(again.negative_class) is type(negative)
    assert known.marks == NumberFormat(decimal=",", thousands=".")
    assert schema().marks == POINT


# The fingerprint

SEQUENCES = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
LABELS = np.array([0, 1, 1])


@pytest.mark.parametrize("dtype", [int, float, np.float32, np.uint8, bool])
def test_equal_rows_have_one_fingerprint_whatever_holds_them(dtype: type) -> None:
    strided = np.repeat(SEQUENCES, 2, axis=0)[::2]
    expected = training_fingerprint(SEQUENCES, LABELS)
    assert training_fingerprint(strided, LABELS.astype(dtype)) == expected


@pytest.mark.parametrize(
    ("sequences", "labels"),
    [
        (SEQUENCES[::-1], LABELS),
        (SEQUENCES, LABELS[::-1]),
        (SEQUENCES[:2], LABELS[:2]),
        (SEQUENCES.reshape(3, 1, 4), LABELS),
        (np.where(SEQUENCES == 5, np.nan, SEQUENCES).astype(np.float32), LABELS),
        (np.nextafter(SEQUENCES, np.float32(99)), LABELS),
    ],
    ids=["other order", "other labels", "fewer rows", "other steps", "a missing value", "a bit"],
)
def test_other_rows_have_another_fingerprint(sequences: np.ndarray, labels: np.ndarray) -> None:
    assert training_fingerprint(sequences, labels) != training_fingerprint(SEQUENCES, LABELS)
