"""The overview of one environment: what serves, how the last runs ended, and who needs a person."""

import fcntl
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabular_lstm.serving.promotion_log import FORMAT, began
from tests.helpers.browser import measured, needs_browser
from tests.helpers.champions import champion_path
from tests.helpers.commands import ALARM, RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.pages import Parsed
from tests.helpers.project import Project

AHEAD = "2036-01-01T00.00.00.000Z"


def overseen(code: int = 0) -> dict[str, Any]:
    """The state of the environment, as `--json` has it."""
    ended = here("overview", "--json")
    assert ended.returncode == code, ended.stdout + ended.stderr
    (state,) = json.loads(ended.stdout)
    return state


def attempts(project: Project, pipeline: str = "retraining") -> list[Path]:
    folder = project.path / f"data/08_reporting/{pipeline}_attempt.json"
    return sorted(folder.glob("*/*.json"))


def copied(attempt: Path, run: str, **fields: Any) -> Path:
    """Copy an attempt, as one of another run."""
    content = {**json.loads(attempt.read_text()), "run_id": run, **fields}
    path = attempt.parents[1] / run / attempt.name
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    return path


def earlier(run: str, **time: float) -> str:
    return f"{(began(run) - timedelta(**time)).strftime(FORMAT)[:-4]}Z"


def with_blocks(project: Project, **blocks: Any) -> None:
    """Add blocks to conf/local."""
    path = project.path / "conf/local/parameters.yml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **blocks}))


@pytest.mark.long
def test_what_a_run_would_refuse_is_damaged(served: Project) -> None:
    state = overseen()
    assert (state["needs"], state["new"]) == ("done", ["retraining promoted"])
    assert state["attempts"]["retraining"]["rows"] > 100
    page = served.path / "data/overview.html"
    succeeds(here("overview"))
    assert "base: all is well Written 20" in Parsed(page.read_text()).text
    assert 'href="08_reporting/latest.html"' in page.read_text()
    artifact, log = champion_path(served), served.path / "data/08_reporting/promotions.jsonl"
    (decision,) = served.versions("08_reporting/decision.json")
    for path, content in ((artifact, b"x"), (decision, b"{}"), (log, b"x\n")):
        before = path.read_bytes()
        path.write_bytes(content)
        state = overseen(code=1)
        assert state["needs"] == "damaged"
        assert str(path) in state["why"]
        path.write_bytes(before)
    (attempt,) = attempts(served)
    before = attempt.read_bytes()
    attempt.write_bytes(b"")
    state = overseen(code=1)
    assert state["needs"] == "damaged"
    assert state["why"].startswith(f"{attempt}: expected a Attempt as JSON; ")
    attempt.write_bytes(before)
    # An attempt of a clock that was ahead is not the last one.
    copied(attempt, AHEAD, severity="alarm", exit_code=ALARM, alarm="rows moved")
    assert overseen()["needs"] == "done"


@pytest.mark.long
def test_a_run_is_at_work_killed_or_missing(served: Project) -> None:
    (attempt,) = attempts(served)
    run = attempt.parent.name
    unended = {"outcome": None, "severity": None, "exit_code": None}
    at_work = copied(attempt, earlier(run, milliseconds=-1), **unended)
    with at_work.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert overseen()["needs"] == "done"
    killed = overseen(code=1)
    assert killed["why"] == (
        "retraining: The run began but did not end: it was killed, its machine stopped, or it "
        "failed in a notebook."
    )
    # Three finished runs, a day apart, the last one three days ago.
    at_work.unlink()
    at_work.parent.rmdir()
    for day in (3, 4, 5):
        copied(attempt, earlier(run, days=day))
    attempt.unlink()
    attempt.parent.rmdir()
    stale = overseen(code=1)
    assert stale["needs"] == "stale"
    assert stale["why"] == "retraining: none has finished for 3 days, expected one within 2 days"
    assert stale["new"] == []
    with_blocks(served, overview={"stale_after": "4 days"})
    assert overseen()["needs"] == "done"
    # Of each pipeline, the newest fifty are kept.
    oldest = attempts(served)[0]
    for number in range(60):
        copied(oldest, earlier(run, days=10 + number))
    succeeds(here(*RETRAINING))
    assert len(attempts(served)) == 50


def test_a_run_with_faulty_conf_has_failed(served: Project) -> None:
    with_blocks(served, training={"epoch": 3})
    assert "did you mean 'epochs'" in message_of(here(*RETRAINING))
    with_blocks(served, training={})
    state = overseen(code=1)
    assert state["needs"] == "failed"
    assert "did you mean 'epochs'" in state["why"]


@pytest.mark.long
def test_what_ends_no_retraining_does_not_count_as_one(served: Project) -> None:
    """A part of a retraining, and a rollback with nothing to restore, which no later one ends."""
    succeeds(here("run", "--pipelines", "retraining", "--tags", "training", *seed(2)))
    assert len(attempts(served)) == 1
    assert "no champion before" in message_of(here(*ROLLBACK))
    state = overseen()
    assert (state["needs"], state["new"]) == ("done", ["retraining promoted", "rollback failed"])


def test_a_model_that_waits_needs_nobody(quick: Project) -> None:
    rows = pd.read_csv(quick.raw)
    rows[rows.columns[-1]] = rows[rows.columns[-1]].iloc[0]
    rows.to_csv(quick.raw, index=False)
    assert "too few rows to split" in message_of(here(*RETRAINING))
    assert "no champion yet" in message_of(here("run", "--pipelines", "monitoring"))
    state = overseen()
    assert state["needs"] == "waiting"
    told = state["attempts"]["monitoring"]["message"]
    assert told.startswith("Not measured: no champion yet. Error: ")


def test_a_page_that_cannot_be_written_is_named(quick: Project) -> None:
    page = quick.path / "data/overview.html"
    page.mkdir()
    assert message_of(here("overview")).startswith(f"{page}: Is a directory.")


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_fits_the_screen(served: Project, width: int) -> None:
    succeeds(here("overview"))
    layout = measured(served.path / "data/overview.html", width)
    assert (layout["width"], layout["wide"]) == (width, [])
