"""Airflow runs the two DAGs for real: each task is a run of a project in its own environment."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.champions import assert_settled, log_of
from tests.helpers.commands import RETRAINING, seed
from tests.helpers.notifications import serving
from tests.helpers.processes import at_work
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import finished, predictions_of

DAGS = ROOT / "deploy/airflow/dags"
BIN = ROOT / ".venv-airflow/bin"
SECRET = "c0ffee-s3cret"
CHECK = """
import json, sys, warnings
from pathlib import Path
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from airflow.dag_processing.dagbag import BundleDagBag
    bag = BundleDagBag(sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
dags = {
    dag.dag_id: {
        "tasks": [task.task_id for task in dag.tasks],
        "retries": dag.tasks[0].retries,
        "email": dag.tasks[0].email,
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
    }
    for dag in bag.dags.values()
}
warned = [str(w.message) for w in caught if w.filename.startswith(sys.argv[1])]
print(json.dumps([bag.import_errors, warned, dags]))
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
{trap}
sleep 600 &
echo $$ $! > "$PWD/pids"
echo "2026-11-26 02:15:01 INFO    Run 2026-11-26T02.15.00.000Z of environment base, to data/"
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

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / "airflow", *arguments],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run it, and give its exit code and what it said."""
        with self.started(*arguments) as command:
            said = command.communicate(timeout=300)[0]
        return command.returncode, said

    def test(self, dag: str, parameters: str = "") -> str:
        """Run a DAG once, and give what it said."""
        conf = json.dumps({"parameters": parameters})
        return self.run("dags", "test", dag, "--conf", conf)[1]

    def newest(self, dag: str) -> tuple[str, int, dict[str, Any]]:
        """State, number of tries and XComs of the task of the newest run of a DAG."""
        with sqlite3.connect(self.home / "airflow.db") as database:
            run_id, state, tries = database.execute(
                "select run_id, state, try_number from task_instance where dag_id = ?"
                " order by run_id desc",
                [dag],
            ).fetchone()
            sent = database.execute(
                "select key, value from xcom where dag_id = ? and run_id = ?", [dag, run_id]
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
def told(airflow: Airflow) -> Iterator[list[tuple[str | None, dict[str, Any]]]]:
    """What a webhook is told, with the header that says by whom; it answers 200, then 500."""
    got: list[tuple[str | None, dict[str, Any]]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Authorization"], json.loads(content)))
            self.send_response(200 if len(got) == 1 else 500)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
        connection = {"conn_type": "http", "host": url, "password": SECRET}
        airflow.variables["AIRFLOW_CONN_TABULAR_LSTM_WEBHOOK"] = json.dumps(connection)
        yield got
        server.shutdown()


@pytest.fixture
def ended(quick: Project) -> Iterator[None]:
    """Leave nothing of an endless run behind where a test fails."""
    yield
    for pid in still_there(quick):
        os.kill(int(pid), signal.SIGKILL)


def endless(project: Project, trap: str = "") -> None:
    """Put a program in place of `kedro` that has to be ended."""
    kedro = project.path / ".venv/bin/kedro"
    (project.path / ".venv").unlink()
    kedro.parent.mkdir(parents=True)
    kedro.write_text(ENDLESS.format(trap=trap))
    kedro.chmod(0o755)


def still_there(project: Project) -> list[str]:
    """Which of the processes of the endless run have not ended."""
    told = project.path / "pids"
    pids = told.read_text().split() if told.exists() else []
    stats = {pid: Path(f"/proc/{pid}/stat") for pid in pids}
    return [pid for pid, stat in stats.items() if stat.exists() and ") Z " not in stat.read_text()]


def in_airflow(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [BIN / "python", "-c", code, *arguments],
        cwd=DAGS,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_the_first_line_of_an_error_is_the_last_line() -> None:
    said = in_airflow(
        "from pathlib import Path; from tabular_lstm_airflow.process import Process\n"
        "run = Process(['printf', 'Error: two:\\n  one\\n  other\\n'], Path(), {})\n"
        "print([message for _, message in run.lines()], run.last_line)"
    )
    assert said == "['Error: two:', '  one', '  other'] Error: two:\n"


def test_a_webhook_that_answers_a_byte_now_and_then_is_given_up() -> None:
    with serving(pause=0.4) as server:
        said = in_airflow(
            "import sys; from tabular_lstm_airflow.notifier import post, within\n"
            "within(1, lambda: post(sys.argv[1], None, b'{}'))",
            server.url,
        )
    assert said.endswith("RuntimeError: the webhook did not answer within 1 s\n")


def test_what_becomes_of_xcom_is_no_part_of_the_end() -> None:
    said = in_airflow(
        "from tabular_lstm_airflow.operator import WholeRun\n"
        "WholeRun(task_id='run', pipeline='scoring')._send(None, 'run_id', 'a')"
    )
    assert "XCom does not have run_id: AttributeError" in said
    assert "Traceback" not in said


def test_the_dags_are_read_without_error_or_warning(installed: Path) -> None:
    checked = subprocess.run(
        [BIN / "python", "-c", CHECK, str(DAGS)],
        env=Airflow(installed).environment,
        check=True,
        capture_output=True,
        text=True,
    )
    errors, warned, dags = json.loads(checked.stdout.splitlines()[-1])
    assert errors == {}
    assert warned == []
    one_whole_run = {
        "tasks": ["run"],
        "retries": 0,
        "email": None,
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
    assert sent["last_line"].startswith(f"Promoted run {entry['run_id']}: {entry['reason']}")
    assert "Running training.train_network" in said
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
    airflow: Airflow, quick: Project, told: list[tuple[str | None, dict[str, Any]]]
) -> None:
    quick.raw.write_text("no, such\ncolumns,1\n")
    said = airflow.test("retraining")
    state, tries, sent = airflow.newest("retraining")
    assert (state, tries) == ("failed", 1), said
    assert sent["last_line"].startswith("Error: ")
    ((by, end),) = told
    assert by == SECRET
    assert end["event"] == "failed"
    message = f"Run {sent['run_id']} ended with exit code 1: {sent['last_line']}"
    assert end["message"] == message
    assert end["airflow"]["dag"] == "retraining"
    assert SECRET not in said

    # What never reaches the project; and the webhook answers 500.
    (quick.path / ".venv").unlink()
    said = airflow.test("scoring")
    state, tries, sent = airflow.newest("scoring")
    assert (state, tries, sent) == ("failed", 1, {}), said
    assert told[1][1]["message"] == f"{quick.path}/.venv/bin/kedro: No such file or directory"
    assert "127.0.0.1 answered 500" in said
    assert SECRET not in said


@pytest.mark.usefixtures("ended")
def test_a_task_that_takes_too_long_ends_the_run_and_all_that_it_started(
    airflow: Airflow,
    quick: Project,
    told: list[tuple[str | None, dict[str, Any]]],
    tmp_path: Path,
) -> None:
    endless(quick, trap="trap '' TERM")
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
    assert "Timeout" in told[0][1]["message"]


@pytest.mark.usefixtures("ended")
def test_a_task_that_is_killed_ends_the_run_and_all_that_it_started(
    airflow: Airflow, quick: Project, told: list[tuple[str | None, dict[str, Any]]]
) -> None:
    endless(quick)
    with airflow.started("dags", "test", "retraining") as command:
        said = ""
        while "of environment base" not in said:
            said = command.stdout.readline()
            assert said, "Airflow ended before the run began"
        assert len(still_there(quick)) == 2
        command.send_signal(signal.SIGTERM)
        try:
            said = command.communicate(timeout=60)[0]
        finally:
            command.kill()  # no harm to one that has ended
    until = time.monotonic() + 5
    while still_there(quick) and time.monotonic() < until:
        time.sleep(0.1)
    assert still_there(quick) == []
    state, tries, _ = airflow.newest("retraining")
    assert (state, tries) == ("failed", 1), said
    assert "ended with signal 15" in told[0][1]["message"]
