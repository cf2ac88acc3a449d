"""Whoever must know is told once how a run ended, by a real program."""

import json
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.parameters.runs import NotifyOptions
from tabular_lstm.runs.notify import RunEnd, notify
from tests.helpers.commands import here, message_of
from tests.helpers.logs import run
from tests.helpers.notifications import SECRET, lines, to
from tests.helpers.project import ROOT, Project, declare
from tests.helpers.scorings import SCORING

END = RunEnd(event="failed", environment="base", run_id=run("a"), message="Error: no rows.")
REMAINS = "This does not change how the run ends"


@pytest.mark.parametrize(
    ("block", "option"),
    [
        ({"notify": {"command": f"curl -H {SECRET} https://example.org"}}, "command"),
        ({"notify": {"webhook": f"https://example.org/{SECRET}"}}, "webhook is gone"),
        ({"mlflow": {"tracking_uri": {"uri": f"https://me:{SECRET}@a.org"}}}, "tracking_uri"),
        ({"engine": {"address": f"tcp://{SECRET}@a.org:8786", "kind": "dask"}}, "address"),
    ],
)
def test_a_block_of_another_shape_is_refused_without_its_secret(
    project: Project, block: dict[str, Any], option: str
) -> None:
    declare(project, **block)
    ended = here(*SCORING)
    assert message_of(ended).startswith(f"Parameter '{next(iter(block))}': {option}: ")
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "FileNotFoundError"),
        (["false"], "it ended with exit code 1"),
        (["sleep", "60"], "TimeoutExpired"),
        (["sh", "-c", "sleep 60; true"], "TimeoutExpired"),  # which starts another process
    ],
)
def test_a_command_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, command: list[str], why: str
) -> None:
    notify(END, NotifyOptions(command=command, timeout=0.3), ROOT)
    assert caplog.messages == [f"notify.command: {why}. {REMAINS}"]


def test_a_command_runs_in_the_projects_folder_and_what_it_prints_is_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nread line\necho $line | tee told\necho loud >&2\npwd > where\n")
    program.chmod(0o755)
    notify(END, NotifyOptions(command=["./program"]), tmp_path)
    assert (tmp_path / "where").read_text() == f"{tmp_path.resolve()}\n"
    assert json.loads((tmp_path / "told").read_text())["message"] == "Error: no rows."
    assert capfd.readouterr() == ("", "")


def test_a_run_that_fails_before_its_first_node_tells_of_it(
    project: Project, tmp_path: Path
) -> None:
    declare(project, notify=to(tmp_path / "told.jsonl"))
    message = message_of(here(*SCORING))
    message_of(here("run", "--params", "training.epoch=3"))
    no_champion, unknown = lines(tmp_path / "told.jsonl")
    assert no_champion["message"] == f"Error: {message}"
    assert "'epoch' is unknown" in unknown["message"]
    assert "run_id" not in unknown
