"""The gate lets through what it should, says why not, and keeps its declared confidence."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging import gate
from tabular_lstm.judging.metrics import bootstrap, point_metrics

TOLERANCE = {"log_loss": 0.02, "roc_auc": 0.02}
DATA = {
    "rows": 1000,
    "valid_rows": 990,
    "quarantined_rows": 10,
    "features": ["age", "bmi"],
    "label_share": 0.35,
    "split": {"salt": "a", "test_fraction": 0.2, "key": None},
}


def differ(
    log_loss: tuple[float, float, float], roc_auc: tuple[float, float, float]
) -> gate.Difference:
    """Make a difference of (difference, at_worst, at_best) for each metric."""
    names = ("difference", "at_worst", "at_best")
    return {
        "log_loss": dict(zip(names, log_loss, strict=True)),
        "roc_auc": dict(zip(names, roc_auc, strict=True)),
    }


EQUAL = differ((0, 0.01, -0.01), (0, -0.01, 0.01))
BETTER = differ((-0.1, -0.05, -0.15), (0.3, 0.2, 0.4))


# Differences


def compare(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, confidence: float = 0.95
) -> gate.Difference:
    models = {"one": one, "other": other}
    thresholds = dict.fromkeys(models, 0.5)
    resampled = bootstrap(labels, models, thresholds, 1000, 0)
    points = {name: point_metrics(labels, p, 0.5) for name, p in models.items()}
    return gate.difference(
        points["one"], points["other"], resampled["one"], resampled["other"], confidence
    )


def rows(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw probabilities, and labels by them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0.02, 0.98, count)
    return (rng.random(count) < probabilities).astype(int), probabilities


def blurred(probabilities: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    """Mix noise in."""
    noise = np.random.default_rng(seed).uniform(0.02, 0.98, len(probabilities))
    return (1 - share) * probabilities + share * noise


def test_a_worse_model_is_worse_on_both_sides_of_the_bounds() -> None:
    labels, p = rows(2000)
    compared = compare(labels, blurred(p, 0.8), p)
    loss, auc = compared["log_loss"], compared["roc_auc"]
    assert 0 < loss["at_best"] < loss["difference"] < loss["at_worst"]
    assert auc["at_worst"] < auc["difference"] < auc["at_best"] < 0
    assert gate.not_shown(compared, TOLERANCE).keys() == {"log_loss", "roc_auc"}


def test_swapping_the_models_swaps_the_bounds() -> None:
    labels, p = rows(500)
    there, back = compare(labels, blurred(p, 0.3), p), compare(labels, p, blurred(p, 0.3))
    for metric in gate.WORSE:
        for name, other in (("difference", "difference"), ("at_worst", "at_best")):
            assert there[metric][name] == pytest.approx(-back[metric][other])
        assert there[metric]["detectable"] == pytest.approx(back[metric]["detectable"])


def test_the_same_predictions_differ_by_nothing() -> None:
    labels, p = rows(300)
    compared = compare(labels, p, p)
    for numbers in compared.values():
        assert set(numbers.values()) == {0}
    assert not gate.not_shown(compared, {"log_loss": 0, "roc_auc": 0})


def test_more_confidence_asks_for_more_and_more_rows_show_more() -> None:
    labels, p = rows(400)
    other = blurred(p, 0.1)
    sure, surer = compare(labels, other, p), compare(labels, other, p, 0.99)
    many = compare(*(np.tile(values, 16) for values in (labels, other, p)))
    for metric, sign in gate.WORSE.items():
        assert sign * surer[metric]["at_worst"] > sign * sure[metric]["at_worst"]
        assert surer[metric]["detectable"] > sure[metric]["detectable"]
        assert many[metric]["detectable"] == pytest.approx(sure[metric]["detectable"] / 4, rel=0.15)


def test_what_is_detectable_is_what_is_detected_four_times_of_five() -> None:
    """On fresh rows with that true difference, the bound leaves no difference out at 80 %."""
    labels, p = rows(200_000)
    other = blurred(p, 0.22)
    whole = compare_once(labels, other, p)
    size = 600
    tested = [
        compare(labels[start : start + size], other[start : start + size], p[start : start + size])
        for start in range(0, 120 * size, size)
    ]
    detectable = np.median([numbers["log_loss"]["detectable"] for numbers in tested])
    shown = np.mean([numbers["log_loss"]["at_best"] > 0 for numbers in tested])
    # The true difference is about the detectable one, so the share must be about 0.8.
    assert whole == pytest.approx(detectable, rel=0.25)
    assert 0.6 < shown < 0.95


def compare_once(labels: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    one_points, other_points = (point_metrics(labels, p, 0.5) for p in (one, other))
    return float(one_points["log_loss"] - other_points["log_loss"])


def test_ties_with_the_point_do_not_let_rounding_choose_the_bound() -> None:
    values = np.r_[np.zeros(600), np.linspace(-0.03, 0.03, 400)]
    bounds = [gate._bounds(values, point, 0.95) for point in (-1e-17, 0.0, 1e-17)]
    assert len(set(bounds)) == 1


def test_what_few_rows_decide_is_bounded_further_out() -> None:
    """The bound moves to where the long tail is."""
    rng = np.random.default_rng(0)
    even, skewed = rng.normal(size=20_000), rng.exponential(size=20_000) - 1
    assert gate._bounds(even, 0.0, 0.95)[1] == pytest.approx(np.quantile(even, 0.95), abs=0.05)
    low, high = gate._bounds(skewed, 0.0, 0.95)
    assert high > np.quantile(skewed, 0.95) + 0.3
    assert low > np.quantile(skewed, 0.05)


def test_a_bound_that_is_no_number_rules_nothing_out() -> None:
    unknown = differ((0, np.nan, np.nan), (0, np.nan, np.nan))
    assert gate.not_shown(unknown, TOLERANCE) == unknown
    assert not gate.check_floor(unknown, EQUAL, 100, 0)["passed"]
    assert not gate.check_floor(BETTER, unknown, 100, 0)["passed"]
    assert all(np.isnan(gate._bounds(np.array([]), 0.0, 0.95)))


# Check 1


def check_data(before: dict[str, Any] | None, **changes: Any) -> gate.Check:
    return gate.check_data({**DATA, **changes}, before, (0.75, 2.0), 0.1, 0.05)


def test_the_first_data_need_only_be_clean() -> None:
    first = check_data(None)
    assert first["passed"]
    assert first["sentence"] == "1.0 % of 1000 rows quarantined"
    refused = check_data(None, quarantined_rows=60)
    assert not refused["passed"]
    assert refused["sentence"] == (
        "the data are not as expected: 6.0 % of 1000 rows quarantined (expected at most "
        "5.0 %). If that is meant, widen validation.max_quarantined_fraction"
    )


def test_data_like_the_champions_pass() -> None:
    checked = check_data(DATA, valid_rows=1500, features=["bmi", "age"], label_share=0.4)
    assert checked["passed"]
    assert checked["valid_rows"] == [990, 1500]
    assert checked["row_ratio"] == pytest.approx(1500 / 990)
    assert checked["label_share"] == [0.35, 0.4]
    assert (checked["new_features"], checked["gone_features"]) == ([], [])
    assert checked["same_split"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"valid_rows": 495},
            "495 valid rows, 0.50 times the champion's 990 (expected 0.75 to 2 times). If that is "
            "meant, widen promotion.row_ratio",
        ),
        ({"valid_rows": 2000}, "2000 valid rows, 2.02 times the champion's 990 (expected"),
        (
            {"label_share": 0.5},
            "50.0 % positive against the champion's 35.0 % (expected at most 10 points of "
            "difference). If that is meant, widen promotion.max_label_share_change",
        ),
        (
            {"label_share": 0.5, "valid_rows": 9900, "features": ["age"]},
            "If that is meant, widen promotion.row_ratio and promotion.max_label_share_change; "
            "--params promotion.start_over=true judges without the champion",
        ),
        ({"features": ["age", "sex"]}, "other features than the champion's (new: sex; gone: bmi)"),
        (
            {"features": ["age"]},
            "(gone: bmi). If that is meant, --params promotion.start_over=true judges without",
        ),
        (
            {"split": {**DATA["split"], "salt": "b", "key": "id"}},  # type: ignore[dict-item]
            "key, salt changed since the champion's run, which may have been trained on rows that",
        ),
        (
            {"split": {**DATA["split"], "positive_class": "yes"}},  # type: ignore[dict-item]
            "positive_class changed since the champion's run, whose labels do not mean the same",
        ),
        (
            {"split": {**DATA["split"], "positive_class": "yes", "salt": "b"}},  # type: ignore[dict-item]
            "positive_class, salt changed since the champion's run, which may have been trained on",
        ),
        ({"quarantined_rows": 51}, "5.1 % of 1000 rows quarantined (expected at most 5.0 %)"),
    ],
)
def test_data_unlike_the_champions_do_not(changes: dict[str, Any], said: str) -> None:
    checked = check_data(DATA, **changes)
    assert not checked["passed"]
    assert checked["sentence"].startswith("the data are not as expected: ")
    assert said in checked["sentence"]


def test_limits_are_within() -> None:
    assert check_data({**DATA, "valid_rows": 1000}, valid_rows=750)["passed"]
    assert check_data({**DATA, "valid_rows": 1000}, valid_rows=2000)["passed"]
    assert not check_data({**DATA, "valid_rows": 1000}, valid_rows=749)["passed"]
    assert check_data(None, quarantined_rows=50)["passed"]


# Check 2


def test_a_candidate_above_the_floor_passes() -> None:
    assert gate.check_floor(BETTER, EQUAL, 100, 0)["passed"]
    # Worse than logistic regression, but not clearly.
    unclear = differ((0.05, 0.2, -0.001), (-0.05, -0.2, 0.001))
    assert gate.check_floor(BETTER, unclear, 100, 0)["passed"]


@pytest.mark.parametrize(
    ("majority", "logistic", "missing", "said"),
    [
        (
            differ((-0.1, 0.0, -0.2), (0.3, 0.2, 0.4)),
            EQUAL,
            0,
            "not shown to be better than the maj",
        ),
        (
            differ((-0.1, -0.05, -0.2), (0, 0, 0)),
            EQUAL,
            0,
            "not shown to be better than the majori",
        ),
        (
            BETTER,
            differ((0.05, 0.1, 0.001), (0, -0.1, 0.1)),
            0,
            "clearly worse than logistic regre",
        ),
        (BETTER, differ((0, 0.1, -0.1), (-0.05, -0.1, -0.001)), 0, "ROC AUC -0.0500, at best -0.0"),
        (BETTER, EQUAL, 3, "gives no probability for 3 of 100 test rows"),
    ],
)
def test_a_candidate_below_the_floor_does_not(
    majority: gate.Difference, logistic: gate.Difference, missing: int, said: str
) -> None:
    checked = gate.check_floor(majority, logistic, 100, missing)
    assert not checked["passed"]
    assert said in checked["sentence"]


# Check 3


def check_champions(
    compared: dict[str, gate.Difference],
    champion: str | None = "b",
    metrics: dict[str, dict[str, float]] | None = None,
    not_compared: dict[str, str] | None = None,
    start_over: bool = False,
) -> gate.Check:
    same = {run: {"log_loss": 0.5, "roc_auc": 0.8} for run in compared}
    return gate.check_champions(
        compared, metrics or same, not_compared or {}, champion, TOLERANCE, 147, start_over
    )


def test_without_a_champion_there_is_nothing_to_lose_to() -> None:
    checked = check_champions({}, champion=None)
    assert checked["passed"]
    assert checked["sentence"] == "there was no champion to compare with"


@pytest.mark.parametrize(
    ("difference", "passed", "said"),
    [
        (EQUAL, True, "not worse than the champion b (log loss +0.0000, at worst +0.0100, ROC AUC"),
        (differ((0, 0.02, -0.02), (0, -0.02, 0.02)), True, "not worse"),
        (
            differ((0, 0.0201, -0.1), (0, -0.01, 0.1)),
            False,
            "147 test rows cannot rule out that the",
        ),
        (
            differ((0, 0.01, -0.1), (0, -0.0201, 0.1)),
            False,
            "tolerance (ROC AUC 0.02): ROC AUC +0.0",
        ),
        (
            differ((0.05, 0.1, 0.01), (0, -0.01, 0.1)),
            False,
            "the candidate is worse than the champ",
        ),
    ],
)
def test_the_bound_decides_and_not_the_difference(
    difference: gate.Difference, passed: bool, said: str
) -> None:
    checked = check_champions({"b": difference})
    assert checked["passed"] is passed
    assert said in checked["sentence"]
    assert checked["seen_worse"] is ("the candidate is worse" in said)


def test_small_losses_do_not_add_up() -> None:
    """Each metric is held against the kept champion that is best in it."""
    metrics = {
        "b": {"log_loss": 0.51, "roc_auc": 0.79},
        "a": {"log_loss": 0.50, "roc_auc": 0.79},
        "c": {"log_loss": 0.52, "roc_auc": 0.80},
    }
    compared = {
        "b": EQUAL,
        "a": differ((0.01, 0.03, 0), (0, -0.9, 0.1)),
        "c": differ((0, 0.9, 0), (-0.01, -0.015, 0)),
    }
    checked = check_champions(compared, metrics=metrics)
    assert checked["best"] == {"log_loss": "a", "roc_auc": "c"}
    assert not checked["passed"]
    assert checked["sentence"] == (
        "147 test rows cannot rule out that the candidate is worse than the best of the kept "
        "champions, a, by more than the tolerance (log loss 0.02): log loss +0.0100, at worst "
        "+0.0300"
    )
    assert check_champions({**compared, "a": EQUAL}, metrics=metrics)["passed"]


def test_a_champion_that_cannot_be_compared_with_is_no_free_pass() -> None:
    why = {"b": "its artifact is gone"}
    checked = check_champions({}, not_compared=why)
    assert not checked["passed"]
    assert checked["sentence"] == (
        "not compared with the champion b: its artifact is gone; --params "
        "promotion.start_over=true judges without the champion"
    )
    assert check_champions({}, not_compared=why, start_over=True)["passed"]


# Check 4


def test_the_file_must_give_what_was_judged() -> None:
    judged = np.array([0.1, 0.5, np.nan])
    assert gate.check_artifact(judged, judged + 1e-9, "f")["passed"]
    for other in (judged + 1e-5, np.array([0.1, np.nan, np.nan]), np.array([0.1, 0.5, 0.9])):
        checked = gate.check_artifact(judged, other, "f")
        assert not checked["passed"]
        assert "other probabilities for" in checked["sentence"]
        assert "of 3 golden rows" in checked["sentence"]


# The verdict


def test_the_first_check_that_fails_is_the_reason() -> None:
    names = ("data", "floor", "champion", "artifact")
    checks = [{"check": n, "passed": True, "sentence": f"{n} is well"} for n in names]
    assert gate.verdict(checks) == (True, "champion is well; floor is well")
    for failing in ("artifact", "champion", "floor", "data"):
        for check in checks:
            if check["check"] == failing:
                check |= {"passed": False, "sentence": f"{failing} is ill"}
        assert gate.verdict(checks) == (False, f"{failing} is ill")
