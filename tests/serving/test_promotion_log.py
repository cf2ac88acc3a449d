"""The promotion log: what is written stays, and who serves follows from it."""

import json
from pathlib import Path
from typing import Any

import pydantic
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.promotion_log import (
    LogEntry,
    append,
    champion_of,
    changes,
    closing_line,
    promoted,
    read_log,
    record,
    restorable,
    standing,
)
from tests.helpers.decisions import CONTENT, PROVENANCE, decision
from tests.helpers.logs import promotion, rejection, rollback

LOG = [
    rejection("0", None),
    promotion("a"),
    promotion("b", "a"),
    rejection("x", "b"),
    promotion("c", "b"),
    rollback("r", "b", "c"),
    promotion("d", "b"),
    rejection("y", "d"),
]


def test_who_serves() -> None:
    serves = [champion_of(LOG[:count]) for count in range(len(LOG) + 1)]
    assert serves == [None, None, "a", "b", "b", "c", "b", "d", "d"]


def test_what_was_rolled_back_from_does_not_stand() -> None:
    assert standing(LOG) == ["d", "b", "a"]
    assert standing(LOG[:5]) == ["c", "b", "a"]
    assert standing(LOG[:1]) == standing([]) == []
    assert standing([*LOG, rollback("s", "a", "d")]) == ["a"]


def test_rolling_back_twice_goes_back_twice() -> None:
    log = LOG[:5]
    for expected in ("b", "a"):
        assert standing(log)[1] == expected
        log = [*log, rollback(f"to {expected}", expected, standing(log)[0])]
    assert standing(log) == ["a"]


def test_one_rolled_back_from_can_be_restored() -> None:
    log = [*LOG[:6], rollback("s", "c", "b")]
    assert champion_of(log) == "c"
    assert standing(log) == ["c", "b", "a"]


def test_those_that_served_last_and_those_that_stand_are_kept() -> None:
    assert restorable(LOG, 5) == ["d", "b", "c", "a"]
    assert restorable(LOG, 1) == ["d"]
    assert restorable(LOG, 2) == ["d", "b"]
    # By last service b, c; by standing b, a.
    assert restorable(LOG[:6], 2) == ["b", "c", "a"]
    assert restorable([], 5) == []


def test_entries_by_kind() -> None:
    assert [entry.run_id for entry in changes(LOG)] == ["a", "b", "c", "r", "d"]
    assert list(promoted(LOG)) == ["a", "b", "c", "d"]


# A decision's entry


@pytest.mark.parametrize("log", [LOG, LOG[:1], []])
@pytest.mark.parametrize("accepted", [True, False])
def test_an_entry_says_who_served_and_who_serves(log: list[LogEntry], accepted: bool) -> None:
    judged = decision(accepted, log, "z")
    before = champion_of(log)
    entry = record(judged, "the page")
    assert entry.action == judged.action == ("promoted" if accepted else "rejected")
    assert (entry.served_before, entry.serves_now) == (before, "z" if accepted else before)
    assert entry.sha256 == (sha256(CONTENT) if accepted else before)
    assert champion_of([*log, entry]) == entry.serves_now
    assert (entry.run_id, entry.time, entry.reason) == ("z", PROVENANCE.time, judged.reason)
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
        run_id="s",
        action="rolled_back",
        reason="asked for",
        served_before="d",
        serves_now="b",
        sha256="b",
        judgement=None,
    )
    entry = record(rolled_back)
    assert (entry.served_before, entry.serves_now, entry.sha256) == ("d", "b", "b")
    assert entry.inputs is None
    assert entry.test_rows_sha256 is None
    assert standing([*LOG, entry]) == ["b", "a"]


def test_entries_and_decisions_cannot_be_changed() -> None:
    judged = decision(True)
    for value, name in ((LOG[0], "serves_now"), (judged, "action"), (judged.judgement, "looks")):
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(value, name, None)


@pytest.mark.parametrize(
    ("accepted", "log", "words"),
    [
        (True, [], "Promoted run z: there was no champion to compare with; better than"),
        (True, LOG, "Promoted run z: not worse than the champion d"),
        (False, LOG, "Rejected run z: as expected, or not. The champion stays run d."),
        (False, [], "Rejected run z: as expected, or not. There is still no champion."),
    ],
)
def test_the_last_words_of_a_retraining(accepted: bool, log: list[LogEntry], words: str) -> None:
    assert closing_line(record(decision(accepted, log))).startswith(words)


def test_the_last_words_of_a_rollback() -> None:
    assert closing_line(rollback("r", "b", "c")) == "Rolled back: to see."


# On disk


def test_appending_keeps_what_is_there_and_reading_gives_all(tmp_path: Path) -> None:
    path = tmp_path / "08_reporting/promotions.jsonl"
    assert read_log(path) == []
    log = [entry.model_copy(update={"reason": "größer"}) for entry in LOG]
    log.append(record(decision(True, LOG)))
    for entry in log:
        before = path.read_bytes() if path.exists() else b""
        append(path, entry)
        assert path.read_bytes().startswith(before)
    assert read_log(path) == log
    assert "größer" in path.read_text()
    assert len(path.read_text().splitlines()) == len(log)


def test_the_names_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "promotions.jsonl"
    append(path, record(decision(True, LOG)))
    line = json.loads(path.read_text())
    assert list(line) == [
        "run_id",
        "time",
        "action",
        "reason",
        "served_before",
        "serves_now",
        "sha256",
        "inputs",
        "test_rows_sha256",
    ]
    assert line["inputs"].keys() == {"data", "parameters", "code"}


def test_a_line_cut_off_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "promotions.jsonl"
    append(path, LOG[0])
    with path.open("a") as file:
        file.write(LOG[1].model_dump_json())  # and no line feed
    assert read_log(path) == LOG[:1]
    append(path, LOG[1])
    assert read_log(path) == LOG[:2]


@pytest.mark.parametrize("line", ["{", "[]", '"promoted"', '{"run_id": "a"}', '{"action": "x"}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "promotions.jsonl"
    path.write_text(f"{LOG[0].model_dump_json()}\n{line}\n")
    with pytest.raises(DataError) as refused:
        read_log(path)
    assert f"{path}, line 2: expected a decision" in str(refused.value)
    assert line in str(refused.value)


@pytest.mark.parametrize("name", LOG[0].model_dump(exclude={"inputs", "test_rows_sha256"}))
def test_what_a_line_lacks_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "promotions.jsonl"
    path.write_text(LOG[0].model_dump_json(exclude={name}) + "\n")
    with pytest.raises(DataError, match=rf"line 1: expected a decision .*\({name}: Field required"):
        read_log(path)


@pytest.mark.parametrize(
    ("old", "named"),
    [
        # As version 0.4 wrote it.
        ({"champion": "b", "replaced": "a"}, "served_before"),
        ({"served_before": "a", "serves_now": "b", "champion": "b"}, "champion"),
        ({"served_before": "a", "serves_now": "b", "action": "restored"}, "action"),
    ],
)
def test_an_entry_of_another_form_is_refused(
    tmp_path: Path, old: dict[str, Any], named: str
) -> None:
    path = tmp_path / "promotions.jsonl"
    line = {**promotion("b", "a").model_dump(exclude={"served_before", "serves_now"}), **old}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError) as refused:
        read_log(path)
    assert f"({named}: " in str(refused.value)
    assert "\n" not in str(refused.value)
