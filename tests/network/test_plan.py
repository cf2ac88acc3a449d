"""Folds of one size, one share of each class and whole groups; batches and epochs by the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_lstm.network import plan as module
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import (
    grouped_folds,
    plan_training,
    stratified_folds,
)
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.task import NUMBER, Task


def classes_of(drawn: np.ndarray, share: np.ndarray | float, classes: int) -> np.ndarray:
    """Classes of drawn numbers, of which the last class has this share, the others alike."""
    others = np.floor((classes - 1) * (drawn - share) / np.maximum(1 - share, 1e-9))
    return np.where(drawn < share, classes - 1, np.clip(others, 0, classes - 2)).astype(np.uint8)


@given(
    st.integers(1, 60),
    st.floats(0, 1),
    st.integers(2, 5),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_folds_are_of_one_size_and_have_one_share_of_each_class(
    rows: int, share: float, classes: int, folds: int, seed: int
) -> None:
    labels = classes_of(np.random.default_rng(seed).random(rows), share, classes)
    fold = stratified_folds(labels, folds, seed)
    assert fold.shape == (rows,)
    assert np.ptp(np.bincount(fold, minlength=folds)) <= 1
    for label in range(classes):
        assert np.ptp(np.bincount(fold[labels == label], minlength=folds)) <= 1
    np.testing.assert_array_equal(stratified_folds(labels, folds, seed), fold)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1)), min_size=1, max_size=40),
    st.integers(2, 5),
    st.integers(1, 8),
    st.integers(0, 2**32 - 1),
)
def test_no_group_is_in_two_folds_and_no_fold_is_empty(
    sizes: list[tuple[int, float]], classes: int, folds: int, seed: int
) -> None:
    folds, rng = min(folds, len(sizes)), np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), [size for size, _ in sizes]))
    share = np.array([share for _, share in sizes])
    labels = classes_of(rng.random(len(groups)), share[groups], classes)
    fold = grouped_folds(labels, groups, folds, seed)
    assert len({*zip(groups.tolist(), fold.tolist(), strict=True)}) == len(sizes)
    assert set(fold) == set(range(folds))
    np.testing.assert_array_equal(grouped_folds(labels, groups, folds, seed), fold)
    # Of the rarest class, no fold has more than another one by more than the largest group.
    values, counts = np.unique(labels, return_counts=True)
    is_rare = labels == values[::-1][counts[::-1].argmin()]
    largest = np.bincount(groups, is_rare).max()
    assert np.ptp(np.bincount(fold, is_rare, folds)) <= largest


def test_members_of_few_and_unlike_groups_pass_over_as_many_rows_as_the_smallest_part_has() -> None:
    groups = np.repeat(np.arange(3), [60, 30, 10])
    labels = (np.arange(100) % 2).astype(np.float32)
    plan = plan_training(4, labels, 8, TrainingOptions(batch_size=8), groups)
    parts = [{*groups[rows].tolist()} for rows in plan.held_out]
    assert sorted(map(sorted, parts[:3])) == [[0], [1], [2]]
    assert parts[3] == parts[0]
    for held_out, fold in zip(plan.held_out, plan.left_out, strict=True):
        assert {*groups[held_out]}.isdisjoint(groups[plan.fold != fold])
    assert plan.steps * plan.batch == 40
    assert next(plan.batches()).shape == (5, 4, 8)


@pytest.mark.parametrize("folds", [2, 3, 8])
def test_members_of_a_kind_share_the_folds_of_the_other(folds: int) -> None:
    labels = (np.arange(120) % 2).astype(np.float32)
    plan = plan_training(10, labels, 4, TrainingOptions(), np.arange(120) % folds, kinds=2)
    assert plan.kind == [0] * 5 + [1] * 5
    assert plan.left_out[:5] == plan.left_out[5:] == [member % folds for member in range(5)]


def test_histories_of_a_customer_follow_each_other() -> None:
    """So a batch, or a block of held-out histories, has few rows: their histories share them."""
    customers = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 5))
    training = TrainingOptions(batch_size=10)
    plan = plan_training(4, customers % 2, 4, training, customers, are_customers=True)
    epoch = next(plan.batches()).swapaxes(0, 1).reshape(4, -1)
    for held_out, fold, learned in zip(plan.held_out, plan.left_out, epoch, strict=True):
        np.testing.assert_array_equal(np.sort(held_out), np.flatnonzero(plan.fold == fold))
        assert not np.isin(learned, held_out).any()
        for rows in (held_out, learned):
            changes = np.diff(customers[rows]) != 0
            assert changes.sum() == len(np.unique(customers[rows])) - 1
    # In an order of their own in each epoch.
    first, second = (batch[:, 0] for batch in [*plan.batches()][:2])
    assert (first != second).any()


def test_a_number_has_half_the_epochs_at_twice_the_learning_rate() -> None:
    labels = np.arange(100) % 3
    plan, faster = (plan_training(3, labels, 4, TrainingOptions(), speed=speed) for speed in (1, 2))
    assert (plan.epochs, faster.epochs) == (200, 100)
    assert faster.rate == 2 * plan.rate
    assert outputs_of(Task(kind=NUMBER)).pace.speed == 2
    for classes in ("ab", "abc"):
        assert outputs_of(Task.of_classes(classes)).pace.speed == 1


def test_a_learning_rate_falls_to_nothing_from_the_start_of_a_cooldown_to_its_end() -> None:
    plan = plan_training(2, np.arange(80) % 2, 4, TrainingOptions(epochs=10, batch_size=7))
    assert (plan.steps, plan.last_start) == (10, 6)
    starts, ends = np.array([2, 6]), np.array([6, 10])
    rates = np.concatenate([plan.rates(epoch, starts, ends) for epoch in range(1, 11)])
    falls = np.linspace(1, 0, 40, endpoint=False)
    for start, of_member in zip((20, 60), rates.T, strict=True):
        expected = [*np.ones(start), *falls, *np.zeros(60 - start)]
        np.testing.assert_allclose(of_member, plan.rate * np.array(expected), rtol=1e-6)


# Many rows


def test_of_many_rows_an_epoch_is_a_part_that_is_new_each_time_and_the_folds_part_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MANY_ROWS", 320)
    labels = np.zeros(2000, np.float32)
    labels[::20] = 1  # 100, of which a fold has 12 or 13
    plan = plan_training(3, labels, 4, TrainingOptions(epochs=60, batch_size=8))
    epochs_of_all = list(plan.batches())
    for member, fold in enumerate(plan.left_out):
        rows = np.stack([epoch[:, member].ravel() for epoch in epochs_of_all])
        assert len({epoch.tobytes() for epoch in rows}) == 60
        assert [np.unique(epoch).size for epoch in rows] == [280] * 60  # none twice in an epoch
        np.testing.assert_array_equal(np.unique(rows), np.flatnonzero(plan.fold != fold))
        held_out = plan.held_out[member]
        assert (plan.fold[held_out] == fold).all()
        # A fortieth of them would be positive, one: there are ten, where a fold has them.
        assert labels[held_out].sum() == 10
        assert 30 < len(np.unique(held_out)) == len(held_out) <= 40
        assert np.ptp(held_out) > 1500
