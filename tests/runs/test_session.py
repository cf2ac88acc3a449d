"""An interrupted run leaves nothing in a process that goes on, as a notebook's does."""

import threading
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import settings

from tabular_lstm.rows import enough
from tabular_lstm.runs.lock import Lock
from tests.helpers.project import Project


def test_an_interrupted_run_keeps_neither_its_lock_nor_its_watch(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[str] = []

    def interrupted(*_: Any) -> None:
        during.extend(thread.name for thread in threading.enumerate())
        raise KeyboardInterrupt

    monkeypatch.setattr(enough, "in_test", interrupted)
    session = settings.SESSION_CLASS.create(project.path)
    with pytest.raises(KeyboardInterrupt):
        session.run(pipeline_names=["retraining"])
    assert "watch" in during
    assert "watch" not in [thread.name for thread in threading.enumerate()]
    Lock.take(Path("data/retraining.lock"), "another run").release()
