"""What MLflow is told, and when it is given up. Here no MLflow is at hand."""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.parameters import Mlflow
from tabular_lstm.runs import mirrored, tracking
from tabular_lstm.serving.decision import Decision
from tests.helpers.champions import log_of
from tests.helpers.commands import ROLLBACK, here, succeeds, with_modules
from tests.helpers.project import QUICK, Project, declare

SECRET = "c0ffee-s3cret"


def told(block: dict[str, Any], credentials: dict[str, Any], folder: Path) -> None:
    tracking.mirror(Mlflow.model_validate(block), credentials, folder, None, [], {})


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a script stand for the program that knows MLflow."""
    file = folder / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setattr(tracking, "_installed", lambda: True)
    monkeypatch.setattr(sys, "executable", str(file))


def warning_of(caplog: pytest.LogCaptureFixture) -> str:
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    return warning


def test_nothing_of_it_is_imported_without_the_block(served: Project) -> None:
    again = f"rollback.run_id={log_of(served)[-1]['run_id']}"
    ended, modules = with_modules(served, *ROLLBACK, "--params", again)
    succeeds(ended)
    assert not {"mlflow", "tabular_lstm.runs.tracking"} & modules


def test_without_mlflow_a_warning_says_where_to_read(
    served: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_installed", lambda: False)
    declare(served, **QUICK, mlflow={"tracking_uri": f"http://me:{SECRET}@host"})
    succeeds(here(*ROLLBACK, "--params", f"rollback.run_id={log_of(served)[-1]['run_id']}"))
    assert warning_of(caplog) == (
        "mlflow: MLflow is not installed; docs/tracking.md says how to. The run ends as it would "
        "have ended"
    )
    assert caplog.messages[-1].startswith("Rolled back: ")
    decision = served.versions("08_reporting/decision.json")[-1].read_text()
    assert SECRET not in decision + caplog.text
    assert "mlflow" not in json.loads(decision)["parameters"]


def test_a_program_that_does_not_end_is_killed_with_all_that_it_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"echo $TMPDIR > {tmp_path}/folder; sleep 600 & echo $! > {tmp_path}/child; wait"
    program(tmp_path, monkeypatch, script)
    began = time.monotonic()
    told({"tracking_uri": "http://host", "timeout": 2.0}, {}, tmp_path)
    assert time.monotonic() - began < 30
    assert "it did not end within 2 s, and was killed" in warning_of(caplog)
    child = int((tmp_path / "child").read_text())
    assert not running(child)
    assert not Path((tmp_path / "folder").read_text().strip()).exists()


def running(pid: int) -> bool:
    """Tell whether a process is there and no zombie, which nobody may have waited for yet."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return False
        except OSError:
            return False
        time.sleep(0.1)
    return True


def test_a_program_that_ends_badly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"echo {SECRET} >&2; exit 3")
    told({"tracking_uri": "http://host"}, {}, tmp_path)
    assert "mlflow: it ended with exit code 3. " in warning_of(caplog)
    assert SECRET not in caplog.text


def test_the_uri_of_an_entry_goes_to_standard_input_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(
        tmp_path,
        monkeypatch,
        f'cat > {tmp_path}/in; echo "$0 $@" > {tmp_path}/line; env >> {tmp_path}/line',
    )
    caplog.set_level(logging.INFO)
    told({"tracking_uri": "runs"}, {"runs": {"uri": f"http://me:{SECRET}@host"}}, tmp_path)
    work = tracking.Work.model_validate_json((tmp_path / "in").read_bytes())
    assert work.tracking_uri == f"http://me:{SECRET}@host"
    assert (work.experiment, work.registered_model) == ("tabular-lstm", "tabular-lstm")
    assert SECRET not in (tmp_path / "line").read_text() + caplog.text


@pytest.mark.parametrize("entry", [None, "a text", {}, {"url": SECRET}, {"uri": 7}])
def test_an_entry_without_a_uri_is_named(
    entry: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told({"tracking_uri": "runs"}, {"other": {"uri": SECRET}, "runs": entry}, tmp_path)
    warning = warning_of(caplog)
    assert "an entry with a uri in credentials.yml, which has other, runs" in warning
    assert SECRET not in warning


def test_each_environment_has_names_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"cat > {tmp_path}/in")
    block = Mlflow(tracking_uri="http://host", registered_model="pima")
    tracking.mirror(block, {}, tmp_path, "nightly", [], {})
    work = tracking.Work.model_validate_json((tmp_path / "in").read_bytes())
    assert (work.experiment, work.registered_model) == ("tabular-lstm-nightly", "pima")
    assert work.artifacts == str(tmp_path / "data/nightly/tracking/artifacts")


def test_what_mlflow_is_told_of_a_decision(served: Project) -> None:
    path = served.versions("08_reporting/decision.json")[-1]
    decision = Decision.model_validate_json(path.read_bytes())
    assert decision.judgement is not None
    parameters = dict(mirrored.flat(decision.parameters))
    assert parameters["network.ensemble.members"] == "2"
    assert parameters["columns.missing.glucose"] == "[0]"
    assert parameters["columns.label"] == "diabetes"
    metrics = dict(mirrored.numbers(decision.judgement))
    assert metrics["roc_auc"] == decision.judgement.candidate.roc_auc
    assert metrics["roc_auc.low"] < metrics["roc_auc"]
    assert metrics["majority_class.roc_auc"] == 0.5
    assert metrics["train_rows"] + metrics["test_rows"] == 768
    tags = mirrored.tags_of(decision)
    assert tags["sha256"] == decision.judgement.candidate_sha256
    assert "served_before" not in tags
