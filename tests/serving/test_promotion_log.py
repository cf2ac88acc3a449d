"""The promotion log: who serves by it; what is written stays, and what was changed is refused."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters import Columns, Moment, Split
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.promotion_log import LogEntry, append, read_log, restorable, standing
from tests.helpers.decisions import DATA, decision
from tests.helpers.logs import (
    LOG,
    hash_of,
    letters,
    promotion,
    rollback,
    run,
    write_chained,
)

Line = dict[str, Any]


def test_what_was_rolled_back_from_does_not_stand() -> None:
    assert letters(standing(LOG)) == "dba"
    assert letters(standing(LOG[:5])) == "cba"
    assert standing(LOG[:1]) == standing([]) == []
    assert letters(standing([*LOG, rollback("s", "a", "d")])) == "a"


def test_those_that_served_last_and_those_that_stand_are_kept() -> None:
    assert letters(restorable(LOG, 5)) == "dbca"
    assert letters(restorable(LOG, 1)) == "d"
    assert letters(restorable(LOG, 2)) == "db"
    # By last service b, c; by standing b, a.
    assert letters(restorable(LOG[:6], 2)) == "bca"
    assert restorable([], 5) == []


# The file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log with all entries of `LOG`; the file's name needs quoting in a shell."""
    path = tmp_path / "my outputs/08_reporting/promotions.jsonl"
    for entry in LOG:
        append(path, entry)
    return path


def without_link(log: list[LogEntry]) -> list[LogEntry]:
    return [entry.model_copy(update={"line_before": None}) for entry in log]


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_appending_keeps_what_is_there_and_chains_by_hashes_as_sha256sum_prints(
    tmp_path: Path,
) -> None:
    path = tmp_path / "my outputs/promotions.jsonl"  # needs quoting in a shell
    assert read_log(path) == []
    log = [entry.model_copy(update={"reason": "größer"}) for entry in LOG]
    for entry in log:
        before = path.read_bytes() if path.exists() else b""
        append(path, entry)
        assert path.read_bytes().startswith(before)
    assert without_link(read_log(path)) == log
    assert len(path.read_text().splitlines()) == path.read_text().count("größer") == len(log)
    assert read_log(path)[0].line_before is None
    for number, entry in enumerate(read_log(path)[1:], 1):
        command = f"sed -n {number}p {shlex.quote(str(path))} | sha256sum"
        printed = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
        assert printed.stdout.split()[0] == entry.line_before
    # A last line that lacks its line feed is a line, and gets it.
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert without_link(read_log(path)) == log
    append(path, promotion("e", "d"))
    assert path.read_bytes().startswith(whole)
    assert without_link(read_log(path)) == [*log, promotion("e", "d")]


# The end of the file


@pytest.mark.parametrize("left", [1, 100, -1])
@pytest.mark.parametrize("entries", [0, 3])
def test_what_is_left_of_a_torn_line_does_not_count_and_is_taken_away(
    tmp_path: Path, entries: int, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "promotions.jsonl", tmp_path / "other.jsonl"
    for entry in LOG[: entries + 1]:
        append(other, entry)
    *whole, last = other.read_bytes().splitlines(keepends=True)
    torn = last.rstrip(b"\n")[:left]
    path.write_bytes(b"".join(whole) + torn)
    assert without_link(read_log(path)) == LOG[:entries]
    assert path.read_bytes().endswith(torn)  # reading changes nothing

    append(path, LOG[entries])
    assert path.read_bytes() == other.read_bytes()
    assert "did not count: " + torn.decode() in caplog.text


# What was changed


def refusal(path: Path) -> str:
    """Check that the log is refused, by readers and writers alike, and give the message."""
    before = path.read_bytes()
    with pytest.raises(DataError) as refused:
        read_log(path)
    with pytest.raises(DataError) as not_written:
        append(path, promotion("e", "d"))
    message = str(refused.value)
    assert str(not_written.value) == message
    assert path.read_bytes() == before
    assert message.startswith(f"{path}, line ")
    assert "\n" not in message
    assert "Put back a copy of it. " in message
    assert message.endswith("move it away and retrain with promotion.start_over=true.")
    return message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "2: line_before: expected "),
        (lambda lines: [*lines[:3], *lines[4:]], "4: line_before: expected "),  # taken out
        (lambda lines: lines[1:], "1: line_before: expected "),  # the head cut off
        *(
            (lambda lines, line=line: [lines[0], line, *lines[1:]], "2: expected a decision")
            for line in ("{", "5", '{"run_id": "a"}')
        ),
    ],
)
def test_lines_that_do_not_chain_or_are_no_decision_are_named(
    path: Path, changed: Any, words: str
) -> None:
    lines = changed(path.read_text().splitlines())
    path.write_text("\n".join(lines) + "\n")
    message = refusal(path)
    assert f"{path}, line {words}" in message
    assert ("a decision" in words) == (f"The line begins {lines[1].encode()!r}" in message)


@pytest.mark.parametrize("name", ["run_id", "served_before", "serves_now"])
@pytest.mark.parametrize(
    "forged",
    ["../../../evil", "", run("a") + "/..", run("a") + "\n", "٢٠٢٦" + run("a")[4:]],
)
def test_what_is_no_run_id_is_refused_before_a_path_is_made_of_it(
    path: Path, name: str, forged: str
) -> None:
    lines = lines_of(path)
    write_chained(path, [*lines[:-1], {**lines[-1], name: forged}])
    assert f"({name}: expected a run id such as 2026-11-26T" in refusal(path)


def serving(letter: str | None) -> Line:
    """Fields by which a run serves."""
    return {"serves_now": letter and run(letter), "sha256": letter and hash_of(letter)}


@pytest.mark.parametrize(
    ("number", "forged", "said"),
    [
        # Who serves by the lines above is another one, or none.
        (1, {"served_before": run("a")}, f"served_before: expected null, .* got {run('a')}"),
        (1, serving("a"), f"serves_now: expected null, by action rejected .* got {run('a')}"),
        (3, {"served_before": None}, f"served_before: expected {run('a')}, .* got null"),
        (4, serving("a"), f"serves_now: expected {run('b')}, by action rejected"),
        (4, serving(None), f"serves_now: expected {run('b')}, by action rejected .* got null"),
        # A promotion promotes the run that decides.
        (3, serving("a"), f"serves_now: expected {run('b')}, by action promoted"),
        (3, {"sha256": None}, "sha256: expected that of the artifact, .* got null"),
        # A rollback restores a run that was promoted, and its artifact.
        (6, serving("x"), f"expected a run that was promoted, .* got {run('x')}"),
        (6, serving(None), "expected a run that was promoted, .* got null"),
        (6, {"sha256": hash_of("c")}, f"sha256: expected {hash_of('b')}, by action rolled_back"),
        (4, {"sha256": hash_of("a")}, f"sha256: expected {hash_of('b')}, by action rejected"),
        # A run decides once.
        (5, {"run_id": run("a"), **serving("a")}, "which decided in line 2"),
    ],
)
def test_what_does_not_follow_from_the_lines_above_is_refused_though_it_chains(
    path: Path, number: int, forged: Line, said: str
) -> None:
    lines = lines_of(path)
    lines[number - 1] |= forged
    write_chained(path, lines)
    with pytest.raises(DataError, match=rf"line {number}: .*{said}"):
        read_log(path)
    refusal(path)


def test_a_decision_on_a_log_that_was_changed_meanwhile_is_not_written(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"was changed since run .* began.*served_before: expected"):
        append(path, promotion("e", "b"))
    assert path.read_bytes() == before


# What champions left: the boundary of a split by time, promises and references

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


def test_the_newest_decision_on_rows_that_were_split_so_counts_whether_it_promoted_or_not() -> None:
    march = decided("a", "2026-03-01")
    assert in_force() is None
    assert in_force(march) == "2026-03-01"
    assert in_force(march, decided("b", "2026-04-01", accepted=False)) == "2026-04-01"
    for otherwise in ({"kind": "hash"}, {"time": "month"}, {"test_fraction": 0.3}):
        assert in_force(decided("a", "2026-03-01", **otherwise)) is None
        assert in_force(march, decided("b", "2026-04-01", **otherwise)) == "2026-03-01"


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
