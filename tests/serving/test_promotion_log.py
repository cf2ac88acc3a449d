"""The promotion log: who serves by it; what is written stays, and what was changed is refused."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.serving.promotion_log import LogEntry, append, read_log, restorable, standing
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
    assert "Restore it from a copy. " in message
    assert message.endswith("move it away and retrain with promotion.start_over=true.")
    return message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "2: line_before: expected "),
        (lambda lines: [*lines[:3], *lines[4:]], "4: line_before: expected "),  # taken out
        (lambda lines: lines[1:], "1: line_before: expected "),  # the head cut off
        (lambda lines: [lines[0], lines[1][:50]], "2: expected a decision"),  # and the end
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
        (1, serving("a"), f"serves_now: expected null, given action rejected .* got {run('a')}"),
        (3, {"served_before": None}, f"served_before: expected {run('a')}, .* got null"),
        (4, serving("a"), f"serves_now: expected {run('b')}, given action rejected"),
        (4, serving(None), f"serves_now: expected {run('b')}, given action rejected .* got null"),
        # A promotion promotes the run that decides.
        (3, serving("a"), f"serves_now: expected {run('b')}, given action promoted"),
        (3, {"sha256": None}, "sha256: expected that of the artifact, .* got null"),
        # A rollback restores a run that was promoted, and its artifact.
        (6, serving("x"), f"expected a run that was promoted, .* got {run('x')}"),
        (6, serving(None), "expected a run that was promoted, .* got null"),
        (6, {"sha256": hash_of("c")}, f"sha256: expected {hash_of('b')}, given action rolled_back"),
        (4, {"sha256": hash_of("a")}, f"sha256: expected {hash_of('b')}, given action rejected"),
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
    with pytest.raises(DataError, match=r"has changed since run .* began.*served_before: expected"):
        append(path, promotion("e", "b"))
    assert path.read_bytes() == before
