"""Rows in PostgreSQL, outputs in SeaweedFS, two clones: the whole story, a collision, and kills."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy

from tabular_lstm.parameters import TWO_CLASSES
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, here_in, seed
from tests.helpers.databases import SECRET, postgres, query, reads
from tests.helpers.killed_storage import killing
from tests.helpers.object_storage import WRITER, block, champion_there, clone, seaweedfs
from tests.helpers.processes import at_work
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING
from tests.helpers.tables import LABEL, write_task

MONITORING = ("run", "--pipelines", "monitoring")
HALF, SCORED = 384, 100


@dataclass(frozen=True)
class Clinic:
    """Two clones of a project that read one database and keep what they write in one bucket."""

    one: Project
    two: Project
    rows: pd.DataFrame
    engine: sqlalchemy.Engine

    def add(self, table: str, rows: pd.DataFrame) -> None:
        rows.to_sql(table, self.engine, index=False, if_exists="append")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    for name in ("weed", "origin"):
        (folder / name).mkdir()
    origin = Project.copied_to(folder / "origin")
    columns = {"label": LABEL, "positive_class": 1, "negative_class": 0, "key": "id"}
    # Glucose decides the label, so in some orders of few rows it looks as if it named a patient.
    write_task(origin, TWO_CLASSES, columns=columns, split={"independent": ["glucose"]}, **QUICK)
    rows = pd.read_csv(origin.raw)
    rows.insert(0, "id", np.arange(len(rows)))
    with postgres(folder / "postgres") as database, seaweedfs(folder / "weed") as address:
        reads(
            origin,
            database,
            raw_rows=query("SELECT * FROM patients ORDER BY random()"),
            rows_to_score=query("SELECT * FROM visits ORDER BY id"),
            late_labels=query(f"SELECT id, {LABEL} FROM results"),
        )
        clones = [clone(origin, folder / n, block(address, "clinic"), WRITER) for n in "12"]
        engine = sqlalchemy.create_engine(database)
        found = Clinic(*clones, rows, engine)
        found.add("patients", rows[:HALF])
        found.add("visits", rows[HALF:][:SCORED].drop(columns=LABEL))
        found.add("results", rows[["id", LABEL]][:0])
        yield found
        engine.dispose()


def test_two_clones_tell_the_whole_story_of_one_database(clinic: Clinic, tmp_path: Path) -> None:
    one, two, rows = clinic.one, clinic.two, clinic.rows
    said = []

    def run(where: Project, *arguments: str) -> str:
        said.append(here_in(where, *arguments))
        return said[-1].splitlines()[-1]

    assert run(one, *RETRAINING).startswith("Promoted run")
    (first,) = [line["run_id"] for line in log_of(one)]
    assert run(two, *RETRAINING).startswith("Unchanged: ")
    assert f"Scored {SCORED} of {SCORED} rows with the champion of run {first}" in run(
        two, *SCORING
    )
    assert run(one, *SCORING).startswith("Unchanged: ")
    assert f"scored {SCORED} rows, of which 0 have a label" in run(one, *MONITORING)

    clinic.add("results", rows[["id", LABEL]][HALF:][:50])
    assert f"scored {SCORED} rows, of which 50 have a label" in run(two, *MONITORING)
    clinic.add("patients", rows[HALF:])
    assert run(two, *RETRAINING).startswith("Promoted run")
    second = log_of(two)[-1]["run_id"]
    assert f"champion of run {second}" in run(one, *SCORING)
    assert f"run {first}" in run(one, *ROLLBACK)
    assert f"champion of run {first}" in run(two, *SCORING, "--params", "scoring.force=true")

    with at_work(one, *RETRAINING, *seed(3), node="Running promotion.promote.record") as slow:
        assert run(two, *RETRAINING, *seed(4)).startswith("Promoted run")
        os.killpg(slow.pid, signal.SIGCONT)
        said.append(slow.stdout.read())
        assert slow.wait() == 75, said[-1]
    third = log_of(two)[-1]["run_id"]
    assert f"run {third} decided first (promoted)" in said[-1]
    assert champion_there(one, tmp_path / "fresh").run_id == third
    assert [line["serves_now"] for line in log_of(two)] == [first, second, first, third]

    for project in (one, two):
        for content in (*project.files().values(), *(text.encode() for text in said)):
            assert SECRET.encode() not in content
            assert WRITER["secret_access_key"].encode() not in content


def test_a_retraining_killed_at_20_calls_leaves_the_old_champion_or_its_own(
    clinic: Clinic, tmp_path: Path
) -> None:
    here_in(clinic.one, *RETRAINING, *seed(10))
    with killing() as kill:
        code, calls = kill(clinic.one, (*RETRAINING, *seed(11)), "before", 0)
        assert code == 0
        spread = np.linspace(2, calls.index("create promotions"), 8).astype(int).tolist()
        instants = [(when, at) for at in spread for when in ("before", "after")]
        instants += [(when, "create promotions") for when in ("before", "after")] * 2
        for number, (when, at) in enumerate(instants, 12):
            project = (clinic.one, clinic.two)[number % 2]
            old = champion_there(project, tmp_path / "fresh").run_id
            code, calls = kill(project, (*RETRAINING, *seed(number)), when, at)
            assert code == -signal.SIGKILL
            now = champion_there(project, tmp_path / "fresh").run_id
            is_decided = at == "create promotions" and when == "after"
            assert (now != old) == is_decided, (when, at, calls[-1])
    assert here_in(clinic.two, *RETRAINING, *seed(99)).splitlines()[-1].startswith("Promoted run")
