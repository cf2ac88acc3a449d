"""A decision: what an older one does not have, or has beside that, leaves its hash as it was."""

import json
import re
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.judging.comparison import StrongerBaseline
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters.columns import ColumnsOptions, Moment, SplitOptions
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions, Decision
from tests.helpers.decisions import DATA, decision
from tests.helpers.logs import LOG, run

# What an earlier version wrote.
AGE = {"kind": "number", "missing": 0.5, "mean": 81.0, "deviation": 3.25}
TOWN = {"kind": "category", "missing": 0.0, "levels": {"Ulm": 0.75}, "distinct": 2}
DAY = {"kind": "date", "missing": 1.0}
CHANGE = {"name": "age", "then": AGE | {"mean": 40.0}, "now": AGE}
FEATURES = {"age": AGE, "town": TOWN, "day": DAY}


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"features": FEATURES, "changes": {"compared": 3, "changed": 1, "most": [CHANGE]}},
        {"features": FEATURES, "changes": {"compared": 0, "changed": 0, "most": []}},
    ],
)
def test_an_older_decision_keeps_its_hash(before: dict[str, Any]) -> None:
    as_written = decision(True).model_dump(mode="json")
    later = {"features", "changes", "drift", "stronger_baseline"}
    assert not later & as_written["judgement"].keys()
    del as_written["format"]
    as_written["judgement"] |= before
    older = Decision.model_validate_json(json.dumps(as_written))
    assert older.model_dump(mode="json") == {"format": 1, **as_written}
    assert older.fingerprint() == sha256(json.dumps(as_written, separators=(",", ":")).encode())
    assert older.alarm is None


def test_a_decision_with_a_drift_is_read_as_it_was_written() -> None:
    written = decision(True)
    assert written.judgement is not None
    drift = Drift(run_id=written.run_id, champion="b", not_compared="it is gone")
    judgement = written.judgement.model_copy(update={"drift": drift})
    written = written.model_copy(update={"judgement": judgement})
    read = Decision.model_validate_json(written.model_dump_json())
    assert read == written
    assert read.fingerprint() == written.fingerprint()


def test_the_last_words_of_a_run_say_who_serves_and_where_the_report_is() -> None:
    number = r"\d\.\d{3}"
    for log, beside in ((LOG, rf" \({number}\)"), ([], "")):
        area = rf"ROC AUC {number}{beside.replace('(', '(champion ')}"
        said = rf"Promoted run {run('z')}: {area}, log loss {number}{beside}\. Report: r"
        assert re.fullmatch(said, decision(True, log).closing_line("r"))
    rejected = f"Rejected run {run('z')}: as expected, or not. "
    stays = f"Run {run('d')} is still the champion. Report: r"
    assert decision(False, LOG).closing_line("r") == rejected + stays
    assert decision(False).closing_line("r") == f"{rejected}There is still no champion. Report: r"


def test_a_baseline_that_is_better_is_in_the_last_words_and_changes_no_others() -> None:
    stronger = StrongerBaseline(
        name="hist_gradient_boosting", metric="roc_auc", lead=0.0121, interval=(0.004, 0.02)
    )
    ahead = "Gradient boosting is ahead of the candidate by 0.012 [0.004, 0.020] ROC AUC. Report: r"
    for made in (decision(True), decision(False, LOG)):
        assert made.judgement is not None
        plain = made.closing_line("r")
        assert "ahead" not in plain
        judgement = made.judgement.model_copy(update={"stronger_baseline": stronger})
        known = made.model_copy(update={"judgement": judgement})
        assert known.closing_line("r") == plain.replace("Report: r", ahead)
        assert Decision.model_validate_json(known.model_dump_json()) == known


# What champions left: the boundary of a split by time, promises and references

COLUMNS = ColumnsOptions(label="y", positive_class=1, negative_class=0, time="day")
SPLIT = SplitOptions(kind="time")
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


def test_the_newest_decision_on_rows_that_were_split_so_counts_whether_it_promoted_or_not() -> None:
    march = decided("a", "2026-03-01")
    assert in_force() is None
    assert in_force(march) == "2026-03-01"
    assert in_force(march, decided("b", "2026-04-01", accepted=False)) == "2026-04-01"
    for otherwise in ({"kind": "hash"}, {"time": "month"}, {"test_fraction": 0.3}):
        assert in_force(decided("a", "2026-03-01", **otherwise)) is None
        assert in_force(march, decided("b", "2026-04-01", **otherwise)) == "2026-03-01"


@pytest.mark.parametrize(
    ("fault", "why"),
    [("gone", "it is gone"), ("edited", "its decision.json is not"), ("unreadable", "damaged")],
)
def test_no_older_boundary_counts_in_place_of_one_that_nobody_can_read(
    fault: str, why: str
) -> None:
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
    for entries in (log, log[1:]):  # with an older decision, and alone
        champions = Champions(entries, decisions=Left(found))
        with pytest.raises(DataError, match=rf"of run {newer.run_id} cannot be used \({why}"):
            champions.boundary(COLUMNS, SPLIT)
    assert champions.boundary(COLUMNS, SplitOptions(kind="time", from_="2026-04-01")) is None
    # A later one that can be read tells it.
    latest = decided("c", "2026-06-01")
    champions = Champions([*log, latest.log_entry()], decisions=found | {latest.run_id: latest})
    assert champions.boundary(COLUMNS, SPLIT) == "2026-06-01"


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
