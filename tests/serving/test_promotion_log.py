"""The promotion log: what is written stays, and who serves follows from it."""

import pydantic
import pytest

from tabular_lstm.files import sha256
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.promotion_log import (
    LogEntry,
    champion_of,
    changes,
    closing_line,
    promoted,
    record,
    restorable,
    standing,
)
from tests.helpers.decisions import CONTENT, PROVENANCE, decision
from tests.helpers.logs import LOG, hash_of, letters, rollback, run


def test_who_serves() -> None:
    serves = [champion_of(LOG[:count]) for count in range(2, len(LOG) + 1)]
    assert champion_of([]) is champion_of(LOG[:1]) is None
    assert letters([str(run_id) for run_id in serves]) == "abbcbdd"


def test_what_was_rolled_back_from_does_not_stand() -> None:
    assert letters(standing(LOG)) == "dba"
    assert letters(standing(LOG[:5])) == "cba"
    assert standing(LOG[:1]) == standing([]) == []
    assert letters(standing([*LOG, rollback("s", "a", "d")])) == "a"


def test_rolling_back_twice_goes_back_twice() -> None:
    log = LOG[:5]
    for expected in ("b", "a"):
        assert standing(log)[1] == run(expected)
        log = [*log, rollback(expected.upper(), expected, letters(standing(log)[:1]))]
    assert letters(standing(log)) == "a"


def test_one_rolled_back_from_can_be_restored() -> None:
    log = [*LOG[:6], rollback("s", "c", "b")]
    assert champion_of(log) == run("c")
    assert letters(standing(log)) == "cba"


def test_those_that_served_last_and_those_that_stand_are_kept() -> None:
    assert letters(restorable(LOG, 5)) == "dbca"
    assert letters(restorable(LOG, 1)) == "d"
    assert letters(restorable(LOG, 2)) == "db"
    # By last service b, c; by standing b, a.
    assert letters(restorable(LOG[:6], 2)) == "bca"
    assert restorable([], 5) == []


def test_entries_by_kind() -> None:
    assert letters([entry.run_id for entry in changes(LOG)]) == "abcrd"
    assert letters(list(promoted(LOG))) == "abcd"


# A decision's entry


@pytest.mark.parametrize("log", [LOG, LOG[:1], []])
@pytest.mark.parametrize("accepted", [True, False])
def test_an_entry_says_who_served_and_who_serves(log: list[LogEntry], accepted: bool) -> None:
    judged = decision(accepted, log, "z")
    before = champion_of(log)
    entry = record(judged, "the page")
    assert entry.action == judged.action == ("promoted" if accepted else "rejected")
    assert (entry.served_before, entry.serves_now) == (before, run("z") if accepted else before)
    assert entry.sha256 == (sha256(CONTENT) if accepted else before and hash_of("d"))
    assert champion_of([*log, entry]) == entry.serves_now
    assert (entry.run_id, entry.time, entry.reason) == (run("z"), PROVENANCE.time, judged.reason)
    assert entry.inputs is not None
    assert entry.inputs.model_dump() == {
        "data": "of the data",
        "parameters": "of the parameters",
        "code": "of the code",
    }
    assert entry.test_rows_sha256 == "of the test rows"


def test_the_entry_of_a_rollback_has_judged_nothing() -> None:
    rolled_back = Decision(
        **PROVENANCE.of_decision(),
        run_id=run("s"),
        action="rolled_back",
        reason="asked for",
        served_before=run("d"),
        serves_now=run("b"),
        sha256=hash_of("b"),
        judgement=None,
    )
    entry = record(rolled_back)
    assert (entry.served_before, entry.serves_now) == (run("d"), run("b"))
    assert entry.sha256 == hash_of("b")
    assert entry.inputs is None
    assert entry.test_rows_sha256 is None
    assert letters(standing([*LOG, entry])) == "ba"


def test_entries_and_decisions_cannot_be_changed() -> None:
    judged = decision(True)
    for value, name in ((LOG[0], "serves_now"), (judged, "action"), (judged.judgement, "looks")):
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(value, name, None)


@pytest.mark.parametrize(
    ("accepted", "log", "words"),
    [
        (True, [], f"Promoted run {run('z')}: there was no champion to compare with; better than"),
        (True, LOG, f"Promoted run {run('z')}: not worse than the champion {run('d')}"),
        (
            False,
            LOG,
            f"Rejected run {run('z')}: as expected, or not. The champion stays run {run('d')}.",
        ),
        (False, [], f"Rejected run {run('z')}: as expected, or not. There is still no champion."),
    ],
)
def test_the_last_words_of_a_retraining(accepted: bool, log: list[LogEntry], words: str) -> None:
    assert closing_line(record(decision(accepted, log))).startswith(words)


def test_the_last_words_of_a_rollback() -> None:
    assert closing_line(rollback("r", "b", "c")) == "Rolled back: to see."
