"""Models are compared on the same rows, pair by pair, and the verdict says what the numbers say."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import (
    Evaluation,
    Predictions,
    heavy_group,
    sentences_of,
)
from tabular_lstm.judging.intervals import bounds
from tabular_lstm.judging.model_metrics import point_metrics
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tests.helpers.judged import BASELINES, both, ruled
from tests.helpers.judged_tasks import FOUR, OF_NUMBER, RESAMPLED, classes_of, numbers_of
from tests.helpers.judged_tasks import judge as judge_task


def judge(labels: np.ndarray, groups: np.ndarray | None = None, **models: np.ndarray) -> Evaluation:
    return Evaluation(labels, groups=groups).with_models(
        ruled(models, dict.fromkeys(models, 0.5)), RESAMPLED
    )


def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw probabilities, and labels by them."""
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.02, 0.98, count)
    return (rng.random(count) < probabilities).astype(int), probabilities


def blurred(probabilities: np.ndarray, share: float) -> np.ndarray:
    """Mix noise in."""
    noise = np.random.default_rng(1).uniform(0.02, 0.98, len(probabilities))
    return (1 - share) * probabilities + share * noise


def test_a_worse_model_is_worse_on_both_sides_of_the_bounds() -> None:
    labels, p = rows(2000)
    compared = judge(labels, one=blurred(p, 0.8), other=p).compare("one", "other", 0.95)
    loss, auc = compared["log_loss"], compared["roc_auc"]
    assert 0 < loss.at_best < loss.difference < loss.at_worst
    assert auc.at_worst < auc.difference < auc.at_best < 0
    assert loss.is_worse_by(0.02, 1, "at_worst")
    assert auc.is_worse_by(0.02, -1, "at_worst")


def test_what_few_rows_decide_is_bounded_further_out() -> None:
    """The bound moves to where the long tail is."""
    rng = np.random.default_rng(0)
    even, skewed = rng.normal(size=20_000), rng.exponential(size=20_000) - 1
    assert bounds(even, 0.0, 0.95)[1] == pytest.approx(np.quantile(even, 0.95), abs=0.05)
    low, high = bounds(skewed, 0.0, 0.95)
    assert high > np.quantile(skewed, 0.95) + 0.3
    assert low > np.quantile(skewed, 0.05)


def test_models_judged_later_have_the_numbers_of_models_judged_together() -> None:
    """Same rows, number and seed of resamples: so champions need no second look at the others."""
    labels, p = rows(200)
    models = {"candidate": p, "baseline": blurred(p, 0.3), "champion": blurred(p, 0.2)}
    models["champion"][7] = np.nan
    together = judge(labels, **models)
    first = judge(labels, candidate=models["candidate"], baseline=models["baseline"])
    later = {"champion": models["champion"]}
    in_turn = first.with_models(ruled(later, {"champion": 0.5}), RESAMPLED)
    assert in_turn.metrics == together.metrics
    assert in_turn.without_prediction == together.without_prediction
    assert list(first.metrics) == ["candidate", "baseline"]
    for name in models:
        np.testing.assert_array_equal(in_turn.predictions[name], together.predictions[name])
        for other in models:
            assert in_turn.compare(name, other, 0.9) == together.compare(name, other, 0.9)


def test_a_row_without_a_probability_counts_as_wrong_for_that_model_alone() -> None:
    labels, p = np.array([0, 1, 0, 1]), np.array([0.2, 0.9, 0.4, 0.7])
    judged = judge(labels, whole=p, gaps=np.array([np.nan, np.nan, 0.4, 0.7]))
    assert judged.without_prediction == {"whole": 0, "gaps": 2}
    assert judged.predictions["whole"][:, 1].tolist() == p.tolist()
    assert judged.predictions["gaps"][:, 1].tolist() == [1, 0, 0.4, 0.7]
    assert (judged.metrics["whole"].accuracy, judged.metrics["gaps"].accuracy) == (1, 0.5)


@pytest.mark.parametrize("groups", [None, np.arange(400) // 4])
def test_a_model_for_which_some_rows_do_not_count_is_compared_on_the_others(
    groups: np.ndarray | None,
) -> None:
    labels, p = rows(400)
    counts = np.arange(400) % 3 > 0
    champion = np.where(counts, blurred(p, 0.3), np.nan)
    judged = judge(labels, groups, candidate=p, floor=blurred(p, 0.9))
    champion_predictions = Predictions(both(champion), 0.5)
    with_part = judged.with_part("champion", champion_predictions, counts, RESAMPLED)
    kept_groups = None if groups is None else groups[counts]
    alone = judge(labels[counts], kept_groups, candidate=p[counts], champion=champion[counts])
    expected = alone.compare("candidate", "champion", 0.95)
    assert with_part.compare("candidate", "champion", 0.95) == expected
    assert with_part.metrics["champion"] == alone.metrics["champion"]
    assert with_part.without_prediction["champion"] == 0
    # The others stay as they were.
    assert with_part.metrics["candidate"] == judged.metrics["candidate"]
    beside_floor = judged.compare("candidate", "floor", 0.95)
    assert with_part.compare("candidate", "floor", 0.95) == beside_floor
    if groups is not None:  # those that are gone leave no number behind
        few = Predictions(both(p), 0.5)
        part = judged.with_part("few", few, groups > 20, RESAMPLED).parts["few"]
        assert part.groups is not None
        assert {*part.groups.tolist()} == {*range(79)}


def test_a_champion_that_some_rows_do_not_count_for_is_measured_by_their_weights() -> None:
    labels, p = rows(400)
    counts, weights = np.arange(400) % 3 > 0, np.random.default_rng(2).uniform(0.2, 5, 400)
    models = ruled({"candidate": p}, {"candidate": 0.5})
    judged = Evaluation(labels, weights).with_models(models, RESAMPLED)
    champion = blurred(p, 0.3)
    part = judged.with_part("champion", Predictions(both(champion), 0.5), counts, RESAMPLED)
    area = roc_auc_score(labels[counts], champion[counts], sample_weight=weights[counts])
    assert part.metrics["champion"].roc_auc == pytest.approx(area)


# The verdict

Interval = tuple[float, float]


@dataclass(frozen=True)
class Told(Evaluation):
    """Judged models whose differences all have one interval, as far better as worse."""

    bounds: Interval = (0, 0)

    def minus(self, one: str, other: str, metric: str) -> tuple[float, np.ndarray]:
        difference = getattr(self.metrics[one], metric) - getattr(self.metrics[other], metric)
        return difference, np.empty(0)

    def interval(self, one: str, other: str, metric: str) -> Interval:
        low, high = self.bounds
        return self.bounds if METRICS[metric].worse < 0 else (-high, -low)


def told(baseline_auc: dict[str, float], interval: Interval, **candidate: object) -> list[str]:
    """Give the sentences on models with these ROC AUCs, and one interval for all differences."""
    points = point_metrics(np.array([0, 1]), np.array([0.5, 0.5]), 0.5)
    intervals = {"roc_auc": (0.701, 0.872), "accuracy": (0.714, 0.803), "log_loss": (0.455, 0.566)}
    updates: dict[str, dict[str, object]] = {
        CANDIDATE: {
            **{"roc_auc": 0.8, "accuracy": 0.761, "log_loss": 0.512, "interval": intervals},
            **candidate,
        }
    }
    for name in BASELINES:
        updates[name] = {"roc_auc": baseline_auc.get(name, 0.5), "accuracy": 0.652}
    metrics = {name: points.model_copy(update=numbers) for name, numbers in updates.items()}
    judged = Told(np.arange(77) % 2, metrics=metrics, bounds=interval)
    return sentences_of(judged, EvaluationOptions())


@pytest.mark.parametrize(
    ("baseline", "interval", "verdict"),
    [
        (0.7, (0.001, 0.2), "beats logistic regression:"),
        (0.7, (-0.001, 0.2), "is ahead of logistic regression, within chance:"),
        (0.9, (-0.2, 0.001), "is behind logistic regression, within chance:"),
        (0.9, (-0.2, -0.001), "loses to logistic regression:"),
        (0.803, (-0.004, -0.001), "is behind logistic regression, by less than matters:"),
        (0.799, (-0.001, 0.004), "is level with logistic regression:"),
    ],
)
def test_the_interval_decides_the_verdict_and_whoever_wins_is_named_first(
    baseline: float, interval: Interval, verdict: str
) -> None:
    sentences = told({"logistic_regression": baseline}, interval)
    (sentence,) = [sentence for sentence in sentences if "logistic regression" in sentence]
    assert f"The candidate {verdict}" in sentence
    assert len(sentences) == 5
    assert (sentence == sentences[0]) is (baseline > 0.8)


def test_a_model_whose_log_loss_is_shown_to_be_worse_beats_nobody() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.2).astype(int)
    ranks = labels + rng.normal(0, 1, 400)
    models = {"majority_class": np.full(400, 0.2), "logistic_regression": expit(ranks - 2)}
    judged = judge(labels, candidate=expit(4 * ranks), **models)
    sentences = sentences_of(judged, RESAMPLED)
    assert not any("beats" in sentence for sentence in sentences)
    told = next(sentence for sentence in sentences if "the majority class" in sentence)
    assert re.fullmatch(
        r"The candidate loses to the majority class: log loss 1\.\d+ against 0\.5\d+, "
        r"difference \+.*\]; ROC AUC 0\.[78]\d+ against 0\.500",
        told,
    )
    # The baseline that is best out of fold comes first if it is ahead in this way.
    best = replace(judged, best_baseline="majority_class")
    assert sentences_of(best, RESAMPLED)[0] == told


def test_sentences_hold_the_numbers_and_count_what_is_called_positive() -> None:
    labels = np.array([1] * 4 + [0] * 6)
    some = point_metrics(labels, np.array([0.9, 0.9, 0.9, 0.1, 0.9] + [0.1] * 5), 0.5)
    summary, threshold, *others = told(
        {"hist_gradient_boosting": 0.74}, (-0.034, 0.151), confusion_matrix=some.confusion_matrix
    )
    assert "77 test rows" in summary
    for number in ("0.800", "[0.701, 0.872]", "76.1 %", "[71.4, 80.3]", "0.512", "[0.455, 0.566]"):
        assert number in summary
    (sentence,) = [sentence for sentence in others if "gradient boosting" in sentence]
    for number in ("0.800 against 0.740", "+0.060", "[-0.034, +0.151]", "76.1 % against 65.2 %"):
        assert number in sentence
    assert threshold == (
        "From a probability of 0.500 on, it calls 4 rows positive, 3 of them correctly "
        "(precision 75.0 %); 4 rows are positive (recall 75.0 %; F1 0.750)"
    )
    nothing = point_metrics(labels, np.full(10, 0.1), 0.5).confusion_matrix
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, 0.0, 0.0)
    called = told({}, (0.1, 0.3), confusion_matrix=nothing)[1]
    assert "it calls no row positive; 4 rows are positive" in called


def test_the_verdict_speaks_of_the_task() -> None:
    labels, p = classes_of()
    majority = np.tile(np.bincount(labels) / 200, (200, 1))
    _, linear = classes_of(skill=0.5)
    models = {CANDIDATE: p, "majority_class": majority, "logistic_regression": linear}
    classes = sentences_of(judge_task(FOUR, labels, **models), RESAMPLED)
    assert classes[0].startswith("Candidate on 200 test rows: ROC AUC 0.")
    assert classes[1].startswith("It finds these shares of each class's rows: red ")
    assert classes[2].startswith("The candidate beats the majority class: ROC AUC 0.")
    labels, worse = numbers_of(unit=1000, error=0.6)
    _, better = numbers_of(unit=1000, error=0.5)
    mean = np.full_like(worse, labels.mean())
    models = {CANDIDATE: worse, "mean": mean, "linear_regression": better}
    judged = judge_task(OF_NUMBER, labels, **models)
    number = sentences_of(judged, RESAMPLED)
    # Only the baseline that is best out of fold comes first; without losses, the linear one.
    other = sentences_of(replace(judged, best_baseline="mean"), RESAMPLED)
    assert other == [*number[1:], number[0]]
    assert number[0].startswith("The candidate loses to linear regression: RMSE ")
    assert number[1].startswith("Candidate on 200 test rows: RMSE ")
    assert "of the labels are within its intervals, which are 1,500 wide on average" in number[2]
    assert number[3].startswith("The candidate beats the mean: RMSE ")


# Heavy groups


def heavy(judged: Evaluation) -> str | None:
    assert judged.groups is not None
    return heavy_group(judged, pd.Series(judged.groups).map("C{}".format), "customer")


def test_a_group_with_a_fifth_of_the_rows_is_named_with_the_metric_without_it() -> None:
    labels, p = rows(1000)
    groups = np.arange(1000) % 100
    all_labels = np.append(labels, np.zeros(250, int))
    all_p = np.append(p, np.linspace(0.01, 0.1, 250))
    judged = judge(all_labels, np.append(groups, [100] * 250), **{CANDIDATE: all_p})
    without, metric = roc_auc_score(labels, p), roc_auc_score(all_labels, all_p)
    assert heavy(judged) == (
        f"customer 'C100' has 20 % of the 1,250 test rows; without it ROC AUC is {without:.3f} "
        f"({metric:.3f} with it)"
    )
    # The same by weight: a hundredth of the rows.
    weights = np.where(groups == 7, 25.0, 1.0)
    weighted = Evaluation(labels, weights / weights.mean(), groups)
    sentence = heavy(weighted.with_models(ruled({CANDIDATE: p}, {CANDIDATE: 0.5}), RESAMPLED))
    assert sentence is not None
    assert sentence.startswith("customer 'C7' has 20 % of the 1,000 test rows, weighted; without")


def test_a_small_group_that_carries_the_metric_is_named() -> None:
    labels, predictions = numbers_of(1000, error=0.5)
    groups = np.arange(1000) % 100
    predictions[groups == 7] += 30
    judged = Evaluation(labels, groups=groups, task=OF_NUMBER)
    judged = judged.with_models(ruled({CANDIDATE: predictions}, {CANDIDATE: None}), RESAMPLED)
    assert re.fullmatch(
        r"customer .C7. has 1 % of the 1,000 test rows; without it RMSE is 0\.[45]\d* "
        r"\(3\.\d+ with it\)",
        heavy(judged) or "",
    )


@pytest.mark.parametrize("count", [11, 20, 1000])
def test_even_groups_are_not_heavy(count: int) -> None:
    labels, p = rows(2000)
    assert heavy(judge(labels, np.arange(2000) % count, **{CANDIDATE: p})) is None
    labels, p = classes_of(2000)
    judged = Evaluation(labels, groups=np.arange(2000) % count, task=FOUR)
    assert heavy(judged.with_models(ruled({CANDIDATE: p}, {CANDIDATE: None}), RESAMPLED)) is None
    labels, p = numbers_of(2000)
    judged = Evaluation(labels, groups=np.arange(2000) % count, task=OF_NUMBER)
    assert heavy(judged.with_models(ruled({CANDIDATE: p}, {CANDIDATE: None}), RESAMPLED)) is None
