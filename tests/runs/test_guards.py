"""What a run is refused, or warned of, before any node runs."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Network, Split
from tabular_lstm.runs.guards import (
    NothingNewError,
    check_newest,
    decides,
    refuse_nothing_new,
    refuse_parts,
    refuse_what_cannot_be_judged,
    retrains,
)
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.promotion_log import Inputs, LogEntry
from tests.helpers.champions import log_of, log_path
from tests.helpers.commands import RETRAINING, ROLLBACK, here, logged, message_of, seed, succeeds
from tests.helpers.logs import letters, promotion, rejection, rollback, run
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING

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
        refuse_nothing_new(Champions(log), NEW, new_code=True)
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
    refuse_nothing_new(Champions(log), NEW, new_code=False)  # or it raises


def test_other_code_alone_is_new_only_where_conf_says_so() -> None:
    upgraded = NEW.model_copy(update={"code": "of a newer version"})
    with pytest.raises(NothingNewError) as end:
        refuse_nothing_new(Champions([A, B]), upgraded, new_code=False)
    assert str(end.value) == (
        f"data and parameters are those of run {run('b')}, which serves. Only the code or a "
        "package is new. To train anyway: --params retraining.force=true"
    )
    refuse_nothing_new(Champions([A, B]), upgraded, new_code=True)  # or it raises


def test_the_newest_of_equal_runs_is_named() -> None:
    again = made_from(promotion("d", "a"), "new")
    log = [A, B, rollback("r", "a", "b"), again]
    with pytest.raises(NothingNewError, match=f"those of run {run('d')}, which serves"):
        refuse_nothing_new(Champions(log), NEW, new_code=False)


def test_the_run_of_this_very_code_is_named_before_one_of_other_code() -> None:
    other = B.model_copy(update={"inputs": NEW.model_copy(update={"code": "of another version"})})
    with pytest.raises(NothingNewError, match=f"those of run {run('x')}, which was rejected"):
        refuse_nothing_new(Champions([A, other, X]), NEW, new_code=False)


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


# A promotion log, or an environment, that is a copy

LOG = Path("data/08_reporting/promotions.jsonl")
AHEAD = "2036-01-01T00.00.00.000Z"


def champions_of(log: list[LogEntry], *decided: LogEntry) -> Champions:
    decisions: dict[str, Any] = {entry.run_id: entry for entry in (*log, *decided)}
    return Champions(log, decisions=decisions)


@pytest.mark.parametrize("log", [[A], [A, B], [A, B, rollback("c", "a", "b")]])
def test_decisions_after_the_log_ends_warn_and_another_champion_stops_a_run_that_decides(
    log: list[LogEntry], caplog: pytest.LogCaptureFixture
) -> None:
    serves = letters([str(log[-1].serves_now)])
    check_newest(champions_of(log, rejection("A", None)), LOG, run("z"), True)
    assert not caplog.records
    last = log[-1].run_id
    # Stopped before their entries, or the log is older by one.
    for stopped in ([promotion("u", serves)], [promotion("u", serves), rejection("v", serves)]):
        caplog.clear()
        check_newest(champions_of(log, *stopped), LOG, run("z"), True)
        runs = "1 run" if len(stopped) == 1 else "2 runs"
        found = f"{LOG} ends with run {last}, and {runs} decided after it, the last one "
        (record,) = caplog.records
        assert record.message.startswith(f"{found}{stopped[-1].run_id}: ")
        assert record.levelno == logging.WARNING
    older = champions_of(log, promotion("u", serves), rejection("v", "u"))
    with pytest.raises(DataError, match=f"2 runs decided after it, the last one {run('v')}, after"):
        check_newest(older, LOG, run("z"), True)
    caplog.clear()
    check_newest(older, LOG, run("z"), False)
    assert len(caplog.records) == 1


def test_a_clock_that_was_ahead_makes_no_log_an_older_copy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ahead = A.model_copy(update={"run_id": AHEAD})
    check_newest(champions_of([ahead, B]), LOG, run("z"), True)
    check_newest(champions_of([ahead]), LOG, run("z"), True)
    check_newest(champions_of([A, B]), LOG, "2020-01-01T00.00.00.000Z", True)
    assert not caplog.records


@pytest.mark.long
def test_a_log_of_an_earlier_day_is_found_out(served: Project) -> None:
    """By which a model that was replaced or dismissed would serve again without a word."""
    earlier = log_path(served).read_bytes()
    succeeds(here(*RETRAINING, *seed(5)))
    newest = log_path(served).read_bytes()
    log_path(served).write_bytes(earlier)
    assert "the log may be an older copy" in logged(*SCORING)
    log_path(served).write_bytes(newest)
    succeeds(here(*ROLLBACK))
    newest = log_path(served).read_bytes()
    log_path(served).write_bytes(earlier)
    for command in (RETRAINING, ROLLBACK):
        said = message_of(here(*command))
        assert "and 2 runs decided after it, the last one " in said
        assert "Put the newest one back." in said
    said = logged(*SCORING, "--params", "scoring.force=true")
    assert "and 2 runs decided after it, the last one " in said
    # The ways that the message names.
    log_path(served).write_bytes(newest)
    assert "older copy" not in logged(*RETRAINING)
    log_path(served).write_bytes(earlier)
    numbered = f"{seed(6)[-1]},promotion.start_over=true"
    assert "older copy" in logged(*RETRAINING, "--params", numbered)
    assert "older copy" not in logged(*RETRAINING)


def test_a_copied_environment_names_the_one_that_its_champion_was_promoted_in(
    served: Project,
) -> None:
    for name in ("06_models", "08_reporting"):
        shutil.copytree(served.path / "data" / name, served.path / "data/copy" / name)
    (served.path / "conf/copy").mkdir()
    (served.path / "conf/copy/parameters.yml").write_text(json.dumps(QUICK))
    for command in (SCORING, RETRAINING):
        said = logged(*command, "--env", "copy")
        assert f"The champion, run {log_of(served)[0]['run_id']}, was promoted in" in said
        assert "promoted in environment base, and this one is copy" in said
        assert "was promoted in" not in logged(*command)
    shutil.rmtree(served.path / "data/copy/08_reporting/decision.json")
    assert "was promoted in" not in logged(*SCORING, "--env", "copy")
