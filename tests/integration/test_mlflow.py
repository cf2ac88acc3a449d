"""MLflow has each decision and the model that serves, or a warning says why not: real servers."""

import json
import logging
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters.runs import MlflowOptions
from tabular_lstm.runs import tracking
from tabular_lstm.serving.champion import load_champion
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, here, seed, succeeds
from tests.helpers.outputs import FIGURES
from tests.helpers.project import QUICK, ROOT, Project, declare
from tests.helpers.servers import (
    answering,
    free_port,
    hanging,
    mlflow_server,
    resolving,
)

NAME = "tabular-lstm"
SECRET = "c0ffee-s3cret"
# MLflow's variables for the locations of runs and of registered models.
URIS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
NEVER_MET = ("--params", "training.seed=2,promotion.min_test_rows_per_class=100000")
# Loads a model as a program that has neither Kedro nor TensorFlow, nor this project's package.
WITHOUT = """
import importlib.abc, json, sys

class Refused(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"kedro", "kedro_datasets", "tensorflow", "keras"}:
            raise ImportError(f"{name} is refused")

sys.meta_path.insert(0, Refused())
import mlflow
import pandas as pd

address, uri, rows = sys.argv[1:]
mlflow.set_tracking_uri(address)
model = mlflow.pyfunc.load_model(uri)
import tabular_lstm
scored = model.predict(pd.read_csv(rows))
print(json.dumps({
    "package": tabular_lstm.__file__,
    "probability": scored["probability"].tolist(),
    "decision": scored["decision"].tolist(),
}))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


class Mirror:
    """What MLflow has, by an experiment and a registered model of the test's own."""

    def __init__(self, address: str, name: str) -> None:
        import mlflow  # noqa: PLC0415

        self.address, self.name = address, name
        self.client = mlflow.MlflowClient(address, address)

    def block(self, **more: Any) -> dict[str, Any]:
        names = {"experiment": self.name, "registered_model": self.name}
        return {"tracking_uri": self.address, **names, **more}

    def runs(self) -> list[Any]:
        """All runs, the oldest first."""
        experiment = self.client.get_experiment_by_name(self.name)
        return self.client.search_runs(
            [experiment.experiment_id], order_by=["attributes.start_time"]
        )

    def versions(self) -> list[Any]:
        """All versions, the oldest first."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(found, key=lambda version: int(version.version))

    def champion(self) -> str:
        """The run id of the version that the alias names."""
        return self.client.get_model_version_by_alias(self.name, "champion").tags["run_id"]

    def download(self, uri: str, folder: Path) -> str:
        import mlflow  # noqa: PLC0415

        folder.mkdir()
        return mlflow.artifacts.download_artifacts(
            uri, dst_path=str(folder), tracking_uri=self.address
        )

    def files(self, run: Any, folder: str | None = None) -> set[str]:
        return {file.path for file in self.client.list_artifacts(run.info.run_id, folder)}


@pytest.fixture
def mirror(server: str, request: pytest.FixtureRequest) -> Mirror:
    return Mirror(server, request.node.name)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def messages(caplog: pytest.LogCaptureFixture, *arguments: str) -> list[str]:
    """Run `kedro`, and give the messages of its log."""
    caplog.clear()
    succeeds(here(*arguments))
    return caplog.messages


def scored_without(mirror: Mirror, rows: Path, folder: Path) -> dict[str, Any]:
    """Score rows with the champion that MLflow has, in a process without this project."""
    uri = f"models:/{mirror.name}@champion"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT, mirror.address, uri, str(rows)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


# What MLflow has


def test_mlflow_tells_the_same_story_as_the_log(
    quick: Project, mirror: Mirror, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    declare(quick, **QUICK, mlflow=mirror.block())
    said = [messages(caplog, *RETRAINING), messages(caplog, *RETRAINING, *seed(1))]
    assert mirror.champion() == log_of(quick)[1]["run_id"]
    said.append(messages(caplog, *RETRAINING, *NEVER_MET))
    assert mirror.champion() == log_of(quick)[1]["run_id"]
    said.append(messages(caplog, *ROLLBACK))
    log = log_of(quick)
    assert [line["action"] for line in log] == ["promoted", "promoted", "rejected", "rolled_back"]
    assert mirror.champion() == log[0]["run_id"] == load_champion(quick.path).run_id
    assert all(messages[-2].startswith("MLflow: version ") for messages in said)

    runs = mirror.runs()
    assert [run.info.run_name for run in runs] == [line["run_id"] for line in log]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run, line in zip(runs, log, strict=True):
        for name in ("run_id", "action", "serves_now"):
            assert run.data.tags[name] == line[name]
    decision = json.loads(quick.versions("08_reporting/decision.json")[2].read_text())
    rejected = runs[2]
    assert rejected.data.params["training.seed"] == "2"
    assert json.loads(rejected.data.params["network.ensemble"])["units"] == [4]
    measured = decision["judgement"]["candidate"]
    assert rejected.data.metrics["roc_auc"] == measured["roc_auc"]
    assert rejected.data.metrics["log_loss.high"] == measured["interval"]["log_loss"][1]
    documents = {"decision.json", "metrics.json", "report.html"}
    assert mirror.files(rejected) == {*documents, "figures", "model"}
    figures = {f"figures/{name}.svg" for name in FIGURES}
    assert mirror.files(rejected, "figures") == figures
    kept = mirror.client.download_artifacts(rejected.info.run_id, "report.html", str(tmp_path))
    assert Path(kept).read_bytes() == quick.versions("08_reporting/report.html")[2].read_bytes()
    assert mirror.files(runs[3]) == {"decision.json", "report.html"}

    versions = mirror.versions()
    assert [version.tags["run_id"] for version in versions] == [e["run_id"] for e in log[:3]]
    assert versions[2].tags["sha256"] == decision["judgement"]["candidate_sha256"]

    rows = ROOT / "data/01_raw/rows_to_score.csv"
    scored = scored_without(mirror, rows, tmp_path)
    champion, frame = load_champion(quick.path), pd.read_csv(rows)
    expected = champion.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(scored["probability"], expected, rtol=0, atol=1e-12)
    assert scored["decision"] == champion.predict(frame).tolist()
    assert Path(scored["package"]).parents[1].name == "code"


def test_a_decision_that_mlflow_missed_follows_and_none_is_made_again(
    quick: Project, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    declare(quick, **QUICK, mlflow=mirror.block(tracking_uri=nobody))
    succeeds(here(*RETRAINING))
    assert warnings_of(caplog) == [
        "mlflow: the request failed with exception. This does not change how the run ends"
    ]
    declare(quick, **QUICK, mlflow=mirror.block())
    succeeds(here(*RETRAINING, *NEVER_MET))
    assert [run.data.tags["action"] for run in mirror.runs()] == ["promoted", "rejected"]
    assert mirror.champion() == log_of(quick)[0]["run_id"]


# Whatever becomes of MLflow


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (answering(403), "the request failed with error code 403"),
        (hanging(), "the request failed with exception"),
    ],
    ids=["refuses", "hangs"],
)
def test_whatever_becomes_of_mlflow_is_one_warning(
    served: Project,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    server: AbstractContextManager[str],
    expected: str,
) -> None:
    """The decision, the outputs and the last line are as without MLflow."""
    seen: list[dict[str, bytes]] = []  # all outputs before MLflow is told and after
    told = tracking.mirror

    def mirror(*arguments: Any) -> None:
        seen.append(served.files())
        told(*arguments)
        seen.append(served.files())

    monkeypatch.setattr(tracking, "mirror", mirror)
    # An earlier run of this process set it; a run of its own has the timeout of its conf.
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    again = ("--params", f"rollback.run_id={log_of(served)[0]['run_id']}")
    without = messages(caplog, *ROLLBACK, *again)
    with server as address:
        uri = address.replace("://", f"://me:{SECRET}@")
        declare(served, **QUICK, mlflow={"tracking_uri": uri, "timeout": 8.0})
        *others, warning, last = messages(caplog, *ROLLBACK, *again)
    assert last.partition(" Report: ")[0] == without[-1].partition(" Report: ")[0]
    assert len(others) == len(without) - 1
    assert [warning] == warnings_of(caplog)
    assert seen[0] == seen[1]
    outputs = b"".join(served.files().values())
    assert SECRET not in caplog.text
    assert SECRET.encode() not in outputs
    assert b"tracking_uri" not in outputs
    assert warning.startswith(f"mlflow: {expected}")


@pytest.mark.parametrize(
    ("user", "pair"),
    [(f"m%40e:%3A{SECRET}", f"m@e::{SECRET}"), (f"{SECRET}:", f"{SECRET}:")],
)
def test_a_user_in_the_uri_is_sent_as_authorization_alone(
    user: str, pair: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    with answering(403, asked) as address, resolving(monkeypatch) as hosts:
        uri = f"http://{user}@localhost:{urlsplit(address).port}/a%40b"
        tracking.mirror(MlflowOptions(tracking_uri=uri), {}, tmp_path, None, [], {})
    assert {*asked} == {f"Basic {b64encode(pair.encode()).decode()}"}
    assert {*hosts} == {"localhost"}
    # Not inherited by what is started later.
    assert not {*URIS} & {*os.environ}


def test_a_uri_in_the_credentials(
    quick: Project,
    mirror: Mirror,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in URIS:  # where the downloads below look for models
        monkeypatch.setenv(name, mirror.address)
    uri = f"http://me:{SECRET}@{urlsplit(mirror.address).netloc}"
    (quick.path / "conf/local/credentials.yml").write_text(json.dumps({"runs": {"uri": uri}}))
    declare(quick, **QUICK, mlflow=mirror.block(tracking_uri="runs"))
    succeeds(here(*RETRAINING))
    assert not warnings_of(caplog)
    assert SECRET not in caplog.text
    assert SECRET.encode() not in b"".join(quick.files().values())
    (run,), (version,) = mirror.runs(), mirror.versions()
    assert SECRET not in json.dumps(run.to_dictionary()) + str(version)
    for kept, name in ((run.info.artifact_uri, "decision.json"), (version.source, "MLmodel")):
        folder = Path(mirror.download(kept, tmp_path / name))
        assert list(folder.rglob(name))
        for file in filter(Path.is_file, folder.rglob("*")):
            assert SECRET.encode() not in file.read_bytes(), file
