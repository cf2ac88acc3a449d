"""Intervals: a bootstrap of rows or groups, and what few rows do not show is not ruled out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.intervals import percentile_interval
from tabular_lstm.judging.model_metrics import point_metrics
from tabular_lstm.metrics import Labels, ranking, unseen_log_loss, unseen_roc_auc, unseen_share
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tests.helpers.judged import both, ruled


def noisy(rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities that say something about them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=rows)
    return labels, np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.25, rows), 0.01, 0.99)


def judged(
    labels: np.ndarray,
    resamples: int = 200,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    **models: np.ndarray,
) -> Evaluation:
    thresholds, evaluation = (
        dict.fromkeys(models, 0.5),
        EvaluationOptions(bootstrap_resamples=resamples),
    )
    return Evaluation(labels, weights, groups).with_models(ruled(models, thresholds), evaluation)


# Bootstrap

CELLS = st.tuples(
    st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.5001, 1.0]), st.integers(0, 4)
)


@given(st.lists(CELLS, min_size=2, max_size=12))
def test_weighted_auc_is_that_of_scikit_learn(drawn: list[tuple[int, float, int]]) -> None:
    """Of probabilities with many ties, and each row drawn so often."""
    labels, probabilities, counts = (np.array(column) for column in zip(*drawn, strict=True))
    measured = ranking(labels, probabilities)(counts)
    if len(set(labels[counts > 0])) == 2:
        expected = sk.roc_auc_score(labels, probabilities, sample_weight=counts)
        assert measured == pytest.approx(expected)
    else:
        assert np.isnan(measured)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_the_point(seed: int) -> None:
    labels, probabilities = noisy(seed=seed)
    resampled = judged(labels, 500, one=probabilities).resampled["one"]
    measured = point_metrics(labels, probabilities, 0.5)
    assert set(resampled) == {"accuracy", "roc_auc", "log_loss"}
    for metric, values in resampled.items():
        assert values.shape == (500,)
        low, high = percentile_interval(values)
        assert low < getattr(measured, metric) < high
        assert np.mean(values) == pytest.approx(getattr(measured, metric), abs=0.02)


def test_models_are_measured_on_the_same_resamples() -> None:
    labels, probabilities = noisy()
    models = {"one": probabilities, "other": 1 - probabilities, "same": probabilities.copy()}
    resampled = judged(labels, 100, **models).resampled
    for metric, values in resampled["one"].items():
        assert percentile_interval(values - resampled["same"][metric]) == (0.0, 0.0)
    # Of a reversed ranking the AUC is 1 - AUC in every resample, not just on average.
    np.testing.assert_allclose(
        resampled["other"]["roc_auc"], 1 - resampled["one"]["roc_auc"], atol=1e-12
    )


def test_a_resample_of_one_class_has_no_auc() -> None:
    labels, probabilities = np.array([0, 0, 0, 1]), np.array([0.2, 0.6, 0.3, 0.5])
    resampled = judged(labels, 300, one=probabilities).resampled["one"]
    # A resample lacks the one positive row with probability (3 / 4) ** 4 = 0.32.
    assert 0.2 < np.isnan(resampled["roc_auc"]).mean() < 0.45
    assert not np.isnan([resampled["accuracy"], resampled["log_loss"]]).any()
    assert np.isfinite(percentile_interval(resampled["roc_auc"])).all()


def test_rows_of_weight_2_in_a_group_are_these_rows_twice_in_it() -> None:
    """In each resample: how often a group is drawn does not depend on its rows."""
    labels, p = noisy(240)
    groups = np.arange(240) // 4
    times = 1 + (groups % 3 == 0)
    by_weight = judged(labels, weights=times / times.mean(), groups=groups, one=p)
    repeated = judged(labels.repeat(times), groups=groups.repeat(times), one=p.repeat(times))
    points, same = by_weight.metrics["one"], repeated.metrics["one"]
    for metric, values in by_weight.resampled["one"].items():
        np.testing.assert_allclose(values, repeated.resampled["one"][metric], rtol=1e-9)
        assert getattr(points, metric) == pytest.approx(getattr(same, metric), rel=1e-9)


def test_groups_count_by_what_the_sums_of_their_weights_tell() -> None:
    labels, groups = np.tile([0, 1], 20), np.arange(40) // 4
    assert Labels(labels, None, groups).count == 10
    # One group has as much weight as all the others, but spread over its rows.
    weights = np.where(groups == 0, 9.0, 1.0)
    telling = pytest.approx(18**2 / (9 * 9 + 9), abs=1e-6)
    assert Labels(labels, weights, groups).count == telling
    of_class = [Labels(labels, weights, groups).part(labels == place).count for place in (0, 1)]
    assert of_class == [telling, telling]
    # Patients count alike, however many their visits are.
    visits = np.repeat(np.arange(10), np.arange(1, 11))
    assert Labels(np.ones(55, int), 1 / np.bincount(visits)[visits], visits).count == 10
    assert Labels(labels, weights, np.arange(40)).count == Labels(labels, weights).count
    # A group has only its rows of a class: numbers that none of them has do not count.
    apart = np.arange(40) % 10
    for counts in (np.ones(40), None):
        assert Labels(labels, counts, apart).part(labels == 1).count == 5


def perfect(rows: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels, and two models that rank all rows rightly, each in an order of its own."""
    labels = np.repeat([1, 0], rows)
    one, other = np.random.default_rng(seed).uniform(0, 0.4, (2, len(labels))) + 0.55 * labels
    return labels, one, other


@pytest.mark.parametrize("rows", [2, 10, 100])
def test_two_perfect_models_are_not_shown_to_be_equal_by_few_rows(rows: int) -> None:
    labels, one, other = perfect(rows)
    compared = judged(labels, one=one, other=other).compare("one", "other", 0.95)["roc_auc"]
    assert compared.difference == 0
    assert compared.at_worst == -unseen_share(rows, 0.95) == -compared.at_best
    assert compared.detectable == -compared.at_worst > 0.02


def test_rows_that_tell_two_models_apart_say_enough_themselves() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    one, other = np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.1, (2, 200)), 0.01, 0.99)
    assert unseen_roc_auc(Labels(labels), both(one), both(other), 0.95) == 0
    # Of four rows that all speak for one model, chance alone makes one in 16.
    other = np.where(np.isin(np.arange(200), [0, 2, 5, 7]), one + 0.3 * (labels - 0.5), one)
    assert unseen_roc_auc(Labels(labels), both(one), both(other), 0.95) == unseen_share(100, 0.95)
    # Ten rows that one model ranks wrongly are enough to tell, and one group of ten is not.
    labels = np.repeat([0, 1], 100)
    one = np.where(labels == 1, 0.8, 0.2) + np.linspace(0, 0.01, 200)
    other = one.copy()
    other[:10] = 0.95
    alone, together = np.arange(200), np.arange(200) // 10
    for groups, share in ((None, 0.0), (alone, 0.0), (together, unseen_share(10, 0.95))):
        assert unseen_roc_auc(Labels(labels, groups=groups), both(one), both(other), 0.95) == share


def test_a_log_loss_that_is_alike_in_all_rows_is_not_sure_for_that() -> None:
    labels = np.arange(40) % 2
    sure, half = np.where(labels == 1, 0.999, 0.001), np.full(40, 0.5)
    compared = judged(labels, one=sure, other=half).compare("one", "other", 0.95)["log_loss"]
    unseen = unseen_share(40, 0.95) * -np.log(0.001)
    assert compared.at_worst == pytest.approx(compared.difference + unseen)
    assert np.isfinite(unseen_log_loss(Labels(labels), both(labels * 1.0), both(half), 0.95))
    varied = np.where(np.arange(40) < 20, sure, 0.5)
    assert unseen_log_loss(Labels(labels), both(varied), both(half), 0.95) == 0


def test_the_interval_of_a_perfect_model_is_no_point() -> None:
    labels, one, other = perfect(10)
    models = judged(labels, one=one, other=other, half=np.full(20, 0.5))
    measured = models.metrics["one"]
    assert measured.accuracy == measured.roc_auc == 1
    for metric, rows in (("roc_auc", 10), ("accuracy", 20)):
        low, high = measured.interval[metric]
        assert (low, high) == (pytest.approx(1 - unseen_share(rows, 0.975)), 1)
    # Whoever says the same of all rows is known to rank none.
    assert models.metrics["half"].interval["roc_auc"] == (0.5, 0.5)
    low, high = models.interval("one", "other", "roc_auc")
    assert low == -high == -unseen_share(10, 0.975)
    assert models.interval("one", "other", "accuracy") == (0, 0)


def test_where_all_is_right_the_unseen_is_that_of_what_the_groups_tell() -> None:
    labels, groups = np.tile([0, 1], 60), np.arange(120) // 6
    weights = np.where(groups == 0, 5.0, 1.0)
    rows: dict[str, Any] = {"weights": weights, "groups": groups}
    one, other = np.where(labels == 1, 0.8, 0.2), np.where(labels == 1, 0.9, 0.1)
    telling = Labels(labels, weights, groups).count
    assert telling < 20 < Labels(labels, weights).count
    unseen = unseen_share(telling, 0.95)
    assert (
        unseen_roc_auc(Labels(labels, **rows), both(one), both(labels * 0.4 + 0.3), 0.95) == unseen
    )
    lost = unseen_log_loss(Labels(labels, **rows), both(one), both(other), 0.95)
    assert lost == pytest.approx(unseen * -np.log(0.1))
    models = judged(labels, **rows, one=one, other=other)
    assert models.metrics["one"].interval["accuracy"] == (1 - unseen_share(telling, 0.975), 1)
    assert models.bounds("one", "roc_auc", 0.95)[0] == pytest.approx(1 - unseen)
    compared = models.compare("one", "other", 0.95)
    assert compared["roc_auc"].at_best == pytest.approx(unseen)
    assert compared["log_loss"].at_worst == pytest.approx(compared["log_loss"].difference + lost)


@pytest.mark.long
@pytest.mark.parametrize("rows", [2, 3, 5, 10])
def test_useless_candidates_pass_for_good_no_more_often_than_declared(rows: int) -> None:
    labels, rng = np.repeat([1, 0], rows), np.random.default_rng(rows)
    shown = [
        judged(labels, one=rng.uniform(0.3, 0.7, 2 * rows), half=np.full(2 * rows, 0.5))
        .compare("one", "half", 0.95)["roc_auc"]
        .at_worst
        > 0
        for _ in range(150)
    ]
    # 5 % declared; three deviations of the share of 150 draws come on top.
    assert np.mean(shown) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
