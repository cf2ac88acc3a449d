"""Notify a webhook of a failed task, even if the project's own run never began."""

import http.client
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseNotifier, Connection, Context, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

TIMEOUT = 10.0  # seconds
# As in tabular_lstm.runs.notify, and without a user.
HTTP_URL = re.compile(
    r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]*)?([/?#][^@\\]*)?", re.ASCII | re.IGNORECASE
)


class FailureNotifier(BaseNotifier):
    """Post the failure as JSON, with the same names as in the project's own notifications.

    The Airflow Connection `tabular_lstm_webhook` names the webhook: `host` is the whole URL, and
    `password`, if there is one, is the value of the header `Authorization`.
    """

    def notify(self, context: Context) -> None:
        """Post the failure. If this raises, Airflow logs the error, and the task stays failed.

        Raises:
            RuntimeError: The webhook did not accept the post; the message has no secret.
        """
        try:
            webhook = Connection.get("tabular_lstm_webhook")
        except AirflowNotFoundException:
            self.log.warning("Nobody is told: there is no connection tabular_lstm_webhook")
            return
        content = json.dumps(failure(context), indent=2).encode() + b"\n"
        within(TIMEOUT, lambda: post(webhook.host or "", webhook.password, content))


def within(timeout: float, work: Callable[[], None]) -> None:
    """Do work that waits for a network, and stop waiting after `timeout` seconds.

    A socket's own timeout starts again with each answer.

    Raises:
        RuntimeError: The work did not end in time. Or any error of the work.
    """
    raised: list[Exception | None] = []

    def do() -> None:
        try:
            work()
            raised.append(None)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(timeout)
    if not raised:
        raise RuntimeError(f"the webhook did not answer within {timeout:g} s")
    if raised[0] is not None:
        raise raised[0]


def failure(context: Context) -> dict[str, Any]:
    """Give the content of the post. A killed task has no exception."""
    task = context["ti"]
    error = context.get("exception")
    env = Variable.get("tabular_lstm_env", default="") or "base"
    model = getattr(context.get("task"), "model", "")
    return {
        "project": "tabular-lstm",
        "event": "failed",
        "environment": f"{env}/{model}" if model else env,
        "message": str(error or "The task was ended from outside."),
        "airflow": {"dag": task.dag_id, "task": task.task_id, "dag_run": task.run_id},
    }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the post would become a get, and another host would see the header."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, authorization: str | None, content: bytes) -> None:
    """Send the content. An error names only the host, because a URL can be a secret."""
    if not url.lower().startswith(("http://", "https://")):
        raise RuntimeError("tabular_lstm_webhook: expected a URL of http or https as its host")
    if not HTTP_URL.fullmatch(url):  # the resolver would be asked for a password
        raise RuntimeError(
            "tabular_lstm_webhook: expected a password of its own, not in the URL, a host of "
            "letters, digits, dots and hyphens, and %40 for an @ behind it"
        )
    host = urlsplit(url).hostname
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    request = urllib.request.Request(url, content, headers)  # noqa: S310  the scheme was checked
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(f"{host} answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise RuntimeError(f"{host} was not reached: {type(error).__name__}") from None
