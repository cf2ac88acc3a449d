"""Tracking: mirror decisions to MLflow after they are made; failures are only warnings."""

import contextlib
import io
import json
import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import tabular_lstm
from tabular_lstm.environments import BASE, output_folder
from tabular_lstm.files import sha256
from tabular_lstm.parameters import Mlflow
from tabular_lstm.runs.notify import HTTP_URL, NO_HOST
from tabular_lstm.serving import champion
from tabular_lstm.serving.decision import Decision, Judgement
from tabular_lstm.serving.promotion_log import LogEntry, champion_of

logger = logging.getLogger(__name__)

DOCUMENTS = ("decision", "metrics", "report")
FIGURES = "figures"  # a folder
CANDIDATE = "candidate@file"
MIRRORED = (CANDIDATE, *DOCUMENTS, FIGURES)
ALIAS = "champion"
SQLITE = "sqlite:///"
# How many of the newest decisions are mirrored later if MLflow was not available.
CATCH_UP = 10
REQUEST_SECONDS = 20
# MLflow's variables for the locations of runs and of registered models.
URIS = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
TOOK_LONGER = "it took longer than the timeout"
# The packages that loading and scoring a model imports.
PACKAGES = ("h5py", "numpy", "pandas", "pyarrow", "pydantic", "threadpoolctl")
# Messages of MLflow and, after the last attempt, of urllib3.
ANSWERED = r"(?:failed with error code|too many) (\d{3})\b"


class NotMirroredError(Exception):
    """The reason why MLflow does not have the decision; it holds no secret."""


def mirror(
    wanted: Mlflow,
    credentials: Mapping[str, Any],
    project: Path,
    env: str | None,
    log: list[LogEntry],
    versions: dict[str, Path],
) -> None:
    """Mirror the newest decisions to MLflow, and log what MLflow has now.

    Args:
        wanted: A block with a `tracking_uri`.
        credentials: The entries of `credentials.yml`.
        project: The project's folder.
        env: The environment of conf.
        log: The promotion log.
        versions: The folder with the versions of each output of `MIRRORED`.
    """
    uri = ""
    try:
        uri = tracking_uri(wanted, credentials, project)
        # In a thread: a server that sends a byte now and then would never end a request.
        ended: SimpleQueue[str | Exception] = SimpleQueue()

        def bring() -> None:
            try:
                with _settings_kept():
                    ended.put(Mirror(wanted, uri, project, env, versions).bring(log))
            except Exception as error:
                ended.put(error)

        # MLflow's output may hold a secret.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            threading.Thread(target=bring, daemon=True).start()
            state = ended.get(timeout=wanted.timeout + REQUEST_SECONDS)
        if isinstance(state, Exception):
            raise state
        logger.info("MLflow: %s", state)
    except Empty:
        logger.warning("mlflow: %s. This does not change how the run ends", TOOK_LONGER)
    except Exception as error:
        logger.warning("mlflow: %s. This does not change how the run ends", reason(error, uri))


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Restore a notebook's own MLflow URIs, and hide ours from commands that it starts.

    MLflow sets URIs, with their passwords, for the whole process and its environment.
    """
    before = {name: os.environ.get(name) for name in URIS}
    try:
        yield
    finally:
        if mlflow := sys.modules.get("mlflow"):
            mlflow.set_tracking_uri(before[URIS[0]])
            mlflow.set_registry_uri(before[URIS[1]])
        if before[URIS[1]] is None:  # MLflow does not remove the variable
            os.environ.pop(URIS[1], None)


def tracking_uri(wanted: Mlflow, credentials: Mapping[str, Any], project: Path) -> str:
    """Return the URI, or the URI of the named entry in `credentials.yml`.

    Raises:
        NotMirroredError: There is no such entry, or a server's URL has no clear host.
    """
    uri = str(wanted.tracking_uri)
    if ":" not in uri and isinstance(entry := credentials.get(uri), Mapping):
        uri = str(entry.get("uri", ""))
    if ":" not in uri:
        raise NotMirroredError(
            "tracking_uri: expected http://…, https://… or sqlite:///…, or the name of an entry "
            "with a uri in credentials.yml"
        )
    if uri.startswith(SQLITE):  # relative to the project's folder, not to the working directory
        file = project.absolute() / uri.removeprefix(SQLITE)
        file.parent.mkdir(parents=True, exist_ok=True)
        return f"{SQLITE}{file}"
    if uri.lower().startswith("http") and not HTTP_URL.fullmatch(uri):
        raise NotMirroredError(f"tracking_uri: {NO_HOST}")
    user, at, _ = urlsplit(uri).netloc.rpartition("@")
    if at and ":" not in user:  # MLflow does not send a user without a password
        return uri.replace(f"//{user}@", f"//{user}:@", 1)
    return uri


def reason(error: Exception, uri: str) -> str:
    """Say what went wrong, without any secret."""
    if isinstance(error, NotMirroredError):
        return str(error)
    if isinstance(error, ImportError):
        return f"the module {error.name} is not installed; docs/tracking.md says how to"
    host = "the store"
    with contextlib.suppress(ValueError):  # MLflow reports an invalid URI itself
        host = urlsplit(uri).hostname or host
    if answered := re.search(ANSWERED, str(error)):
        return f"{host} answered {answered[1]}"
    if "failed with exception" in str(error):
        return f"{host} was not reached"
    return f"{host}: {type(error).__name__}"


class Mirror:
    """A connection that brings MLflow to the state of the promotion log."""

    def __init__(
        self, wanted: Mlflow, uri: str, project: Path, env: str | None, versions: dict[str, Path]
    ) -> None:
        # By default MLflow retries seven times, for two minutes each, and sends telemetry.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        seconds = max(1, min(int(wanted.timeout), REQUEST_SECONDS))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(seconds))
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow  # noqa: PLC0415  an extra; takes seconds

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        name = "tabular-lstm" if env in BASE else f"tabular-lstm-{env}"
        self._experiment, self._model = wanted.experiment or name, wanted.registered_model or name
        self._until = time.monotonic() + wanted.timeout
        self._versions, self._mlflow = versions, mlflow
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        self._client = mlflow.MlflowClient()
        if known := self._client.get_experiment_by_name(self._experiment):
            self._experiment_id = str(known.experiment_id)
            return
        artifacts = project.absolute() / output_folder(env) / "tracking/artifacts"
        served = urlsplit(uri).scheme in {
            "http",
            "https",
        }  # then the server keeps the artifacts too
        location = None if served else artifacts.as_uri()
        self._experiment_id = str(self._client.create_experiment(self._experiment, location))

    def bring(self, log: list[LogEntry]) -> str:
        """Mirror the newest decisions, set the alias to the champion, and say what MLflow has."""
        champion = champion_of(log)
        # An older champion may be missing too.
        wanted = dict.fromkeys([champion, *(entry.run_id for entry in log[-CATCH_UP:])])
        for run_id in filter(None, wanted):
            if time.monotonic() > self._until:
                raise NotMirroredError(TOOK_LONGER)
            if self._file("decision", run_id).exists():
                self._mirror_run(run_id)
        if champion and (number := self._version_of(champion)):
            self._client.set_registered_model_alias(self._model, ALIAS, number)
            return f"version {number} of {self._model}, run {champion}, is its {ALIAS}"
        if self._client.search_registered_models(f"name = '{self._model}'"):
            self._client.delete_registered_model_alias(self._model, ALIAS)
        return f"no version of {self._model} is its {ALIAS}"

    def _mirror_run(self, run_id: str) -> None:
        """Mirror a run; it becomes FINISHED in MLflow once it is complete there."""
        entities = self._mlflow.entities
        of_run = f"tags.run_id = '{run_id}'"
        found = self._client.search_runs([self._experiment_id], of_run, entities.ViewType.ALL)
        if any(r.info.status == "FINISHED" or r.info.lifecycle_stage == "deleted" for r in found):
            return
        decision = Decision.model_validate_json(self._file("decision", run_id).read_bytes())
        began = int(datetime.fromisoformat(decision.time).timestamp() * 1000)
        if not found:
            tags = tags_of(decision)
            found = [self._client.create_run(self._experiment_id, began, tags, run_id)]
        with self._mlflow.start_run(found[0].info.run_id):
            self._mlflow.log_params(parameters_of(decision))
            # All have the same time and step, so that a second attempt adds no duplicates.
            pairs = metrics_of(decision.judgement).items() if decision.judgement else []
            metrics = [entities.Metric(name, value, began, 0) for name, value in pairs]
            self._client.log_batch(found[0].info.run_id, metrics=metrics)
            for path in (self._file(name, run_id) for name in (*DOCUMENTS, FIGURES)):
                if path.exists():
                    self._mlflow.log_artifact(str(path))
            if decision.judgement and self._version_of(run_id) is None:
                self._register(decision, decision.judgement.candidate_sha256)

    def _register(self, decision: Decision, candidate_sha256: str) -> None:
        """Register the candidate as a version of the model, if its file is the judged one."""
        file = self._file(CANDIDATE, decision.run_id)
        if not file.exists() or sha256(file.read_bytes()) != candidate_sha256:
            return
        logged = self._mlflow.pyfunc.log_model(
            name="model",
            loader_module=champion.__name__,
            data_path=str(file),
            code_paths=[str(Path(tabular_lstm.__file__).parent)],
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow-skinny", *PACKAGES)],
        )
        tags = {"run_id": decision.run_id, "sha256": candidate_sha256, "action": decision.action}
        model = logged.model_uri, self._model
        self._mlflow.register_model(*model, await_registration_for=REQUEST_SECONDS, tags=tags)

    def _version_of(self, run_id: str) -> str | None:
        query = f"name = '{self._model}' and tags.run_id = '{run_id}'"
        found = self._client.search_model_versions(query)
        return str(found[0].version) if found else None

    def _file(self, output: str, run_id: str) -> Path:
        folder = self._versions[output]
        return folder / run_id / folder.name


def tags_of(decision: Decision) -> dict[str, str]:
    """Return the tags by which a run is found in MLflow."""
    names = {"run_id", "action", "environment", "served_before", "serves_now"}
    judgement = decision.judgement
    return {
        **decision.model_dump(include=names, exclude_none=True),
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
