"""Servers on loopback, real ones and such as fail."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.project import ROOT

LOOPBACK = "127.0.0.1"
# Of an environment of its own, see the Makefile.
MLFLOW = os.environ.get("MLFLOW_SERVER", str(ROOT / ".venv-mlflow/bin/mlflow"))


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as taken:
        return taken.getsockname()[1]


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Start MLflow's own server, with SQLite and artifacts in a folder, and give its address."""
    command = [MLFLOW, "server", "--host", LOOPBACK, "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    # Without the tests' own sources and tracking.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with _started(command, folder, env | {"MLFLOW_DISABLE_TELEMETRY": "true"}, "health") as address:
        yield address


@contextlib.contextmanager
def fastapi_server(folder: Path) -> Iterator[str]:
    """Start the `app` of a folder's `server.py`, and give its address."""
    command = [sys.executable, "-m", "uvicorn", "server:app"]
    with _started(command, folder, {**os.environ}, "openapi.json") as address:
        yield address


@contextlib.contextmanager
def _started(command: list[str], folder: Path, env: dict[str, str], page: str) -> Iterator[str]:
    """Start a server in a folder, on a free port, and give its address once it answers."""
    address = f"http://{LOOPBACK}:{(port := free_port())}"
    with server([*command, "--port", str(port)], folder, lambda: answers(f"{address}/{page}"), env):
        yield address


@contextlib.contextmanager
def server(
    command: list[str],
    folder: Path,
    is_ready: Callable[[], bool],
    env: dict[str, str] | None = None,
) -> Iterator[None]:
    """Start a server in a folder, and wait until it is ready; it is killed at the end."""
    with (
        open(folder / "server.txt", "w") as said,
        subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_the_tests,  # noqa: PLW1509  it only asks the system
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 180
            while not is_ready():
                assert process.poll() is None, (folder / "server.txt").read_text()
                assert time.monotonic() < deadline, (folder / "server.txt").read_text()
                time.sleep(0.2)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _die_with_the_tests() -> None:
    """Let the system kill this process once the tests' own has ended, however that came."""
    with contextlib.suppress(OSError, AttributeError):  # of Linux alone
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def answers(address: str, method: str = "GET") -> bool:
    try:
        asked = urllib.request.Request(address, method=method)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status < 300
    except OSError:
        return False


def post(address: str, content: str) -> Any:
    """Post JSON, and give what is answered; an `HTTPError` where the server refuses."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, content.encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(handler: type[Quiet]) -> Iterator[str]:
    """Serve on loopback, and give the address."""
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def answering(status: int, asked: list[str | None] | None = None) -> Iterator[str]:
    """Answer whatever is asked with a status, and keep each Authorization."""

    class Handler(Quiet):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if asked is not None:
                asked.append(self.headers["Authorization"])
            self.send_error(status)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    with serving(Handler) as address:
        yield address


@contextlib.contextmanager
def resolving(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Keep what this process asks its resolver for, which answers as ever."""
    hosts: list[str] = []
    resolve = socket.getaddrinfo

    def asked(host: Any, *arguments: Any, **options: Any) -> Any:
        hosts.append(str(host))
        return resolve(host, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", asked)
        yield hosts


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """Take each connection, and never answer."""
    with socket.create_server((LOOPBACK, 0), backlog=100) as server:
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}"
