"""Drift: a champion that is not what it was stops the gate; features that changed are told."""

import math
from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging.checks import Champion, DriftCheck
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.drift import SHOWN, FeatureChange, changes_of, check_drift
from tabular_lstm.judging.metrics import Metrics
from tabular_lstm.parameters import Evaluation, Promotion
from tabular_lstm.rows.feature_summary import FeatureSummary

RESAMPLED = Evaluation(bootstrap_resamples=200)
LABELS = np.arange(300) % 2


def probabilities_of(skill: float, labels: np.ndarray = LABELS) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, len(labels))
    return np.clip(0.5 + skill * (labels - 0.5) + noise, 0.01, 0.99)


def judge(probabilities: np.ndarray, labels: np.ndarray = LABELS) -> Judged:
    return Judged(labels).with_models({"b": probabilities}, {"b": 0.5}, RESAMPLED)


THEN: Metrics = judge(probabilities_of(0.2)).metrics["b"]


def check(
    probabilities: np.ndarray,
    labels: np.ndarray = LABELS,
    promoted_with: Metrics | None = THEN,
    **limits: Any,
) -> DriftCheck:
    """Hold the champion's probabilities of these labels against what it was promoted with."""
    champions = [
        Champion(run_id="b", sha256="of b", promoted_with=promoted_with),
        Champion(run_id="a", sha256="of a", promoted_with=THEN, not_compared="it is gone"),
    ]
    return check_drift(judge(probabilities, labels), champions, Promotion(**limits))


def test_a_champion_that_is_what_it_was_passes() -> None:
    checked = check(probabilities_of(0.2))
    assert checked.passed
    assert checked.roc_auc == checked.promoted_with == THEN.roc_auc
    assert checked.sentence == (
        f"the champion b has ROC AUC {THEN.roc_auc:.3f} on these rows, {THEN.roc_auc:.3f} when it "
        "was promoted"
    )


def test_labels_that_flip_over_night_stop_the_gate() -> None:
    flipped = 1 - LABELS
    checked = check(probabilities_of(0.2), flipped)
    assert not checked.passed
    assert checked.highest is not None
    assert checked.highest < 0.5
    said = checked.sentence
    assert said.startswith("the champion b is clearly worse than chance: ROC AUC 0.0")
    assert "What the label or a feature means may have changed" in said
    assert said.endswith("--params promotion.start_over=true judges without the champion")


def test_a_champion_that_has_clearly_fallen_stops_the_gate() -> None:
    checked = check(probabilities_of(0.05))
    assert not checked.passed
    assert checked.least_fall is not None
    assert checked.least_fall > 0.1
    assert "clearly more than promotion.max_champion_fall = 0.1 lower" in checked.sentence
    assert check(probabilities_of(0.05), max_champion_fall=0.4).passed


def test_without_its_decision_only_worse_than_chance_is_checked_and_said() -> None:
    fell = check(probabilities_of(0.05), promoted_with=None)
    assert fell.passed
    assert fell.promoted_with is fell.least_fall is None
    assert "its decision is gone, which says what it was promoted with" in fell.sentence
    flipped = check(probabilities_of(0.2), 1 - LABELS, promoted_with=None)
    assert not flipped.passed
    assert "worse than chance" in flipped.sentence


def test_where_the_champion_did_not_score_nothing_is_known() -> None:
    gone = Champion(run_id="b", sha256="of b", not_compared="its artifact is gone")
    checked = check_drift(judge(probabilities_of(0.2)), [gone], Promotion())
    assert checked.passed
    assert checked.roc_auc is None
    assert checked.sentence == (
        "not known: the champion b did not score these rows (its artifact is gone)"
    )
    assert check_drift(judge(probabilities_of(0.2)), [], Promotion()).passed


def test_a_fall_within_chance_passes() -> None:
    few = np.array([0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1])
    fell = check(np.linspace(0.4, 0.6, 12), few)
    assert fell.passed
    assert fell.roc_auc is not None
    assert fell.roc_auc < THEN.roc_auc - 0.1


# Features


def number(mean: float | None, deviation: float | None, missing: float = 0.0) -> FeatureSummary:
    return FeatureSummary(kind="number", missing=missing, mean=mean, deviation=deviation)


def category(distinct: int | None = None, **levels: float) -> FeatureSummary:
    return FeatureSummary(
        kind="category", missing=0, levels=levels, distinct=distinct or len(levels)
    )


def change(then: FeatureSummary, now: FeatureSummary) -> FeatureChange:
    return FeatureChange(name="f", then=then, now=now)


def test_a_number_moves_in_the_champions_deviations() -> None:
    moved = change(number(10, 4), number(9, 8))
    assert moved.shift == -0.25
    assert moved.spread == 2
    assert moved.size == 1  # the deviation doubled
    assert change(number(10, 0), number(11, 0)).shift == math.inf
    assert change(number(None, None, 1.0), number(1, 2)).size == math.inf
    assert change(number(10, 4), number(10, 4, 0.3)).size == pytest.approx(0.3)
    assert change(number(10, 4), category(a=1.0)).size == math.inf


def test_the_features_that_changed_most_come_first() -> None:
    then = {f"f{place}": number(0, 1) for place in range(40)} | {"gone": number(0, 1)}
    now = {f"f{place}": number(place / 10, 1) for place in range(40)} | {"new": number(0, 1)}
    changes = changes_of(then, now)
    assert (changes.compared, changes.changed) == (40, 39)
    assert [moved.name for moved in changes.most] == [f"f{39 - place}" for place in range(SHOWN)]
    assert changes_of({}, now).compared == 0


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (number(10, 4), number(30, 4), "its mean moved by +5.0 of its deviations"),
        (number(10, 4), number(10, 4, 0.4), "+40 points of missing cells"),
        (number(None, None, 1.0), number(1, 2), "had no value before, or has none now"),
        (number(10, 4), category(a=1.0), "a number before, a category now"),
        (category(a=0.7, b=0.3), category(a=0.1, b=0.8, c=0.1), "level 'a': -60 points"),
    ],
)
def test_a_large_change_is_said_in_words(
    then: FeatureSummary, now: FeatureSummary, said: str
) -> None:
    (much,) = changes_of({"f": then}, {"f": now}).much
    assert much.description == said


def test_what_each_night_does_is_not_shown_or_called_much() -> None:
    then = {"f": number(10, 4), "g": number(10, 4), "c": category(a=0.7, b=0.3)}
    now = {"f": number(10.1, 4.1), "g": number(12, 4.4), "c": category(a=0.68, b=0.32)}
    changes = changes_of(then, now)
    assert (changes.changed, [one.name for one in changes.most]) == (3, ["g"])
    assert not changes.much
