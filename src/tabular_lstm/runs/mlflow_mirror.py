"""The program that mirrors decisions in MLflow: MLflow's own client, imported here alone.

Run by `tabular_lstm.runs.tracking`, with its `Work` as JSON on standard input. What it says on
standard output is for the run's log, so no message of MLflow's or of a server is in it: these may
hold a URI with a password. Whatever is there already is not made again.
"""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType
from mlflow.types import Schema as Columns
from mlflow.types.schema import AnyType

import tabular_lstm
from tabular_lstm.files import sha256
from tabular_lstm.runs.mirrored import flat, numbers, tags_of, where
from tabular_lstm.runs.tracking import CANDIDATE, DOCUMENTS, FIGURES, Work
from tabular_lstm.serving import pyfunc
from tabular_lstm.serving.decision import Decision, Judgement

ALIAS = "champion"
# What is imported to load and score a model.
PACKAGES = ("h5py", "numpy", "pandas", "pyarrow", "pydantic", "threadpoolctl")
# In MLflow's words and, after the last attempt, in those of urllib3.
ANSWERED = r"(?:failed with error code|too many) (\d{3})\b"
BATCH = 100  # MLflow takes so many parameters at once


def main() -> None:
    """Do the work, and say in a sentence what was done, or on failure why not."""
    answer, sys.stdout = sys.stdout, sys.stderr  # where MLflow prints is not for the log
    threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    work = Work.model_validate_json(sys.stdin.buffer.read())
    if hasattr(signal, "setitimer"):  # for when nobody is left who would end this
        signal.setitimer(signal.ITIMER_REAL, work.timeout)
    try:
        answer.write(mirror(work))
    except Exception as error:
        answer.write(reason(error, work.tracking_uri))
        sys.exit(1)


def end_with(run: int) -> None:
    """End this program once the run that started it has: its lock is gone, and another may decide.

    Args:
        run: Its process.
    """
    while os.getppid() == run:
        time.sleep(0.05)
    os._exit(1)


def reason(error: Exception, uri: str) -> str:
    """Say what went wrong, in words that hold no secret."""
    host = where(uri)
    if isinstance(error, ImportError):
        return f"{host}: it takes the module {error.name}, which is not installed"
    if isinstance(error, MlflowException):
        if answered := re.search(ANSWERED, str(error)):
            return f"{host} answered {answered[1]}"
        if "failed with exception" in str(error):
            return f"{host} was not reached"
        return f"{host}: {error.error_code}"
    if isinstance(error, OSError) and error.strerror:
        return f"{host}: {error.strerror}"
    return f"{host}: {type(error).__name__}"


def mirror(work: Work) -> str:
    """Bring MLflow to the state of the promotion log.

    Returns:
        What it has now, in a sentence.
    """
    _prepare_sqlite(work.tracking_uri)
    mlflow.set_tracking_uri(work.tracking_uri)
    mlflow.set_registry_uri(work.tracking_uri)
    client = MlflowClient()
    experiment = _experiment(client, work)
    before = {run_id for run_id in work.run_ids if _found(client, experiment, run_id, "FINISHED")}
    for run_id in work.run_ids:
        if run_id not in before and _file(work, "decision", run_id).exists():
            mirror_run(client, experiment, work, run_id)
    _register_champion(client, experiment, work)
    return _move_alias(client, work)


def mirror_run(client: MlflowClient, experiment: str, work: Work, run_id: str) -> None:
    """Mirror a run; it is FINISHED in MLflow once all of it is there."""
    file = _file(work, "decision", run_id)
    decision = Decision.model_validate_json(file.read_bytes())
    judgement, began = decision.judgement, _milliseconds(decision.time)
    tags = tags_of(decision)
    if (started := _found(client, experiment, run_id)) is None:
        started = client.create_run(experiment, began, tags, run_name=run_id).info.run_id
    with mlflow.start_run(started):
        parameters = [Param(name, value) for name, value in flat(decision.parameters)]
        for first in range(0, len(parameters), BATCH):
            client.log_batch(started, params=parameters[first : first + BATCH])
        if judgement:
            # The same time and step, so that nothing is there twice after a second attempt.
            measured = [Metric(name, value, began, 0) for name, value in numbers(judgement)]
            client.log_batch(started, metrics=measured, tags=[RunTag(*tag) for tag in tags.items()])
        for name in DOCUMENTS:
            if (path := _file(work, name, run_id)).exists():
                client.log_artifact(started, str(path))
        for path in sorted(_file(work, FIGURES, run_id).glob("*.svg")):
            client.log_artifact(started, str(path), FIGURES)
        if judgement and _version(client, work, run_id) is None:
            _register(work, decision, judgement)


def signature_of(model: pyfunc.Model, rows: Any) -> ModelSignature:
    """Describe the columns that a model takes and gives.

    A feature is of any type, as the model reads cells itself. As `double` MLflow would refuse a
    column of integers, and text that means "not measured".
    """
    kinds = {"probability": DataType.double, "decision": DataType.string}
    scored = model.predict(rows)
    if scored["decision"].dtype.kind in "biuf":
        kinds["decision"] = {"b": DataType.boolean, "f": DataType.double}.get(
            scored["decision"].dtype.kind, DataType.long
        )
    return ModelSignature(
        inputs=Columns([ColSpec(AnyType(), name) for name in rows.columns]),
        outputs=Columns([ColSpec(kinds[name], name) for name in scored.columns]),
    )


def _register(work: Work, decision: Decision, judgement: Judgement) -> None:
    """Make the candidate a version of the registered model, if its file is what was judged."""
    file = _file(work, CANDIDATE, decision.run_id)
    if not file.exists() or sha256(file.read_bytes()) != judgement.candidate_sha256:
        return
    champion = pyfunc.read(file)
    rows = pyfunc.example(champion.schema)
    logged = mlflow.pyfunc.log_model(
        name="model",
        loader_module=pyfunc.__name__,
        data_path=str(file),
        code_paths=[str(Path(tabular_lstm.__file__).parent)],
        signature=signature_of(pyfunc.Model(champion), rows),
        input_example=rows,
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow-skinny", *PACKAGES)],
    )
    tags = {"run_id": decision.run_id, "sha256": judgement.candidate_sha256}
    tags["action"] = decision.action
    mlflow.register_model(logged.model_uri, work.registered_model, tags=tags)


def _register_champion(client: MlflowClient, experiment: str, work: Work) -> None:
    """Make the champion's version again where somebody deleted it, or the registered model."""
    if work.champion is None or _version(client, work, work.champion) is not None:
        return
    file = _file(work, "decision", work.champion)
    there = client.search_runs([experiment], f"tags.run_id = '{work.champion}'")
    if there and file.exists():
        decision = Decision.model_validate_json(file.read_bytes())
        if decision.judgement:
            with mlflow.start_run(there[0].info.run_id):
                _register(work, decision, decision.judgement)


def _move_alias(client: MlflowClient, work: Work) -> str:
    """Let the alias name the version that serves, or none."""
    name = work.registered_model
    version = _version(client, work, work.champion) if work.champion else None
    if version is not None:
        client.set_registered_model_alias(name, ALIAS, version)
        return f"version {version} of {name}, run {work.champion}, is its {ALIAS}"
    if client.search_registered_models(f"name = '{name}'"):
        client.delete_registered_model_alias(name, ALIAS)
    return f"no version of {name} is its {ALIAS}"


def _version(client: MlflowClient, work: Work, run_id: str) -> str | None:
    found = client.search_model_versions(
        f"name = '{work.registered_model}' and tags.run_id = '{run_id}'"
    )
    return str(found[0].version) if found else None


def _found(
    client: MlflowClient, experiment: str, run_id: str, status: str | None = None
) -> str | None:
    """Find a run in MLflow; one that somebody deleted there counts as finished."""
    found = client.search_runs([experiment], f"tags.run_id = '{run_id}'", ViewType.ALL)
    for run in found:
        if status is None or run.info.status == status or run.info.lifecycle_stage == "deleted":
            return str(run.info.run_id)
    return None


def _experiment(client: MlflowClient, work: Work) -> str:
    if known := client.get_experiment_by_name(work.experiment):
        return str(known.experiment_id)
    served = urlsplit(work.tracking_uri).scheme in {"http", "https"}
    where_artifacts = None if served else Path(work.artifacts).as_uri()
    return str(client.create_experiment(work.experiment, where_artifacts))


def _prepare_sqlite(uri: str) -> None:
    """Make a database in a file, whole or not at all: MLflow cannot go on with half of its tables.

    It is made beside its place and gets its name when it is finished.
    """
    if not uri.startswith("sqlite:///"):
        return
    path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        MlflowClient(f"sqlite:///{unfinished}").search_experiments()
        with contextlib.suppress(FileExistsError):  # another run was faster
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _file(work: Work, output: str, run_id: str) -> Path:
    folder = Path(work.versions[output])
    return folder / run_id / folder.name


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


if __name__ == "__main__":
    main()
