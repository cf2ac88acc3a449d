"""Notifications: tell a command and a webhook, once, how a run ended.

Their failures are only warnings: they do not change how a run ends.
"""

import contextlib
import json
import logging
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from kedro.config import AbstractConfigLoader
from pydantic import SecretStr, ValidationError

from tabular_lstm.deadline import within
from tabular_lstm.frozen import Frozen, first_fault
from tabular_lstm.parameters.runs import Event, NotifyOptions

logger = logging.getLogger(__name__)

# Only the host is looked up. If a password has an unescaped `/`, an `@` follows the host.
HTTP_URL = re.compile(
    r"https?://([^/?#\\]*@)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]*)?([/?#][^@\\]*)?",
    re.ASCII | re.IGNORECASE,
)
NO_HOST = (
    "its URL has no valid host, or an @ after the host; expected http:// or https://, and a host "
    "of letters, digits, dots and hyphens. Write each @ but the one before the host as %40, and / "
    "and \\ of a user or password as %2F and %5C"
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


class Webhook(Frozen):
    """An entry of `credentials.yml`: the URL to post to, and headers that identify the sender."""

    url: SecretStr
    headers: dict[str, SecretStr] = {}


class NotToldError(Exception):
    """The reason why a command, a webhook or MLflow was not told; it holds no secret."""


def read_options(loader: AbstractConfigLoader) -> NotifyOptions:
    """Return the block `notify`; a faulty one counts as absent."""
    try:
        return NotifyOptions.model_validate(loader["parameters"].get("notify", {}))
    except Exception:
        return NotifyOptions()


def read_credentials(loader: AbstractConfigLoader) -> Mapping[str, Any]:
    """Return `credentials.yml`; a faulty one, of which Kedro has told, counts as absent."""
    credentials: Mapping[str, Any] = {}
    with contextlib.suppress(Exception):
        credentials = loader["credentials"]
    return credentials


def notify(
    end: RunEnd, options: NotifyOptions, credentials: Mapping[str, Any], project: Path
) -> None:
    """Notify the command and the webhook, if `notify.events` lists the event."""
    if end.event not in options.events:
        return
    # Python's json accepts a message with a path that is not UTF-8; pydantic's does not.
    content = json.dumps(end.model_dump(exclude_none=True)).encode() + b"\n"
    if options.command is not None:
        with _failure_is_a_warning("notify.command"):
            _tell_program(options.command, content, options.timeout, project)
    if options.webhook is not None:
        with _failure_is_a_warning("notify.webhook"):
            _post(_webhook(options.webhook, credentials), content, options.timeout)


@contextlib.contextmanager
def _failure_is_a_warning(channel: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a message of another class may hold a secret
        why = error if isinstance(error, NotToldError) else type(error).__name__
        logger.warning("%s: %s. This does not change how the run ends", channel, why)


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


def _webhook(named: str, credentials: Mapping[str, Any]) -> Webhook:
    entry = {"url": named} if named.startswith(("http://", "https://")) else credentials.get(named)
    if entry is None:
        raise NotToldError(  # the name may be a secret URL without its scheme
            "expected a URL of http or https, or the name of an entry in credentials.yml"
        )
    try:
        return Webhook.model_validate(entry)
    except ValidationError as error:
        fault = f"entry {named!r} of credentials.yml: {first_fault(error)}"
        raise NotToldError(fault) from None


def _post(webhook: Webhook, content: bytes, timeout: float) -> None:
    """Post to the webhook, with the user of its URL as the header `Authorization` (RFC 7617)."""
    import requests  # noqa: PLC0415  takes a while

    logging.getLogger("urllib3").setLevel(logging.INFO)  # at level DEBUG it shows the URL
    url = webhook.url.get_secret_value()
    if not HTTP_URL.fullmatch(url):
        raise NotToldError(NO_HOST)
    address = urlsplit(url)
    # The bytes that % stands for: requests writes its texts as Latin-1.
    user, password = (
        unquote(part or "", "latin-1") for part in (address.username, address.password)
    )
    headers = {name: value.get_secret_value() for name, value in webhook.headers.items()}

    def post() -> int:
        with requests.post(
            url,
            content,
            headers={"Content-Type": "application/json", **headers},
            # Without `auth`, requests would look for a user in ~/.netrc.
            auth=(user, password) if user or password else lambda request: request,
            timeout=timeout,
            allow_redirects=False,  # a redirect would send the headers elsewhere
            stream=True,
        ) as response:
            return response.status_code

    try:
        # Its own timeout begins anew with each byte, and resolving the host has none.
        status = within(timeout, post)
    except (requests.RequestException, TimeoutError):  # the text may hold the URL
        raise NotToldError(f"{address.hostname} was not reached") from None
    if status >= 300:
        raise NotToldError(f"{address.hostname} answered {status}")
