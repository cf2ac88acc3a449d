"""Who is told of a run's end: a program that notes it in a file, and a server on loopback."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.helpers.servers import Quiet

# Part of the server's address, as of a webhook's.
SECRET = "c0ffee-s3cret"
# URLs of whose host a part may be of a user or password.
DOUBTFUL = [
    f"http://tok:{SECRET}%40HOST/ok",
    f"http://tok%2F{SECRET}%40HOST/",
    f"http://tok/{SECRET}@HOST/",
    f"http://me:tok@evil/{SECRET}@HOST/",
    f"http://tok?{SECRET}@HOST",
    f"http://tok:80/{SECRET}@HOST",
    "http://HOST\\@evil/",
    "http://me@HOST\\evil/",
]


class Server(ThreadingHTTPServer):
    """A server on loopback that answers with one status, or slowly, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, status: int = 200, pause: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.pause = status, pause
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(Quiet):
    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.got.append((dict(self.headers), json.loads(content)))
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", self.server.url)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self.server.pause:
                self.flush_headers()
                for letter in b"X-Slow: 1234567890\r\n":  # a byte now and then keeps a socket awake
                    self.wfile.write(bytes([letter]))
                    time.sleep(self.server.pause)
            self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a post was turned into a get")


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


def to(told: Path, **notify: Any) -> dict[str, Any]:
    """A command that appends what it is told to a file, as one line."""
    code = "import sys, json; print(json.dumps(json.load(sys.stdin)), file=open(sys.argv[1], 'a'))"
    return {"command": [sys.executable, "-c", code, str(told)], **notify}


def lines(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
