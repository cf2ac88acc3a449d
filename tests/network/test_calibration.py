"""Temperature and threshold against a search of all there are."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import f1_score

from tabular_lstm.network.outputs import OUTPUTS, TEMPERATURES, choose_threshold
from tabular_lstm.parameters.hyperparameters import Objective
from tabular_lstm.task import TWO_CLASSES

OF_TWO = OUTPUTS[TWO_CLASSES]
ACCURACY, F1 = Objective(kind="accuracy"), Objective(kind="f1")


def costs_of(false_positive: float, false_negative: float) -> Objective:
    costs = {"false_positive": false_positive, "false_negative": false_negative}
    return Objective.model_validate({"kind": "costs", "costs": costs})


objectives = st.one_of(
    st.sampled_from([ACCURACY, F1]),
    st.builds(costs_of, *[st.integers(1, 9).map(float)] * 2),
)


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
    outputs = logits[:, None]
    temperature = OF_TWO.fit_temperature(labels, outputs)
    grid = np.geomspace(*TEMPERATURES, 2001)
    losses = [OF_TWO.losses(platt(labels), outputs / candidate).mean() for candidate in grid]
    assert temperature == pytest.approx(grid[np.argmin(losses)], rel=2e-3)
    assert OF_TWO.losses(platt(labels), outputs / temperature).mean() <= min(losses) + 1e-9
    assert temperature == pytest.approx(times, rel=0.1)


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
    temperature = OF_TWO.fit_temperature(np.array(labels), np.array(logits)[:, None])
    probabilities = expit(np.array(logits) / temperature)
    assert probabilities.min() > 0.005
    assert probabilities.max() < 0.995


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


@pytest.mark.long
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
