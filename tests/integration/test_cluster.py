"""The same predictions and the same weights wherever the work runs; workers and schedulers end.

Real schedulers and workers, each a process of its own.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from tabular_lstm.datasets.champion_datasets import ChampionsDataset
from tabular_lstm.datasets.predictions import ScoringCountsDataset, ScoringPlanDataset
from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.engine import Engine, cluster
from tabular_lstm.errors import DataError
from tabular_lstm.network.fit import train
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    TrainingOptions,
    ValidationOptions,
)
from tabular_lstm.parameters.runs import EngineOptions, MonitoringOptions, ScoringOptions
from tabular_lstm.pipelines.evaluation import nodes
from tabular_lstm.pipelines.evaluation.nodes import predict_with_baselines
from tabular_lstm.pipelines.scoring.nodes import (
    prepare_scorer,
    score_rows,
    validate_rows_to_score,
)
from tabular_lstm.rows import csv_files, raw_rows, scoring_validation
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.schema import Target
from tabular_lstm.rows.table_rows import LoadedTable
from tabular_lstm.serving import prediction_parts
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.manifest import Conditions
from tabular_lstm.serving.prediction_parts import ScoringPlan
from tabular_lstm.serving.row_scoring import ScoredPart
from tabular_lstm.task import CLASSES, NUMBER
from tests.helpers.champions import champion_path, log_of
from tests.helpers.clusters import OTHER, WITHOUT, RealCluster, real_cluster
from tests.helpers.commands import ALARM, RETRAINING, here, message_of, succeeds
from tests.helpers.judged import rows_of, set_of
from tests.helpers.logs import run
from tests.helpers.once import Once
from tests.helpers.processes import group_of, started, wait_until
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, finished, folder_of, rows_at, write_rows
from tests.helpers.servers import hanging
from tests.helpers.trainings import HERE, SCHEMA, half_told, network_of, same, training_of
from tests.helpers.visits import COLUMNS as OF_VISITS
from tests.helpers.visits import HISTORY, train_on, visits

ROWS = 3000
COLUMNS = ColumnsOptions(label="diabetes", positive_class=1, negative_class=0)
CONDITIONS = Conditions(parameters={}, code_sha256="of the code")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A cluster of two workers."""
    with real_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def harmed(running: RealCluster) -> Iterator[RealCluster]:
    """The same cluster, which has two workers again when the test has ended."""
    yield running
    alive = [process for process in running.processes[1:] if process.poll() is None]
    wait_until(lambda: len(running.workers()) == len(alive))
    while len(running.workers()) < 2:
        running.worker()


def scoring_of(
    served: Project,
    engine: Engine,
    reasons: int = 0,
    rows: str = "rows.csv",
    columns: ColumnsOptions = COLUMNS,
    copied: str = "age",
    source: Table | None = None,
    **load_args: Any,
) -> ScoringPlan:
    """A scoring of rows of the project, or of others, which is not yet done."""
    source = source or RawRowsDataset(str(served.path / rows), load_args).load()
    left = ChampionsDataset(str(served.path / "data")).load()
    champion = Artifact.read(champion_path(served))
    reference = left.references[champion_path(served).parent.name]
    champion = Artifact(champion.content, champion.file, run("a"))
    validation = ValidationOptions(max_quarantined_fraction=0.1)
    scoring = ScoringOptions(reasons=reasons, pass_through=[copied])
    checked = validate_rows_to_score(source, champion, columns, validation, scoring)
    champions = Champions(references={run("a"): reference})
    conf = scoring, MonitoringOptions(), run("s")
    scorer = prepare_scorer(checked, champion, champions, *conf)
    return score_rows(checked, scorer, CONDITIONS, engine)


def saved(plan: ScoringPlan, folder: Path) -> dict[str, bytes]:
    """Score, and give the files that are left, the quarantine too, and what the rows are like."""
    quarantine = folder / "quarantine.csv"
    ScoringPlanDataset(str(folder), {"filepath": str(quarantine)}).save(plan)
    left = [*(folder / run("s")).iterdir(), quarantine / run("s") / quarantine.name]
    counts = ScoringCountsDataset(str(folder))
    counts.run_id = run("s")
    drift = plan.scorer.compare(counts.load())
    assert drift.compared_rows > 0
    files = {path.name: path.read_bytes() for path in left}
    return {**files, "drift": drift.model_dump_json().encode()}


@pytest.fixture
def many_batches(served: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Rows that are read in thirty batches and scored in parts of two, some with a bad cell."""
    monkeypatch.setattr(raw_rows, "ROWS", 100)
    monkeypatch.setattr(prediction_parts, "ROWS_OF_A_PART", 200)
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 2**12)
    monkeypatch.setattr(csv_files, "OF_COLUMN", 1)
    write_rows(served, "rows.csv", ROWS)
    return served


def in_quotes(text: str, folder: Path) -> dict[str, Any]:
    """Lines with a note of two lines, and the line ends of Windows."""
    header, *lines = text.splitlines()
    noted = "\r\n".join([f"{header},note", *(f'{line},"two\r\nmüde lines"' for line in lines)])
    (folder / "other.csv").write_bytes(noted.encode("latin-1"))
    return {"encoding": "latin-1"}


def in_a_folder(text: str, folder: Path) -> dict[str, Any]:
    """Files of one batch, of several and of a few rows, of which one has blank lines at its end."""
    header, *lines = text.splitlines()
    for name, start, end in (("1", 0, 90), ("2", 90, 1500), ("3", 1500, 1503), ("4", 1503, ROWS)):
        (folder / f"{name}.csv").write_text("\n".join([header, *lines[start:end], " ", ""]))
    return {}


def assert_same_bytes(
    project: Project, running: RealCluster, folder: Path, *arguments: Any, **options: Any
) -> pd.DataFrame:
    """Score here and on workers, and give what was scored, in parts of which there are some."""
    local, remote = (
        saved(scoring_of(project, engine, *arguments, **options), folder / name)
        for name, engine in (("local", HERE), ("remote", running.engine()))
    )
    assert local == remote
    parts = sorted((folder / "local" / run("s")).glob("*.parquet"))
    assert len(parts) >= 5
    return pd.concat([pd.read_parquet(part) for part in parts])


@pytest.mark.parametrize(
    ("written", "reasons", "task"), [(in_a_folder, 0, CLASSES), (in_quotes, 2, NUMBER)]
)
def test_workers_write_the_same_bytes(
    many_batches: Project,
    running: RealCluster,
    tmp_path: Path,
    written: Callable[[str, Path], dict[str, Any]],
    reasons: int,
) -> None:
    rows = many_batches.path / "rows"
    rows.mkdir()
    load_args = written((many_batches.path / "rows.csv").read_text(), rows)
    scored = assert_same_bytes(many_batches, running, tmp_path, reasons, "rows", **load_args)
    assert len(scored) == ROWS - ROWS // 50
    cells = pd.concat([pd.read_csv(path, **load_args) for path in sorted(rows.iterdir())])
    ages = cells["age"].dropna().astype(str)  # of a line of blanks there is none
    assert scored["age"].tolist() == ages[ages != "old"].tolist()


def test_workers_write_the_same_bytes_of_a_table(
    many_batches: Project, running: RealCluster, tmp_path: Path
) -> None:
    cells = pd.read_csv(many_batches.path / "rows.csv", dtype={"age": str})
    frames = (cells[row : row + 70] for row in range(0, ROWS, 70))
    rows = LoadedTable.of(frames, "rows_to_score")
    scored = assert_same_bytes(many_batches, running, tmp_path, source=rows)
    assert len(scored) == ROWS - ROWS // 50


def test_workers_write_the_same_bytes_of_histories(
    project: Project,
    once: Once,
    running: RealCluster,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once("visited by customers", project, lambda: train_on(project, visits(300)))
    monkeypatch.setattr(prediction_parts, "ROWS_OF_A_PART", 200)
    for module in (raw_rows, scoring_validation):
        monkeypatch.setattr(module, "ROWS", 100)
    (project.path / "rows").mkdir()
    rows = visits(500, seed=1).astype({"pressure": object})
    rows.loc[::50, "pressure"] = "?"
    for name, some in (("1", rows[:900]), ("2", rows[900:])):
        some.to_csv(project.path / f"rows/{name}.csv", index=False)
    columns = ColumnsOptions.model_validate({**OF_VISITS, "history": HISTORY})
    folder = tmp_path_factory.mktemp("scored")
    scored = assert_same_bytes(project, running, folder, 0, "rows", columns, "ward")
    assert scored["customer"].is_unique
    assert len(scored) >= 480


OF_NUMBER: dict[str, Any] = {
    **dict.fromkeys(["positive_class", "negative_class"]),
    "target": Target(mean=100.0, deviation=20.0),
}


@pytest.mark.parametrize("changed", [{}, OF_NUMBER])
def test_workers_train_the_same_weights(running: RealCluster, changed: dict[str, Any]) -> None:
    network = network_of(schema=SCHEMA.model_copy(update=changed), members=4, dropout=0.3)
    sequences, told = half_told(200)
    rows = sequences, 80 + 40 * told + sequences[:, 1, 0] if changed else told
    training = training_of(groups=2)
    engine = running.engine()
    local, history = train(network, *rows, training)
    remote, same_history = train(network, *rows, training, workers=engine.workers)
    assert same(local.get_weights(), remote.get_weights())
    assert history == same_history


def test_workers_fit_the_same_baselines(
    running: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it takes long; elsewhere they are not asked."""
    given = (set_of(*rows_of(150)), set_of(*rows_of(90, seed=1)))
    own = {"forest": "sklearn.ensemble.RandomForestClassifier", "gone": "no_such_package.Model"}
    given = (*given, TrainingOptions(), EvaluationOptions.model_validate({"baselines": own}))
    local = predict_with_baselines(*given, HERE)
    assert "forest" in local.losses
    assert "gone" not in local.losses
    engine = running.engine()
    predict_with_baselines(*given, engine)
    assert engine._cluster is None
    monkeypatch.setattr(nodes, "WORTH_WORKERS", 1)
    remote = predict_with_baselines(*given, engine)
    assert engine._cluster is not None
    assert local == remote


def test_a_worker_killed_midway_costs_its_parts_alone(
    many_batches: Project, harmed: RealCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = saved(scoring_of(many_batches, HERE), tmp_path / "local")
    engine = harmed.engine()
    plan, taken = scoring_of(many_batches, engine), 0
    parts_of = ScoringPlan.parts

    def and_kill(plan: ScoringPlan, folder: Path) -> Iterator[ScoredPart]:
        nonlocal taken
        for part in parts_of(plan, folder):
            taken += 1
            if taken == 2:
                harmed.processes[-1].kill()
            yield part

    monkeypatch.setattr(ScoringPlan, "parts", and_kill)
    remote = saved(plan, tmp_path / "remote")
    assert taken > 10
    assert local == remote


def test_what_is_wrong_with_rows_is_said_by_the_same_words(
    many_batches: Project, running: RealCluster, tmp_path: Path
) -> None:
    """A ragged row, late in the first of two files, of which the second is worse."""
    folder = many_batches.path / "rows"
    folder.mkdir()
    lines = (many_batches.path / "rows.csv").read_text().splitlines()
    (folder / "1.csv").write_text("\n".join([*lines[:1750], "1,2", *lines[1750:]]))
    (folder / "2.csv").write_text("other columns")
    said = []
    for name, engine in (("local", HERE), ("remote", running.engine())):
        with pytest.raises(DatasetError) as refused:
            saved(scoring_of(many_batches, engine, rows="rows"), tmp_path / name)
        said.append(str(refused.value).replace(name, "folder"))
        assert not [*(tmp_path / name).glob("*/*")]
    assert said[0] == said[1]


def test_what_is_gone_is_one_clear_message_and_leaves_nothing(
    many_batches: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion travels with the work: a worker needs no file of the driver."""
    parts_of = ScoringPlan.parts
    with real_cluster(tmp_path / "cluster", workers=0) as started:
        for said, gone, wait in (("no worker has done", -1, 3), ("the scheduler is gone", 0, 30)):
            monkeypatch.setattr(cluster, "SECONDS_WITHOUT_WORKERS", wait)
            started.worker()
            plan = scoring_of(many_batches, started.engine())
            champion = champion_path(many_batches).rename("champion")

            def and_kill(
                plan: ScoringPlan, folder: Path, place: int = gone
            ) -> Iterator[ScoredPart]:
                for part in parts_of(plan, folder):
                    started.processes[place].kill()
                    yield part

            monkeypatch.setattr(ScoringPlan, "parts", and_kill)
            with pytest.raises(DatasetError) as refused:
                saved(plan, tmp_path / "remote")
            assert said in str(refused.value)
            assert started.address in str(refused.value)
            assert [path.name for path in (tmp_path / "remote").rglob("*")] == ["quarantine.csv"]
            champion.rename(champion_path(many_batches))


def test_a_worker_of_other_code_does_nothing(
    many_batches: Project, harmed: RealCluster, tmp_path: Path
) -> None:
    """Not even one that comes when the run has begun."""
    predictions = scoring_of(many_batches, harmed.engine())
    harmed.worker("-c", OTHER)
    for process in harmed.processes[1:-1]:
        process.kill()
    with pytest.raises(DatasetError, match="has another version of tabular_lstm"):
        saved(predictions, tmp_path / "remote")
    harmed.processes[-1].kill()
    harmed.processes[-1].wait()


def test_a_run_that_finds_no_worker_or_none_that_works_is_refused_by_one_line(
    many_batches: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one without the package then, and one that is paused for want of memory."""
    monkeypatch.setattr(cluster, "SECONDS_WITHOUT_WORKERS", 3)
    with real_cluster(tmp_path / "cluster", workers=0) as started:
        for address, said in (("nowhere", "none answers"), (started.address, "has no worker")):
            where = f"engine.kind=dask,engine.address={address}"
            message = message_of(here(*SCORING, *rows_at("rows.csv", where)))
            assert said in message
            assert "engine.kind: local" in message
            assert not finished(many_batches)
        started.worker("-c", WITHOUT)
        started.worker(DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE="0.001")
        with pytest.raises(DatasetError, match="no worker has done anything"):
            saved(scoring_of(many_batches, started.engine()), tmp_path / "remote")


def test_what_is_no_scheduler_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with hanging() as address:
        engine = Engine(EngineOptions(kind="dask", address=address.replace("http", "tcp")))
        with pytest.raises(DataError, match="none answers"):
            _ = engine.workers


def without_space(shared: None, part: int) -> int:
    raise OSError(28, "No space left on device")


def test_what_goes_wrong_on_a_worker_is_said(running: RealCluster) -> None:
    workers = running.engine().workers
    assert workers is not None
    with pytest.raises(DataError, match=r"on a worker: OSError: .*No space left"):
        list(workers(without_space, None, range(8)))


def test_the_environment_cluster_retrains_and_scores_by_one_command_each(quick: Project) -> None:
    """Two workers are started, and end with the run. Outputs may be saved asynchronously."""
    declare(quick, **QUICK, engine={"kind": "dask", "workers": 2})
    succeeds(here(*RETRAINING, "--async"))
    assert log_of(quick)[-1]["action"] == "promoted"
    write_rows(quick, "rows.csv", 500)
    succeeds(here(*SCORING, *rows_at("rows.csv")), ALARM)  # some rows are in quarantine
    (manifest,) = finished(quick)
    assert manifest["scored_rows"] == 490
    (part,) = folder_of(quick).glob("*/*.parquet")
    assert np.isfinite(pd.read_parquet(part)["probability"]).all()


# Who is let in

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A key and its certificate, which all who take part have."""
    command = "openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj /CN=tabular-lstm"
    files = ["-keyout", "cluster.key", "-out", "cluster.crt"]
    subprocess.run([*command.split(), *files], cwd=tmp_path, check=True, capture_output=True)
    with monkeypatch.context() as variables:
        variables.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "true")
        variables.setenv(f"{TLS}CA_FILE", str(tmp_path / "cluster.crt"))
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            variables.setenv(f"{TLS}{role}__CERT", str(tmp_path / "cluster.crt"))
            variables.setenv(f"{TLS}{role}__KEY", str(tmp_path / "cluster.key"))
        dask.config.refresh()
        yield variables
    dask.config.refresh()


def doubled(factor: int, part: int) -> int:
    return factor * part


def test_who_has_the_certificate_is_let_in_and_nobody_else(
    tmp_path: Path, certified: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 3)
    with real_cluster(tmp_path / "cluster", workers=1, protocol="tls") as started:
        workers = started.engine().workers
        assert workers is not None
        assert dict(workers(doubled, 2, range(3))) == {0: 0, 1: 2, 2: 4}
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            certified.delenv(f"{TLS}{role}__CERT")
            certified.delenv(f"{TLS}{role}__KEY")
        for name, address in {
            "no certificate": started.address,
            "no encryption": started.address.replace("tls", "tcp"),
        }.items():
            if name == "no encryption":
                certified.delenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION")
            dask.config.refresh()
            with pytest.raises(DataError, match="none answers"):
                _ = Engine(EngineOptions(kind="dask", address=address)).workers


# Ctrl-C

# Without an end of its own.
ENDLESS = QUICK | {
    "training": {"epochs": 100_000, "patience": 100_000, "groups": 2},
    "engine": {"kind": "dask", "workers": 2},
}


def test_ctrl_c_in_a_terminal_ends_all_and_says_so_by_one_word(quick: Project) -> None:
    """It goes to all processes of the command."""
    declare(quick, **ENDLESS)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(quick, "run", start_new_session=True, **pipes) as run:
        try:
            while "Training 4 members" not in (line := run.stdout.readline()):
                assert line, "the run ended before it trained"
            assert len(group_of(run.pid)) >= 3
            os.killpg(run.pid, signal.SIGINT)
            rest = run.stdout.read()
            assert run.wait() == 1
            assert rest.splitlines()[-1] == "Aborted!"
            assert "Traceback" not in rest
            # The process by which Python counts shared resources ends a moment after the last.
            wait_until(lambda: not group_of(run.pid), 30)
        finally:
            for process in group_of(run.pid):
                os.kill(process, signal.SIGKILL)
