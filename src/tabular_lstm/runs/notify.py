"""Notifications: tell a command and a webhook, once, how a run ended.

Their failures are only warnings: they do not change how a run ends.
"""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote_to_bytes, urlsplit

from kedro.config import AbstractConfigLoader
from pydantic import AfterValidator, SecretStr, ValidationError

from tabular_lstm.frozen import Frozen, first_fault
from tabular_lstm.parameters import Event, Notify

logger = logging.getLogger(__name__)

# Only the host is looked up. If a password has an unescaped `/`, an `@` follows the host.
HTTP_URL = re.compile(
    r"https?://([^/?#\\]*@)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]*)?([/?#][^@\\]*)?",
    re.ASCII | re.IGNORECASE,
)
NO_HOST = (
    "its URL has no valid host, or an @ after the host; expected letters, digits, dots and "
    "hyphens. Write each @ but the one before the host as %40, and / and \\ of a user or password "
    "as %2F and %5C"
)


class RunEnd(Frozen):
    """The end of a run.

    Attributes:
        message: The last line of the log; with an alarm its last two lines.
        decision, manifest: The run's `decision.json` or `manifest.json`, if there is one.
    """

    project: Literal["tabular-lstm"] = "tabular-lstm"
    event: Event
    environment: str
    run_id: str | None
    message: str
    decision: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None


def _of_http(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("expected a URL of http or https")
    return url


class Webhook(Frozen):
    """An entry of `credentials.yml`: the URL to post to, and headers that identify the sender."""

    url: Annotated[SecretStr, AfterValidator(_of_http)]
    headers: dict[str, SecretStr] = {}


class NotNotifiedError(Exception):
    """The reason why a command or webhook was not notified; it holds no secret."""


def read(loader: AbstractConfigLoader) -> tuple[Notify, Mapping[str, Any]]:
    """Return the block `notify` and `credentials.yml`; a faulty one counts as absent."""
    wanted, credentials = Notify(), dict[str, Any]()
    with contextlib.suppress(Exception):
        wanted = Notify.model_validate(loader["parameters"].get("notify", {}))
    with contextlib.suppress(Exception):
        credentials = loader["credentials"]
    return wanted, credentials


def notify(end: RunEnd, wanted: Notify, credentials: Mapping[str, Any], project: Path) -> None:
    """Notify the command and the webhook, if `notify.events` lists the event."""
    if end.event not in wanted.events:
        return
    # Python's json accepts a message with a path that is not UTF-8; pydantic's does not.
    content = json.dumps(end.model_dump(exclude_none=True), indent=2).encode() + b"\n"
    if wanted.command is not None:
        with _failure_is_a_warning("notify.command"):
            _run(wanted.command, content, wanted.timeout, project)
    if wanted.webhook is not None:
        with _failure_is_a_warning("notify.webhook"):
            _post(_webhook(wanted.webhook, credentials), content, wanted.timeout)


@contextlib.contextmanager
def _failure_is_a_warning(who: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a message of another class may hold a secret
        why = error if isinstance(error, NotNotifiedError) else type(error).__name__
        logger.warning("%s: %s. This does not change how the run ends", who, why)


def _run(command: list[str], content: bytes, timeout: float, project: Path) -> None:
    """Pass the content to a program's standard input; drop its output, which may hold a secret."""
    program = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=project,
        start_new_session=True,
    )
    try:
        program.communicate(content, timeout)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(program.pid, signal.SIGKILL)  # with the processes that it started
        program.wait()
        raise
    if program.returncode:
        raise NotNotifiedError(f"it ended with exit code {program.returncode}")


def _webhook(named: str, credentials: Mapping[str, Any]) -> Webhook:
    if named.startswith(("http://", "https://")):
        return Webhook(url=SecretStr(named))
    if named not in credentials:
        raise NotNotifiedError(  # the value may be a secret URL without its scheme
            "expected a URL of http or https, or the name of an entry in credentials.yml"
        )
    try:
        return Webhook.model_validate(credentials[named])
    except ValidationError as error:
        fault = f"entry {named!r} of credentials.yml: {first_fault(error)}"
        raise NotNotifiedError(fault) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuse redirects: a redirected POST becomes a GET, and sends the headers elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """Remove user and password from a URL, and return the header that sends them (RFC 7617)."""
    if not HTTP_URL.fullmatch(url):
        raise NotNotifiedError(NO_HOST)
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    name, _, password = user.partition(":")
    pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
    basic = f"Basic {b64encode(pair).decode()}"
    return parts._replace(netloc=host).geturl(), {"Authorization": basic}


def _post(webhook: Webhook, content: bytes, timeout: float) -> None:
    url, of_user = _without_user(webhook.url.get_secret_value())
    headers = {name: value.get_secret_value() for name, value in webhook.headers.items()}
    if of_user and "authorization" in map(str.lower, headers):
        raise NotNotifiedError("expected a user in the URL or an Authorization header, got both")
    request = urllib.request.Request(  # noqa: S310  of http or https
        url, content, {"Content-Type": "application/json", **headers, **of_user}
    )
    host = urlsplit(url).hostname or "the host"
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        with error:
            raise NotNotifiedError(f"{host} answered {error.code}") from None
    except OSError:  # its text may hold the URL
        raise NotNotifiedError(f"{host} was not reached") from None
