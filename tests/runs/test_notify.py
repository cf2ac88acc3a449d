"""Whoever must know is told once how a run ended: real programs, and a real server on loopback."""

import json
import logging
import socket
import threading
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.parameters.runs import NotifyOptions
from tabular_lstm.runs.notify import RunEnd, notify
from tests.helpers.commands import here, message_of
from tests.helpers.logs import run
from tests.helpers.notifications import DOUBTFUL, SECRET, lines, serving, to
from tests.helpers.project import ROOT, Project, declare
from tests.helpers.scorings import SCORING
from tests.helpers.servers import resolving

END = RunEnd(event="failed", environment="base", run_id=run("a"), message="Error: no rows.")
REMAINS = "This does not change how the run ends"


def lasting_threads() -> set[threading.Thread]:
    """The threads for which a process waits before it ends."""
    return {thread for thread in threading.enumerate() if not thread.daemon}


def test_a_webhook_is_told_with_the_headers_of_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not with a user of ~/.netrc, and at no level of the log is the URL shown."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    caplog.set_level(logging.DEBUG)
    with serving() as server:
        entry = {"url": server.url, "headers": {"Authorization": f"Bearer {SECRET}"}}
        for event in ("failed", "unchanged"):  # of which nobody asked for the second
            end = END.model_copy(update={"event": event})
            notify(end, NotifyOptions(webhook="chat"), {"chat": entry}, ROOT)
    ((headers, end),) = server.got
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Content-Type"] == "application/json"
    assert (end["event"], end["run_id"], end["message"]) == ("failed", run("a"), "Error: no rows.")
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("user", "pair", "status"),
    [
        (f"me:{SECRET}", f"me:{SECRET}", 200),
        ("me", "me:", 200),
        (f":{SECRET}", f":{SECRET}", 200),
        (f"m%40e%3A:%3A{SECRET}%2F%C3%A9", f"m@e:::{SECRET}/é", 500),
    ],
)
def test_a_user_in_the_url_is_sent_as_authorization_alone(
    user: str,
    pair: str,
    status: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The resolver gets the host alone; `:` in the path is of the path."""
    with serving(status=status) as server, resolving(monkeypatch) as hosts:
        place = f"localhost:{server.server_port}"
        notify(END, NotifyOptions(webhook=f"http://{user}@{place}/a%40b:c?d=%40e"), {}, ROOT)
    ((headers, _),) = server.got
    assert headers["Authorization"] == f"Basic {b64encode(pair.encode()).decode()}"
    assert headers["Host"] == place
    assert server.paths == ["/a%40b:c?d=%40e"]
    assert {*hosts} == {"localhost"}
    warning = f"notify.webhook: localhost answered 500. {REMAINS}"
    assert caplog.messages == ([warning] if status == 500 else [])


@pytest.mark.parametrize(
    ("block", "option"),
    [
        ({"notify": {"command": f"curl -H {SECRET} https://example.org"}}, "command"),
        ({"notify": {"webhook": [f"https://example.org/{SECRET}"]}}, "webhook"),
        ({"mlflow": {"tracking_uri": {"uri": f"https://me:{SECRET}@a.org"}}}, "tracking_uri"),
        ({"engine": {"address": f"tcp://{SECRET}@a.org:8786", "kind": "dask"}}, "address"),
    ],
)
def test_a_block_of_another_shape_is_refused_without_its_secret(
    project: Project, block: dict[str, Any], option: str
) -> None:
    declare(project, **block)
    ended = here(*SCORING)
    assert message_of(ended).startswith(f"Parameter '{next(iter(block))}': {option}: ")
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "FileNotFoundError"),
        (["false"], "it ended with exit code 1"),
        (["sleep", "60"], "TimeoutExpired"),
        (["sh", "-c", "sleep 60; true"], "TimeoutExpired"),  # which starts another process
    ],
)
def test_a_command_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, command: list[str], why: str
) -> None:
    notify(END, NotifyOptions(command=command, timeout=0.3), {}, ROOT)
    assert caplog.messages == [f"notify.command: {why}. {REMAINS}"]


def test_a_command_runs_in_the_projects_folder_and_what_it_prints_is_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nread line\necho $line | tee told\necho loud >&2\npwd > where\n")
    program.chmod(0o755)
    notify(END, NotifyOptions(command=["./program"]), {}, tmp_path)
    assert (tmp_path / "where").read_text() == f"{tmp_path.resolve()}\n"
    assert json.loads((tmp_path / "told").read_text())["message"] == "Error: no rows."
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"status": 302}, "127.0.0.1 answered 302"),
        ({"pause": 60.0}, "127.0.0.1 was not reached"),
        # The whole answer would take nine seconds, and no byte as long as the timeout.
        ({"pause": 0.5}, "127.0.0.1 was not reached"),
    ],
)
def test_a_webhook_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, options: dict[str, Any], why: str
) -> None:
    with serving(**options) as server:
        threads = lasting_threads()
        notify(END, NotifyOptions(webhook=server.url, timeout=1.0), {}, ROOT)
        assert lasting_threads() == threads
    assert caplog.messages == [f"notify.webhook: {why}. {REMAINS}"]
    assert [content["message"] for _, content in server.got] == ["Error: no rows."]


def test_a_host_that_the_resolver_does_not_find_in_time_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout of requests does not count while a host is looked up."""
    end, ended = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        end.wait(20)
        ended.set()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    notify(END, NotifyOptions(webhook="http://slow.example.org", timeout=0.3), {}, ROOT)
    assert not ended.is_set()
    assert caplog.messages == [f"notify.webhook: slow.example.org was not reached. {REMAINS}"]
    end.set()


@pytest.mark.parametrize(
    ("webhook", "url", "why"),
    [
        (f"hooks.example.org/{SECRET}", None, "expected a URL of http or https, or the name of"),
        # As of a variable that is not set: cron starts a run without those of a shell.
        ("mine", None, "entry 'mine' of credentials.yml: url: Input should be a valid string"),
        ("mine", f"ftp://{SECRET}", "expected http:// or https://, and a host of"),
        ("http://[::1/", None, "its URL has no valid host"),
        *((url, None, "its URL has no valid host, or an @ after the host") for url in DOUBTFUL),
        ("mine", DOUBTFUL[0], "its URL has no valid host, or an @ after the host"),
    ],
)
def test_a_webhook_that_cannot_be_is_one_warning_and_is_not_asked_of_the_resolver(
    webhook: str,
    url: str | None,
    why: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the host may be a secret, nobody is told of it."""
    with serving() as server, resolving(monkeypatch) as hosts:
        place = f"127.0.0.1:{server.server_port}"
        entry = {"mine": {"url": url and url.replace("HOST", place)}}
        notify(END, NotifyOptions(webhook=webhook.replace("HOST", place)), entry, ROOT)
    assert (hosts, server.got) == ([], [])
    (warning,) = caplog.messages
    assert why in warning
    assert not [part for part in (SECRET, "tok", "evil", "127") if part in warning]


def test_a_run_that_fails_before_its_first_node_tells_of_it(
    project: Project, tmp_path: Path
) -> None:
    declare(project, notify=to(tmp_path / "told.jsonl"))
    message = message_of(here(*SCORING))
    message_of(here("run", "--params", "training.epoch=3"))
    no_champion, unknown = lines(tmp_path / "told.jsonl")
    assert no_champion["message"] == f"Error: {message}"
    assert "'epoch' is unknown" in unknown["message"]
    assert "run_id" not in unknown
