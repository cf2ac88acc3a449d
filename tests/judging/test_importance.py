"""Permutation importance of models whose use of each feature is known."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from tabular_lstm.judging.comparison import ZERO_AND_ONE
from tabular_lstm.judging.importance import Importance, Lost, permutation_importance
from tabular_lstm.judging.intervals import Rows

NOTHING = Lost(mean=0.0, std=0.0)


def importance(
    worth: list[float],
    weights: np.ndarray | None = None,
    features: dict[str, list[int]] | None = None,
) -> Importance:
    """Importances for a model that adds up its slots by these weights."""
    sequences = np.random.default_rng(0).normal(size=(200, 2, 2)).astype(np.float32)
    sequences[:, 0, 1] = sequences[:, 0, 0]

    def predict(sequences: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-sequences.reshape(len(sequences), -1) @ worth))

    def predict_changed(
        sequences: np.ndarray, changes: Iterable[tuple[int, np.ndarray]]
    ) -> Iterator[np.ndarray]:
        for slot, values in changes:
            changed = np.tile(sequences.reshape(len(sequences), -1), (len(values), 1))
            changed[:, slot] = values.ravel()
            yield predict(changed).reshape(values.shape)

    return permutation_importance(
        predict_changed=predict_changed,
        sequences=sequences,
        measured_on=Rows((predict(sequences) > 0.5).astype(int), weights),
        task=ZERO_AND_ONE,
        features=features or {"a": [0], "b": [1], "c": [2], "d": [3]},
        shuffles=5,
        seed=0,
    )


def test_only_the_informative_feature_has_importance_and_rows_count_by_their_weights() -> None:
    measured = importance([0.0, 0.0, 3.0, 0.0])
    assert next(iter(measured.features)) == "c"
    # The labels are the model's own, so shuffling takes all of the AUC of 1 but chance's 0.5.
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)
    assert measured.features["c"].std > 0
    assert all(measured.features[feature] == NOTHING for feature in "abd")
    slots = [1.0, 2.0, 3.0, 4.0]
    assert importance(slots, weights=np.ones(200)) == importance(slots)
    assert importance(slots, weights=np.arange(1.0, 201)) != importance(slots)


def test_slots_of_one_feature_are_shuffled_together() -> None:
    """What the two say, their difference, is lost by shuffling one of them, and not by both."""
    worth = [5.0, -5.0, 1.0, 0.0]
    assert importance(worth).features["a"].mean > 0.1
    measured = importance(worth, features={"date": [0, 1], "c": [2], "d": [3]})
    assert [*measured.features] == ["c", "date", "d"]
    assert measured.features["date"] == NOTHING
    assert measured.features["c"].mean == pytest.approx(0.5, abs=0.1)
