"""Tracking: send a decision to MLflow after it is made; a failure is only a warning."""

import contextlib
import io
import json
import logging
import math
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tabular_lstm
from tabular_lstm.environments import BASE, output_folder
from tabular_lstm.files import sha256
from tabular_lstm.parameters.runs import MlflowOptions
from tabular_lstm.runs.notify import NotToldError
from tabular_lstm.serving import champion
from tabular_lstm.serving.decision import Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, champion_of

logger = logging.getLogger(__name__)

DOCUMENTS = ("decision", "metrics", "report", "figures")
CANDIDATE = "candidate@file"
MIRRORED = (CANDIDATE, *DOCUMENTS)
ALIAS = "champion"
SQLITE = "sqlite:///"
# The packages that loading and scoring a model imports.
PACKAGES = ("h5py", "numpy", "pandas", "pyarrow", "pydantic", "threadpoolctl")


def mirror(
    options: MlflowOptions,
    credentials: Mapping[str, Any],
    project: Path,
    env: str | None,
    log: list[LogEntry],
    versions: dict[str, Path],
) -> None:
    """Send the newest decision, and the champion if it is missing, and set the alias.

    Args:
        options: A block with a `tracking_uri`.
        credentials: The entries of `credentials.yml`.
        project: The project's folder.
        env: The environment of conf.
        log: The promotion log.
        versions: The folder with the versions of each output of `MIRRORED`.
    """
    try:
        uri = tracking_uri(options, credentials, project)
        # MLflow's output may hold a secret.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            state = Mirror(options, uri, project, env, versions).bring(log)
        logger.info("MLflow: %s", state)
    except Exception as error:
        logger.warning("mlflow: %s. This does not change how the run ends", reason(error))


def tracking_uri(options: MlflowOptions, credentials: Mapping[str, Any], project: Path) -> str:
    """Return the URI, or the URI of the named entry in `credentials.yml`.

    Raises:
        NotToldError: There is no such entry.
    """
    uri = str(options.tracking_uri)
    if ":" not in uri and isinstance(entry := credentials.get(uri), Mapping):
        uri = str(entry.get("uri", ""))
    if uri.startswith(SQLITE):  # relative to the project's folder, not to the working directory
        file = project.absolute() / uri.removeprefix(SQLITE)
        file.parent.mkdir(parents=True, exist_ok=True)
        return f"{SQLITE}{file}"
    if ":" not in uri:
        raise NotToldError(
            "tracking_uri: expected http://…, https://… or sqlite:///…, or the name of an entry "
            "with a uri in credentials.yml"
        )
    return uri


def reason(error: Exception) -> str:
    """Say what went wrong, without revealing a secret."""
    if isinstance(error, NotToldError):
        return str(error)
    if isinstance(error, ImportError):
        return f"the module {error.name} is not installed; docs/tracking.md says how to install it"
    # MLflow's message may hold a secret, such as the user of a URL, but not this part.
    failure = re.search(r"failed with (error code \d{3}\b|exception)", str(error))
    return f"the request {failure[0]}" if failure else type(error).__name__


class Mirror:
    """A connection of its own, which changes no setting of the process."""

    def __init__(
        self,
        options: MlflowOptions,
        uri: str,
        project: Path,
        env: str | None,
        versions: dict[str, Path],
    ) -> None:
        # By default MLflow retries seven times, and sends telemetry.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(max(1, int(options.timeout))))
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow  # noqa: PLC0415  an extra; takes seconds

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        # The name of a model in an environment gets a +, because MLflow accepts no slash.
        name = "tabular-lstm" if env in BASE else f"tabular-lstm-{env}".replace("/", "+")
        self._model, self._versions = options.registered_model or name, versions
        self._mlflow, self._client = mlflow, mlflow.MlflowClient(uri, uri)
        if experiment := self._client.get_experiment_by_name(options.experiment or name):
            self._experiment_id = str(experiment.experiment_id)
            return
        # A server keeps the artifacts too.
        folder = project.absolute() / output_folder(env) / "tracking/artifacts"
        location = None if uri.lower().startswith("http") else folder.as_uri()
        self._experiment_id = self._client.create_experiment(options.experiment or name, location)

    def bring(self, log: list[LogEntry]) -> str:
        """Send what is missing, set the alias to the champion, and say what MLflow has."""
        serving = champion_of(log)
        for run_id in {serving: 0, log[-1].run_id: 0}:
            if run_id and self._file("decision", run_id).exists():
                self._send(run_id)
        if serving and (number := self._version_of(serving)):
            self._client.set_registered_model_alias(self._model, ALIAS, number)
            return f"version {number} of {self._model}, run {serving}, is its {ALIAS}"
        if self._client.search_registered_models(f"name = '{self._model}'"):
            self._client.delete_registered_model_alias(self._model, ALIAS)
        return f"no version of {self._model} is its {ALIAS}"

    def _send(self, run_id: str) -> None:
        """Send a run, unless it is complete: FINISHED, and perhaps deleted since."""
        query = f"tags.run_id = '{run_id}' and attributes.status = 'FINISHED'"
        entities = self._mlflow.entities
        if self._client.search_runs([self._experiment_id], query, entities.ViewType.ALL):
            return
        decision = Decision.model_validate_json(self._file("decision", run_id).read_bytes())
        began = int(datetime.fromisoformat(decision.time).timestamp() * 1000)
        run = self._client.create_run(self._experiment_id, began, tags_of(decision), run_id).info
        values = metrics_of(decision.judgement) if decision.judgement else {}
        self._client.log_batch(
            run.run_id,
            [entities.Metric(name, value, began, 0) for name, value in values.items()],
            [entities.Param(name, value) for name, value in parameters_of(decision).items()],
        )
        for path in (self._file(name, run_id) for name in DOCUMENTS):
            if path.exists():
                self._client.log_artifact(run.run_id, str(path))
        if decision.judgement and self._version_of(run_id) is None:
            self._register(decision, decision.judgement.candidate_sha256, run)
        self._client.set_terminated(run.run_id)

    def _register(self, decision: Decision, candidate_sha256: str, run: Any) -> None:
        """Register the candidate as a version of the model, if its file is the judged one."""
        file = self._file(CANDIDATE, decision.run_id)
        if not file.exists() or sha256(file.read_bytes()) != candidate_sha256:
            return
        with tempfile.TemporaryDirectory() as folder:
            self._mlflow.pyfunc.save_model(
                model := Path(folder) / "model",
                loader_module=champion.__name__,
                data_path=str(file),
                code_paths=[str(Path(tabular_lstm.__file__).parent)],
                pip_requirements=[f"{n}=={version(n)}" for n in ("mlflow-skinny", *PACKAGES)],
            )
            self._client.log_artifact(run.run_id, str(model))
        if not self._client.search_registered_models(f"name = '{self._model}'"):
            self._client.create_registered_model(self._model)
        tags = {"run_id": decision.run_id, "sha256": candidate_sha256, "action": decision.action}
        source = f"{run.artifact_uri}/model"
        self._client.create_model_version(self._model, source, run.run_id, tags)

    def _version_of(self, run_id: str) -> str | None:
        query = f"name = '{self._model}' and tags.run_id = '{run_id}'"
        versions = self._client.search_model_versions(query)
        return str(versions[0].version) if versions else None

    def _file(self, output: str, run_id: str) -> Path:
        folder = self._versions[output]
        return folder / run_id / folder.name


def tags_of(decision: Decision) -> dict[str, str]:
    """Return the tags by which a run is found in MLflow."""
    names = {"run_id", "action", "environment", "served_before", "serves_now"}
    judgement = decision.judgement
    return {
        **decision.model_dump(include=names, exclude_none=True),
        # That of the candidate, even if it was rejected; after a rollback, that of what serves.
        "sha256": (judgement.candidate_sha256 if judgement else decision.sha256) or "",
        "mlflow.note.content": decision.reason,
    }


def parameters_of(decision: Decision) -> dict[str, str]:
    """Return each parameter as JSON, named by block and name."""
    return {
        f"{block}.{name}": value if isinstance(value, str) else json.dumps(value)
        for block, values in decision.parameters.items()
        for name, value in values.items()
    }


def metrics_of(judgement: Judgement) -> dict[str, float]:
    """Return the candidate's metrics, and the numbers of rows."""
    candidate = judgement.candidate
    values = candidate.model_dump(exclude={"interval", "confusion_matrix"})
    for name, (low, high) in candidate.interval.items():
        values |= {f"{name}.low": low, f"{name}.high": high}
    values |= judgement.data.counts()
    return {n: v for n, v in values.items() if isinstance(v, int | float) and math.isfinite(v)}
