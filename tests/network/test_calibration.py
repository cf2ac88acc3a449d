"""Temperature and threshold against a search of all there are."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import f1_score, log_loss

from tabular_lstm.network.calibration import (
    TEMPERATURES,
    choose_threshold,
    fit_temperature,
    log_losses,
)
from tabular_lstm.parameters import Objective

ACCURACY, F1 = Objective(kind="accuracy"), Objective(kind="f1")


def costs_of(false_positive: float, false_negative: float) -> Objective:
    costs = {"false_positive": false_positive, "false_negative": false_negative}
    return Objective.model_validate({"kind": "costs", "costs": costs})


objectives = st.one_of(
    st.sampled_from([ACCURACY, F1]),
    st.builds(costs_of, *[st.integers(1, 9).map(float)] * 2),
)


def test_calibrating_does_not_wait_for_tensorflow() -> None:
    program = (
        "import sys, tabular_lstm.network.calibration as _; print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "False"


# Log losses


def test_log_losses_are_scikit_learns_for_any_logits_that_are_not_extreme() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 5, 200), rng.integers(0, 2, 200)
    losses = log_losses(labels, logits)
    assert losses.shape == (200,)
    assert losses.mean() == pytest.approx(log_loss(labels, expit(logits)), rel=1e-9)
    one_by_one = [log_loss(labels[[i]], expit(logits[[i]]), labels=[0, 1]) for i in range(200)]
    np.testing.assert_allclose(losses, one_by_one, rtol=1e-6)


def test_log_losses_of_extreme_logits_are_finite() -> None:
    losses = log_losses(np.array([0, 1, 0, 1]), np.array([800.0, -800.0, -800.0, 800.0]))
    np.testing.assert_array_equal(losses, [800, 800, 0, 0])


# Temperature


def overconfident(times: float, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn by logits, and those logits so many times too large."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0.3, 2, rows)
    return (rng.random(rows) < expit(logits)).astype(int), times * logits


def platt(labels: np.ndarray) -> np.ndarray:
    """Targets that are a row short of sure."""
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


@pytest.mark.parametrize("times", [0.3, 0.7, 1.0, 2.0, 4.0])
def test_the_temperature_has_the_lowest_log_loss_of_all_and_undoes_overconfidence(
    times: float,
) -> None:
    labels, logits = overconfident(times)
    temperature = fit_temperature(labels, logits)
    grid = np.geomspace(*TEMPERATURES, 2001)
    losses = [log_losses(platt(labels), logits / candidate).mean() for candidate in grid]
    assert temperature == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    assert log_losses(platt(labels), logits / temperature).mean() <= min(losses) + 1e-9
    assert temperature == pytest.approx(times, rel=0.1)


@pytest.mark.parametrize(
    ("labels", "logits", "bound"),
    [
        ([0, 1] * 500, [-0.01, 0.01] * 500, TEMPERATURES[0]),
        ([1, 1, 0, 0], [-2.0, -1.0, 1.0, 2.0], TEMPERATURES[1]),
        ([0, 0, 0], [0.5, 1.0, 0.7], TEMPERATURES[1]),
        ([0, 1] * 10, [3.0] * 20, TEMPERATURES[1]),
    ],
)
def test_where_no_temperature_is_best_it_stays_within_bounds(
    labels: list[int], logits: list[float], bound: float
) -> None:
    temperature = fit_temperature(np.array(labels), np.array(logits))
    assert TEMPERATURES[0] <= temperature <= TEMPERATURES[1]
    assert temperature == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        ([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0]),
        ([0, 0, 1, 1], [-20.0, -10.0, 10.0, 20.0]),
        ([1], [0.5]),
        ([1, 1, 1], [0.5, 1.0, 0.7]),
        ([0] * 40 + [1], [-9.0] * 40 + [9.0]),
    ],
)
def test_few_rows_on_their_side_do_not_make_a_probability_sure(
    labels: list[int], logits: list[float]
) -> None:
    temperature = fit_temperature(np.array(labels), np.array(logits))
    probabilities = expit(np.array(logits) / temperature)
    assert probabilities.min() > 0.005
    assert probabilities.max() < 0.995


def test_logits_of_zero_have_a_temperature() -> None:
    temperature = fit_temperature(np.array([0, 1, 1]), np.zeros(3))
    assert TEMPERATURES[0] <= temperature <= TEMPERATURES[1]


# Threshold


def served(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, objective: Objective
) -> float:
    """How well a threshold serves, row by row; more is better."""
    called = probabilities >= threshold
    if objective.kind == "f1":
        return float(f1_score(labels, called, zero_division=0))
    if objective.kind == "accuracy":
        return float((called == labels).mean())
    costs = objective.costs
    false_positives = (called & (labels == 0)).sum()
    false_negatives = (~called & (labels == 1)).sum()
    return -float(costs.false_positive * false_positives + costs.false_negative * false_negatives)


def best(labels: np.ndarray, probabilities: np.ndarray, objective: Objective) -> float:
    """How well the best of all probabilities serves as threshold."""
    above = np.nextafter(probabilities, 2)
    thresholds = np.unique([0.0, 1.0, *probabilities, *above[above <= 1]])
    return max(served(labels, probabilities, threshold, objective) for threshold in thresholds)


def rows_with(probabilities: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """One to thirty rows of a label and a probability."""
    return st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=1, max_size=30)


@given(rows_with(st.integers(1, 19).map(lambda twentieths: twentieths / 20)), objectives)
@settings(deadline=None, max_examples=300)
def test_no_threshold_serves_better_even_among_ties(
    rows: list[tuple[int, float]], objective: Objective
) -> None:
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    threshold = choose_threshold(labels, probabilities, objective)
    assert 0 <= threshold <= 1
    measured = served(labels, probabilities, threshold, objective)
    assert measured == pytest.approx(best(labels, probabilities, objective), abs=1e-12)


SATURATED = [(0, 1.0), (0, 1.0), (1, 0.5)]
ADJACENT = [(0, 0.3), (1, float(np.nextafter(0.3, 1)))]


@given(rows_with(st.sampled_from([0.0, 1.0, 0.5]) | st.floats(0, 1)), objectives)
@example(SATURATED, ACCURACY)
@example([(0, 1.0), (1, 1.0), (0, 1.0)], costs_of(1, 1))
@example([(0, 0.0), (1, 0.0)], costs_of(1, 3))
@example(ADJACENT, ACCURACY)
@example(ADJACENT, F1)
@settings(deadline=None, max_examples=300)
def test_no_threshold_serves_better_whatever_the_probabilities(
    rows: list[tuple[int, float]], objective: Objective
) -> None:
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    threshold = choose_threshold(labels, probabilities, objective)
    measured = served(labels, probabilities, threshold, objective)
    assert measured >= best(labels, probabilities, objective) - 1e-12


@given(rows_with(st.integers(1, 19).map(lambda twentieths: twentieths / 20)), objectives)
@settings(deadline=None, max_examples=300)
def test_of_thresholds_that_serve_alike_the_natural_one_or_the_middle_closest_to_it_is_taken(
    rows: list[tuple[int, float]], objective: Objective
) -> None:
    labels, probabilities = map(np.array, zip(*rows, strict=True))
    threshold = choose_threshold(labels, probabilities, objective)
    costs = objective.costs
    natural = costs.false_positive / (costs.false_positive + costs.false_negative)
    highest = best(labels, probabilities, objective)

    def serves_best(candidate: float) -> bool:
        measured = served(labels, probabilities, candidate, objective)
        return measured == pytest.approx(highest, abs=1e-12)

    if serves_best(natural):
        assert threshold == natural
    else:
        ends = np.unique([0.0, *probabilities, 1.0])
        middles = [middle for middle in (ends[1:] + ends[:-1]) / 2 if serves_best(middle)]
        distance = min(abs(middle - natural) for middle in middles)
        assert abs(threshold - natural) == pytest.approx(distance)
        assert any(threshold == pytest.approx(middle) for middle in middles)


@pytest.mark.parametrize(
    ("objective", "natural"),
    [(ACCURACY, 0.5), (F1, 0.5), (costs_of(1, 3), 0.25), (costs_of(4, 1), 0.8)],
)
def test_separable_classes_have_the_natural_threshold_where_it_separates_them(
    objective: Objective, natural: float
) -> None:
    labels = np.array([0, 0, 1, 1])
    assert choose_threshold(labels, np.array([0.1, 0.2, 0.85, 0.9]), objective) == natural
    assert choose_threshold(labels, np.array([0.01, 0.05, 0.11, 0.9]), objective) == (
        pytest.approx(0.08)
    )
    assert choose_threshold(labels, np.array([0.81, 0.9, 0.96, 0.99]), objective) == (
        pytest.approx(0.93)
    )


@pytest.mark.parametrize(
    ("share", "objective", "called"),
    [
        (0.3, ACCURACY, False),
        (0.7, ACCURACY, True),
        (0.3, F1, True),
        (0.3, costs_of(1, 4), True),
        (0.7, costs_of(4, 1), False),
    ],
)
@pytest.mark.parametrize("probability", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_rows_of_one_probability_are_all_called_what_serves_best(
    share: float, objective: Objective, called: bool, probability: float
) -> None:
    labels = (np.arange(10) < 10 * share).astype(int)
    threshold = choose_threshold(labels, np.full(10, probability), objective)
    assert (probability >= threshold) == called


@pytest.mark.parametrize("objective", [ACCURACY, F1, costs_of(1, 5)])
def test_the_order_of_the_rows_does_not_count(objective: Objective) -> None:
    rng = np.random.default_rng(2)
    labels, probabilities = rng.integers(0, 2, 60), rng.integers(1, 20, 60) / 20
    expected = choose_threshold(labels, probabilities, objective)
    for _ in range(5):
        order = rng.permutation(60)
        assert choose_threshold(labels[order], probabilities[order], objective) == expected


def test_a_costlier_error_moves_the_threshold_away_from_it() -> None:
    labels, logits = overconfident(1.0)
    cheap, even, dear = (
        choose_threshold(labels, expit(logits), costs_of(1, false_negative))
        for false_negative in (0.2, 1, 5)
    )
    assert dear < even < cheap
    assert even == choose_threshold(labels, expit(logits), ACCURACY)
    assert choose_threshold(labels, expit(logits), costs_of(3, 3)) == pytest.approx(even)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("objective", [ACCURACY, F1, costs_of(1, 5)])
def test_rows_of_one_class_have_a_threshold_without_a_warning(
    label: int, objective: Objective
) -> None:
    labels, probabilities = np.full(3, label), np.array([0.2, 0.6, 0.7])
    with np.errstate(all="raise"):
        threshold = choose_threshold(labels, probabilities, objective)
    assert 0 < threshold < 1
    measured = served(labels, probabilities, threshold, objective)
    assert measured == best(labels, probabilities, objective)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
def test_labels_of_any_type_give_the_same(dtype: type) -> None:
    labels, logits = overconfident(1.5, rows=100)
    probabilities = expit(logits)
    typed = labels.astype(dtype)
    assert fit_temperature(typed, logits) == fit_temperature(labels, logits)
    for objective in (ACCURACY, F1):
        expected = choose_threshold(labels, probabilities, objective)
        assert choose_threshold(typed, probabilities, objective) == expected
