"""The promotion log: what is written stays, and who serves follows from it."""

import json
from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.serving.log import (
    PromotionLogDataset,
    changes,
    lineage,
    promoted,
    restorable,
    serving,
)
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
    serves = [serving(LOG[:count]) for count in range(len(LOG) + 1)]
    assert serves == [None, None, "a", "b", "b", "c", "b", "d", "d"]


def test_what_was_rolled_back_from_does_not_stand() -> None:
    assert lineage(LOG) == ["d", "b", "a"]
    assert lineage(LOG[:5]) == ["c", "b", "a"]
    assert lineage(LOG[:1]) == lineage([]) == []
    assert lineage([*LOG, rollback("s", "a", "d")]) == ["a"]


def test_rolling_back_twice_goes_back_twice() -> None:
    log = LOG[:5]
    for expected in ("b", "a"):
        assert lineage(log)[1] == expected
        log = [*log, rollback(f"to {expected}", expected, lineage(log)[0])]
    assert lineage(log) == ["a"]


def test_one_rolled_back_from_can_be_restored() -> None:
    log = [*LOG[:6], rollback("s", "c", "b")]
    assert serving(log) == "c"
    assert lineage(log) == ["c", "b", "a"]


def test_those_that_served_last_and_those_that_stand_are_kept() -> None:
    assert restorable(LOG, 5) == ["d", "b", "c", "a"]
    assert restorable(LOG, 1) == ["d"]
    assert restorable(LOG, 2) == ["d", "b"]
    # By last service b, c; by standing b, a.
    assert restorable(LOG[:6], 2) == ["b", "c", "a"]
    assert restorable([], 5) == []


def test_lines_by_kind() -> None:
    assert [line["run_id"] for line in changes(LOG)] == ["a", "b", "c", "r", "d"]
    assert list(promoted(LOG)) == ["a", "b", "c", "d"]


def test_saving_appends_and_loading_gives_all(tmp_path: Path) -> None:
    path = tmp_path / "08_reporting/promotions.jsonl"
    log = PromotionLogDataset(str(path))
    assert log.load() == []
    for line in LOG:
        before = path.read_bytes() if path.exists() else b""
        log.save({**line, "reason": "größer"})
        assert path.read_bytes().startswith(before)
    assert [line["run_id"] for line in log.load()] == [line["run_id"] for line in LOG]
    assert "größer" in path.read_text()
    assert len(path.read_text().splitlines()) == len(LOG)


def test_a_line_cut_off_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "promotions.jsonl"
    log = PromotionLogDataset(str(path))
    log.save(LOG[0])
    with path.open("a") as file:
        file.write(json.dumps(LOG[1]))  # and no line feed
    assert log.load() == LOG[:1]
    log.save(LOG[1])
    assert log.load() == LOG[:2]


@pytest.mark.parametrize("line", ["{", "[]", '"promoted"', '{"run_id": "a"}', '{"action": "x"}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "promotions.jsonl"
    path.write_text(f"{json.dumps(LOG[0])}\n{line}\n")
    with pytest.raises(DataError) as refused:
        PromotionLogDataset(str(path)).load()
    assert f"{path}, line 2: expected a decision" in str(refused.value)
    assert line in str(refused.value)


@pytest.mark.parametrize("name", LOG[0])
def test_what_a_line_lacks_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "promotions.jsonl"
    path.write_text(json.dumps({key: value for key, value in LOG[0].items() if key != name}) + "\n")
    with pytest.raises(DataError, match=f"line 1: expected .* as a JSON object with {name}, got"):
        PromotionLogDataset(str(path)).load()


def test_the_preview_shows_the_newest_first(tmp_path: Path) -> None:
    log = PromotionLogDataset(str(tmp_path / "promotions.jsonl"))
    for number in range(30):
        log.save(rejection(str(number), None))
    shown = [line["run_id"] for line in json.loads(log.preview())]
    assert shown == [str(number) for number in range(29, 9, -1)]
