"""Airflow runs the two DAGs for real: each task is a run of a project in its own environment."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.champions import assert_settled, log_of
from tests.helpers.commands import RETRAINING, seed
from tests.helpers.notifications import SECRET, Server, serving
from tests.helpers.processes import at_work
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import finished, predictions_of

DAGS = ROOT / "deploy/airflow/dags"
BIN = ROOT / ".venv-airflow/bin"
CHECK = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
bag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
dags = {
    dag.dag_id: {
        "tasks": [task.task_id for task in dag.tasks],
        "retries": [task.retries for task in dag.tasks],
        "email": [task.email for task in dag.tasks],
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
    }
    for dag in bag.dags.values()
}
print(json.dumps([bag.import_errors, dags]))
"""
SHORT = """
from datetime import timedelta
from airflow.sdk import DAG
from tabular_lstm_airflow.notifier import FailureNotifier
from tabular_lstm_airflow.operator import WholeRun
with DAG("short"):
    WholeRun(
        task_id="run",
        pipeline="retraining",
        execution_timeout=timedelta(seconds=3),
        on_failure_callback=FailureNotifier(),
    )
"""
# In place of `kedro`: a run that never ends, nor does what it started, and that SIGTERM leaves be.
ENDLESS = """#!/bin/sh
trap '' TERM
sleep 600 &
echo $$ $! > "$PWD/pids"
run="run 2026-11-26T02.15.00.000Z of environment base"
echo "2026-11-26 02:15:01 INFO    tabular-lstm 0.2.0: $run, to data/"
while :; do sleep 1; done
"""


@dataclass
class Airflow:
    """An Airflow of its own: its folder with a SQLite database, and the ways to run it."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {
            **ours,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **self.variables,
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run it, and give its exit code and what it said."""
        done = subprocess.run(
            [BIN / "airflow", *arguments],
            cwd=self.home,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout

    def test(self, dag: str, parameters: str = "") -> str:
        """Run a DAG once, and give what it said."""
        conf = json.dumps({"parameters": parameters})
        return self.run("dags", "test", dag, "--conf", conf)[1]

    def newest(self, dag: str, model: str = "") -> tuple[str, int, dict[str, Any]]:
        """State, number of tries and XComs of the run of a model in the newest run of a DAG."""
        with sqlite3.connect(self.home / "airflow.db") as database:
            run_id, index, state, tries = database.execute(
                "select run_id, map_index, state, try_number from task_instance"
                " where dag_id = ? and task_id = 'run'"
                " and coalesce(rendered_map_index, '') in ('', ?) order by run_id desc",
                [dag, model],
            ).fetchone()
            sent = database.execute(
                "select key, value from xcom where dag_id = ? and run_id = ? and map_index = ?"
                " and task_id = 'run'",
                [dag, run_id, index],
            ).fetchall()
        return state, tries, {key: json.loads(value) for key, value in sent}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Airflow's in which its database is made."""
    assert BIN.exists(), "make airflow installs it"
    airflow = Airflow(tmp_path_factory.mktemp("airflow"))
    code, said = airflow.run("db", "migrate")
    assert code == 0, said
    return airflow.home


@pytest.fixture
def airflow(installed: Path, quick: Project) -> Airflow:
    """An Airflow whose Variable names a project with an environment and sources of its own."""
    (quick.path / ".venv").symlink_to(sys.prefix)
    (quick.path / "src/tabular_lstm").symlink_to(ROOT / "src/tabular_lstm")
    return Airflow(installed, {"AIRFLOW_VAR_TABULAR_LSTM_PROJECT": str(quick.path)})


@pytest.fixture
def webhook(airflow: Airflow) -> Iterator[Server]:
    """Who is told of failures, by a Connection of Airflow's with a password."""
    with serving() as server:
        connection = {"conn_type": "http", "host": server.url, "password": SECRET}
        airflow.variables["AIRFLOW_CONN_TABULAR_LSTM_WEBHOOK"] = json.dumps(connection)
        yield server


@pytest.fixture
def ended(quick: Project) -> Iterator[None]:
    """Leave nothing of an endless run behind where a test fails."""
    yield
    for pid in still_there(quick):
        os.kill(int(pid), signal.SIGKILL)


def still_there(project: Project) -> list[str]:
    """Which of the processes of the endless run have not ended."""
    told = project.path / "pids"
    pids = told.read_text().split() if told.exists() else []
    stats = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
    return [pid for pid, stat in stats.items() if stat.exists() and ") Z " not in stat.read_text()]


def test_the_dags_are_read_without_error(installed: Path) -> None:
    checked = subprocess.run(
        [BIN / "python", "-c", CHECK, str(DAGS)],
        env=Airflow(installed).environment,
        check=True,
        capture_output=True,
        text=True,
    )
    errors, dags = json.loads(checked.stdout.splitlines()[-1])
    assert errors == {}
    one_whole_run = {
        "tasks": ["models", "run"],
        "retries": [0, 0],
        "email": [None, None],
        "max_active_runs": 1,
        "catchup": False,
    }
    assert dags == {"retraining": one_whole_run, "scoring": one_whole_run}


def test_a_retraining_promotes_and_a_scoring_scores(airflow: Airflow, quick: Project) -> None:
    said = airflow.test("retraining")
    state, _, sent = airflow.newest("retraining")
    assert state == "success", said
    (entry,) = log_of(quick)
    assert entry["action"] == "promoted"
    assert sent["run_id"] == entry["run_id"] == entry["serves_now"]
    assert sent["last_line"].startswith(f"Promoted run {entry['run_id']}: ROC AUC 0.")
    assert "Running training.build_network" in said
    assert_settled(quick)

    said = airflow.test("scoring", "scoring.pass_through=[patient]")
    state, _, sent = airflow.newest("scoring")
    assert state == "success", said
    (manifest,) = finished(quick)
    assert sent["run_id"] == manifest["run_id"]
    assert f"with the champion of run {entry['run_id']}" in sent["last_line"]
    assert manifest["scored_rows"] == 20
    assert "patient" in predictions_of(quick)


def test_beside_another_run_the_task_is_skipped_and_says_who_is_at_work(
    airflow: Airflow, quick: Project
) -> None:
    with at_work(quick, *RETRAINING, *seed(5)) as other:
        before = quick.files()
        said = airflow.test("retraining")
        state, _, sent = airflow.newest("retraining")
        assert state == "skipped", said
        assert f"process {other.pid} on " in sent["last_line"]
        assert quick.files() == before


def test_a_failure_is_told_once_and_not_repeated(
    airflow: Airflow, quick: Project, webhook: Server
) -> None:
    quick.raw.write_text("no, such\ncolumns,1\n")
    said = airflow.test("retraining")
    state, tries, sent = airflow.newest("retraining")
    assert (state, tries) == ("failed", 1), said
    assert sent["last_line"].startswith("Error: ")
    ((headers, end),) = webhook.got
    assert headers["Authorization"] == SECRET
    assert end["event"] == "failed"
    message = f"Run {sent['run_id']} ended with exit code 1: {sent['last_line']}"
    assert end["message"] == message
    assert end["airflow"]["dag"] == "retraining"
    assert SECRET not in said

    (quick.path / ".venv").unlink()  # what never reaches the project
    airflow.test("scoring")
    assert airflow.newest("scoring") == ("upstream_failed", 0, {})
    message = f"{quick.path}/.venv/bin/python: No such file or directory"
    assert webhook.got[1][1]["message"] == message

    connection = {"conn_type": "http", "host": webhook.url.replace("//", f"//tok/{SECRET}@")}
    airflow.variables["AIRFLOW_CONN_TABULAR_LSTM_WEBHOOK"] = json.dumps(connection)
    said = airflow.test("scoring")
    assert "tabular_lstm_webhook: expected a password of its own, not in the URL" in said
    assert SECRET not in said
    assert len(webhook.got) == 2


def test_each_model_has_a_run_whatever_becomes_of_the_others(
    airflow: Airflow, quick: Project, webhook: Server
) -> None:
    conf = quick.path / "conf/stores"
    conf.mkdir()
    rows = {
        "type": "tabular_lstm.datasets.RawRowsDataset",
        "filepath": "data/01_raw/${model:}.csv",
    }
    (conf / "catalog.yml").write_text(json.dumps({"raw_rows": rows}))
    (conf / "parameters.yml").write_text(json.dumps({"models": ["at", "be"]}))
    quick.raw.rename(quick.raw.with_name("be.csv"))
    airflow.variables["AIRFLOW_VAR_TABULAR_LSTM_ENV"] = "stores"

    said = airflow.test("retraining", "training.epochs=2")

    assert airflow.newest("retraining", "at")[:2] == ("failed", 1), said
    assert airflow.newest("retraining", "be")[:2] == ("success", 1), said
    ((_, end),) = webhook.got
    assert end["environment"] == "stores/at"
    assert "at.csv: no such file" in end["message"]
    (path,) = quick.versions("08_reporting/decision.json", "stores/be")
    decision = json.loads(path.read_text())
    assert decision["parameters"]["training"]["epochs"] == 2


@pytest.mark.usefixtures("ended")
def test_a_task_that_takes_too_long_ends_the_run_and_all_that_it_started(
    airflow: Airflow,
    quick: Project,
    webhook: Server,
    tmp_path: Path,
) -> None:
    kedro = quick.path / ".venv/bin/kedro"
    (quick.path / ".venv").unlink()
    kedro.parent.mkdir(parents=True)
    kedro.write_text(ENDLESS)
    kedro.chmod(0o755)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "tabular_lstm_airflow").symlink_to(DAGS / "tabular_lstm_airflow")
    (dags / "short.py").write_text(SHORT)
    airflow.variables["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    said = airflow.test("short")
    state, tries, sent = airflow.newest("short")
    assert (state, tries) == ("failed", 1), said
    assert sent == {"run_id": "2026-11-26T02.15.00.000Z"}
    assert still_there(quick) == []
    assert "Timeout" in webhook.got[0][1]["message"]
