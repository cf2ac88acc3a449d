"""Notifications: a command and a webhook get to know, once, how a run ended.

Whatever becomes of them is a warning: a run ends as it would have ended without them.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from kedro.config import AbstractConfigLoader
from pydantic import SecretStr, ValidationError

from tabular_lstm.frozen import Frozen, first_fault
from tabular_lstm.parameters import Event, Notify

logger = logging.getLogger(__name__)


class RunEnd(Frozen):
    """The end of a run that decided, scored or failed.

    Attributes:
        event: What happened.
        environment: Of conf.
        run_id: Of the run; None where it failed before it had one.
        message: The last line of the run's log.
        decision: As `decision.json` has it, of a run that decided; otherwise None.
        manifest: As `manifest.json` has it, of a scoring; otherwise None.
    """

    project: Literal["tabular-lstm"] = "tabular-lstm"
    event: Event
    environment: str
    run_id: str | None
    message: str
    decision: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None


class Webhook(Frozen):
    """An entry of `credentials.yml`: where to post to, and headers that say who posts."""

    url: SecretStr
    headers: dict[str, SecretStr] = {}


class NotNotifiedError(Exception):
    """Why a command or webhook was not notified, without any secret."""


def read(loader: AbstractConfigLoader) -> tuple[Notify, Mapping[str, Any]]:
    """Give whom to notify, and the entries of `credentials.yml`.

    Nobody or none where conf is at fault: the run ends by that, and its last line says so.
    """
    wanted, credentials = Notify(), dict[str, Any]()
    with contextlib.suppress(Exception):
        wanted = Notify.model_validate(loader["parameters"].get("notify", {}))
    with contextlib.suppress(Exception):
        credentials = loader["credentials"]
    return wanted, credentials


def notify(end: RunEnd, wanted: Notify, credentials: Mapping[str, Any], project: Path) -> None:
    """Notify the command and the webhook, if the event is one that they are to know of.

    Args:
        end: How the run ended.
        wanted: Whom to notify.
        credentials: The entries of `credentials.yml`, for the webhook's.
        project: The project's folder, in which the command runs.
    """
    if end.event not in wanted.events:
        return
    # By json: a path that is not UTF-8, in a message, is nothing for pydantic.
    content = json.dumps(end.model_dump(exclude_none=True), indent=2).encode() + b"\n"
    if wanted.command is not None:
        # Its arguments may hold what is not for a log.
        with _failure_is_a_warning(f"notify.command, {wanted.command[0]}"):
            _run(wanted.command, content, wanted.timeout, project)
    if wanted.webhook is not None:
        with _failure_is_a_warning("notify.webhook"):
            _post(_webhook(wanted.webhook, credentials), content, wanted.timeout)


@contextlib.contextmanager
def _failure_is_a_warning(who: str) -> Iterator[None]:
    try:
        yield
    except NotNotifiedError as why:
        logger.warning("%s: %s. The run ends as it would have ended", who, why)
    except Exception as error:  # its message may hold a secret
        logger.warning("%s: %s. The run ends as it would have ended", who, type(error).__name__)


def _run(command: list[str], content: bytes, timeout: float, project: Path) -> None:
    """Give a program the content on its standard input, and wait for its end.

    What it prints is dropped: it could be long, hold a secret, or come after the run's last line.
    """
    try:
        program = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=project,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise NotNotifiedError(getattr(error, "strerror", None) or error) from error
    try:
        program.communicate(content, timeout)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(program.pid, signal.SIGKILL)  # with whatever it started
        program.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            late = f"it did not end within {timeout:g} s, and was killed"
            raise NotNotifiedError(late) from error
        raise
    if program.returncode:
        raise NotNotifiedError(f"it ended with exit code {program.returncode}")


def _webhook(named: str, credentials: Mapping[str, Any]) -> Webhook:
    if _is_http(named):
        return Webhook(url=SecretStr(named))
    if named not in credentials:
        known = ", ".join(credentials) or "none"
        raise NotNotifiedError(  # what was given may be a URL without its scheme, and a secret
            "expected a URL of http or https, or the name of an entry in credentials.yml, which "
            f"has {known}"
        )
    try:
        webhook = Webhook.model_validate(credentials[named])
    except ValidationError as error:
        fault = f"entry {named!r} of credentials.yml: {first_fault(error)}"
        raise NotNotifiedError(fault) from None
    if not _is_http(webhook.url.get_secret_value()):
        raise NotNotifiedError(f"entry {named!r} of credentials.yml: expected a URL of http(s)")
    return webhook


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A post that is sent elsewhere would become a get, and take the headers there."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(webhook: Webhook, content: bytes, timeout: float) -> None:
    headers = {name: value.get_secret_value() for name, value in webhook.headers.items()}
    url = webhook.url.get_secret_value()
    request = urllib.request.Request(  # noqa: S310  of http or https
        url, content, {"Content-Type": "application/json", **headers}
    )
    host = urlsplit(url).hostname or "the host"
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        with error:
            raise NotNotifiedError(f"{host} answered {error.code}") from None
    except OSError as error:
        # Its text may hold the URL.
        why = getattr(error, "reason", error)
        fault = getattr(why, "strerror", None) or type(why).__name__
        raise NotNotifiedError(f"{host} was not reached: {fault}") from None
