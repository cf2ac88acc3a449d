"""Debian's cron runs seven nights: log, notifications, predictions, MLflow, mail tell one story.

The clock is shortened, not the job: cron looks each minute whether nights are prepared, and runs
what it would run at 2:15 and at 6:00. It has a mount namespace of its own, so that it reads no
table of this machine and leaves nothing on it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.project import QUICK, ROOT, Project
from tests.helpers.scorings import predictions_of
from tests.helpers.tables import LABEL, rows_to_learn

ENV = "nightly"
# Cron with no tables but this one. `exec`, so that it ends by its process id.
CRON = """
mount -t tmpfs none /var/spool/cron && mkdir /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d && cp "$1" /etc/cron.d/nights
touch /run/crond.pid && mount --bind "$2" /run/crond.pid
: > "$2.empty" && mount --bind "$2.empty" /etc/crontab
exec cron -f
"""
TABLE = """
PATH=/usr/bin:/bin
PYTHONPATH={pythonpath}
* * * * * root cd {project} && sh ./each_minute
"""
EACH_MINUTE = """
if mv tonight running 2>/dev/null; then
    sh ./running >>mail 2>&1
    rm running
fi
"""
RETRAINING, SCORING = (f"deploy/cron/run {ENV} {name}\n" for name in ("retraining", "scoring"))
ROLLBACK = f"deploy/cron/run {ENV} rollback\n"
BOTH = (RETRAINING, SCORING)
NOTIFY = "import sys, json; print(json.dumps(json.load(sys.stdin)), file=open('told.jsonl', 'a'))"
LONGEST_NIGHT = 300.0


@pytest.fixture
def nightly(project: Project) -> Project:
    """A project with an environment that tells of all ends, and the script that cron calls."""
    shutil.copytree(ROOT / "deploy/cron", project.path / "deploy/cron")
    (project.path / ".venv").symlink_to(sys.prefix)
    conf = project.path / "conf" / ENV
    conf.mkdir()
    catalog = {
        "raw_rows": {
            "type": "tabular_lstm.datasets.RawRowsDataset",
            "filepath": "data/01_raw/nightly.csv",
        },
    }
    events = ["promoted", "rejected", "unchanged", "rolled_back", "scored", "failed"]
    notify = {"command": [sys.executable, "-c", NOTIFY], "events": events}
    (conf / "catalog.yml").write_text(json.dumps(catalog))
    mlflow = {"tracking_uri": f"sqlite:///data/{ENV}/mlflow/tracking.db"}
    (conf / "parameters.yml").write_text(json.dumps({**QUICK, "notify": notify, "mlflow": mlflow}))
    return project


@pytest.fixture
def cron(nightly: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("cron")
    table = TABLE.format(project=nightly.path, pythonpath=os.environ.get("PYTHONPATH", ""))
    (folder / "table").write_text(table)
    (nightly.path / "each_minute").write_text(EACH_MINUTE)
    (folder / "pid").touch()
    command = ["unshare", "-m", "sh", "-ec", CRON, "sh", folder / "table", folder / "pid"]
    with subprocess.Popen(command, start_new_session=True) as process:
        yield
        assert process.poll() is None, "cron ended by itself"
        os.killpg(process.pid, signal.SIGKILL)


def night(project: Project, *lines: str) -> None:
    """Let cron run these lines, and wait until they have ended."""
    tonight, running = project.path / "tonight", project.path / "running"
    prepared = project.path / "prepared"
    prepared.write_text("".join(lines))
    prepared.rename(tonight)
    until = time.monotonic() + LONGEST_NIGHT
    while tonight.exists() or running.exists():
        assert time.monotonic() < until, mail(project)
        time.sleep(0.2)


def rows_of(number: int) -> str:
    """A line that brings the rows of a night."""
    return f"cp night_{number}.csv data/01_raw/nightly.csv\n"


def told(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.path / "told.jsonl").read_text().splitlines()]


def mail(project: Project) -> str:
    """What cron would have sent since it was last looked at."""
    path = project.path / "mail"
    said = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return said


def test_seven_nights_in_a_row(nightly: Project, cron: None) -> None:
    rows = rows_to_learn(nightly.raw)
    # Somebody shuffles the labels; and a broken export.
    noise = rows.assign(**{LABEL: rows[LABEL].sample(frac=1, random_state=0).to_numpy()})
    tables = {1: rows[:600], 2: rows[:700], 4: noise, 6: rows[:700], 7: rows}
    for number, table in tables.items():
        table.to_csv(nightly.path / f"night_{number}.csv", index=False)
    (nightly.path / "night_5.csv").write_text("no such\ncolumns\n")
    # 1. The first champion. Two start at once: one is told to wait, and says so by mail.
    beside = RETRAINING.replace("\n", " &\n")
    night(nightly, rows_of(1), beside, beside, "wait\n", SCORING)
    said = mail(nightly)
    assert "another run is at work here" in said
    assert "ended with exit code 75; its log is" in said
    # 2. Growth, 3. nothing new, and 4. the shuffled labels, which are rejected: a normal end.
    night(nightly, rows_of(2), *BOTH, *BOTH, rows_of(4), *BOTH)
    assert mail(nightly) == ""
    # 5. The broken export: the failure is told and mailed, and the morning's scoring goes on.
    # 6. Back to the champion before. 7. More rows.
    broken = [rows_of(5), *BOTH, "cp mail mail_5 && : > mail\n"]
    night(nightly, *broken, rows_of(6), ROLLBACK, SCORING, rows_of(7), *BOTH)
    assert mail(nightly) == ""
    said = (nightly.path / "mail_5").read_text()
    assert "Error: " in said
    assert "nightly.csv" in said
    assert "ended with exit code 1; its log is" in said

    _assert_one_story(nightly)


def _assert_one_story(project: Project) -> None:
    here = Project(project.path)
    log = [json.loads(line) for line in _promotions(project).read_text().splitlines()]
    assert [line["action"] for line in log] == [
        "promoted", "promoted", "rejected", "rolled_back", "promoted"
    ]  # fmt: skip
    ends = told(project)
    assert sorted(end["event"] for end in ends[:2]) == ["failed", "promoted"]
    assert [end["event"] for end in ends[2:]] == [
        "scored",
        "promoted", "scored",
        "unchanged", "unchanged",
        "rejected", "unchanged",
        "failed", "unchanged",
        "rolled_back", "scored",
        "promoted", "scored",
    ]  # fmt: skip
    decided = [end for end in ends if "decision" in end]
    assert [end["decision"]["run_id"] for end in decided] == [line["run_id"] for line in log]
    # Each morning's rows were scored by who served then.
    served, scored = None, []
    for end in ends:
        served = end["decision"]["serves_now"] if "decision" in end else served
        if end["event"] == "scored":
            scored.append(end["manifest"]["champion"]["run_id"])
            assert scored[-1] == served
    assert set(predictions_of(here, ENV)["champion"]) == {log[-1]["serves_now"]}
    _assert_mlflow_has_it(project, log)
    # A log for each run, whose last line is what was told, without its alarm.
    lasts = tuple(end["message"].partition(" ALARM: ")[0] for end in ends)
    for pipeline in ("retraining", "scoring", "rollback"):
        for path in sorted((project.path / "logs" / ENV / pipeline).iterdir()):
            last = path.read_text().splitlines()[-1]
            assert last.endswith(lasts), last


def _assert_mlflow_has_it(project: Project, log: list[dict[str, Any]]) -> None:
    import mlflow  # noqa: PLC0415

    name = f"tabular-lstm-{ENV}"
    client = mlflow.MlflowClient(f"sqlite:///{project.path}/data/{ENV}/mlflow/tracking.db")
    runs = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    mirrored = {run.data.tags["run_id"]: run.data.tags["action"] for run in runs}
    assert mirrored == {line["run_id"]: line["action"] for line in log}
    champion = client.get_model_version_by_alias(name, "champion")
    assert champion.tags["run_id"] == log[-1]["serves_now"]


def _promotions(project: Project) -> Path:
    return project.path / "data" / ENV / "08_reporting/promotions.jsonl"


def test_all_models_in_one_line_say_by_mail_which_need_a_person(nightly: Project) -> None:
    parameters, catalog = (
        nightly.path / "conf" / ENV / name for name in ("parameters.yml", "catalog.yml")
    )
    conf = json.loads(parameters.read_text())
    parameters.write_text(json.dumps(conf | {"models": ["at", "be"]}))
    entries = json.loads(catalog.read_text())
    entries["raw_rows"]["filepath"] = "data/01_raw/${model:}.csv"
    catalog.write_text(json.dumps(entries))
    (nightly.path / "data/01_raw/at.csv").write_text("no such\ncolumns\n")

    ended = subprocess.run(
        ["sh", "-c", "COMMAND=run-models " + RETRAINING],
        cwd=nightly.path,
        check=False,
        capture_output=True,
        text=True,
    )

    said = ended.stdout
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "no such" in said
    assert "be.csv" in said
    lines = said.splitlines()
    assert {"at", "be"} <= {line.partition(": ")[0] for line in lines}  # why, below the table
    assert lines[-1].startswith("kedro run-models --env nightly --pipelines retraining ended with")
    (log,) = (nightly.path / "logs/nightly/retraining").iterdir()
    assert lines[-1].endswith(f"exit code 1; its log is {log}")
    assert " INFO " in log.read_text()
    assert " INFO " not in said


# In place of `kedro`: models that take a moment to end, with a table that says how far they got.
MODELS = """#!/bin/sh
trap 'sleep 1; echo "at: no champion. Report: -"; exit 143' TERM
echo "2026-11-26 02:15:01 INFO    tabular-lstm 0.2.0"
while :; do sleep 0.1; done
"""


@pytest.mark.parametrize("command", ["run", "run-models"])
def test_a_night_that_is_ended_waits_for_its_table(nightly: Project, command: str) -> None:
    (nightly.path / ".venv").unlink()
    kedro = nightly.path / ".venv/bin/kedro"
    kedro.parent.mkdir(parents=True)
    kedro.write_text(MODELS)
    kedro.chmod(0o755)
    script = subprocess.Popen(
        ["deploy/cron/run", ENV, "retraining"],
        cwd=nightly.path,
        env={**os.environ, "COMMAND": command},
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + LONGEST_NIGHT
    while not any(log.stat().st_size for log in nightly.path.glob(f"logs/{ENV}/*/*.log")):
        assert time.monotonic() < until
        time.sleep(0.1)
    script.terminate()
    said, _ = script.communicate(timeout=LONGEST_NIGHT)
    assert script.returncode == 143
    assert "at: no champion. Report: -\n" in said
    assert f"kedro {command} --env nightly --pipelines retraining ended with exit code 143" in said
