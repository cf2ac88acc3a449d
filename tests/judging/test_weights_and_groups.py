"""Rows that have weights and groups: groups are drawn whole, and their rows keep their weights."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.intervals import (
    Rows,
    unseen_log_loss,
    unseen_roc_auc,
    unseen_share,
)
from tabular_lstm.parameters import Evaluation
from tabular_lstm.rows.labelled_set import count_by_class, count_rows

RESAMPLED = Evaluation(bootstrap_resamples=200)


def rows(count: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities that tell something of them, and weights of mean 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    weights = rng.uniform(0.2, 3, count)
    p = np.clip(0.5 + 0.3 * (labels - 0.5) + rng.normal(0, 0.2, count), 0.01, 0.99)
    return labels, p, weights / weights.mean()


def judged_by(
    labels: np.ndarray,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
    **models: np.ndarray,
) -> Judged:
    thresholds = dict.fromkeys(models, 0.5)
    return Judged(labels, weights, groups).with_models(models, thresholds, RESAMPLED)


def twice(labels: np.ndarray, p: np.ndarray, groups: np.ndarray, heavy: np.ndarray) -> Any:
    """Rows with weight 2 where `heavy`, and the same rows twice, each beside its groups."""
    times = 1 + heavy
    weighted = (labels, p, times / times.mean(), groups)
    return weighted, (labels.repeat(times), p.repeat(times), None, groups.repeat(times))


def test_rows_of_weight_2_in_a_group_are_these_rows_twice_in_it() -> None:
    """In each resample: how often a group is drawn does not depend on its rows."""
    labels, p, _ = rows()
    groups = np.arange(240) // 4
    measured = []
    for of, probabilities, weights, numbers in twice(labels, p, groups, groups % 3 == 0):
        judged = judged_by(of, weights, numbers, one=probabilities)
        measured.append((judged.resampled["one"], judged.metrics["one"]))
    (by_weight, points), (repeated, same) = measured
    for metric, values in by_weight.items():
        np.testing.assert_allclose(values, repeated[metric], rtol=1e-9)
        assert getattr(points, metric) == pytest.approx(getattr(same, metric), rel=1e-9)


def test_groups_count_by_what_the_sums_of_their_weights_tell() -> None:
    labels, groups = np.tile([0, 1], 20), np.arange(40) // 4
    assert count_rows(labels, None, groups) == 10
    # One group has as much weight as all the others, but spread over its rows.
    weights = np.where(groups == 0, 9.0, 1.0)
    assert count_rows(labels, weights, groups) == pytest.approx(18**2 / (9 * 9 + 9), abs=1e-6)
    assert count_by_class(labels, weights, groups) == pytest.approx(
        (18**2 / (9 * 9 + 9),) * 2, abs=1e-6
    )
    # Patients count alike, however many their visits are.
    visits = np.repeat(np.arange(10), np.arange(1, 11))
    of_visits = np.ones(55, int)
    assert count_rows(of_visits, 1 / np.bincount(visits)[visits], visits) == 10
    assert count_rows(labels, weights, np.arange(40)) == count_rows(labels, weights, None)
    # A group has only its rows of a class: numbers that none of them has do not count.
    apart = np.arange(40) % 10
    assert (
        count_by_class(labels, np.ones(40), apart) == count_by_class(labels, None, apart) == (5, 5)
    )


def test_where_all_is_right_the_unseen_is_that_of_what_the_groups_tell() -> None:
    labels, groups = np.tile([0, 1], 60), np.arange(120) // 6
    weights = np.where(groups == 0, 5.0, 1.0)
    one, other = np.where(labels == 1, 0.8, 0.2), np.where(labels == 1, 0.9, 0.1)
    telling = count_rows(labels, weights, groups)
    assert telling < 20 < count_rows(labels, weights)
    assert unseen_roc_auc(
        Rows(labels, weights, groups), one, labels * 0.4 + 0.3, 0.95
    ) == unseen_share(telling, 0.95)
    lost = unseen_log_loss(Rows(labels, weights, groups), one, other, 0.95)
    assert lost == pytest.approx(unseen_share(telling, 0.95) * -np.log(0.1))
    judged = judged_by(labels, weights, groups, one=one, other=other)
    low, high = judged.metrics["one"].interval["accuracy"]
    assert (low, high) == (1 - unseen_share(telling, 0.975), 1)
    assert judged.bounds("one", "roc_auc", 0.95)[0] == pytest.approx(
        1 - unseen_share(telling, 0.95)
    )
    compared = judged.compare("one", "other", 0.95)
    assert compared["roc_auc"].at_best == pytest.approx(unseen_share(telling, 0.95))
    assert compared["log_loss"].at_worst == pytest.approx(compared["log_loss"].difference + lost)
