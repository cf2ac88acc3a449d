"""A run's log is not silent for long: a line says what is at work. A quick run has none."""

import logging
import re
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro_datasets.pandas import ParquetDataset

from tabular_lstm.at_work import Work, at_work, told
from tabular_lstm.datasets import RawCSVDataset
from tabular_lstm.errors import DataError
from tabular_lstm.judging.baselines import predict_with_baselines
from tabular_lstm.judging.importance import permutation_importance
from tabular_lstm.judging.metrics import bootstrap
from tabular_lstm.parameters import Evaluation, Reshaping, Training
from tabular_lstm.rows import enough
from tabular_lstm.rows.learning import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.runs import guards, latest, watch
from tabular_lstm.runs.watch import watched
from tests.helpers.commands import here, succeeds
from tests.helpers.judged import set_of
from tests.helpers.project import Project

STILL = re.compile(r"\d+ s so far|about \d+ s left")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Say at once what is at work."""
    monkeypatch.setattr(watch, "QUIET", 0.005)
    caplog.set_level(logging.INFO)


def until(found: Callable[[], bool]) -> None:
    """Wait for a line; a log without it fails the test."""
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end, "no such line"
        time.sleep(0.001)


@pytest.mark.usefixtures("impatient")
def test_what_is_at_work_is_logged_while_nobody_else_logs(caplog: pytest.LogCaptureFixture) -> None:
    with watched("Judging"):
        until(lambda: "Judging: still at work, 0 s so far" in caplog.text)
        for _ in told("ab", "Steps"):
            until(lambda: "Steps: 0 of 2, 0 s so far" in caplog.text)
            break
    said = len(caplog.records)
    with at_work(Work("Later")):
        time.sleep(0.05)
    assert len(caplog.records) == said


def test_after_a_line_of_others_the_watch_waits_as_long_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(watch, "QUIET", 0.05)
    with watched("Judging"):
        for _ in range(100):
            logging.getLogger("another").info("at work")
            time.sleep(0.01)
    lines = [(record.name, record.created) for record in caplog.records]
    too_early = [
        then - before
        for (_, before), (name, then) in pairwise(lines)
        if name != "another" and then - before < 0.04
    ]
    # The other one may come in just between.
    assert len(too_early) < 5


class Faulty(logging.Handler):
    """Raises, or hangs, at what the watch says."""

    def __init__(self, hangs: bool) -> None:
        super().__init__()
        self.lock = None  # the run's own lines pass
        self.hangs, self.said, self.over = hangs, 0, threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread().name == "watch":
            self.said += 1
            if self.hangs:
                self.over.wait()
            raise OSError("no space left")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("hangs", [False, True], ids=["raises", "hangs"])
def test_a_handler_that_raises_or_hangs_harms_nothing(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SECONDS_TO_END", 0.01)
    handler = Faulty(hangs)
    logging.root.addHandler(handler)
    try:
        with watched("Judging"):
            until(lambda: handler.said == (1 if hangs else 3))
    finally:
        logging.root.removeHandler(handler)
        handler.over.set()


@pytest.mark.usefixtures("impatient")
def test_baselines_importance_and_intervals_say_how_far_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(400, 6)), columns=[*"abcdef"])
    labels = (rows["a"] + rng.normal(size=400) > 0).astype(float)
    schema = learn_schema(
        rows, categorical=[], missing={}, reshaping=Reshaping(), label="y", classes=(0, 1)
    )
    sequences = to_sequences(rows, schema)
    evaluation = Evaluation(bootstrap_resamples=20_000)
    with watched("Judging"):
        found, _ = predict_with_baselines(
            set_of(sequences, labels), sequences, schema, Training(), evaluation
        )

        def changed(_: object, changes: object) -> object:
            for _slot, values in changes:  # type: ignore[attr-defined]
                time.sleep(0.01)
                yield np.abs(values) % 1

        permutation_importance(
            changed,
            sequences,
            labels.to_numpy(),
            schema.slots,
            2,
            0,  # type: ignore[arg-type]
        )
        bootstrap(
            labels.to_numpy(),
            {name: found[name].to_numpy() for name in found},
            dict.fromkeys(found, 0.5),
            evaluation.bootstrap_resamples,
            0,
        )
    for expected in (
        r"Fitting the baselines on 400 rows and on folds: [1-9]\d* of 18, ",
        r"Permutation importance: [1-5] of 6, ",
        r"20,000 resamples for intervals, parts: [1-9]\d* of \d+, ",
    ):
        assert re.search(expected, caplog.text), expected


# What is made slow: where it is, its name, and what is said meanwhile.
SLOW: list[tuple[Any, str, str]] = [
    (guards, "start_from_the_newest", "The run"),
    (RawCSVDataset, "load", "Loading raw_rows for data_processing.validate_rows"),
    (enough, "in_test", "data_processing.split_rows"),
    (ParquetDataset, "save", "Saving "),
    (latest, "renew", "The run"),
]


@pytest.mark.usefixtures("impatient")
def test_a_run_says_whatever_is_slow_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slowed(real: Callable[..., Any], line: str) -> Callable[..., Any]:
        def slowly(*arguments: Any, **options: Any) -> Any:
            before = len(caplog.records)
            until(
                lambda: any(
                    record.message.startswith(line) and "still at work" in record.message
                    for record in caplog.records[before:]
                )
            )
            return real(*arguments, **options)

        return slowly

    for owner, name, line in SLOW:
        monkeypatch.setattr(owner, name, slowed(getattr(owner, name), line))
    project.run("data_processing")
    said = len(caplog.records)
    time.sleep(0.05)
    assert len(caplog.records) == said


@pytest.mark.usefixtures("impatient")
def test_nothing_is_said_after_a_run_that_failed(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.raw.write_text("a,b\n")
    with pytest.raises(DataError):
        project.run("data_processing")
    assert STILL.search(caplog.text)
    said = len(caplog.records)
    time.sleep(0.05)
    assert len(caplog.records) == said


@pytest.mark.usefixtures("impatient")
def test_nothing_is_said_after_a_run_that_a_guard_stopped(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DataError):
        project.run("promotion")
    said = len(caplog.records)
    time.sleep(0.05)
    assert len(caplog.records) == said


def test_a_quick_run_has_no_such_line(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    project.run("data_processing")
    assert "Running data_processing.split_rows" in caplog.text
    assert not STILL.search(caplog.text)


@pytest.mark.usefixtures("impatient")
def test_a_profile_says_that_it_is_at_work(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here("profile", str(project.raw), "--env", "patients"))
    assert f"Looking at {project.raw}: still at work, " in caplog.text
