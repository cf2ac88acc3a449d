"""Notifications: tell a command, once, how a run ended.

Its failure is only a warning: it does not change how a run ends.
"""

import contextlib
import json
import logging
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from kedro.config import AbstractConfigLoader

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters.runs import Event, NotifyOptions

logger = logging.getLogger(__name__)


class RunEnd(Frozen):
    """The end of a run, or of all runs of `run-models`.

    Attributes:
        run_id: None for a run that did not begin, and for `run-models`.
        message: The last line of the log; with an alarm, its last two lines.
        decision, manifest: The run's `decision.json` or `manifest.json`, if there is one.
        outcomes: For `run-models`: each model's name and the fields of its `attempts.Attempt`.
    """

    project: Literal["tabular-lstm"] = "tabular-lstm"
    event: Event
    environment: str
    run_id: str | None
    message: str
    decision: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None
    outcomes: list[dict[str, Any]] | None = None


class NotToldError(Exception):
    """Why a command or MLflow could not be notified; the text contains no secret."""


def read_options(loader: AbstractConfigLoader) -> NotifyOptions:
    """Return the block `notify`; a faulty one counts as absent."""
    try:
        return NotifyOptions.model_validate(loader["parameters"].get("notify", {}))
    except Exception:
        return NotifyOptions()


def read_credentials(loader: AbstractConfigLoader) -> Mapping[str, Any]:
    """Return `credentials.yml`; a faulty one, which Kedro has reported, counts as absent."""
    credentials: Mapping[str, Any] = {}
    with contextlib.suppress(Exception):
        credentials = loader["credentials"]
    return credentials


def notify(end: RunEnd, options: NotifyOptions, project: Path) -> None:
    """Notify the command, if there is one and `notify.events` lists the event."""
    if options.command is None or end.event not in options.events:
        return
    # Python's json accepts a message with a path that is not UTF-8; pydantic's does not.
    content = json.dumps(end.model_dump(exclude_none=True)).encode() + b"\n"
    try:
        _tell_program(options.command, content, options.timeout, project)
    except Exception as error:  # a message of another class may hold a secret
        why = error if isinstance(error, NotToldError) else type(error).__name__
        logger.warning("notify.command: %s. This does not change how the run ends", why)


def _tell_program(command: list[str], content: bytes, timeout: float, project: Path) -> None:
    """Pass the content to a program's standard input; drop its output, which may hold a secret."""
    program = subprocess.run(  # noqa: S603
        command,
        input=content,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=project,
        timeout=timeout,
        check=False,
    )
    if program.returncode:
        raise NotToldError(f"it ended with exit code {program.returncode}")
