"""The boundary of a split by time is the newest decision's; a reference is its champion's alone."""

from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions, Decision
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


def in_force(*decisions: Decision) -> Any:
    log = [made.log_entry() for made in decisions]
    left = {made.run_id: made for made in decisions}
    return Champions(log, decisions=left).boundary(COLUMNS, SPLIT)


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


@pytest.mark.parametrize("fault", ["gone", "edited", "unreadable"])
def test_a_decision_that_is_not_the_one_in_the_log_does_not_count(fault: str) -> None:
    older, newer = decided("a", "2026-03-01"), decided("b", "2026-04-01")
    found = {older.run_id: older, newer.run_id: decided("b", "2026-05-01")}
    if fault == "gone":
        del found[newer.run_id]

    class Left(dict[str, Decision]):
        def __getitem__(self, run: str) -> Decision:
            if fault == "unreadable" and run == newer.run_id:
                raise DataError("damaged")
            return super().__getitem__(run)

    log = [older.log_entry(), newer.log_entry()]
    assert Champions(log, decisions=Left(found)).boundary(COLUMNS, SPLIT) == "2026-03-01"
    # Where it may have been the only one, rows must not change sides in silence.
    newest = Champions(log[1:], decisions=Left(found))
    with pytest.raises(DataError, match=f"of run {newer.run_id} is gone, damaged or edited"):
        newest.boundary(COLUMNS, SPLIT)
    assert newest.boundary(COLUMNS, Split(kind="time", from_="2026-04-01")) is None


def test_an_edited_decision_promises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    older, newer, edited = (decided(run, None) for run in "aba")
    log, in_force = [older.log_entry(), newer.log_entry()], {newer.run_id: newer}
    promised = Champions(log, decisions={**in_force, older.run_id: older}).promised(older.run_id)
    assert {*promised} >= {"log_loss", "roc_auc"}
    edited = edited.model_copy(update={"reason": "better than it was"})
    champions = Champions(log, decisions={**in_force, older.run_id: edited})
    assert champions.promised(older.run_id) == {}
    assert "decision.json is not the one that the promotion log names" in caplog.text


def test_the_reference_of_another_candidate_is_not_the_champions() -> None:
    champion, other = Artifact(b"a", "a.keras", "run"), Artifact(b"b", "b.keras", "run")
    facts = {"task": {"kind": "number"}, "rows": 1, "quarantined_rows": 0}
    reference = Reference.model_validate(
        {"candidate_sha256": champion.sha256, "features": {}, "scores": {}, **facts}
    )
    champions = Champions(references={"run": reference})
    assert champions.reference_of(champion) is reference
    with pytest.raises(
        DataError, match="of run run: expected the champion's reference, got that of another"
    ):
        champions.reference_of(other)
    with pytest.raises(DataError, match="expected the champion's reference, got no file"):
        Champions().reference_of(champion)
