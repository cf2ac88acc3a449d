"""The gate's checks of classes and of a number: data, drift, floor, champions and artifact."""

from typing import Any

import numpy as np
import pytest

from tabular_lstm.judging import changes, gate
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.gate import Champion, DriftCheck, FloorCheck, check_artifact
from tabular_lstm.judging.measures import measure_of
from tabular_lstm.judging.metrics import CANDIDATE, Metrics
from tabular_lstm.parameters import Evaluation, Promotion, Validation
from tabular_lstm.rows.labels import LabelSummary
from tests.helpers.decisions import DATA
from tests.helpers.judged_tasks import FOUR, OF_NUMBER, classes_of, judge, numbers_of

PROMOTION = Promotion()
FEW = Evaluation(bootstrap_resamples=100)


def of_number(unit: float = 1.0, candidate: float = 0.5, **errors: float) -> Judged:
    """Judge a candidate and baselines whose errors are known, on two hundred rows."""
    labels, p = numbers_of(unit=unit, error=candidate)
    models = {
        CANDIDATE: p,
        "mean": np.full_like(p, labels.mean()),
        **{name: numbers_of(unit=unit, error=of)[1] for name, of in errors.items()},
    }
    return judge(OF_NUMBER, labels, **models)


def of_classes(candidate: float = 1.5, **skills: float) -> Judged:
    labels, p = classes_of(skill=candidate)
    models = {
        CANDIDATE: p,
        "majority_class": np.tile(np.bincount(labels) / len(labels), (len(labels), 1)),
        **{name: classes_of(skill=of)[1] for name, of in skills.items()},
    }
    return judge(FOUR, labels, **models)


def champion(judged: Judged, run: str = "b", **known: Any) -> Champion:
    return Champion(run_id=run, sha256="of b", promoted_with=judged.metrics[run], **known)


# Data


def data_of(label: LabelSummary) -> Any:
    return DATA.model_copy(update={"label_share": None, "label": label})


def check_labels(now: LabelSummary, then: LabelSummary) -> Any:
    champions = [Champion(run_id="b", sha256="of b", data=data_of(then))]
    return changes.check_data(data_of(now), champions, PROMOTION, Validation())


def test_the_share_of_a_class_may_not_change_much() -> None:
    def shares(**levels: float) -> LabelSummary:
        return LabelSummary(kind="category", missing=0.0, levels=levels, distinct=len(levels))

    before = shares(red=0.5, green=0.3, blue=0.2)
    near = check_labels(shares(red=0.42, green=0.3, blue=0.28), before)
    assert near.passed
    assert "28.0 % of class blue against the champion's 20.0 %" in near.sentence
    gone = check_labels(shares(red=0.6, green=0.4), before)
    assert not gone.passed
    assert (
        "0.0 % of class blue against the champion's 20.0 % (expected at most "
        "promotion.max_label_share_change = 0.1)"
    ) in gone.sentence


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_the_mean_of_a_number_may_not_move_far(unit: float) -> None:
    def number(mean: float) -> LabelSummary:
        return LabelSummary(kind="number", missing=0.0, mean=unit * mean, deviation=unit * 2)

    assert check_labels(number(5.9), number(5.0)).passed
    moved = check_labels(number(3.9), number(5.0))
    assert not moved.passed
    assert "expected at most promotion.max_label_shift = 0.5 standard deviations" in moved.sentence


def test_a_label_of_another_task_is_no_fault_of_the_data() -> None:
    number = data_of(LabelSummary(kind="number", missing=0.0, mean=1.0, deviation=2.0))
    champions = [Champion(run_id="b", sha256="of b", data=number)]
    assert changes.check_data(DATA, champions, PROMOTION, Validation()).passed


def test_a_possible_leak_of_a_number_is_named_with_its_measure() -> None:
    number = data_of(LabelSummary(kind="number", missing=0.0, mean=1.0, deviation=2.0))
    split = number.split | {"task": "number"}
    leaky = number.model_copy(update={"possible_leaks": {"paid": 0.9991}, "split": split})
    checked = changes.check_data(leaky, [], PROMOTION, Validation())
    assert "possible leak, alone predicting the label (R²): paid (0.999)" in checked.sentence


# The floor


def test_the_floor_of_each_task_is_its_simplest_and_its_linear_baseline() -> None:
    for judged, simplest, linear in (
        (of_classes(logistic_regression=1.0), "majority class", "logistic regression"),
        (of_number(linear_regression=0.7), "mean", "linear regression"),
    ):
        checked = gate.check_floor(judged, PROMOTION)
        assert checked.passed
        assert checked.sentence.startswith(f"better than the {simplest} (")
        assert f"not clearly worse than {linear} (" in checked.sentence
        read = FloorCheck.model_validate_json(checked.model_dump_json())
        assert read == checked
        assert [*checked.model_dump()][-2:] == [
            simplest.replace(" ", "_"),
            linear.replace(" ", "_"),
        ]
    worse = gate.check_floor(of_number(candidate=0.9, linear_regression=0.5), PROMOTION)
    assert "the candidate is clearly worse than linear regression: RMSE +" in worse.sentence
    useless = gate.check_floor(of_number(candidate=9.0, linear_regression=9.0), PROMOTION)
    assert "the candidate is not shown to be better than the mean: RMSE +" in useless.sentence


def test_few_rows_of_a_class_or_in_all_promote_nothing() -> None:
    judged = of_classes(logistic_regression=1.0)
    many = PROMOTION.model_copy(update={"min_test_rows_per_class": 50})
    rare = int(np.sum(judged.labels == 3))
    said = gate.check_floor(judged, many)
    assert (said.passed, said.smaller_class_rows) == (False, rare)
    assert f"{rare} of 200 test rows are of class 4, too few to tell" in said.sentence
    labels, p = numbers_of(count=19)
    few = {CANDIDATE: p, "mean": np.full_like(p, 5.0), "linear_regression": p}
    checked = gate.check_floor(judge(OF_NUMBER, labels, **few), PROMOTION)
    assert (checked.enough_rows, checked.smaller_class_rows) == (False, 19)
    assert checked.sentence.startswith(
        "there are 19 test rows, too few to tell a good candidate from a lucky one: expected at "
        "least 20 (promotion.min_test_rows_per_class). Wait for more rows"
    )


# Champions


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_tolerance_of_a_number_is_in_deviations_of_its_label(unit: float) -> None:
    """The candidate's RMSE is greater by 0.05 of the label's deviation, 2 units."""
    judged = of_number(unit=unit, candidate=0.6, b=0.5)
    told = gate.check_champions(judged, [champion(judged)], PROMOTION)
    assert not told.passed
    assert told.seen_worse
    assert [*told.best] == ["rmse", "mae"]
    wide = PROMOTION.tolerance.model_copy(update={"rmse": 0.1, "mae": 0.1})
    wider = PROMOTION.model_copy(update={"tolerance": wide})
    assert gate.check_champions(judged, [champion(judged)], wider).passed
    allowed = 0.02 * judged.unit("b")
    assert f"by more than the tolerance (RMSE {gate.written('rmse', allowed)}" in told.sentence


# Drift


def drifted(judged: Judged, then: Metrics | None) -> DriftCheck:
    champions = [Champion(run_id="b", sha256="of b", promoted_with=then)]
    found = changes.check_drift(judged, champions, PROMOTION)
    assert DriftCheck.model_validate_json(found.model_dump_json()) == found
    return found


def test_a_champion_of_a_number_that_became_worse_stops_the_gate() -> None:
    then = of_number(b=0.5).metrics["b"]
    assert drifted(of_number(b=0.5), then).passed
    assert drifted(of_number(b=0.6), then).passed
    fallen = drifted(of_number(b=1.2), then)
    assert not fallen.passed
    assert fallen.roc_auc is None
    assert fallen.least_fall is not None
    assert fallen.promoted_with == then.rmse
    # The difference is some 0.7, of a label that deviates by 2.
    assert 0.2 < fallen.least_fall < 0.7
    assert "has become worse: RMSE " in fallen.sentence
    assert "may have changed its meaning, such as another unit, or the" in fallen.sentence
    for known in (then, None):
        useless = drifted(of_number(b=4.0), known)
        assert "is clearly worse than the mean of the labels: RMSE " in useless.sentence
    unknown = drifted(of_number(b=0.5), None)
    assert unknown.passed
    assert "Only whether it is worse than the mean of the labels was checked" in unknown.sentence


def test_a_champion_of_classes_that_fell_stops_the_gate() -> None:
    then = of_classes(b=1.5).metrics["b"]
    assert drifted(of_classes(b=1.5), then).passed
    fallen = drifted(of_classes(b=0.3), then)
    assert "has fallen: ROC AUC 0." in fallen.sentence
    assert "such as classes swapped or another unit" in fallen.sentence
    assert fallen.rmse is None
    assert "rmse" not in fallen.model_dump_json()
    assert "is clearly worse than chance" in drifted(of_classes(b=-1.0), then).sentence


# The artifact


def test_golden_rows_are_compared_in_the_labels_unit() -> None:
    for unit in (1e-6, 1e6):
        labels, p = numbers_of(40, unit=unit)
        judged = judge(OF_NUMBER, labels, one=p)
        scale = measure_of(OF_NUMBER), judged.unit("one")
        assert check_artifact(p, p + 1e-7 * unit, *scale).passed
        other = p.copy()
        other[3, 2] += 1e-5 * unit  # the upper end alone
        wrong = check_artifact(p, other, *scale)
        assert wrong.sentence == (
            "the artifact read back from disk gives other predictions for 1 of 40 golden rows"
        )
    _, p = classes_of(40)
    assert not check_artifact(p, p[:, ::-1], measure_of(FOUR)).passed
