"""What is at work says what it is, how far it is, and how long it may still take."""

import pytest

from tabular_lstm import at_work as module
from tabular_lstm.at_work import Work, at_work, now_at_work, told


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_steps_tell_how_many_are_done_and_how_long_the_others_may_take(clock: list[float]) -> None:
    said = []
    for step in told("abcd", "Counting"):
        clock[0] += 4
        said.append((step, now_at_work()))
    assert said == [
        ("a", "Counting: 0 of 4, 4 s so far"),
        # A step of 4 s in which 4 s have gone: nobody knows how much longer it takes.
        ("b", "Counting: 1 of 4, about 8 s left"),
        ("c", "Counting: 2 of 4, about 4 s left"),
        ("d", "Counting: 3 of 4, 16 s so far"),
    ]
    assert now_at_work() == ""


def test_steps_that_an_error_or_a_break_ends_are_no_longer_at_work() -> None:
    for _ in told(range(3), "Counting"):
        break
    assert now_at_work() == ""
    with pytest.raises(KeyError), at_work(Work("Failing")):
        raise KeyError
    assert now_at_work() == ""


def test_the_innermost_is_told_and_what_has_no_steps_tells_its_time(clock: list[float]) -> None:
    with at_work(Work("Judging")):
        clock[0] += 30
        with at_work(Work("Drawing")):
            clock[0] += 9
            assert now_at_work() == "Drawing: still at work, 9 s so far"
        assert now_at_work() == "Judging: still at work, 39 s so far"


def test_the_steps_of_what_has_no_length_are_counted_by_who_knows_it(clock: list[float]) -> None:
    for _ in told(iter("ab"), "Counting", 20):
        clock[0] += 1
    for _ in told(iter("ab"), "Counting"):
        assert now_at_work() == "Counting: still at work, 0 s so far"
