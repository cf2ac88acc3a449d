"""A promotion log that was edited: refused by whatever meets it, with the ways out, and mended."""

from collections.abc import Callable
from typing import Any

import pytest

from tabular_lstm import load_champion
from tabular_lstm.errors import DataError
from tests.helpers.champions import LOCK, assert_settled, log_of, log_path, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.logs import write_chained
from tests.helpers.project import Project

Lines = list[dict[str, Any]]
START_OVER = (*RETRAINING, "--params", "promotion.start_over=true")


def swapped(project: Project) -> None:
    """As it was seen: by the older line, which is now the last, the older model would serve."""
    first, second = log_path(project).read_text().splitlines()
    log_path(project).write_text(f"{second}\n{first}\n")


def chained(change: Callable[[Lines], Lines]) -> Callable[[Project], None]:
    def forge(project: Project) -> None:
        write_chained(log_path(project), change(log_of(project)))

    return forge


def out_of_the_folder(lines: Lines) -> Lines:
    return [lines[0], {**lines[1], "run_id": "../../../evil", "serves_now": "../../../evil"}]


def five(project: Project) -> None:
    log_path(project).write_text(log_path(project).read_text() + "5\n")


def served_without(project: Project) -> None:
    write_chained(
        log_path(project),
        [{name: line[name] for name in line if name != "inputs"} for line in log_of(project)],
    )


@pytest.mark.parametrize(
    ("forge", "line"),
    [
        (swapped, 1),
        (chained(out_of_the_folder), 2),
        (five, 3),
        (served_without, 1),
    ],
)
def test_a_log_that_was_edited_is_refused_with_the_ways_out_and_changes_nothing(
    served_twice: Project, forge: Callable[[Project], None], line: int
) -> None:
    whole = log_path(served_twice).read_bytes()
    forge(served_twice)
    before = served_twice.files()

    for command in ((*RETRAINING, *seed(5)), ROLLBACK, START_OVER):
        message = message_of(here(*command))
        assert message.startswith(f"{log_path(served_twice)}, line {line}: ")
        assert "Put back a copy of it." in message
        assert "Running" not in message
    with pytest.raises(DataError, match=rf"promotions\.jsonl, line {line}: "):
        load_champion(served_twice.path)
    after = served_twice.files()
    for name in before.keys() | after.keys() - {LOCK}:
        assert after[name] == before[name], name

    # The lock is free, and a copy put back is a way out.
    log_path(served_twice).write_bytes(whole)
    succeeds(here(*ROLLBACK))
    assert on_disk(served_twice) == log_of(served_twice)[0]["sha256"]
    assert_settled(served_twice)


def test_a_rollback_that_was_rewritten_as_a_rejection_lets_nobody_serve(
    served_twice: Project,
) -> None:
    """No later line holds the hash of the last line, but the decision of that run is there."""
    succeeds(here(*ROLLBACK))
    whole = log_path(served_twice).read_bytes()
    *before, last = log_of(served_twice)
    decision = served_twice.versions("08_reporting/decision.json")[-1]
    as_before = {name: before[-1][name] for name in ("serves_now", "sha256")}
    write_chained(log_path(served_twice), [*before, {**last, "action": "rejected", **as_before}])
    for pipeline in ("scoring", "monitoring", "retraining", "rollback"):
        message = message_of(here("run", "--pipelines", pipeline))
        assert message.startswith(
            f"{log_path(served_twice)}, line 3: action: expected rolled_back, by {decision}, got "
            "rejected. One of the two files was changed or damaged. Put back a copy of it."
        )
    with pytest.raises(DataError, match=r"line 3: action: expected rolled_back"):
        load_champion(served_twice.path)
    assert not [name for name in served_twice.files() if "/predictions/" in name]
    # A copy of the log that is put back serves, also without the decision.
    log_path(served_twice).write_bytes(whole)
    succeeds(here("run", "--pipelines", "scoring"))
    decision.unlink()
    assert load_champion(served_twice.path).run_id == last["serves_now"]


def test_a_log_that_is_gone_stops_a_retraining_that_does_not_start_over(
    served_twice: Project,
) -> None:
    whole = log_path(served_twice).read_bytes()
    log_path(served_twice).unlink()
    message = message_of(here(*RETRAINING, *seed(5)))
    assert message.startswith(f"{log_path(served_twice)} is gone or empty, although 2 runs")
    assert "Running" not in message
    # The ways that the message names: a copy of the log, or a new log.
    log_path(served_twice).write_bytes(whole)
    succeeds(here(*RETRAINING, *seed(5)))
    assert log_of(served_twice)[2]["served_before"] == log_of(served_twice)[1]["run_id"]
    log_path(served_twice).unlink()
    succeeds(here(*RETRAINING, *seed(6)[:-1], f"{seed(6)[-1]},promotion.start_over=true"))
    assert [line["served_before"] for line in log_of(served_twice)] == [None]
    assert_settled(served_twice)
