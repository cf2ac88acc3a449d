"""Progress of what takes long: a line now and then, none of what is quick."""

import logging

import pytest

from tabular_lstm.network import progress
from tabular_lstm.network.progress import told


def test_what_takes_long_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = iter([0.0, *(4.0 * step for step in range(10))])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(told(range(10), "Counting")) == list(range(10))
    assert [record.message for record in caplog.records] == [
        "Counting: 3 of 10, about 28 s left",
        "Counting: 6 of 10, about 16 s left",
        "Counting: 9 of 10, about 4 s left",
    ]


def test_what_is_quick_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert list(told("abc", "Counting")) == ["a", "b", "c"]
    assert not caplog.records
