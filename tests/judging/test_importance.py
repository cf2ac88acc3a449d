"""Permutation importance of models whose use of each feature is known."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging.comparison import ZERO_AND_ONE
from tabular_lstm.judging.importance import Importance, Lost, permutation_importance
from tabular_lstm.judging.intervals import Rows

Changes = Iterable[tuple[int, np.ndarray]]


def importance(worth: list[float], weights: np.ndarray | None = None, **changed: Any) -> Importance:
    """Importances for a model that adds up its slots by these weights."""
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(120, 2, 2)).astype(np.float32)

    def predict(sequences: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-sequences.reshape(len(sequences), -1) @ worth))

    def predict_changed(sequences: np.ndarray, changes: Changes) -> Iterator[np.ndarray]:
        for slot, values in changes:
            changed = np.tile(sequences.reshape(len(sequences), -1), (len(values), 1))
            changed[:, slot] = values.ravel()
            yield predict(changed).reshape(values.shape)

    arguments: dict[str, Any] = {
        "predict_changed": predict_changed,
        "sequences": sequences,
        "measured_on": Rows((predict(sequences) > 0.5).astype(int), weights),
        "task": ZERO_AND_ONE,
        "features": {"a": [0], "b": [1], "c": [2], "d": [3]},
        "shuffles": 5,
        "seed": 0,
    }
    return permutation_importance(**{**arguments, **changed})


def test_only_the_informative_feature_has_importance() -> None:
    measured = importance([0.0, 0.0, 3.0, 0.0])
    assert next(iter(measured.features)) == "c"
    # The labels are the model's own, so shuffling takes all of the AUC of 1 but chance's 0.5.
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)
    assert measured.features["c"].std > 0
    for feature in "abd":
        assert measured.features[feature] == Lost(mean=0.0, std=0.0)


def test_rows_count_by_their_weights() -> None:
    slots = [1.0, 2.0, 3.0, 4.0]
    assert importance(slots, weights=np.ones(120)) == importance(slots)
    assert importance(slots, weights=np.arange(1.0, 121)) != importance(slots)


def test_slots_of_one_feature_are_shuffled_together() -> None:
    """What the two say, their difference, is lost by shuffling one of them, and not by both."""
    rng = np.random.default_rng(2)
    sequences = rng.normal(size=(200, 2, 2)).astype(np.float32)
    sequences[:, 0, 1] = sequences[:, 0, 0]  # their difference is 0 in every row
    weights = [5.0, -5.0, 1.0, 0.0]
    alone = {"a": [0], "b": [1], "c": [2], "d": [3]}
    of = Rows((sequences[:, 1, 0] > 0).astype(int))
    apart = importance(weights, sequences=sequences, measured_on=of, features=alone)
    assert apart.features["a"].mean > 0.1
    together = {"date": [0, 1], "c": [2], "d": [3]}
    measured = importance(weights, sequences=sequences, measured_on=of, features=together)
    assert [*measured.features] == ["c", "date", "d"]
    assert measured.features["date"] == Lost(mean=0.0, std=0.0)
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)
