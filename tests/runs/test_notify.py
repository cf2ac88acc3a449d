"""Whoever must know is told once how a run ended: real programs, and a real server on loopback."""

import json
import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tabular_lstm.parameters import Notify
from tabular_lstm.runs.notify import RunEnd, notify
from tests.helpers.commands import here, message_of
from tests.helpers.logs import run
from tests.helpers.notifications import DOUBTFUL, SECRET, lines, serving, to
from tests.helpers.project import ROOT, Project, declare
from tests.helpers.scorings import SCORING
from tests.helpers.servers import resolving

END = RunEnd(event="failed", environment="base", run_id=run("a"), message="Error: no rows.")


def test_a_webhook_is_told_with_the_headers_of_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not with a user of ~/.netrc, and at no level of the log is the URL shown."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    caplog.set_level(logging.DEBUG)
    with serving() as server:
        entry = {"url": server.url, "headers": {"Authorization": f"Bearer {SECRET}"}}
        notify(END, Notify(webhook="chat"), {"chat": entry}, ROOT)
        unchanged = END.model_copy(update={"event": "unchanged"})
        notify(unchanged, Notify(webhook="chat"), {"chat": entry}, ROOT)  # nobody asked for it
    ((headers, end),) = server.got
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Content-Type"] == "application/json"
    assert (end["event"], end["run_id"], end["message"]) == ("failed", run("a"), "Error: no rows.")
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("user", "pair"),
    [
        (f"me:{SECRET}", f"me:{SECRET}"),
        ("me", "me:"),
        (f":{SECRET}", f":{SECRET}"),
        (f"m%40e%3A:%3A{SECRET}%2F%C3%A9", f"m@e:::{SECRET}/é"),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
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
        notify(END, Notify(webhook=f"http://{user}@{place}/a%40b:c?d=%40e"), {}, ROOT)
    ((headers, _),) = server.got
    assert headers["Authorization"] == f"Basic {b64encode(pair.encode()).decode()}"
    assert headers["Host"] == place
    assert server.paths == ["/a%40b:c?d=%40e"]
    assert {*hosts} == {"localhost"}
    why = "notify.webhook: localhost answered 500. This does not change how the run ends"
    assert caplog.messages == ([why] if status == 500 else [])


@pytest.mark.parametrize(
    "block",
    [
        {"notify": {"command": f"curl -H {SECRET} https://example.org"}},
        {"notify": {"webhook": [f"https://example.org/{SECRET}"]}},
        {"mlflow": {"tracking_uri": {"uri": f"https://me:{SECRET}@example.org"}}},
        {"engine": {"address": f"tcp://{SECRET}@example.org:8786", "kind": "dask"}},
    ],
)
def test_a_block_of_another_shape_is_refused_without_its_secret(
    project: Project, block: dict[str, Any]
) -> None:
    declare(project, **block)
    ended = here(*SCORING)
    assert ended.returncode == 1
    ((name, options),) = block.items()
    assert f"Error: Parameter '{name}': {next(iter(options))}: " in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "FileNotFoundError"),
        (["false"], "it ended with exit code 1"),
        (["sleep", "60"], "TimeoutExpired"),
    ],
)
def test_a_command_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, command: list[str], why: str
) -> None:
    notify(END, Notify(command=command, timeout=1.0), {}, ROOT)
    assert caplog.messages == [f"notify.command: {why}. This does not change how the run ends"]


def test_a_command_runs_in_the_projects_folder_and_what_it_prints_is_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nread line\necho $line | tee told\necho loud >&2\npwd > where\n")
    program.chmod(0o755)
    notify(END, Notify(command=["./program"]), {}, tmp_path)
    assert (tmp_path / "where").read_text() == f"{tmp_path.resolve()}\n"
    assert json.loads((tmp_path / "told").read_text())["message"] == "Error: no rows."
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"status": 404}, "127.0.0.1 answered 404"),
        ({"status": 302}, "127.0.0.1 answered 302"),
        ({"pause": 60.0}, "127.0.0.1 was not reached"),
    ],
)
def test_a_webhook_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, options: dict[str, Any], why: str
) -> None:
    with serving(**options) as server:
        notify(END, Notify(webhook=server.url, timeout=1.0), {}, ROOT)
    assert caplog.messages == [f"notify.webhook: {why}. This does not change how the run ends"]
    assert [content["message"] for _, content in server.got] == ["Error: no rows."]


@pytest.mark.parametrize(
    ("webhook", "url", "why"),
    [
        (f"hooks.example.org/{SECRET}", None, "expected a URL of http or https, or the name of"),
        ("mine", None, "entry 'mine' of credentials.yml: url: Input should be a valid string"),
        ("mine", f"ftp://{SECRET}", "expected http:// or https://, and a host of"),
        ("http://[::1/", None, "its URL has no valid host"),
    ],
)
def test_a_webhook_that_cannot_be_is_one_warning(
    caplog: pytest.LogCaptureFixture, webhook: str, url: str | None, why: str
) -> None:
    """As of a variable that is not set: cron starts a run without those of a shell."""
    notify(END, Notify(webhook=webhook), {"mine": {"url": url}}, ROOT)
    (warning,) = caplog.messages
    assert why in warning
    assert SECRET not in warning


@pytest.mark.parametrize("url", DOUBTFUL)
@pytest.mark.parametrize("entry", [False, True])
def test_nothing_is_asked_of_the_resolver_where_the_host_may_be_a_secret(
    url: str, entry: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server, resolving(monkeypatch) as hosts:
        url = url.replace("HOST", f"127.0.0.1:{server.server_port}")
        notify(END, Notify(webhook="mine" if entry else url), {"mine": {"url": url}}, ROOT)
    assert (hosts, server.got) == ([], [])
    (warning,) = caplog.messages
    assert warning.startswith("notify.webhook: its URL has no valid host, or an @ after the host")
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
