"""What a run is refused, or warned of, before any node runs."""

from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Node, Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import BLOCKS
from tabular_lstm.parameters.columns import SplitOptions
from tabular_lstm.parameters.runs import RetrainingOptions
from tabular_lstm.runs.guards import (
    NothingNewError,
    clear_unfinished,
    conditions,
    decides,
    refuse_nothing_new,
    refuse_older_log,
    refuse_part,
    refuse_what_cannot_be_judged,
    retrains,
    scores,
)
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.promotion_log import Inputs, LogEntry
from tests.helpers.champions import log_path
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.logs import letters, promotion, rejection, rollback, run
from tests.helpers.project import TINY, Project, declare
from tests.helpers.scorings import SCORING

NEW = Inputs(data="new", parameters="p", code="c")


def made_from(entry: LogEntry, data: str) -> LogEntry:
    inputs = NEW.model_copy(update={"data": data})
    return entry.model_copy(update={"reason": "no good", "inputs": inputs})


A = made_from(promotion("a"), "old")
B = made_from(promotion("b", "a"), "new")
X = made_from(rejection("x", "a"), "new")
ALL = "data, parameters and code"
OF_OTHER_CODE = B.model_copy(update={"inputs": NEW.model_copy(update={"code": "of another"})})


@pytest.mark.parametrize(
    ("log", "fate"),
    [
        ([A, B], f"run {run('b')} had the same {ALL}, and it serves"),
        ([A, X], f"run {run('x')} had the same {ALL}, and it was rejected: no good"),
        (
            [A, B, rollback("r", "a", "b")],
            f"run {run('b')} had the same {ALL}, and it was rolled back",
        ),
        # The newest of equal runs is named.
        (
            [A, B, rollback("r", "a", "b"), made_from(promotion("d", "a"), "new")],
            f"run {run('d')} had the same {ALL}, and it serves",
        ),
        # And the run of this very code before one of other code.
        ([A, OF_OTHER_CODE, X], f"run {run('x')} had the same {ALL}, and it was rejected"),
    ],
)
def test_what_was_judged_against_who_serves_is_not_trained_again(
    log: list[LogEntry], fate: str
) -> None:
    with pytest.raises(NothingNewError) as end:
        refuse_nothing_new(Champions(log), NEW, RetrainingOptions())
    assert fate in str(end.value)
    assert "--params retraining.force=true" in str(end.value)


@pytest.mark.parametrize(
    "log",
    [
        [],
        [A],
        # Rejected against another champion than the one that serves now.
        [A, X, made_from(promotion("d", "a"), "y")],
        # Replaced by another, and not rolled back.
        [B, made_from(promotion("d", "b"), "y")],
    ],
)
def test_anything_else_is(log: list[LogEntry]) -> None:
    refuse_nothing_new(Champions(log), NEW, RetrainingOptions())  # or it raises


def test_other_code_alone_is_new_only_where_conf_says_so() -> None:
    upgraded = NEW.model_copy(update={"code": "of a newer version"})
    with pytest.raises(NothingNewError) as end:
        refuse_nothing_new(Champions([A, B]), upgraded, RetrainingOptions())
    assert str(end.value) == (
        f"run {run('b')} had the same data and parameters, and it serves. Only the code or a "
        "package has changed. To train anyway: --params retraining.force=true"
    )
    refuse_nothing_new(
        Champions([A, B]), upgraded, RetrainingOptions(new_code=True)
    )  # or it raises


def test_a_rejection_on_hold_counts_as_long_as_the_hold_lasts() -> None:
    log = [A, X.model_copy(update={"on_hold": True})]
    refuse_nothing_new(Champions(log), NEW, RetrainingOptions())  # or it raises
    with pytest.raises(NothingNewError, match=run("x")):
        refuse_nothing_new(Champions(log), NEW, RetrainingOptions(), hold=True)


def test_other_data_with_the_same_rows_are_nothing_new() -> None:
    known = NEW.model_copy(update={"data": "before", "rows": "r"})
    log = [A, B.model_copy(update={"inputs": known})]
    refuse_nothing_new(Champions(log), NEW, RetrainingOptions())  # or it raises
    same = NEW.model_copy(update={"rows": "r"})
    with pytest.raises(NothingNewError, match=f"^no new labelled rows since run {run('b')}, which"):
        refuse_nothing_new(Champions(log), same, RetrainingOptions())
    # An older version wrote no hash of the rows.
    refuse_nothing_new(
        Champions([A, B]), same.model_copy(update={"data": "x"}), RetrainingOptions()
    )


def whole(name: str) -> Pipeline:
    pipelines.set_requested(None)
    return pipelines[name]


KEDRO: dict[str, Any] = {"only_missing_outputs": False, "load_versions": None}


def test_only_whole_runs_decide_and_score(project: Project) -> None:
    retraining, rolling_back, scoring = map(whole, ("retraining", "rollback", "scoring"))
    assert (decides(retraining), decides(rolling_back)) == (True, True)
    assert (retrains(retraining), retrains(rolling_back)) == (True, False)
    assert (scores(scoring), scores(retraining)) == (True, False)
    assert not decides(whole("__default__"))
    for complete in (retraining, rolling_back, scoring):
        refuse_part(complete, KEDRO, "kedro run")
        with pytest.raises(DataError, match="decides or scores must be one complete pipeline"):
            refuse_part(complete, KEDRO | {"only_missing_outputs": True}, "kedro run")
    for part, name in (
        (whole("promotion"), "retraining"),
        (retraining.from_nodes("training.train_network"), "retraining"),
        (rolling_back.to_nodes("rollback.choose_champion"), "retraining"),
        (scoring.to_nodes("scoring.score_rows"), "scoring"),
        (scoring + retraining, "scoring"),
    ):
        with pytest.raises(DataError, match=f"kedro run --env a --pipelines {name}"):
            refuse_part(part, KEDRO, "kedro run --env a")


def test_a_run_makes_what_it_reads(project: Project) -> None:
    """Also a version that Kedro would pass over in silence."""
    refuse_part(whole("data_processing") + whole("reshaping"), KEDRO, "kedro run")
    pinned = KEDRO | {"load_versions": {"train_rows": "2026-01-01T00.00.00.000Z"}}
    for part, given, names in (
        (whole("reshaping"), KEDRO, "data_summary, history_rows, test_rows, train_rows"),
        (whole("evaluation"), KEDRO, "candidate, data_summary, .*"),
        (whole("__default__"), pinned, "train_rows"),
    ):
        with pytest.raises(
            DataError, match=f"{names} would come from an earlier run.*: kedro run."
        ):
            refuse_part(part, given, "kedro run")


def test_a_node_of_ones_own_reads_any_entry(project: Project) -> None:
    pinned = KEDRO | {"load_versions": {"metrics": "2026-01-01T00.00.00.000Z"}}
    upper = Node(str.upper, "metrics", "text", name="upper")
    own_nodes = Pipeline([Node(len, "train_rows", "count"), upper])
    refuse_part(own_nodes, pinned, "kedro run")
    refuse_part(own_nodes + whole("data_processing"), KEDRO, "kedro run")
    with pytest.raises(
        DataError, match=r"data_summary, history_rows, test_rows, train.* would come from"
    ):
        refuse_part(own_nodes + whole("reshaping"), pinned, "kedro run")
    for name in ("scoring", "retraining"):
        with pytest.raises(DataError, match=f"--pipelines {name}.* other pipelines separately."):
            refuse_part(own_nodes + whole(name), KEDRO, "kedro run")


def test_what_cannot_be_judged_is_not_trained() -> None:
    refuse_what_cannot_be_judged(SplitOptions())
    with pytest.raises(DataError, match=r"split\.test_fraction = 0"):
        refuse_what_cannot_be_judged(SplitOptions(test_fraction=0))


@pytest.mark.long
def test_a_run_of_missing_outputs_alone_is_a_whole_run(ran: Project) -> None:
    declare(ran, split={"salt": "other"}, **TINY)
    succeeds(here("run", "--only-missing-outputs"))
    made = (
        "03_primary/train_rows.parquet",
        "06_models/candidate.keras",
        "08_reporting/metrics.json",
    )
    assert [len(ran.versions(output)) for output in made] == [2] * 3


# A promotion log that is gone, or a copy

LOG = Path("data/08_reporting/promotions.jsonl")


def champions_of(log: list[LogEntry], *decided: LogEntry) -> Champions:
    decisions: dict[str, Any] = {entry.run_id: entry for entry in (*log, *decided)}
    return Champions(log, decisions=decisions)


@pytest.mark.parametrize("log", [[A], [A, B], [A, B, rollback("c", "a", "b")]])
def test_a_later_decision_after_another_champion_stops_a_run_that_decides(
    log: list[LogEntry],
) -> None:
    serves = letters([str(log[-1].serves_now)])
    refuse_older_log(champions_of(log, rejection("A", None)), LOG, run("z"), "kedro run")
    # A clock that was ahead makes no log an older copy.
    ahead = A.model_copy(update={"run_id": "2036-01-01T00.00.00.000Z"})
    for entries in ([ahead, B], [ahead]):
        refuse_older_log(champions_of(entries), LOG, run("z"), "kedro run")
    refuse_older_log(champions_of(log), LOG, "2020-01-01T00.00.00.000Z", "kedro run")
    # Runs that were stopped before their entries found the champion of the log.
    stopped = [promotion("u", serves), rejection("v", serves)]
    refuse_older_log(champions_of(log, *stopped), LOG, run("z"), "kedro run")
    older = champions_of(log, promotion("u", serves), rejection("v", "u"))
    said = f"according to it, {run(serves)} serves, but 2 runs decided later, most recently "
    with pytest.raises(DataError, match=said + run("v")):
        refuse_older_log(older, LOG, run("z"), "kedro run")


def test_decisions_without_a_log_stop_a_run_unless_it_may_be_the_first_one() -> None:
    refuse_older_log(champions_of([], promotion("a", None)), LOG, run("z"), "kedro run")
    lost = champions_of([], rejection("a", None), promotion("b", None))
    with pytest.raises(
        DataError, match="missing or an older copy: according to it, no run serves, but 2"
    ):
        refuse_older_log(lost, LOG, run("z"), "kedro run")


@pytest.mark.long
def test_a_log_of_an_earlier_day_is_found_out(served: Project) -> None:
    """Or a model that was dismissed would serve again without a word."""
    earlier = log_path(served).read_bytes()
    succeeds(here(*RETRAINING, *seed(5)))
    succeeds(here(*ROLLBACK))
    log_path(served).write_bytes(earlier)
    for command in (RETRAINING, ROLLBACK, SCORING):
        message = message_of(here(*command))
        assert message.startswith(
            f"{log_path(served)} is missing or an older copy: according to it, "
        )
        assert "Restore the newest log." in message


# Before a scoring

ENTRY = {
    "type": "tabular_lstm.datasets.RawRowsDataset",
    "filepath": "rows.csv",
    "load_args": {"sep": ";"},
}
LEFT = "07_model_output/predictions/{}/part-00000.parquet"  # by a scoring that was killed


def test_what_a_killed_scoring_left_is_taken_away_and_what_is_finished_stays(
    project: Project,
) -> None:
    def leave(letter: str) -> Path:
        path = project.path / "data" / LEFT.format(run(letter))
        path.parent.mkdir(parents=True)
        path.touch()
        return path.parent

    with KedroSession.create(project.path) as session:
        catalog = session.load_context().catalog
    finished = catalog.get("predictions").folder / run("b") / "manifest.json"
    finished.parent.mkdir(parents=True)
    finished.touch()
    before = project.files()
    leave("a")
    with clear_unfinished(catalog):
        assert project.files() == before
        left = leave("c")
        with clear_unfinished(catalog):  # beside another scoring nothing is taken away
            assert left.exists()


def test_predictions_rest_on_what_changes_them_alone() -> None:
    def rest_on(entry: dict[str, Any], **changed: dict[str, Any]) -> Any:
        columns = {"label": "sold", "positive_class": 1, "negative_class": 0}
        declared = {"columns": columns, **changed}
        blocks = {n: block.model_validate(declared.get(n, {})) for n, block in BLOCKS.items()}
        return conditions(blocks, ENTRY | entry)

    expected = rest_on({})
    moved = {"filepath": "elsewhere.csv", "metadata": {"kedro-viz": {}}}
    assert rest_on(moved, scoring={"force": True}, training={"seed": 5}) == expected
    assert rest_on({}, scoring={"reasons": 1}) != expected
    assert rest_on({}, validation={"max_quarantined_fraction": 0.1}) != expected
    assert rest_on({"load_args": {"sep": ","}}) != expected
