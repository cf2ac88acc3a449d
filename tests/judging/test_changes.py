"""What changed since the champion's run is told, and stops the gate where metrics may mislead."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging import changes
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.gate import ComparedChampion, DataCheck, DriftCheck, FeaturesMoved
from tabular_lstm.judging.model_metrics import Metrics, point_metrics
from tabular_lstm.parameters.hyperparameters import ValidationOptions
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.dependent_rows import DependentRows
from tabular_lstm.rows.labels import LabelSummary
from tests.helpers import decisions
from tests.helpers.judged import ruled
from tests.helpers.judged_tasks import FOUR, OF_NUMBER, RESAMPLED, classes_of, judge, numbers_of

PROMOTION = PromotionOptions()
START_OVER = PROMOTION.model_copy(update={"start_over": True})
DATA = decisions.DATA.model_copy(
    update={
        "rows": 1000,
        "quarantined_rows": 10,
        "valid_rows": 990,
        "features": ["age", "bmi"],
        "label_share": 0.35,
    }
)


def check_data(
    before: DataSummary | None = DATA,
    promotion: PromotionOptions = PROMOTION,
    moved: FeaturesMoved | None = None,
    **facts: Any,
) -> DataCheck:
    """Check the changed data beside what the champion was trained on, if there is one."""
    champions = [ComparedChampion(run_id="b", sha256="of b", data=before)] if before else []
    data = DATA.model_copy(update=facts)
    return changes.check_data(data, champions, promotion, ValidationOptions(), moved)


def test_data_like_the_champions_pass_and_new_features_are_no_fault() -> None:
    checked = check_data(valid_rows=1500, features=["age", "sex", "pulse"], label_share=0.4)
    assert (checked.passed, checked.quarantined_fraction) == (True, 0.01)
    assert checked.sentence == (
        "1.0 % of 1000 rows quarantined, 1500 valid rows, 1.52 times the champion's 990, 40.0 % "
        "positive against the champion's 35.0 %, new features: pulse, sex; lost feature: bmi"
    )
    assert check_data(None).sentence == "1.0 % of 1000 rows quarantined"


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"valid_rows": 495},
            "495 valid rows, 0.50 times the champion's 990 (expected promotion.row_ratio = 0.75 to "
            "2 times). If this is intended, adjust the limits",
        ),
        ({"valid_rows": 2000}, "2000 valid rows, 2.02 times the champion's 990 (expected"),
        ({"label_share": 0.5}, "(expected at most promotion.max_label_share_change = 0.1)"),
        ({"quarantined_rows": 51}, "5.1 % of 1000 rows quarantined (expected at most validation."),
        ({"repeated_test_rows": 100}, "a row that occurs under two keys cannot test a model"),
    ],
)
def test_data_unlike_the_champions_do_not(facts: dict[str, Any], sentence: str) -> None:
    checked = check_data(**facts)
    assert not checked.passed
    assert checked.sentence.startswith("the data are not as expected: ")
    assert sentence in checked.sentence


def test_an_alarm_comes_first_and_stops_where_conf_says_so() -> None:
    def check(**moved: Any) -> DataCheck:
        return check_data(None, moved=FeaturesMoved(**moved))

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
    assert check_data(promotion=START_OVER, features=["other"], valid_rows=9).passed
    gone = [ComparedChampion(run_id="b", sha256="of b")]
    assert changes.check_data(DATA, gone, PROMOTION, ValidationOptions()).passed
    assert not check_data(promotion=START_OVER, quarantined_rows=60).passed


@pytest.mark.parametrize("before", [None, DATA])
def test_rows_that_belong_together_and_leaks_are_refused_always(
    before: DataSummary | None,
) -> None:
    leaks = {"Unnamed: 0": 1.0, "discharged": 0.954}
    leak = (
        "possible leak, which alone tells the label, or tells much more about it than all other "
        "features do (ROC AUC): Unnamed: 0 (1.000), discharged (0.954). The metrics of this run "
        "may be far too good. If known only after the label: columns.ignore: ['Unnamed: 0', "
        "discharged]. If known before the label: columns.known_in_time: ['Unnamed: 0', discharged]"
    )
    refused = check_data(before, possible_leaks=leaks)
    assert (refused.passed, refused.sentence) == (False, leak)

    dependent = DependentRows(
        columns=["day"], groups=90, rows=900, alike=1, spread=0.93, together=0.69, fall=(0.2, 0.3)
    )
    for promotion in (PROMOTION, START_OVER):
        checked = check_data(before, promotion, dependent_rows=dependent)
        assert not checked.passed
        assert checked.sentence == (
            "rows with the same 'day' (90 values, 900 rows) mostly have the same label. A quick "
            "model's ROC AUC is 0.93 with such rows on both sides and 0.69 with them together (a "
            "fall of 0.20 to 0.30). The metrics of this run may be far too good. Name the column: "
            "columns.group: day. Or, if the rows are independent: split.independent: [day]"
        )
    also = check_data(dependent_rows=dependent, possible_leaks=leaks, label_share=0.9).sentence
    assert f"[day]. Besides, {leak}. Besides, the data are not as expected: 90.0 % positive" in also


def label_facts(label: LabelSummary) -> dict[str, Any]:
    return {"label_share": None, "label": label}


def shares(**levels: float) -> LabelSummary:
    return LabelSummary(kind="category", missing=0.0, levels=levels, distinct=len(levels))


def number(mean: float, unit: float = 1.0) -> LabelSummary:
    return LabelSummary(kind="number", missing=0.0, mean=unit * mean, deviation=unit * 2)


BEFORE = shares(red=0.5, green=0.3, blue=0.2)
NEAR, GONE_CLASS = shares(red=0.42, green=0.3, blue=0.28), shares(red=0.6, green=0.4)
LIMITS = ("promotion.max_label_share_change = 0.1", "promotion.max_label_shift = 0.5 standard dev")


@pytest.mark.parametrize(
    ("now", "then", "passed", "sentence"),
    [
        (NEAR, BEFORE, True, "28.0 % of class blue against the champion's 20.0 %"),
        (GONE_CLASS, BEFORE, False, "0.0 % of class blue against the champion's 20.0 %"),
        (GONE_CLASS, BEFORE, False, f"(expected at most {LIMITS[0]})"),
        (number(5.9), number(5.0), True, ""),
        (number(3.9), number(5.0), False, f"expected at most {LIMITS[1]}"),
        (number(5.9, 1e6), number(5.0, 1e6), True, ""),
        (number(3.9, 1e6), number(5.0, 1e6), False, LIMITS[1]),
        (BEFORE, number(5.0), True, ""),  # another task is no fault of the data
    ],
)
def test_labels_may_not_move_far(
    now: LabelSummary, then: LabelSummary, passed: bool, sentence: str
) -> None:
    checked = check_data(DATA.model_copy(update=label_facts(then)), **label_facts(now))
    assert checked.passed == passed
    assert sentence in checked.sentence


def test_a_possible_leak_of_a_number_is_named_with_its_measure() -> None:
    split = {"salt": "a", "task": "number"}
    checked = check_data(
        None, possible_leaks={"paid": 0.9991}, split=split, **label_facts(number(1.0))
    )
    assert "than all other features do (R²): paid (0.999)" in checked.sentence


# Drift of two classes

LABELS = np.arange(300) % 2
GONE = ComparedChampion(run_id="b", sha256="of b", not_compared="its artifact is gone")


def probabilities_of(skill: float, labels: np.ndarray = LABELS) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, len(labels))
    return np.clip(0.5 + skill * (labels - 0.5) + noise, 0.01, 0.99)


def judge_two(probabilities: np.ndarray, labels: np.ndarray = LABELS) -> Evaluation:
    return Evaluation(labels).with_models(ruled({"b": probabilities}, {"b": 0.5}), RESAMPLED)


THEN: Metrics = judge_two(probabilities_of(0.2)).metrics["b"]


def drifted(judged: Evaluation, then: Metrics | None = THEN, **limits: Any) -> DriftCheck:
    """Hold a champion against what it was promoted with, beside one that is gone."""
    champions = [ComparedChampion(run_id="b", sha256="of b", promoted_with=then)]
    champions.append(ComparedChampion(run_id="a", sha256="of a", not_compared="it is gone"))
    check = changes.check_drift(judged, champions, PromotionOptions(**limits))
    assert DriftCheck.model_validate_json(check.model_dump_json()) == check
    return check


def test_a_champion_that_is_what_it_was_or_was_not_compared_passes() -> None:
    same = judge_two(probabilities_of(0.2))
    checked = drifted(same)
    assert checked.passed
    assert checked.value == checked.promoted_with == THEN.roc_auc
    assert checked.sentence == (
        f"the champion b has ROC AUC {THEN.roc_auc:.3f} on these rows, {THEN.roc_auc:.3f} when it "
        "was promoted"
    )
    unknown = changes.check_drift(same, [GONE], PROMOTION)
    assert (unknown.passed, unknown.value) == (True, None)
    assert unknown.sentence == (
        "not known: the champion b did not score these rows (its artifact is gone)"
    )
    assert changes.check_drift(same, [], PROMOTION).passed


def test_a_champion_that_fell_or_whose_labels_flip_over_night_stops_the_gate() -> None:
    flipped = judge_two(probabilities_of(0.2), 1 - LABELS)
    checked = drifted(flipped)
    assert not checked.passed
    assert checked.bound is not None
    assert checked.bound < 0.5
    assert checked.sentence.startswith("the champion b is clearly worse than chance: ROC AUC 0.0")
    assert "The label or a feature may have changed its meaning" in checked.sentence
    assert checked.sentence.endswith(
        "--params promotion.start_over=true judges without the champion"
    )
    worse = judge_two(probabilities_of(0.05))
    fallen = drifted(worse)
    assert not fallen.passed
    assert fallen.least_fall is not None
    assert fallen.least_fall > 0.1
    assert "clearly worse by more than promotion.max_champion_fall = 0.1" in fallen.sentence
    assert drifted(worse, max_champion_fall=0.4).passed
    # Without its decision only "worse than chance" is checked.
    unknown = drifted(worse, None)
    assert unknown.passed
    assert unknown.promoted_with is unknown.least_fall is None
    assert "its metrics at promotion are not known, because its decision is gone" in (
        unknown.sentence
    )
    without = drifted(flipped, None)
    assert not without.passed
    assert "worse than chance" in without.sentence
    # A fall within chance passes.
    few = np.array([0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1])
    chance = drifted(judge_two(np.linspace(0.4, 0.6, 12), few))
    assert chance.passed
    assert chance.value is not None
    assert chance.value < THEN.roc_auc - 0.1


@pytest.mark.parametrize(
    ("now", "then", "sentence"),
    [
        ("w", None, "rows count by 'w', and counted all alike when the champion was judged"),
        ("v", "w", "rows count by 'v', and counted by 'w' when the champion was judged"),
        ("w", "w", ""),
    ],
)
def test_another_column_of_weights_is_told_and_makes_no_fall(
    now: str | None, then: str | None, sentence: str
) -> None:
    data, before = (DATA.model_copy(update={"weight": weight}) for weight in (now, then))
    other = probabilities_of(0.1)
    higher = {"roc_auc": 0.99, "interval": {"roc_auc": (0.98, 1.0)}}
    was = point_metrics(LABELS, other, 0.5).model_copy(update=higher)
    champions = [ComparedChampion(run_id="b", sha256="of b", data=before, promoted_with=was)]
    drift = changes.check_drift(judge_two(other), champions, PROMOTION, data)
    checked = check_data(before, weight=now)
    assert checked.passed
    assert sentence in checked.sentence
    assert ("rows count" in checked.sentence) == bool(sentence)
    # What was measured by other weights has not fallen.
    assert drift.passed == bool(sentence)
    assert sentence in drift.sentence


def of_number(error: float) -> Evaluation:
    labels, predictions = numbers_of(error=error)
    return judge(OF_NUMBER, labels, b=predictions)


def of_classes(skill: float) -> Evaluation:
    labels, p = classes_of(skill=skill)
    return judge(FOUR, labels, b=p)


def test_a_champion_of_a_number_that_became_worse_stops_the_gate() -> None:
    then = of_number(0.5).metrics["b"]
    assert drifted(of_number(0.5), then).passed
    assert drifted(of_number(0.6), then).passed
    fallen = drifted(of_number(1.2), then)
    assert (fallen.passed, fallen.metric, fallen.promoted_with) == (False, "rmse", then.rmse)
    assert fallen.least_fall is not None
    # The difference is some 0.7, of a label that deviates by 2.
    assert 0.2 < fallen.least_fall < 0.7
    assert "has become worse: RMSE " in fallen.sentence
    assert "may have changed its meaning, such as another unit, or the" in fallen.sentence
    for known in (then, None):
        useless = drifted(of_number(4.0), known)
        assert "is clearly worse than the mean of the labels: RMSE " in useless.sentence
    unknown = drifted(of_number(0.5), None)
    assert unknown.passed
    assert "Only whether it is worse than the mean of the labels was checked" in unknown.sentence


def test_a_champion_of_classes_that_fell_stops_the_gate() -> None:
    then = of_classes(1.5).metrics["b"]
    assert drifted(of_classes(1.5), then).passed
    fallen = drifted(of_classes(0.3), then)
    assert "has become worse: ROC AUC 0." in fallen.sentence
    assert "such as classes swapped or another unit" in fallen.sentence
    assert "rmse" not in fallen.model_dump_json()
    assert "is clearly worse than chance" in drifted(of_classes(-1.0), then).sentence
