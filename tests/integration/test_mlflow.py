"""MLflow has each decision and the model that serves, or a warning says why not.

A real server, looked at in a real browser; and servers that are down, hang or fail.
"""

import html
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from tabular_lstm import load_champion
from tabular_lstm.judging.drawing import FIGURES
from tabular_lstm.runs import tracking
from tests.helpers.browser import in_a_browser, needs_browser
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, here, seed, succeeds
from tests.helpers.project import QUICK, ROOT, Project, declare
from tests.helpers.servers import answering, free_port, hanging, mlflow_server

NAME = "tabular-lstm"
SECRET = "c0ffee-s3cret"
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
    "inputs": model.metadata.get_input_schema().input_names(),
    "outputs": model.metadata.get_output_schema().input_names(),
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
        self.client = mlflow.MlflowClient(address)

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


@needs_browser
@pytest.mark.browser
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
    for output, line in zip(said, log, strict=True):
        *_, of_mlflow, last = output
        assert of_mlflow.startswith("MLflow: version ")
        assert line["reason"] in last

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
    assert mirror.files(rejected) == {"decision.json", "metrics.json", "report.html", "figures"}
    figures = {f"figures/{name}.svg" for name in FIGURES}
    assert mirror.files(rejected, "figures") == figures
    kept = mirror.client.download_artifacts(rejected.info.run_id, "report.html", str(tmp_path))
    assert Path(kept).read_bytes() == quick.versions("08_reporting/report.html")[-1].read_bytes()
    assert mirror.files(runs[3]) == {"decision.json"}

    candidates = [
        {"run_id": line["run_id"], "sha256": sha256, "action": line["action"]}
        for line, sha256 in zip(log, shas(quick), strict=False)
    ]
    assert [version.tags for version in mirror.versions()] == candidates

    rows = ROOT / "data/01_raw/rows_to_score.csv"
    scored = scored_without(mirror, rows, tmp_path)
    champion, frame = load_champion(quick.path), pd.read_csv(rows)
    expected = champion.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(scored["probability"], expected, rtol=0, atol=1e-12)
    assert scored["decision"] == champion.predict(frame).tolist()
    assert Path(scored["package"]).parents[1].name == "code"
    assert scored["inputs"] == champion.schema.features
    assert scored["outputs"] == ["probability", "decision"]

    page = in_a_browser(
        f"{mirror.address}/#/models/{mirror.name}",
        f"--screenshot={tmp_path / 'mlflow.png'}",
        "--window-size=1400,900",
    ).stdout
    assert mirror.name in page
    assert re.search(r"@\W*champion", html.unescape(re.sub(r"<[^>]*>", " ", page)))
    experiment = mirror.client.get_experiment_by_name(mirror.name).experiment_id
    page = in_a_browser(f"{mirror.address}/#/experiments/{experiment}/runs").stdout
    for line in log:
        assert line["run_id"] in page
    assert (tmp_path / "mlflow.png").read_bytes().startswith(b"\x89PNG")


def shas(project: Project) -> list[str]:
    """The SHA-256 of each candidate that was judged."""
    decisions = [
        json.loads(path.read_text()) for path in project.versions("08_reporting/decision.json")
    ]
    return [d["judgement"]["candidate_sha256"] for d in decisions if d["judgement"]]


def test_what_is_there_is_not_made_again(served: Project, mirror: Mirror) -> None:
    declare(served, **QUICK, mlflow=mirror.block())
    again = ("--params", f"rollback.run_id={log_of(served)[0]['run_id']}")
    succeeds(here(*ROLLBACK, *again))
    promoted, rolled_back = mirror.runs()
    assert [v.tags["run_id"] for v in mirror.versions()] == [promoted.info.run_name]
    # As one that was stopped before its end.
    mirror.client.update_run(promoted.info.run_id, "RUNNING")
    succeeds(here(*ROLLBACK, *again))
    runs = mirror.runs()
    assert [run.info.run_id for run in runs[:2]] == [promoted.info.run_id, rolled_back.info.run_id]
    assert len(runs) == 3
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert runs[0].data.metrics == promoted.data.metrics
    assert len(mirror.versions()) == 1
    history = mirror.client.get_metric_history(promoted.info.run_id, "roc_auc")
    assert len(history) == 1


def test_a_decision_that_mlflow_missed_follows_with_the_next_one(
    quick: Project, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    declare(quick, **QUICK, mlflow=mirror.block(tracking_uri=nobody))
    succeeds(here(*RETRAINING))
    (warning,) = warnings_of(caplog)
    assert warning == "mlflow: 127.0.0.1 was not reached. The run ends as it would have ended"
    declare(quick, **QUICK, mlflow=mirror.block())
    succeeds(here(*RETRAINING, *NEVER_MET))
    assert [run.data.tags["action"] for run in mirror.runs()] == ["promoted", "rejected"]
    assert mirror.champion() == log_of(quick)[0]["run_id"]


def test_the_shipped_environment_needs_no_server(quick: Project, tmp_path: Path) -> None:
    declare(quick, **QUICK)
    succeeds(here(*RETRAINING, "--env", "mlflow"))
    database = quick.path / "data/mlflow/tracking/mlflow.db"
    mirror = Mirror(f"sqlite:///{database}", f"{NAME}-mlflow")
    (version,) = mirror.versions()
    assert mirror.champion() == version.tags["run_id"]
    scored = scored_without(mirror, quick.path / "data/01_raw/rows_to_score.csv", tmp_path)
    assert len(scored["probability"]) == 20
    assert not (quick.path / "mlruns").exists()


# Whatever becomes of MLflow


@pytest.fixture
def untouched(served: Project, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """All outputs before MLflow is told and after."""
    seen: list[dict[str, bytes]] = []
    told = tracking.mirror

    def mirror(*arguments: Any) -> None:
        seen.append(served.files())
        told(*arguments)
        seen.append(served.files())

    monkeypatch.setattr(tracking, "mirror", mirror)
    return seen


def ends_as_without(
    project: Project,
    untouched: list[dict[str, bytes]],
    caplog: pytest.LogCaptureFixture,
    block: dict[str, Any],
) -> str:
    """Decide with this block, check that only a warning differs, and give it."""
    again = ("--params", f"rollback.run_id={log_of(project)[0]['run_id']}")
    declare(project, **QUICK)
    without = messages(caplog, *ROLLBACK, *again)
    declare(project, **QUICK, mlflow=block)
    said = messages(caplog, *ROLLBACK, *again)
    *others, warning, last = said
    assert last == without[-1]
    assert len(others) == len(without) - 1
    assert [warning] == warnings_of(caplog)
    assert untouched[0] == untouched[1]
    decisions = [
        json.loads(path.read_text()) for path in project.versions("08_reporting/decision.json")
    ][-2:]
    for decision in decisions:
        del decision["run_id"], decision["time"]
    assert decisions[0] == decisions[1]
    outputs = b"".join(project.files().values())
    assert SECRET not in caplog.text
    assert SECRET.encode() not in outputs
    assert b"tracking_uri" not in outputs
    assert warning.endswith(". The run ends as it would have ended")
    return warning.removesuffix(". The run ends as it would have ended")


def secret(address: str) -> str:
    return address.replace("http://", f"http://me:{SECRET}@")


Untouched = list[dict[str, bytes]]
Log = pytest.LogCaptureFixture


def test_a_server_that_is_down(served: Project, untouched: Untouched, caplog: Log) -> None:
    block = {"tracking_uri": secret(f"http://127.0.0.1:{free_port()}")}
    warning = ends_as_without(served, untouched, caplog, block)
    assert warning == "mlflow: 127.0.0.1 was not reached"


@pytest.mark.parametrize("status", [403, 500])
def test_a_server_that_refuses_or_fails(
    served: Project, untouched: Untouched, caplog: Log, status: int
) -> None:
    with answering(status) as address:
        block = {"tracking_uri": secret(address)}
        warning = ends_as_without(served, untouched, caplog, block)
    assert warning == f"mlflow: 127.0.0.1 answered {status}"


def test_a_server_that_hangs(served: Project, untouched: Untouched, caplog: Log) -> None:
    with hanging() as address:
        block = {"tracking_uri": secret(address), "timeout": 8.0}
        began = time.monotonic()
        warning = ends_as_without(served, untouched, caplog, block)
        assert time.monotonic() - began < 40
    assert warning == "mlflow: 127.0.0.1 was not reached"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"nonsense://me:{SECRET}@host/", "host: "),
        (f"postgresql://me:{SECRET}@127.0.0.1/runs", "the module psycopg"),
        ("sqlite:////dev/null/mlflow.db", "the store: File exists"),
        ("./mlruns", "expected http"),
    ],
)
def test_a_uri_that_is_none(
    served: Project, untouched: Untouched, caplog: Log, uri: str, expected: str
) -> None:
    warning = ends_as_without(served, untouched, caplog, {"tracking_uri": uri})
    assert warning.startswith(f"mlflow: {'tracking_uri: ' * (uri[0] == '.')}{expected}")


def test_a_uri_in_the_credentials(
    served: Project, mirror: Mirror, caplog: Log, untouched: Untouched
) -> None:
    address = urlsplit(mirror.address).netloc
    uri = f"http://me:{SECRET}@{address}"
    (served.path / "conf/local/credentials.yml").write_text(json.dumps({"runs": {"uri": uri}}))
    declare(served, **QUICK, mlflow=mirror.block(tracking_uri="runs"))
    succeeds(here(*ROLLBACK, "--params", f"rollback.run_id={log_of(served)[0]['run_id']}"))
    assert not warnings_of(caplog)
    assert len(mirror.runs()) == 2
    assert SECRET not in caplog.text
    assert SECRET.encode() not in b"".join(served.files().values())
    assert untouched[0] == untouched[1]
    experiment = mirror.client.get_experiment_by_name(mirror.name)
    everything = json.dumps([run.to_dictionary() for run in mirror.runs()] + [str(experiment)])
    assert SECRET not in everything
