"""What few rows do not show is not ruled out, and what they show is not doubted."""

import numpy as np
import pytest

from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.intervals import placements, unseen_log_loss, unseen_roc_auc, unseen_share
from tabular_lstm.parameters import Evaluation


def perfect(rows: int, seed: int = 0, zeros: int | None = None) -> tuple[np.ndarray, ...]:
    """Labels, and two models that rank all rows rightly, each in an order of its own."""
    labels = np.repeat([1, 0], [rows, zeros or rows])
    one, other = np.random.default_rng(seed).uniform(0, 0.4, (2, len(labels))) + 0.55 * labels
    return labels, one, other


def judged(labels: np.ndarray, **models: np.ndarray) -> Judged:
    thresholds = dict.fromkeys(models, 0.5)
    return Judged(labels).with_models(models, thresholds, Evaluation(bootstrap_resamples=200))


def test_of_n_rows_without_one_of_a_kind_three_in_n_may_be_of_it() -> None:
    assert unseen_share(100, 0.95) == pytest.approx(0.03, abs=0.001)
    assert (1 - unseen_share(20, 0.9)) ** 20 == pytest.approx(0.1)
    assert unseen_share(0, 0.95) == 0.95


@pytest.mark.parametrize("rows", [2, 10, 100])
def test_two_perfect_models_are_not_shown_to_be_equal_by_few_rows(rows: int) -> None:
    labels, one, other = perfect(rows)
    compared = judged(labels, one=one, other=other).compare("one", "other", 0.95).roc_auc
    assert compared.difference == 0
    assert compared.at_worst == -unseen_share(rows, 0.95) == -compared.at_best
    assert compared.detectable == -compared.at_worst > 0.02


def test_two_perfect_models_are_shown_to_be_equal_by_many_rows() -> None:
    labels, one, other = perfect(150)
    compared = judged(labels, one=one, other=other).compare("one", "other", 0.95).roc_auc
    assert -0.02 < compared.at_worst < -0.019


def test_the_class_with_fewer_rows_says_how_little_is_known() -> None:
    labels, one, other = perfect(5, zeros=400)
    assert unseen_roc_auc(labels, one, other, 0.95) == unseen_share(5, 0.95)


def test_a_model_that_misranks_a_row_is_not_easier_to_show_than_one_that_does_not() -> None:
    labels, one, other = perfect(50)
    one = np.where(np.arange(100) == 0, 0.5 * one[labels == 0].max(), one)
    assert 1 / 50 > placements(labels, one)[labels == 1].mean() - 1 > -1 / 50
    compared = judged(labels, one=one, other=other).compare("one", "other", 0.95).roc_auc
    assert compared.at_worst < compared.difference - unseen_share(50, 0.95) + 1e-9


def test_the_same_predictions_leave_nothing_unseen() -> None:
    labels, one, _ = perfect(5)
    compared = judged(labels, one=one, other=one.copy()).compare("one", "other", 0.95)
    for numbers in compared.by_metric().values():
        assert set(numbers.model_dump().values()) == {0}
    # The same order on five and five rows is seen often enough of two that differ.
    assert unseen_roc_auc(labels, one, one**2, 0.95) == unseen_share(5, 0.95)


def test_rows_that_tell_two_models_apart_say_enough_themselves() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    one, other = np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.1, (2, 200)), 0.01, 0.99)
    assert unseen_roc_auc(labels, one, other, 0.95) == 0
    # Of four rows that all speak for one model, chance alone makes one in 16.
    other = np.where(np.isin(np.arange(200), [0, 2, 5, 7]), one + 0.3 * (labels - 0.5), one)
    assert unseen_roc_auc(labels, one, other, 0.95) == unseen_share(100, 0.95)


def test_of_many_rows_a_part_tells_enough_and_where_it_does_not_all_are_asked() -> None:
    labels, one, other = perfect(30_000)
    assert unseen_roc_auc(labels, one, other, 0.95) == unseen_share(30_000, 0.95)
    noise = np.random.default_rng(1).normal(0, 0.3, (2, 60_000))
    assert unseen_roc_auc(labels, one + noise[0], other + noise[1], 0.95) == 0
    # Twenty rows, of which none is in the part.
    misranked = np.isin(np.arange(60_000), 1 + 3 * np.arange(20))
    assert unseen_roc_auc(labels, np.where(misranked, 0.0, one), other, 0.95) == 0


def test_a_log_loss_that_is_alike_in_all_rows_is_not_sure_for_that() -> None:
    labels = np.arange(40) % 2
    sure, half = np.where(labels == 1, 0.999, 0.001), np.full(40, 0.5)
    compared = judged(labels, one=sure, other=half).compare("one", "other", 0.95).log_loss
    assert compared.at_worst == pytest.approx(
        compared.difference + unseen_share(40, 0.95) * -np.log(0.001)
    )
    never = unseen_log_loss(labels, labels.astype(float), half, 0.95)
    assert np.isfinite(never)
    varied = np.where(np.arange(40) < 20, sure, 0.5)
    assert unseen_log_loss(labels, varied, half, 0.95) == 0


def test_the_interval_of_a_perfect_model_is_no_point() -> None:
    labels, one, other = perfect(10)
    both = judged(labels, one=one, other=other, half=np.full(20, 0.5))
    assert both.metrics["one"].accuracy == both.metrics["one"].roc_auc == 1
    low, high = both.metrics["one"].interval["roc_auc"]
    assert (low, high) == (pytest.approx(1 - unseen_share(10, 0.975)), 1)
    low, high = both.metrics["one"].interval["accuracy"]
    assert (low, high) == (pytest.approx(1 - unseen_share(20, 0.975)), 1)
    # Whoever says the same of all rows is known to rank none.
    assert both.metrics["half"].interval["roc_auc"] == (0.5, 0.5)
    low, high = both.interval("one", "other", "roc_auc")
    assert low == -high == -unseen_share(10, 0.975)
    assert both.interval("one", "other", "accuracy") == (0, 0)


@pytest.mark.long
@pytest.mark.parametrize("rows", [2, 3, 5, 10])
def test_useless_candidates_pass_for_good_no_more_often_than_declared(rows: int) -> None:
    labels, rng = np.repeat([1, 0], rows), np.random.default_rng(rows)
    shown = [
        judged(labels, one=rng.uniform(0.3, 0.7, 2 * rows), half=np.full(2 * rows, 0.5))
        .compare("one", "half", 0.95)
        .roc_auc.at_worst
        > 0
        for _ in range(150)
    ]
    # 5 % declared; three deviations of the share of 150 draws come on top.
    assert np.mean(shown) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_rows_of_one_group_tell_no_more_than_one_row() -> None:
    """Ten rows that one model ranks wrongly are enough to tell, and one group of ten is not."""
    labels = np.repeat([0, 1], 100)
    one = np.where(labels == 1, 0.8, 0.2) + np.linspace(0, 0.01, 200)
    other = one.copy()
    other[:10] = 0.95
    alone, together = np.arange(200), np.arange(200) // 10
    for groups, share in ((None, 0.0), (alone, 0.0), (together, unseen_share(10, 0.95))):
        assert unseen_roc_auc(labels, one, other, 0.95, groups=groups) == share
