"""Whoever must know is told once how a run ended: real programs, and a real server on loopback."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tabular_lstm.parameters import Notify
from tabular_lstm.runs.ends import RunEnd
from tabular_lstm.runs.notify import tell
from tests.helpers.champions import log_of
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed, succeeds
from tests.helpers.logs import run
from tests.helpers.processes import at_work
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, finished

SECRET = "c0ffee-s3cret"
END = RunEnd(event="failed", environment="base", run_id=run("a"), message="Error: no rows.")


class Server(ThreadingHTTPServer):
    """A server on loopback that answers with one status, or slowly, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, status: int = 200, pause: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.pause = status, pause
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), json.loads(content)))
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", self.server.url)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for letter in b"X-Slow: 1234567890":  # a byte now and then keeps a socket awake
                if self.server.pause:
                    self.wfile.write(bytes([letter]))
                    time.sleep(self.server.pause)
            self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a post was turned into a get")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[Server]:
    with Server(**options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.jsonl"


def to(told: Path, **notify: Any) -> dict[str, Any]:
    """A command that appends what it is told to a file, as one line."""
    code = "import sys, json; print(json.dumps(json.load(sys.stdin)), file=open(sys.argv[1], 'a'))"
    return {"command": [sys.executable, "-c", code, str(told)], **notify}


def lines(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


def test_a_command_is_told_of_each_end_once(quick: Project, told: Path) -> None:
    declare(quick, **QUICK, notify=to(told))
    succeeds(here(*RETRAINING))
    succeeds(here(*RETRAINING))  # unchanged, of which nobody asked to be told
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*SCORING))
    succeeds(here(*ROLLBACK))
    quick.raw.write_text("no, such\ncolumns,1\n")
    message = message_of(here(*RETRAINING))
    ends = lines(told)
    assert [end["event"] for end in ends] == [
        *(["promoted"] * 2),
        "scored",
        "rolled_back",
        "failed",
    ]
    first, second, scored, back, failed = ends
    log = log_of(quick)
    for end, entry in zip([first, second, back], log, strict=True):
        assert end["decision"]["run_id"] == end["run_id"] == entry["run_id"]
        assert end["decision"]["reason"] in end["message"]
    assert scored["manifest"] == finished(quick)[0]
    assert failed["message"] == f"Error: {message}"
    assert "decision" not in failed
    assert {end["environment"] for end in ends} == {"base"}


def test_a_webhook_is_told_with_the_headers_of_credentials(quick: Project) -> None:
    with serving() as server:
        declare(quick, **QUICK, notify={"webhook": "chat", "events": ["scored", "unchanged"]})
        entry = {"url": server.url, "headers": {"Authorization": f"Bearer {SECRET}"}}
        (quick.path / "conf/local/credentials.yml").write_text(yaml.safe_dump({"chat": entry}))
        succeeds(here(*RETRAINING))  # of which it is not told
        succeeds(here(*SCORING))
        succeeds(here(*SCORING))
    (headers, scored), (_, unchanged) = server.got
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Content-Type"] == "application/json"
    assert scored["event"] == "scored"
    assert scored["manifest"] == finished(quick)[0]
    assert unchanged["event"] == "unchanged"
    assert unchanged["message"].startswith("Unchanged: rows, champion")


def test_a_secret_is_in_no_file_and_in_no_line(quick: Project) -> None:
    """In `credentials.yml`, in the environment, or as the URL itself."""
    entry = {"url": "${oc.env:CHAT_URL}", "headers": {"X-Token": "${oc.env:CHAT_URL}"}}
    (quick.path / "conf/local/credentials.yml").write_text(yaml.safe_dump({"chat": entry}))
    said = ""
    with serving(status=500) as server:
        for webhook in ("chat", server.url):
            declare(quick, **QUICK, notify={"webhook": webhook})
            for command in (RETRAINING, SCORING, ROLLBACK):
                force = "retraining.force=true,scoring.force=true"
                done = quick.command(*command, "--params", force, CHAT_URL=server.url)
                said += done.stdout + done.stderr
    assert len(server.got) == 6
    assert said.count("notify.webhook: 127.0.0.1 answered 500. The run ends as it would") == 6
    written = {name: content for name, content in quick.files().items() if "01_raw" not in name}
    assert SECRET not in said
    assert [name for name, content in written.items() if SECRET.encode() in content] == []


def sleeps() -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(["/no/such/program"], "No such file or directory", id="not there"),
        pytest.param(["false"], "it ended with exit code 1", id="fails"),
        pytest.param(sleeps(), "it did not end within 1 s, and was killed", id="hangs"),
    ],
)
def test_a_command_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, command: list[str], why: str
) -> None:
    begin = time.monotonic()
    tell(END, Notify(command=command, timeout=1.0), {})
    (warning,) = caplog.messages
    assert warning == f"notify.command, {command[0]}: {why}. The run ends as it would have ended"
    assert time.monotonic() - begin < 30


def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "child"
    code = f"import subprocess; subprocess.run(['sh', '-c', 'echo $$ > {file}; exec sleep 60'])"
    tell(END, Notify(command=[sys.executable, "-c", code], timeout=3.0), {})
    child, until = int(file.read_text()), time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break  # dead, and nobody has asked how it ended
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"status": 404}, "127.0.0.1 answered 404", id="not there"),
        pytest.param({"status": 302}, "127.0.0.1 answered 302", id="elsewhere"),
        pytest.param({"pause": 0.4}, "it did not answer within 1 s", id="slow"),
    ],
)
def test_a_webhook_that_fails_is_one_warning(
    caplog: pytest.LogCaptureFixture, options: dict[str, Any], why: str
) -> None:
    with serving(**options) as server:
        tell(END, Notify(webhook=server.url, timeout=1.0), {})
    (warning,) = caplog.messages
    assert warning == f"notify.webhook: {why}. The run ends as it would have ended"
    assert [content["message"] for _, content in server.got] == ["Error: no rows."]


@pytest.mark.parametrize(
    ("webhook", "entry", "why"),
    [
        ("chat", {}, "expected a URL, or the name of an entry in credentials.yml"),
        ("mine", {"uri": SECRET}, "entry 'mine' of credentials.yml: url: Field required"),
        ("mine", {"url": f"ftp://{SECRET}"}, "expected a URL of http or https"),
        ("http://127.0.0.1:1/", {}, "127.0.0.1 was not reached: Connection refused"),
        ("http://[::1/", {}, "ValueError"),
    ],
)
def test_a_webhook_that_cannot_be_is_one_warning(
    caplog: pytest.LogCaptureFixture, webhook: str, entry: dict[str, str], why: str
) -> None:
    tell(END, Notify(webhook=webhook), {"mine": entry})
    (warning,) = caplog.messages
    assert why in warning
    assert SECRET not in warning


def test_a_run_that_fails_before_its_first_node_tells_of_it(project: Project, told: Path) -> None:
    declare(project, notify=to(told))
    message = message_of(here(*SCORING))
    message_of(here("run", "--params", "training.epoch=3"))
    no_champion, unknown = lines(told)
    assert no_champion["message"] == f"Error: {message}"
    assert "'epoch' is unknown" in unknown["message"]
    assert "run_id" not in unknown


def test_another_run_at_work_has_an_exit_code_of_its_own(quick: Project, told: Path) -> None:
    declare(quick, **QUICK, notify=to(told))
    with at_work(quick, *RETRAINING):
        refused = here(*RETRAINING)
    assert refused.returncode == 75
    assert "another run is at work here" in refused.stderr
    assert [end["event"] for end in lines(told)] == ["failed"]
