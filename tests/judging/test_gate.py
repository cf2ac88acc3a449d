"""The gate lets through what it should, and says why not: floor, champions, artifact, outcome."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from tabular_lstm.judging import gate
from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.judging.comparison import ZERO_AND_ONE, Comparison, Difference, Evaluation
from tabular_lstm.judging.gate import (
    ChampionCheck,
    Check,
    ComparedChampion,
    FloorCheck,
    check_artifact,
)
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.rows.weights import scaled
from tests.helpers.judged import both, ruled
from tests.helpers.judged_tasks import FOUR, OF_NUMBER, RESAMPLED, classes_of, judge, numbers_of

PROMOTION = PromotionOptions()
TOLERANCE = PROMOTION.tolerance
START_OVER = PROMOTION.model_copy(update={"start_over": True})
Triple = tuple[float, float, float]


def differ(log_loss: Triple, roc_auc: Triple) -> Comparison:
    """Make a comparison of (difference, at_worst, at_best) for each metric."""
    return {
        metric: Difference(difference=point, at_worst=worst, at_best=best, detectable=0.03)
        for metric, (point, worst, best) in (("log_loss", log_loss), ("roc_auc", roc_auc))
    }


EQUAL = differ((0, 0.01, -0.01), (0, -0.01, 0.01))
BETTER = differ((-0.1, -0.05, -0.15), (0.3, 0.2, 0.4))
UNKNOWN = differ((0, np.nan, np.nan), (0, np.nan, np.nan))


@dataclass(frozen=True)
class Told(Evaluation):
    """Judged models whose comparisons with the candidate are given."""

    comparisons: dict[str, Comparison] = field(default_factory=dict)

    def compare(self, one: str, other: str, confidence: float) -> Comparison:
        assert (one, confidence) == (CANDIDATE, PROMOTION.confidence)
        return self.comparisons[other]


def told(comparisons: dict[str, Comparison], rows: int, missing: int = 0) -> Evaluation:
    without = {CANDIDATE: missing}
    return Told(np.arange(rows) % 2, without_prediction=without, comparisons=comparisons)


def test_a_bound_that_is_no_number_rules_nothing_out() -> None:
    assert all(difference.is_worse_by(1, 1, "at_worst") for difference in UNKNOWN.values())
    assert not check_floor(UNKNOWN, EQUAL).passed
    assert not check_floor(BETTER, UNKNOWN).passed
    assert not check_champions({"b": UNKNOWN}).passed


def check_floor(
    majority: Comparison, logistic: Comparison, missing: int = 0, rows: int = 100
) -> FloorCheck:
    beside = {"majority_class": majority, "logistic_regression": logistic}
    return gate.check_floor(told(beside, rows=rows, missing=missing), PROMOTION)


def test_few_test_rows_of_a_class_promote_nothing() -> None:
    needed = PROMOTION.min_test_rows_per_class
    assert check_floor(BETTER, EQUAL, rows=2 * needed).passed
    few = check_floor(BETTER, EQUAL, rows=2 * needed - 1)
    assert (few.passed, few.smaller_class_rows, few.enough_rows) == (False, needed - 1, False)
    assert few.sentence == (
        f"there are {needed - 1} test rows of class 1, too few to tell a good candidate from a "
        f"lucky one: expected at least {needed} of each class "
        "(promotion.min_test_rows_per_class). Wait for more rows, or raise split.test_fraction"
    )
    # With almost all the weight on a few rows, the effective number counts.
    labels = np.random.default_rng(0).integers(2, size=120)
    weights = scaled(np.where(np.arange(120) < 20, 1e4, 1.0))
    p = np.clip(0.3 + 0.4 * labels, 0.01, 0.99)
    half, told = both(np.full(120, 0.5)), both(p)
    models = {CANDIDATE: told, "majority_class": half, "logistic_regression": told}
    for by, enough in ((None, True), (weights, False)):
        judged = Evaluation(labels, by).with_models(
            ruled(models, dict.fromkeys(models, 0.5)), RESAMPLED
        )
        check = gate.check_floor(judged, PROMOTION)
        assert check.passed is check.enough_rows is enough
    assert check.smaller_class_rows < 12
    assert "the effective number by their weights, too few to tell a good" in check.sentence


NO_BETTER = "not shown to be better than the majority class"


@pytest.mark.parametrize(
    ("majority", "logistic", "missing", "sentence"),
    [
        (differ((-0.1, 0.0, -0.2), (0.3, 0.2, 0.4)), EQUAL, 0, NO_BETTER),
        (differ((-0.1, -0.05, -0.2), (0, 0, 0)), EQUAL, 0, NO_BETTER),
        (BETTER, differ((0.05, 0.1, 0.001), (0, -0.1, 0.1)), 0, "clearly worse than logistic"),
        (BETTER, differ((0, 0.1, -0.1), (-0.05, -0.1, -0.001)), 0, "ROC AUC -0.0500, at best -0.0"),
        (BETTER, EQUAL, 3, "gives no probability for 3 of 100 test rows"),
    ],
)
def test_a_candidate_below_the_floor_does_not_pass_and_one_above_does(
    majority: Comparison, logistic: Comparison, missing: int, sentence: str
) -> None:
    below = check_floor(majority, logistic, missing)
    assert not below.passed
    assert sentence in below.sentence
    checked = check_floor(BETTER, EQUAL)
    assert (checked.passed, checked.rows_without_probability) == (True, 0)
    assert (checked.majority_class, checked.logistic_regression) == (BETTER, EQUAL)
    assert checked.sentence == (
        "better than the majority class (log loss -0.1000, at worst -0.0500, and ROC AUC +0.3000, "
        "at worst +0.2000) and not clearly worse than logistic regression (log loss +0.0000, at "
        "best -0.0100, and ROC AUC +0.0000, at best +0.0100)"
    )
    # Worse than logistic regression, but not clearly.
    assert check_floor(BETTER, differ((0.05, 0.2, -0.001), (-0.05, -0.2, 0.001))).passed
    # Clearly worse, but by no more than the tolerance.
    assert check_floor(BETTER, differ((0.02, 0.03, 0.01), (-0.02, -0.03, -0.01))).passed
    assert not check_floor(BETTER, differ((0.0201, 0.03, 0.0001), (0, -0.01, 0.01))).passed


def test_a_clear_loss_to_the_linear_baseline_that_does_not_matter_rejects_nothing() -> None:
    """Of 20,000 rows, the candidate's log loss is 0.0025 behind, and clearly."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 20_000)
    labels = (rng.random(len(p)) < p).astype(int)
    noise = rng.normal(0, 0.11, len(p))
    candidate = 1 / (1 + np.exp(noise) * (1 - p) / p)
    models = {CANDIDATE: both(candidate), "majority_class": both(np.full(len(p), 0.5))}
    models["logistic_regression"] = both(p)
    judged = judge(ZERO_AND_ONE, labels, 0.5, **models)
    floor = gate.check_floor(judged, PROMOTION)
    beside = floor.logistic_regression["log_loss"]
    assert 0.001 < beside.at_best < beside.difference < 0.0035
    champion = gate.check_champions(judged, [], PROMOTION)
    data, drift, artifact = (
        Check(name=name, passed=True, sentence=name) for name in ("data", "drift", "artifact")
    )
    promoted, reason = gate.outcome([data, drift, floor, champion, artifact])
    assert promoted
    assert (
        " and worse than logistic regression by no more than the tolerance (log loss 0.02, ROC AUC "
        f"0.02): log loss +{beside.difference:.4f}, at best +{beside.at_best:.4f}, and ROC AUC -"
    ) in reason
    narrow = PROMOTION.model_copy(update={"tolerance": {"log_loss": 0.001, "roc_auc": 0.02}})
    rejected = gate.check_floor(judged, narrow)
    assert not rejected.passed
    assert rejected.sentence == (
        "the candidate is clearly worse than logistic regression, and by more than the tolerance "
        f"(log loss 0.001): log loss +{beside.difference:.4f}, at best +{beside.at_best:.4f}"
    )


def of_number(unit: float = 1.0, candidate: float = 0.5, **errors: float) -> Evaluation:
    """Judge a candidate and baselines whose errors are known, on two hundred rows."""
    labels, p = numbers_of(unit=unit, error=candidate)
    others = {name: numbers_of(unit=unit, error=error)[1] for name, error in errors.items()}
    return judge(
        OF_NUMBER, labels, **{CANDIDATE: p, "mean": np.full_like(p, labels.mean())}, **others
    )


def of_classes() -> Evaluation:
    labels, p = classes_of()
    majority = np.tile(np.bincount(labels) / len(labels), (len(labels), 1))
    models = {
        CANDIDATE: p,
        "majority_class": majority,
        "logistic_regression": classes_of(skill=1.0)[1],
    }
    return judge(FOUR, labels, **models)


def test_the_floor_of_each_task_is_its_simplest_and_its_linear_baseline() -> None:
    for judged, simplest, linear in (
        (of_classes(), "majority class", "logistic regression"),
        (of_number(linear_regression=0.7), "mean", "linear regression"),
    ):
        checked = gate.check_floor(judged, PROMOTION)
        assert checked.passed
        assert checked.sentence.startswith(f"better than the {simplest} (")
        assert f"not clearly worse than {linear} (" in checked.sentence
        assert FloorCheck.model_validate_json(checked.model_dump_json()) == checked
        last = [simplest.replace(" ", "_"), linear.replace(" ", "_")]
        assert [*checked.model_dump()][-2:] == last
    for errors, sentence in (
        ((0.9, 0.5), "the candidate is clearly worse than linear regression, and by more than"),
        ((9.0, 9.0), "the candidate was not shown to be better than the mean: RMSE +"),
    ):
        judged = of_number(candidate=errors[0], linear_regression=errors[1])
        assert sentence in gate.check_floor(judged, PROMOTION).sentence


def test_few_rows_of_one_of_several_classes_or_of_a_number_promote_nothing() -> None:
    judged = of_classes()
    rare = int(np.sum(judged.labels == 3))
    check = gate.check_floor(judged, PROMOTION.model_copy(update={"min_test_rows_per_class": 50}))
    assert (check.passed, check.smaller_class_rows) == (False, rare)
    assert f"there are {rare} test rows of class 4, too few to tell" in check.sentence
    labels, p = numbers_of(count=19)
    few = {CANDIDATE: p, "mean": np.full_like(p, 5.0), "linear_regression": p}
    checked = gate.check_floor(judge(OF_NUMBER, labels, **few), PROMOTION)
    assert (checked.enough_rows, checked.smaller_class_rows) == (False, 19)
    assert checked.sentence.startswith(
        "there are 19 test rows, too few to tell a good candidate from a lucky one: expected at "
        "least 20 (promotion.min_test_rows_per_class). Wait for more rows"
    )


def check_champions(
    compared: dict[str, Comparison],
    not_compared: dict[str, str] | None = None,
    promotion: PromotionOptions = PROMOTION,
) -> ChampionCheck:
    """Check beside champions, of which b serves."""
    left_out = not_compared or {}
    runs = sorted({**compared, **left_out}, key=lambda run: run != "b")
    champions = [
        ComparedChampion(run_id=run, sha256=f"of {run}", not_compared=left_out.get(run))
        for run in runs
    ]
    return gate.check_champions(told(compared, 147), champions, promotion)


@pytest.mark.parametrize(
    ("log_loss", "roc_auc", "sentence"),
    [
        ((0, 0.02, -0.02), (0, -0.02, 0.02), "not worse than the champion b (log loss +0.0000"),
        ((0, 0.0201, -0.1), (0, -0.01, 0.1), "147 test rows cannot rule out that the candidate"),
        ((0, 0.01, -0.1), (0, -0.0201, 0.1), "tolerance (ROC AUC 0.02): ROC AUC +0.0"),
        ((0.05, 0.1, 0.01), (0, -0.01, 0.1), "the candidate is worse than the champion b"),
    ],
)
def test_the_bound_decides_and_not_the_difference(
    log_loss: Triple, roc_auc: Triple, sentence: str
) -> None:
    checked = check_champions({"b": differ(log_loss, roc_auc)})
    assert checked.passed is sentence.startswith("not worse")
    assert sentence in checked.sentence
    assert checked.seen_worse is sentence.startswith("the candidate is worse")


def test_small_losses_do_not_add_up() -> None:
    """Each metric is held against the kept champion that the candidate is furthest behind."""
    compared = {
        "b": EQUAL,
        "a": differ((0.01, 0.03, 0), (0, -0.9, 0.1)),
        "c": differ((0, 0.9, 0), (-0.01, -0.015, 0)),
    }
    checked = check_champions(compared)
    assert (checked.passed, checked.best) == (False, {"log_loss": "a", "roc_auc": "c"})
    assert checked.sentence == (
        "147 test rows cannot rule out that the candidate is worse than the best of the kept "
        "champions, a, by more than the tolerance (log loss 0.02): log loss +0.0100, at worst "
        "+0.0300"
    )
    assert check_champions({**compared, "a": EQUAL}).passed


def test_a_champion_that_cannot_be_compared_with_is_no_free_pass() -> None:
    checked = check_champions({}, {"b": "its artifact is gone"})
    assert not checked.passed
    assert checked.sentence == (
        "not compared with the champion b: its artifact is gone; --params "
        "promotion.start_over=true judges without the champion"
    )
    assert check_champions({}, {"b": "its artifact is gone"}, START_OVER).passed
    older = check_champions({"b": EQUAL}, {"a": "its artifact is gone"})
    assert older.passed
    assert "not compared with a: its artifact is gone" in older.sentence


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_tolerance_of_a_number_is_in_deviations_of_its_label(unit: float) -> None:
    """The candidate's RMSE is greater by 0.05 of the label's deviation, 2 units."""
    judged = of_number(unit=unit, candidate=0.6, b=0.5)
    champions = [ComparedChampion(run_id="b", sha256="of b", promoted_with=judged.metrics["b"])]
    check = gate.check_champions(judged, champions, PROMOTION)
    assert (check.passed, check.seen_worse, [*check.best]) == (False, True, ["rmse", "mae"])
    allowed = gate.metric_text("rmse", 0.02 * judged.unit("b"))
    assert f"by more than the tolerance (RMSE {allowed}" in check.sentence
    wider = PROMOTION.model_copy(update={"tolerance": {"rmse": 0.1, "mae": 0.1}})
    assert gate.check_champions(judged, champions, wider).passed


def test_the_file_must_give_what_was_judged() -> None:
    judged, two = np.array([[0.1], [0.5], [np.nan]]), ZERO_AND_ONE
    same = check_artifact(judged, judged + 1e-9, two)
    assert same.passed
    assert same.largest_difference == pytest.approx(1e-9)
    for other in (judged + 1e-5, judged[[0, 2, 2]], judged[[0, 1, 1]]):
        checked = check_artifact(judged, other, two)
        assert not checked.passed
        assert "of 3 golden rows" in checked.sentence
    for unit in (1e-6, 1e6):  # numbers are compared in the label's unit
        labels, p = numbers_of(40, unit=unit)
        scale = OF_NUMBER, judge(OF_NUMBER, labels, one=p).unit("one")
        assert check_artifact(p, p + 1e-7 * unit, *scale).passed
        other = p.copy()
        other[3, 2] += 1e-5 * unit  # the upper end alone
        assert check_artifact(p, other, *scale).sentence == (
            "the artifact read back from disk gives different predictions for 1 of 40 golden rows"
        )
    _, p = classes_of(40)
    assert not check_artifact(p, p[:, ::-1], FOUR).passed


def test_the_first_check_that_fails_is_the_reason() -> None:
    names = ("data", "drift", "floor", "champion", "artifact")
    checks = {n: Check(name=n, passed=True, sentence=f"{n} is well") for n in names}
    assert gate.outcome(checks.values()) == (True, "champion is well; floor is well")
    for failing in reversed(names):
        checks[failing] = Check(name=failing, passed=False, sentence=f"{failing} is ill")
        assert gate.outcome(checks.values()) == (False, f"{failing} is ill")
