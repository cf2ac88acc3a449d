"""What a run is refused before any node runs."""

import pytest
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Network, Split
from tabular_lstm.runs.guards import (
    NothingNewError,
    decides,
    refuse_nothing_new,
    refuse_parts,
    refuse_what_cannot_be_judged,
    retrains,
)
from tabular_lstm.serving.decision import Inputs
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.logs import promotion, rejection, rollback, run
from tests.helpers.project import Project

NEW = Inputs(data="new", parameters="p", code="c")


def made_from(entry: LogEntry, data: str) -> LogEntry:
    inputs = NEW.model_copy(update={"data": data})
    return entry.model_copy(update={"reason": "no good", "inputs": inputs})


A = made_from(promotion("a"), "old")
B = made_from(promotion("b", "a"), "new")
X = made_from(rejection("x", "a"), "new")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([A, B], f"those of run {run('b')}, which serves"),
        ([A, X], f"those of run {run('x')}, which was rejected: no good"),
        ([A, B, rollback("r", "a", "b")], f"those of run {run('b')}, which was rolled back from"),
    ],
)
def test_what_was_judged_against_who_serves_is_not_trained_again(
    log: list[LogEntry], said: str
) -> None:
    with pytest.raises(NothingNewError) as end:
        refuse_nothing_new(log, NEW)
    assert said in str(end.value)
    assert "--params retraining.force=true" in str(end.value)


@pytest.mark.parametrize(
    "log",
    [
        [],
        [A],
        # Rejected against another champion than the one that serves now.
        [A, X, made_from(promotion("d", "a"), "y")],
        # Replaced by another, and not rolled back from.
        [B, made_from(promotion("d", "b"), "y")],
    ],
)
def test_anything_else_is(log: list[LogEntry]) -> None:
    refuse_nothing_new(log, NEW)  # or it raises


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
        rolling_back.to_nodes("rollback.choose_champion"),
    ):
        assert decides(part)
        with pytest.raises(DataError, match="Only a whole run may decide who serves"):
            refuse_parts(part, False, "kedro run")
    with pytest.raises(DataError, match="kedro run --pipelines retraining"):
        refuse_parts(retraining, True, "kedro run")


def test_what_cannot_be_judged_is_not_trained() -> None:
    refuse_what_cannot_be_judged(Split(), Network())
    with pytest.raises(DataError, match=r"split\.test_fraction = 0"):
        refuse_what_cannot_be_judged(Split(test_fraction=0), Network())
    with pytest.raises(DataError, match=r"network\.kind = tutorial"):
        refuse_what_cannot_be_judged(Split(), Network(kind="tutorial"))
