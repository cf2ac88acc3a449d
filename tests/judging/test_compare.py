"""The judge as a function: it says what the gate says, and as often as its confidence promises."""

import subprocess
import sys

import numpy as np
import pytest

from tabular_lstm import compare

ROWS = 200


@pytest.mark.long
@pytest.mark.no_cover  # a thousand times the same
def test_equal_models_are_called_better_and_worse_as_often_as_the_confidence_says() -> None:
    rng = np.random.default_rng(5)
    verdicts = []
    for _ in range(1000):
        labels = rng.normal(size=ROWS)
        one, other = labels + rng.normal(size=(2, ROWS))
        verdicts.append(compare(labels, one, other, task="number").verdict)
    for verdict in ("better", "worse"):
        assert 15 <= verdicts.count(verdict) <= 35


def test_a_candidate_is_told_from_a_champion_in_each_task() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["no", "yes"])[rng.integers(2, size=400)]
    sure = np.where(labels == "yes", 0.8, 0.2) + rng.uniform(-0.15, 0.15, 400)
    half = np.clip(sure + rng.normal(scale=0.3, size=400), 0.01, 0.99)
    better = compare(labels, candidate=sure, champion=half)
    assert (better.verdict, better.not_worse) == ("better", True)
    assert better.sentence.startswith("not worse than the champion (")
    worse = compare(labels, candidate=np.stack([1 - half, half], axis=1), champion=sure)
    assert (worse.verdict, worse.not_worse) == ("worse", False)
    assert worse.candidate == better.champion
    assert "worse than the champion by more than the tolerance" in worse.sentence
    wide = compare(labels, half, sure, tolerance={"roc_auc": 0.5, "log_loss": 2})
    assert (wide.verdict, wide.not_worse) == ("worse", True)

    classes = rng.integers(3, size=300)
    right = np.full((300, 3), 0.1) + 0.7 * np.eye(3)[classes]
    assert compare(classes, right, np.full((300, 3), 1 / 3), task="classes").verdict == "better"

    value = rng.lognormal(size=300)
    median = compare(value, value * 1.1, value * 2, task="median")
    assert [*median.differences] == ["mae"]
    assert {*median.candidate} == {"rmse", "mae", "r2", "rmsle"}


def test_rows_of_a_group_are_drawn_together_and_rows_count_by_their_weight() -> None:
    rng = np.random.default_rng(1)
    customer = np.repeat(rng.permutation(30), 10)
    labels = rng.normal(size=300)
    one, other = (labels + rng.normal(size=30)[customer] for _ in range(2))

    def width(**arguments: np.ndarray) -> float:
        low, high = compare(labels, one, other, task="number", **arguments).intervals["rmse"]
        return high - low

    assert width(groups=np.array([f"C{one}" for one in customer])) > 1.5 * width()
    # Only the proportions of weights count, and a row that counts little changes little.
    light = np.where(np.arange(300) < 150, 1e-9, 2)
    half = compare(labels[150:], one[150:], other[150:], task="number")
    weighted = compare(labels, one, other, task="number", weights=light)
    assert weighted.candidate["rmse"][0] == pytest.approx(half.candidate["rmse"][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0, 1, None, 1]}, r"labels: .* got shape \(4,\) with 1 missing"),
        ({"labels": [0, 1, 2, 1]}, "task 'two classes' with 3 different labels"),
        ({"task": "regression"}, "expected 'two classes' with two"),
        ({"candidate": [0.1, np.inf, 0.2, 0.8]}, "candidate: expected .* with 2 infinite"),
        ({}, "too few rows, or groups, of class 0 to compare two models: 2; "),
        (
            {"candidate": [0.1, 0.2]},
            r"candidate: expected shape \(4, 2\) for 4 rows of .*; got shape \(2, 2\)",
        ),
        ({"champion": [-1, 0.2, 3, 0.4]}, "champion: expected probabilities of 0 or more"),
        ({"weights": [1, 1, -1, 1]}, "weights: expected numbers above 0"),
        ({"groups": [1, 2, np.nan, 4]}, "groups: .* 1 missing"),
        ({"tolerance": {"roc_aux": 0.1}}, "roc_auc"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: dict, message: str) -> None:
    usual = {"labels": [0, 1, 0, 1], "candidate": [0.1, 0.9, 0.2, 0.8], "champion": [0.5] * 4}
    with pytest.raises(ValueError, match=message):
        compare(**{**usual, **arguments})


def test_neither_kedro_nor_tensorflow_is_imported() -> None:
    code = (
        "import sys; from tabular_lstm import compare; "
        "compare([0, 1] * 20, [.2, .9] * 20, [.5] * 40);"
        "print(*{'kedro', 'tensorflow', 'keras'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
