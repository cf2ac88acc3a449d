"""The boundary of a split by time is that of the newest decision on rows split in the same way."""

from collections.abc import Callable
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.serving.boundary import boundary_in_force
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.promotion_log import LogEntry, record
from tests.helpers.decisions import DATA, decision

COLUMNS = Columns(label="y", positive_class=1, negative_class=0, time="day")
SPLIT = Split(kind="time")
BY_DAY = {"kind": "time", "time": "day", "test_fraction": 0.2}


def decided(letter: str, boundary: Moment | None, accepted: bool = True, **split: Any) -> Decision:
    """A decision on rows that were split so."""
    made = decision(accepted, letter=letter)
    assert made.judgement is not None
    data = DATA.model_copy(update={"boundary": boundary, "split": {**BY_DAY, **split}})
    judgement = made.judgement.model_copy(update={"data": data})
    return made.model_copy(update={"judgement": judgement})


def in_force(*decisions: Decision, columns: Columns = COLUMNS, split: Split = SPLIT) -> Any:
    log = [record(made) for made in decisions]
    return boundary_in_force(
        log, {made.run_id: lambda m=made: m for made in decisions}, columns, split
    )


def test_the_newest_decision_counts_whether_it_promoted_or_not() -> None:
    assert in_force() is None
    assert in_force(decided("a", "2026-03-01")) == "2026-03-01"
    later = decided("b", "2026-04-01", accepted=False)
    assert in_force(decided("a", "2026-03-01"), later) == "2026-04-01"


@pytest.mark.parametrize(
    "other", [{"kind": "hash"}, {"time": "month"}, {"test_fraction": 0.3}], ids=str
)
def test_a_decision_on_rows_that_were_split_otherwise_does_not_count(other: dict[str, Any]) -> None:
    assert in_force(decided("a", "2026-03-01", **other)) is None
    assert in_force(decided("a", "2026-03-01"), decided("b", "2026-04-01", **other)) == "2026-03-01"


def test_a_split_by_hash_has_no_boundary() -> None:
    columns = COLUMNS.model_copy(update={"time": None})
    assert in_force(decided("a", "2026-03-01"), columns=columns, split=Split()) is None


@pytest.mark.parametrize("fault", ["gone", "edited", "unreadable"])
def test_a_decision_that_is_not_the_one_in_the_log_does_not_count(fault: str) -> None:
    older, newer = decided("a", "2026-03-01"), decided("b", "2026-04-01")

    def unreadable() -> Decision:
        raise DataError("damaged")

    read: dict[str, Callable[[], Decision]] = {
        "gone": {},
        "edited": {newer.run_id: lambda: decided("b", "2026-05-01")},
        "unreadable": {newer.run_id: unreadable},
    }[fault]
    log: list[LogEntry] = [record(older), record(newer)]
    decisions = {older.run_id: lambda: older, **read}
    assert boundary_in_force(log, decisions, COLUMNS, SPLIT) == "2026-03-01"
    # Where it may have been the only one, rows must not change sides in silence.
    with pytest.raises(DataError, match=f"of run {newer.run_id} is gone, damaged or edited"):
        boundary_in_force(log[1:], read, COLUMNS, SPLIT)
    told = Split(kind="time", from_="2026-04-01")
    assert boundary_in_force(log[1:], read, COLUMNS, told) is None
