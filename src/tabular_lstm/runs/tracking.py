"""Tracking: MLflow mirrors what a run decided, in a program of its own with a time limit.

Whatever becomes of it is a warning: MLflow is told of a decision and has no part in it.
"""

import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabular_lstm.environments import BASE, output_folder
from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Mlflow
from tabular_lstm.runs import programs
from tabular_lstm.serving.promotion_log import LogEntry, champion_of

logger = logging.getLogger(__name__)

# By their names in the catalog: what MLflow shows of a run.
FIGURES = "figures"
DOCUMENTS = ("decision", "metrics", "report")
CANDIDATE = "candidate@file"
MIRRORED = (CANDIDATE, *DOCUMENTS, FIGURES)
# So many of the newest decisions are mirrored if they are not yet, as after a night without MLflow.
CATCH_UP = 10
# MLflow tries seven times, for two minutes each, and reports what it is used for.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class Work(Frozen):
    """What `tabular_lstm.runs.mlflow_mirror` is to do, given as JSON on its standard input.

    Attributes:
        run_ids: Of the decisions that MLflow is to have, in the log's order.
        champion: Run id of the model that serves; None if there is none.
        versions: The folder in which an output's versions are, by its name in the catalog.
        artifacts: The folder for MLflow's artifacts where there is no server to keep them.
        timeout: Seconds.
    """

    tracking_uri: str
    experiment: str
    registered_model: str
    environment: str
    run_ids: list[str]
    champion: str | None
    versions: dict[str, str]
    artifacts: str
    timeout: float


class NotMirroredError(Exception):
    """Why MLflow does not have the decision, without any secret."""


def mirror(
    wanted: Mlflow,
    credentials: Mapping[str, Any],
    project: Path,
    env: str | None,
    log: list[LogEntry],
    versions: dict[str, Path],
) -> None:
    """Let MLflow mirror the newest decisions, and say in the log what came of it.

    Args:
        wanted: With a `tracking_uri`.
        credentials: The entries of `credentials.yml`.
        project: The project's folder.
        env: The environment of conf.
        log: The promotion log.
        versions: The folder of each output of `MIRRORED`.
    """
    try:
        name = "tabular-lstm" if env in BASE else f"tabular-lstm-{env}"
        champion, newest = champion_of(log), [entry.run_id for entry in log[-CATCH_UP:]]
        work = Work(
            tracking_uri=_uri(str(wanted.tracking_uri), credentials),
            experiment=wanted.experiment or name,
            registered_model=wanted.registered_model or name,
            environment=env or "base",
            # A champion that is older may not have been mirrored either.
            run_ids=newest if champion is None or champion in newest else [champion, *newest],
            champion=champion,
            versions={output: str(folder) for output, folder in versions.items()},
            artifacts=str(project.absolute() / output_folder(env) / "tracking/artifacts"),
            timeout=wanted.timeout,
        )
        logger.info("MLflow: %s", _run(work, project))
    except NotMirroredError as why:
        logger.warning("mlflow: %s. The run ends as it would have ended", why)
    except Exception as error:  # what it says may hold a secret
        logger.warning("mlflow: %s. The run ends as it would have ended", type(error).__name__)


def _uri(named: str, credentials: Mapping[str, Any]) -> str:
    if ":" in named:
        return named
    entry = credentials.get(named)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("uri"), str):
        raise NotMirroredError(
            "tracking_uri: expected http://…, https://… or sqlite:///…, or the name of an entry "
            f"with a uri in credentials.yml, which has {', '.join(credentials) or 'none'}"
        )
    return str(entry["uri"])


def _installed() -> bool:
    return importlib.util.find_spec("mlflow") is not None


def _run(work: Work, project: Path) -> str:
    """Run the program that knows MLflow, and give what it says."""
    if not _installed():
        raise NotMirroredError("MLflow is not installed; docs/tracking.md says how to")
    # What MLflow leaves there when it is killed goes with the folder.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        program = subprocess.Popen(  # noqa: S603
            # -P: no module is looked for in the project's folder, from which paths are meant.
            [sys.executable, "-P", "-m", "tabular_lstm.runs.mlflow_mirror", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=project,
            env={**os.environ, **PATIENCE, "TMPDIR": temporary},
            start_new_session=True,
        )
        try:
            said, _ = program.communicate(work.model_dump_json().encode(), work.timeout)
        except subprocess.TimeoutExpired:
            programs.kill(program)
            late = f"it did not end within {work.timeout:g} s, and was killed"
            raise NotMirroredError(late) from None
        except BaseException:
            programs.kill(program)
            raise
    if program.returncode:
        raise NotMirroredError(said.decode() or f"it ended with exit code {program.returncode}")
    return said.decode()
