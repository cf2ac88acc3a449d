"""Drift: a champion that is not what it was stops the gate."""

from typing import Any

import numpy as np

from tabular_lstm.judging.changes import check_drift
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import Champion, DriftCheck
from tabular_lstm.judging.metrics import Metrics
from tabular_lstm.parameters import Evaluation, Promotion

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
    assert "The label or a feature may have changed its meaning" in said
    assert said.endswith("--params promotion.start_over=true judges without the champion")


def test_a_champion_that_has_clearly_fallen_stops_the_gate() -> None:
    checked = check(probabilities_of(0.05))
    assert not checked.passed
    assert checked.least_fall is not None
    assert checked.least_fall > 0.1
    assert "clearly lower by more than promotion.max_champion_fall = 0.1" in checked.sentence
    assert check(probabilities_of(0.05), max_champion_fall=0.4).passed


def test_without_its_decision_only_worse_than_chance_is_checked_and_said() -> None:
    fell = check(probabilities_of(0.05), promoted_with=None)
    assert fell.passed
    assert fell.promoted_with is fell.least_fall is None
    assert "its metrics at promotion are not known, because its decision is gone" in fell.sentence
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
