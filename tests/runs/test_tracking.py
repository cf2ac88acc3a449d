"""What MLflow is told. Here no MLflow is at hand: tests/integration/test_mlflow.py has one."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.judging.model_metrics import NumberMetrics
from tabular_lstm.parameters.runs import MlflowOptions
from tabular_lstm.runs import tracking
from tests.helpers.champions import log_of
from tests.helpers.commands import ROLLBACK, here, succeeds
from tests.helpers.decisions import decision
from tests.helpers.project import QUICK, Project, declare

SECRET = "c0ffee-s3cret"


def warning_of(caplog: pytest.LogCaptureFixture) -> str:
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    return warning


def test_without_mlflow_a_warning_says_where_to_read(
    served: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = f"rollback.run_id={log_of(served)[-1]['run_id']}"
    monkeypatch.setitem(sys.modules, "mlflow", None)
    declare(served, **QUICK, mlflow={"tracking_uri": f"http://me:{SECRET}@host"})
    succeeds(here(*ROLLBACK, "--params", again))
    assert warning_of(caplog) == (
        "mlflow: the module mlflow is not installed; docs/tracking.md says how to install it. "
        "This does not change how the run ends"
    )
    assert caplog.messages[-1].startswith("Rolled back to run ")
    decision = served.versions("08_reporting/decision.json")[-1].read_text()
    assert SECRET not in decision + caplog.text
    assert "mlflow" not in json.loads(decision)["parameters"]


ENTRY = "entry with a uri in credentials.yml"


@pytest.mark.parametrize("entry", ["a text", {"url": SECRET}])
def test_what_names_no_server_is_a_warning(
    entry: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = {"other": {"uri": SECRET}, "runs": entry}
    tracking.mirror(MlflowOptions(tracking_uri="runs"), credentials, tmp_path, None, [], {})
    warning = warning_of(caplog)
    assert ENTRY in warning
    assert SECRET not in warning


def test_the_metrics_are_those_that_the_task_has() -> None:
    judgement = decision(True).judgement
    assert judgement is not None
    of_two = tracking.metrics_of(judgement)
    assert {"roc_auc", "roc_auc.low", "decision_threshold", "test_rows"} <= of_two.keys()
    interval = {"rmse": (1.0, 3.0)}
    of_number = {"rmse": 2, "mae": 1, "r2": 0.5, "coverage": 0.9, "width": 6, "label_deviation": 3}
    measured = NumberMetrics.model_validate({**of_number, "interval": interval})
    found = tracking.metrics_of(judgement.model_copy(update={"candidate": measured}))
    assert {name: found[name] for name in of_number} == of_number
    assert (found["rmse.low"], found["rmse.high"]) == (1, 3)
    assert not found.keys() & {"roc_auc", "log_loss", "interval"}
