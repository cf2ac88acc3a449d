"""Who is told of a run's end: a program that notes it in a file, and a server on loopback."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.helpers.servers import Quiet

# Part of the server's address, as of a webhook's.
SECRET = "c0ffee-s3cret"


class Server(ThreadingHTTPServer):
    """A server on loopback that keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(Quiet):
    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), json.loads(content)))
        self.send_response(200)
        self.end_headers()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def to(told: Path, **notify: Any) -> dict[str, Any]:
    """A command that appends what it is told to a file, as one line."""
    code = "import sys, json; print(json.dumps(json.load(sys.stdin)), file=open(sys.argv[1], 'a'))"
    return {"command": [sys.executable, "-c", code, str(told)], **notify}


def lines(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
