"""Sets made rare: few rows of a class to train on, and a test that counts them as rarely."""

import numpy as np
import pytest
from rare_classes import as_rare, rare_draw, rarer_is_one

LABELS = np.tile([0, 1, 0], 200)


def test_a_draw_trains_on_32_rows_of_the_class_and_half_of_the_others() -> None:
    train, test = rare_draw(LABELS, 0)
    assert LABELS[train].sum() == 32
    assert len(train) == 32 + 200
    assert sorted([*train, *test]) == list(range(600))
    again, _ = rare_draw(LABELS, 0)
    other, _ = rare_draw(LABELS, 1)
    assert list(again) == list(train)
    assert list(other) != list(train)


def test_of_many_others_1500_are_trained_on() -> None:
    train, _ = rare_draw(np.repeat([0, 1], [9000, 100]), 0)
    assert len(train) == 32 + 1500


def test_weights_make_the_class_as_rare_as_asked() -> None:
    weights = as_rare(LABELS, 0.02)
    assert np.average(LABELS, weights=weights) == pytest.approx(0.02)
    assert weights.mean() == pytest.approx(1)


def test_the_rarer_class_is_1() -> None:
    assert list(rarer_is_one(np.array([1, 1, 0]))) == [0, 0, 1]
    assert list(rarer_is_one(np.array([0, 1, 0]))) == [0, 1, 0]
