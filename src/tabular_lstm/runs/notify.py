"""Notifications: a command and a webhook are told, once, how a run ended.

Whatever becomes of them is a warning: a run ends as it would have ended without them.
"""

import contextlib
import http.client
import json
import logging
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kedro.config import AbstractConfigLoader
from pydantic import SecretStr, ValidationError

from tabular_lstm.frozen import Frozen, first_fault
from tabular_lstm.parameters import Notify
from tabular_lstm.runs import programs
from tabular_lstm.runs.ends import RunEnd

logger = logging.getLogger(__name__)


class Webhook(Frozen):
    """An entry of `credentials.yml`: where to post to, and headers that say who posts."""

    url: SecretStr
    headers: dict[str, SecretStr] = {}


class NotTold(Exception):  # noqa: N818  a warning, no error
    """Why somebody was not told, without any secret."""


def read(loader: AbstractConfigLoader) -> tuple[Notify, Mapping[str, Any]]:
    """Give whom to tell, and the entries of `credentials.yml`.

    Nobody or none where conf is at fault: the run ends by that, and its last line says so.
    """
    notify, credentials = Notify(), dict[str, Any]()
    with contextlib.suppress(Exception):
        notify = Notify.model_validate(loader["parameters"].get("notify", {}))
    with contextlib.suppress(Exception):
        credentials = loader["credentials"]
    return notify, credentials


def tell(end: RunEnd, notify: Notify, credentials: Mapping[str, Any], project: Path) -> None:
    """Tell the command and the webhook, if the event is one that they are told of.

    Args:
        end: How the run ended.
        notify: Whom to tell.
        credentials: The entries of `credentials.yml`, for the webhook's.
        project: The project's folder, in which the command runs.
    """
    if end.event not in notify.events:
        return
    # By json: a path that is not UTF-8, in a message, is nothing for pydantic.
    content = json.dumps(end.model_dump(exclude_none=True), indent=2).encode() + b"\n"
    if notify.command is not None:
        # Its arguments may hold what is not for a log.
        with _warned_of(f"notify.command, {notify.command[0]}"):
            _run(notify.command, content, notify.timeout, project)
    if notify.webhook is not None:
        with _warned_of("notify.webhook"):
            webhook = _webhook(notify.webhook, credentials)
            _within(notify.timeout, lambda: _post(webhook, content, notify.timeout))


@contextlib.contextmanager
def _warned_of(who: str) -> Iterator[None]:
    try:
        yield
    except NotTold as why:
        logger.warning("%s: %s. The run ends as it would have ended", who, why)
    except Exception as error:  # what it says may hold a secret
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
        raise NotTold(getattr(error, "strerror", None) or error) from error
    try:
        program.communicate(content, timeout)
    except subprocess.TimeoutExpired as error:
        programs.kill(program)
        raise NotTold(f"it did not end within {timeout:g} s, and was killed") from error
    except BaseException:
        programs.kill(program)
        raise
    if program.returncode:
        raise NotTold(f"it ended with exit code {program.returncode}")


def _webhook(named: str, credentials: Mapping[str, Any]) -> Webhook:
    if urlsplit(named).scheme in {"http", "https"}:
        return Webhook(url=SecretStr(named))
    if named not in credentials:
        known = ", ".join(credentials) or "none"
        raise NotTold(  # what was given may be a URL without its scheme, and a secret
            "expected a URL of http or https, or the name of an entry in credentials.yml, which "
            f"has {known}"
        )
    try:
        webhook = Webhook.model_validate(credentials[named])
    except ValidationError as error:
        raise NotTold(f"entry {named!r} of credentials.yml: {first_fault(error)}") from None
    if urlsplit(webhook.url.get_secret_value()).scheme not in {"http", "https"}:
        raise NotTold(f"entry {named!r} of credentials.yml: expected a URL of http or https")
    return webhook


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A post that is sent elsewhere would become a get, and take the headers there."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(webhook: Webhook, content: bytes, timeout: float) -> None:
    headers = {name: value.get_secret_value() for name, value in webhook.headers.items()}
    url = webhook.url.get_secret_value()
    try:
        request = urllib.request.Request(  # noqa: S310  the scheme was looked at
            url, content, {"Content-Type": "application/json", **headers}
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        with error:
            raise NotTold(f"{_host(url)} answered {error.code}") from None
    except urllib.error.URLError as error:
        # Its reason may hold the URL.
        reason = getattr(error.reason, "strerror", None) or type(error.reason).__name__
        raise NotTold(f"{_host(url)} was not reached: {reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotTold(f"{_host(url)}: {type(error).__name__}") from None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the host"
    except ValueError:
        return "the host"


def _within(timeout: float, work: Callable[[], None]) -> None:
    """Do what waits for a network, and give it up after a time, however slowly it goes on.

    A socket's own timeout is for each of its answers.
    """
    ended: list[BaseException | None] = []

    def do() -> None:
        try:
            work()
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(timeout)
    if not ended:
        raise NotTold(f"it did not answer within {timeout:g} s")
    if ended[0] is not None:
        raise ended[0]
