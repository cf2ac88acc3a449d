"""Differences of models on the same rows are paired, and their bounds keep their confidence."""

import numpy as np
import pytest

from tabular_lstm.judging.comparison import Difference, Judged
from tabular_lstm.judging.gate import not_within
from tabular_lstm.judging.intervals import bounds
from tabular_lstm.parameters import Evaluation, Tolerance


def judge(labels: np.ndarray, resamples: int = 1000, seed: int = 0, **models: np.ndarray) -> Judged:
    evaluation = Evaluation(bootstrap_resamples=resamples, seed=seed)
    return Judged(labels).with_models(models, dict.fromkeys(models, 0.5), evaluation)


def beside(judged: Judged, champion: np.ndarray, seed: int = 0) -> Judged:
    """Judge a champion after the others."""
    evaluation = Evaluation(bootstrap_resamples=1000, seed=seed)
    return judged.with_models({"champion": champion}, {"champion": 0.5}, evaluation)


def compare(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, confidence: float = 0.95
) -> dict[str, Difference]:
    return judge(labels, one=one, other=other).compare("one", "other", confidence)


def rows(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw probabilities, and labels by them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0.02, 0.98, count)
    return (rng.random(count) < probabilities).astype(int), probabilities


def blurred(probabilities: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    """Mix noise in."""
    noise = np.random.default_rng(seed).uniform(0.02, 0.98, len(probabilities))
    return (1 - share) * probabilities + share * noise


def test_a_worse_model_is_worse_on_both_sides_of_thebounds() -> None:
    labels, p = rows(2000)
    compared = compare(labels, blurred(p, 0.8), p)
    loss, auc = compared["log_loss"], compared["roc_auc"]
    assert 0 < loss.at_best < loss.difference < loss.at_worst
    assert auc.at_worst < auc.difference < auc.at_best < 0
    assert not_within(Tolerance(log_loss=0.02, roc_auc=0.02), compared).keys() == {
        "log_loss",
        "roc_auc",
    }


def test_what_few_rows_decide_is_bounded_further_out() -> None:
    """The bound moves to where the long tail is."""
    rng = np.random.default_rng(0)
    even, skewed = rng.normal(size=20_000), rng.exponential(size=20_000) - 1
    assert bounds(even, 0.0, 0.95)[1] == pytest.approx(np.quantile(even, 0.95), abs=0.05)
    low, high = bounds(skewed, 0.0, 0.95)
    assert high > np.quantile(skewed, 0.95) + 0.3
    assert low > np.quantile(skewed, 0.05)


# Models judged together and one after the other


def test_models_judged_later_have_the_numbers_of_models_judged_together() -> None:
    """Same rows, number and seed of resamples: so champions need no second look at the others."""
    labels, p = rows(200)
    models = {"candidate": p, "baseline": blurred(p, 0.3), "champion": blurred(p, 0.2)}
    models["champion"][7] = np.nan
    together = judge(labels, **models)
    first = judge(labels, candidate=models["candidate"], baseline=models["baseline"])
    one_by_one = beside(first, models["champion"])

    assert one_by_one.metrics == together.metrics
    assert one_by_one.without_prediction == together.without_prediction
    assert list(one_by_one.predictions) == list(models)
    for name in models:
        np.testing.assert_array_equal(one_by_one.predictions[name], together.predictions[name])
        assert one_by_one.metrics[name] == together.metrics[name]
        for other in models:
            assert one_by_one.compare(name, other, 0.9) == together.compare(name, other, 0.9)
            one, both = (j.minus(name, other, "accuracy") for j in (one_by_one, together))
            assert one[0] == both[0]
            np.testing.assert_array_equal(one[1], both[1])
    assert list(first.metrics) == ["candidate", "baseline"]


def test_a_row_without_a_probability_counts_as_wrong_for_that_model_alone() -> None:
    labels, p = np.array([0, 1, 0, 1]), np.array([0.2, 0.9, 0.4, 0.7])
    judged = judge(labels, whole=p, gaps=np.array([np.nan, np.nan, 0.4, 0.7]))
    assert judged.without_prediction == {"whole": 0, "gaps": 2}
    assert judged.predictions["whole"].tolist() == p.tolist()
    assert judged.predictions["gaps"].tolist() == [1, 0, 0.4, 0.7]
    assert judged.metrics["whole"].accuracy == 1
    assert judged.metrics["gaps"].accuracy == 0.5


def test_a_model_for_which_some_rows_do_not_count_is_compared_on_the_others() -> None:
    labels, p = rows(400)
    counts = np.arange(400) % 4 > 0
    evaluation = Evaluation(bootstrap_resamples=200)
    champion = np.where(counts, blurred(p, 0.3), np.nan)
    judged = judge(labels, resamples=200, candidate=p, floor=blurred(p, 0.9))
    with_part = judged.with_part("candidate", "champion", champion, 0.4, counts, evaluation)

    alone = Judged(labels[counts]).with_models(
        {"candidate": p[counts], "champion": champion[counts]},
        {"candidate": 0.5, "champion": 0.4},
        evaluation,
    )
    expected = alone.compare("candidate", "champion", 0.95)
    assert with_part.compare("candidate", "champion", 0.95) == expected
    assert with_part.metrics["champion"] == alone.metrics["champion"]
    assert with_part.without_prediction["champion"] == 0
    # The others stay as they were.
    assert with_part.metrics["candidate"] == judged.metrics["candidate"]
    for other in (judged, with_part):
        assert other.compare("candidate", "floor", 0.95) == judged.compare(
            "candidate", "floor", 0.95
        )


# Groups


def in_groups(groups: np.ndarray | None, labels: np.ndarray, **models: np.ndarray) -> Judged:
    evaluation = Evaluation(bootstrap_resamples=500)
    return Judged(labels, groups=groups).with_models(models, dict.fromkeys(models, 0.5), evaluation)


def test_a_part_of_the_rows_is_resampled_by_the_groups_that_are_left() -> None:
    labels, p = rows(200)
    groups, counts = np.arange(200) // 4, np.arange(200) % 3 > 0
    evaluation = Evaluation(bootstrap_resamples=500)
    judged = in_groups(groups, labels, one=p).with_part(
        "one", "other", blurred(p, 0.5), 0.5, counts, evaluation
    )
    part = judged.parts["other"]
    expected = in_groups(
        groups[counts], labels[counts], one=p[counts], other=blurred(p, 0.5)[counts]
    )
    assert part.metrics == expected.metrics
    # Groups that are gone leave no number behind.
    some = judged.with_part("one", "few", p, 0.5, groups > 20, evaluation).parts["few"]
    assert some.groups is not None
    assert {*some.groups.tolist()} == {*range(29)}
