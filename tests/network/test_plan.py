"""Folds of one size and one share of each class; batches and epochs by the number of rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.network.plan import batch_size, epochs, stratified_folds


@given(st.integers(1, 60), st.floats(0, 1), st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_folds_are_of_one_size_and_have_one_share_of_each_class(
    rows: int, share: float, folds: int, seed: int
) -> None:
    labels = (np.random.default_rng(seed).random(rows) < share).astype(np.float32)
    fold = stratified_folds(labels, folds, seed)
    assert fold.shape == (rows,)
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    for label in (0, 1):
        assert np.ptp(np.bincount(fold[labels == label], minlength=folds)) <= 1
    np.testing.assert_array_equal(stratified_folds(labels, folds, seed), fold)


def test_folds_are_random_by_the_seed() -> None:
    labels = np.zeros(400, np.float32)
    one, other = stratified_folds(labels, 8, 0), stratified_folds(labels, 8, 1)
    assert 0.05 < (one == other).mean() < 0.25
    assert 0.05 < (one == np.arange(400) % 8).mean() < 0.25
    assert 0.05 < (one[1:] == one[:-1]).mean() < 0.25


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_more_rows_have_larger_batches_and_fewer_epochs(one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert 32 <= batch_size(few) <= batch_size(many)
    assert batch_size(many) & (batch_size(many) - 1) == 0
    assert 200 >= epochs(few, 8) >= epochs(many, 8) >= 12


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_wide_rows_are_passed_over_less_often(rows: int, features: int) -> None:
    """So that a training does not take longer for them, as long as that is at least 8 times."""
    assert 8 <= epochs(rows, features) <= epochs(rows, 1)
    assert epochs(rows, features) * features <= max(40_000, 8 * features)
    assert epochs(rows, min(features, 200)) == epochs(rows, 1)
