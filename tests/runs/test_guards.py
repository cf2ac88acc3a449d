"""When a retraining has nothing to do, and what is kept."""

from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.runs.guards import (
    NothingNewError,
    decides,
    last_words,
    refuse_nothing_new,
    refuse_parts,
    refuse_what_cannot_be_judged,
    retrains,
)
from tests.helpers.logs import promotion, rejection, rollback
from tests.helpers.project import Project

NEW = {"data": "new", "parameters": "p", "code": "c"}


def made_from(line: dict[str, Any], data: str) -> dict[str, Any]:
    return {**line, "reason": "no good", "inputs": {"data": data, "parameters": "p", "code": "c"}}


A = made_from(promotion("a"), "old")
B = made_from(promotion("b", "a"), "new")
X = made_from(rejection("x", "a"), "new")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([B], "those of run b, which serves"),
        ([A, B], "those of run b, which serves"),
        ([A, X], "those of run x, which was rejected: no good"),
        ([X], "those of run x, which was rejected"),
        ([A, B, rollback("r", "a", "b")], "those of run b, which was rolled back from"),
        ([B, made_from(promotion("d", "b"), "y"), rollback("r", "b", "d")], "run b, which serves"),
        # However long ago, or how far back.
        (
            [A, B, made_from(promotion("d", "b"), "y"), rollback("r", "a", "d")],
            "run b, which was rolled back from",
        ),
        ([A, B, rollback("r", "a", "b"), rollback("s", "a", "a")], "b, which was rolled back from"),
        # Of two that were rejected for one reason.
        ([A, X, made_from(rejection("z", "a"), "y")], "run x, which was rejected: no good"),
    ],
)
def test_what_was_judged_against_who_serves_is_not_trained_again(
    lines: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(NothingNewError) as end:
        refuse_nothing_new(lines, NEW)
    assert said in str(end.value)
    assert "--params retraining.force=true" in str(end.value)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [A],
        # Rejected against another champion than the one that serves now.
        [A, X, made_from(promotion("d", "a"), "y")],
        [made_from(promotion("d"), "y"), X, rollback("r", "d", "d")],
        # Replaced by another, and not rolled back from.
        [B, made_from(promotion("d", "b"), "y")],
    ],
)
def test_anything_else_is(lines: list[dict[str, Any]]) -> None:
    refuse_nothing_new(lines, NEW)


@pytest.mark.parametrize("name", NEW)
def test_other_data_parameters_or_code_are_something_new(name: str) -> None:
    refuse_nothing_new([B], {**NEW, name: "other"})


def whole(project: Project, name: str) -> Pipeline:
    pipelines.set_requested(None)
    return pipelines[name]


def test_only_whole_runs_decide(project: Project) -> None:
    retraining, rolling_back = whole(project, "retraining"), whole(project, "rollback")
    assert decides(retraining)
    assert retrains(retraining)
    assert decides(rolling_back)
    assert not retrains(rolling_back)
    assert not decides(whole(project, "__default__"))
    refuse_parts(retraining, False, "kedro run")
    refuse_parts(rolling_back, False, "kedro run")
    for part in (
        whole(project, "promotion"),
        retraining.from_nodes("training.train_network"),
        retraining.to_nodes("promotion.record"),
        rolling_back.to_nodes("rollback.record"),
        rolling_back.from_nodes("rollback.record"),
        retraining.to_nodes("promotion.decide"),
        rolling_back.to_nodes("rollback.choose_champion"),
        rolling_back.from_nodes("rollback.restore"),
    ):
        assert decides(part)
        with pytest.raises(DataError, match="Only a whole run may decide who serves"):
            refuse_parts(part, False, "kedro run")
    with pytest.raises(DataError, match="kedro run --pipelines retraining"):
        refuse_parts(retraining, True, "kedro run")
    with pytest.raises(DataError, match="champion: kedro run --env nightly --pipelines rollback"):
        refuse_parts(whole(project, "promotion"), False, "kedro run --env nightly")


def test_what_cannot_be_judged_is_not_trained() -> None:
    good = {"split": {"test_fraction": 0.2}, "network": {"kind": "ensemble"}}
    refuse_what_cannot_be_judged(good)
    with pytest.raises(DataError, match=r"split\.test_fraction = 0"):
        refuse_what_cannot_be_judged({**good, "split": {"test_fraction": 0}})
    with pytest.raises(DataError, match=r"network\.kind = tutorial"):
        refuse_what_cannot_be_judged({**good, "network": {"kind": "tutorial"}})


def test_last_words() -> None:
    line = {"action": "rejected", "run_id": "b", "champion": None, "reason": "no good"}
    assert last_words(line) == "Rejected run b: no good. There is still no champion."
    assert last_words({**line, "action": "promoted"}) == "Promoted run b: no good."
    assert last_words({**line, "action": "rolled_back"}) == "Rolled back: no good."
