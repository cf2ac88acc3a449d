"""The gate lets through what it should, and says why not."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging import changes, gate
from tabular_lstm.judging.comparison import ZERO_AND_ONE, Comparison, Difference, Judged
from tabular_lstm.judging.gate import (
    Champion,
    ChampionCheck,
    Check,
    DataCheck,
    FeaturesMoved,
    FloorCheck,
    check_artifact,
)
from tabular_lstm.judging.measures import measure_of
from tabular_lstm.judging.metrics import CANDIDATE
from tabular_lstm.parameters import Promotion, Tolerance, Validation
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.dependent_rows import DependentRows

TOLERANCE = Tolerance(log_loss=0.02, roc_auc=0.02)
PROMOTION = Promotion(tolerance=TOLERANCE, row_ratio=(0.75, 2.0), max_label_share_change=0.1)
START_OVER = PROMOTION.model_copy(update={"start_over": True})
VALIDATION = Validation(max_quarantined_fraction=0.05)
SPLIT = {"salt": "a", "test_fraction": 0.2, "key": None}
DATA = DataSummary(
    rows=1000,
    train_rows=790,
    test_rows=200,
    quarantined_rows=10,
    superseded_rows=0,
    sha256="ab" * 32,
    file="rows.csv",
    valid_rows=990,
    features=["age", "bmi"],
    label_share=0.35,
    test_rows_sha256="cd" * 32,
    split=SPLIT,
)


def differ(log_loss: tuple[float, float, float], roc_auc: tuple[float, float, float]) -> Comparison:
    """Make a comparison of (difference, at_worst, at_best) for each metric."""
    both = {
        metric: Difference(
            difference=numbers[0], at_worst=numbers[1], at_best=numbers[2], detectable=0.03
        )
        for metric, numbers in {"log_loss": log_loss, "roc_auc": roc_auc}.items()
    }
    return both


EQUAL = differ((0, 0.01, -0.01), (0, -0.01, 0.01))
BETTER = differ((-0.1, -0.05, -0.15), (0.3, 0.2, 0.4))
UNKNOWN = differ((0, np.nan, np.nan), (0, np.nan, np.nan))


@dataclass(frozen=True)
class Told(Judged):
    """Judged models whose comparisons with the candidate are given."""

    comparisons: dict[str, Comparison] = field(default_factory=dict)

    def compare(self, one: str, other: str, confidence: float) -> Comparison:
        assert (one, confidence) == (CANDIDATE, PROMOTION.confidence)
        return self.comparisons[other]


def told(
    comparisons: dict[str, Comparison],
    rows: int,
    missing: int = 0,
) -> Judged:
    """Tell how the candidate compares with others."""
    return Told(
        labels=np.arange(rows) % 2,
        without_prediction={CANDIDATE: missing},
        comparisons=comparisons,
    )


def test_a_bound_that_is_no_number_rules_nothing_out() -> None:
    assert gate.not_within(TOLERANCE, UNKNOWN) == UNKNOWN
    assert not check_floor(UNKNOWN, EQUAL).passed
    assert not check_floor(BETTER, UNKNOWN).passed
    assert not check_champions({"b": UNKNOWN}).passed


# Check 1


def changed(data: DataSummary, **changes: Any) -> DataSummary:
    return data.model_copy(update=changes)


def check_data(
    before: DataSummary | None, promotion: Promotion = PROMOTION, **facts: Any
) -> DataCheck:
    """Check the changed data beside what the champion was trained on, if there is one."""
    champions = [Champion(run_id="b", sha256="of b", data=before)] if before else []
    return changes.check_data(changed(DATA, **facts), champions, promotion, VALIDATION)


def test_data_like_the_champions_pass_and_new_features_are_no_fault() -> None:
    checked = check_data(DATA, valid_rows=1500, features=["age", "sex", "pulse"], label_share=0.4)
    assert checked.passed
    assert checked.quarantined_fraction == 0.01
    assert checked.sentence == (
        "1.0 % of 1000 rows quarantined, 1500 valid rows, 1.52 times the champion's 990, 40.0 % "
        "positive against the champion's 35.0 %, new features: pulse, sex; lost feature: bmi"
    )
    assert check_data(None).sentence == "1.0 % of 1000 rows quarantined"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"valid_rows": 495},
            "495 valid rows, 0.50 times the champion's 990 (expected promotion.row_ratio = 0.75 to "
            "2 times). If this is intended, change the limit",
        ),
        ({"valid_rows": 2000}, "2000 valid rows, 2.02 times the champion's 990 (expected"),
        ({"label_share": 0.5}, "(expected at most promotion.max_label_share_change = 0.1)"),
        ({"quarantined_rows": 51}, "5.1 % of 1000 rows quarantined (expected at most validation."),
        ({"repeated_test_rows": 100}, "a row that occurs under two keys cannot test a model"),
    ],
)
def test_data_unlike_the_champions_do_not(changes: dict[str, Any], said: str) -> None:
    checked = check_data(DATA, **changes)
    assert not checked.passed
    assert checked.sentence.startswith("the data are not as expected: ")
    assert said in checked.sentence


def test_an_alarm_comes_first_and_stops_where_conf_says_so() -> None:
    def check(**found: Any) -> DataCheck:
        moved = FeaturesMoved(**found)
        return changes.check_data(DATA, [], PROMOTION, VALIDATION, moved)

    assert check(sentence="no drift").sentence == "1.0 % of 1000 rows quarantined, no drift"
    warned = check(sentence="'dose': 18 times as much", alarm=True)
    assert warned.passed
    assert warned.sentence.startswith("ALARM: 'dose': 18 times as much. Besides, 1.0 % of 1000")
    stopped = check(sentence="'dose': 18 times as much", alarm=True, expected="expected none")
    assert not stopped.passed
    assert stopped.sentence.startswith(
        "the data are not as expected: 'dose': 18 times as much (expected none). If"
    )


def test_data_are_not_compared_with_a_champion_that_does_not_count() -> None:
    unlike = changed(DATA, features=["other"], valid_rows=9)
    gone = [Champion(run_id="b", sha256="of b")]
    assert check_data(unlike, START_OVER).passed
    assert changes.check_data(DATA, gone, PROMOTION, VALIDATION).passed
    assert not check_data(DATA, START_OVER, quarantined_rows=60).passed


def test_a_possible_leak_is_named_and_refused_where_that_is_asked_for() -> None:
    leaks = {"Unnamed: 0": 1.0, "discharged": 0.994}
    strict = PROMOTION.model_copy(update={"refuse_possible_leaks": True})
    for before in (None, DATA):
        named = check_data(before, possible_leaks=leaks)
        assert named.passed
        assert named.sentence.endswith(
            "; possible leak, alone predicting the classes (ROC AUC): Unnamed: 0 (1.000), "
            "discharged (0.994). If that is known only after the label, leave it out: "
            "name it in columns.ignore"
        )
        refused = check_data(before, strict, possible_leaks=leaks)
        assert not refused.passed
        assert "leave it out: name it in columns.ignore" in refused.sentence
        assert check_data(before, strict).passed


def test_rows_that_belong_together_are_refused_with_both_ways_out() -> None:
    """With a champion and without one; other faults are said after them."""
    found = DependentRows(
        columns=["day"], groups=90, rows=900, alike=1, spread=0.93, together=0.69, fall=(0.2, 0.3)
    )
    for before in (None, DATA):
        for promotion in (PROMOTION, START_OVER):
            checked = check_data(before, promotion, dependent_rows=found)
            assert not checked.passed
            assert checked.sentence == (
                "rows with the same 'day' (90 values, 900 rows) mostly have the same label. A "
                "quick model's ROC AUC is 0.93 with such rows on both sides and 0.69 with them "
                "together (a fall of 0.20 to 0.30): the metrics of this run may be far too good. "
                "Name the column: columns.group: day. Or, if the rows are independent: "
                "split.independent: [day]"
            )
    both = check_data(DATA, dependent_rows=found, label_share=0.9).sentence
    assert "[day]. Besides, the data are not as expected: 90.0 % positive" in both


# Check 3


def check_floor(
    majority: Comparison, logistic: Comparison, missing: int = 0, rows: int = 100
) -> FloorCheck:
    beside = {"majority_class": majority, "logistic_regression": logistic}
    return gate.check_floor(told(beside, rows=rows, missing=missing), PROMOTION)


def test_few_test_rows_of_a_class_promote_nothing() -> None:
    needed = PROMOTION.min_test_rows_per_class
    assert check_floor(BETTER, EQUAL, rows=2 * needed).passed
    few = check_floor(BETTER, EQUAL, rows=2 * needed - 1)
    assert not few.passed
    assert (few.smaller_class_rows, few.enough_rows) == (needed - 1, False)
    assert few.sentence == (
        f"{needed - 1} of {2 * needed - 1} test rows are positive, too few to tell a good "
        f"candidate from a lucky one: expected at least {needed} of each class "
        "(promotion.min_test_rows_per_class). Wait for more rows, or raise split.test_fraction"
    )


def test_a_candidate_above_the_floor_passes() -> None:
    checked = check_floor(BETTER, EQUAL)
    assert checked.passed
    assert checked.rows_without_probability == 0
    assert (checked.majority_class, checked.logistic_regression) == (BETTER, EQUAL)
    assert checked.sentence == (
        "better than the majority class (log loss -0.1000, at worst -0.0500, ROC AUC +0.3000, at "
        "worst +0.2000) and not clearly worse than logistic regression (log loss +0.0000, at best "
        "-0.0100, ROC AUC +0.0000, at best +0.0100)"
    )
    # Worse than logistic regression, but not clearly.
    unclear = differ((0.05, 0.2, -0.001), (-0.05, -0.2, 0.001))
    assert check_floor(BETTER, unclear).passed


NO_BETTER = "not shown to be better than the majority class"


@pytest.mark.parametrize(
    ("majority", "logistic", "missing", "said"),
    [
        (differ((-0.1, 0.0, -0.2), (0.3, 0.2, 0.4)), EQUAL, 0, NO_BETTER),
        (differ((-0.1, -0.05, -0.2), (0, 0, 0)), EQUAL, 0, NO_BETTER),
        (BETTER, differ((0.05, 0.1, 0.001), (0, -0.1, 0.1)), 0, "clearly worse than logistic"),
        (BETTER, differ((0, 0.1, -0.1), (-0.05, -0.1, -0.001)), 0, "ROC AUC -0.0500, at best -0.0"),
        (BETTER, EQUAL, 3, "gives no probability for 3 of 100 test rows"),
    ],
)
def test_a_candidate_below_the_floor_does_not(
    majority: Comparison, logistic: Comparison, missing: int, said: str
) -> None:
    checked = check_floor(majority, logistic, missing)
    assert not checked.passed
    assert said in checked.sentence


# Check 4


def check_champions(
    compared: dict[str, Comparison],
    champion: str | None = "b",
    not_compared: dict[str, str] | None = None,
    promotion: Promotion = PROMOTION,
) -> ChampionCheck:
    """Check beside champions, of which this one serves."""
    left_out = not_compared or {}
    runs = sorted({**compared, **left_out}, key=lambda run: run != champion)
    champions = [
        Champion(run_id=run, sha256=f"of {run}", not_compared=left_out.get(run)) for run in runs
    ]
    return gate.check_champions(told(compared, 147), champions, promotion)


@pytest.mark.parametrize(
    ("log_loss", "roc_auc", "said"),
    [
        ((0, 0.02, -0.02), (0, -0.02, 0.02), "not worse than the champion b (log loss +0.0000"),
        ((0, 0.0201, -0.1), (0, -0.01, 0.1), "147 test rows cannot rule out that the candidate"),
        ((0, 0.01, -0.1), (0, -0.0201, 0.1), "tolerance (ROC AUC 0.02): ROC AUC +0.0"),
        ((0.05, 0.1, 0.01), (0, -0.01, 0.1), "the candidate is worse than the champion b"),
    ],
)
def test_the_bound_decides_and_not_the_difference(
    log_loss: tuple[float, float, float], roc_auc: tuple[float, float, float], said: str
) -> None:
    checked = check_champions({"b": differ(log_loss, roc_auc)})
    assert checked.passed is said.startswith("not worse")
    assert said in checked.sentence
    assert checked.seen_worse is said.startswith("the candidate is worse")


def test_small_losses_do_not_add_up() -> None:
    """Each metric is held against the kept champion that the candidate is furthest behind."""
    compared = {
        "b": EQUAL,
        "a": differ((0.01, 0.03, 0), (0, -0.9, 0.1)),
        "c": differ((0, 0.9, 0), (-0.01, -0.015, 0)),
    }
    checked = check_champions(compared)
    assert checked.best == {"log_loss": "a", "roc_auc": "c"}
    assert not checked.passed
    assert checked.sentence == (
        "147 test rows cannot rule out that the candidate is worse than the best of the kept "
        "champions, a, by more than the tolerance (log loss 0.02): log loss +0.0100, at worst "
        "+0.0300"
    )
    assert check_champions({**compared, "a": EQUAL}).passed


def test_a_champion_that_cannot_be_compared_with_is_no_free_pass() -> None:
    why = {"b": "its artifact is gone"}
    checked = check_champions({}, not_compared=why)
    assert not checked.passed
    assert checked.sentence == (
        "not compared with the champion b: its artifact is gone; --params "
        "promotion.start_over=true judges without the champion"
    )
    assert check_champions({}, not_compared=why, promotion=START_OVER).passed


# Check 5


def test_the_file_must_give_what_was_judged() -> None:
    judged = np.array([0.1, 0.5, np.nan])
    same = check_artifact(judged, judged + 1e-9, measure_of(ZERO_AND_ONE))
    assert same.passed
    assert same.largest_difference == pytest.approx(1e-9)
    for other in (judged + 1e-5, np.array([0.1, np.nan, np.nan]), np.array([0.1, 0.5, 0.9])):
        checked = check_artifact(judged, other, measure_of(ZERO_AND_ONE))
        assert not checked.passed
        assert "of 3 golden rows" in checked.sentence


# The outcome


def test_the_first_check_that_fails_is_the_reason() -> None:
    names = ("data", "drift", "floor", "champion", "artifact")
    checks = {n: Check(name=n, passed=True, sentence=f"{n} is well") for n in names}
    assert gate.outcome(checks.values()) == (True, "champion is well; floor is well")
    for failing in reversed(names):
        checks[failing] = Check(name=failing, passed=False, sentence=f"{failing} is ill")
        assert gate.outcome(checks.values()) == (False, f"{failing} is ill")
