"""A real object storage on loopback, one in front of it that fails, and clones that share a URL."""

import contextlib
import http.client
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from tabular_lstm.files import sha256
from tabular_lstm.parameters.runs import PromotionOptions, RollbackOptions, StorageOptions
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.object_storage import ObjectStorage
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.promotion_log import CANDIDATES, LOG, read_log
from tests.helpers.champions import log_of
from tests.helpers.project import Project
from tests.helpers.servers import LOOPBACK, Quiet, answers, free_port, server, serving

WEED = str(Path(sys.executable).parent / "weed")
BUCKET = "outputs"
PARTS = ("master", "volume", "filer", "s3")
WRITER = {"access_key_id": "writer", "secret_access_key": "wr1ters-s3cret-c0ffee"}
READER = {"access_key_id": "reader", "secret_access_key": "r3aders-s3cret-c0ffee"}


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """Start SeaweedFS with a bucket, and give the address of its S3; it is killed at the end."""
    rights = {"writer": ["Admin", "Read", "Write", "List"], "reader": ["Read", "List"]}
    identities = [
        {
            "name": user["access_key_id"],
            "credentials": [
                {"accessKey": user["access_key_id"], "secretKey": user["secret_access_key"]}
            ],
            "actions": rights[user["access_key_id"]],
        }
        for user in (WRITER, READER)
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    ports = {f"{of}.port{kind}": free_port() for of in PARTS for kind in ("", ".grpc")}
    options = {
        **{"dir": folder, "ip": LOOPBACK, "ip.bind": LOOPBACK, "s3.config": folder / "s3.json"},
        **{"s3.port.iceberg": 0, "s3.port.lance": 0, "s3.autoCreateBucket": "false"},
        **{"volume.max": 100, "master.volumeSizeLimitMB": 64, "master.telemetry": "false"},
        **{f"{of}.localSocket": folder / f"{of}.sock" for of in ("s3", "filer")},
    }
    command = [WEED, "server", "-s3", *(f"-{n}={v}" for n, v in {**ports, **options}.items())]
    address = f"http://{LOOPBACK}:{ports['s3.port']}"
    bucket = f"http://{LOOPBACK}:{ports['filer.port']}/buckets/{BUCKET}/"
    with server(command, folder, lambda: answers(f"{address}/healthz") and answers(bucket, "POST")):
        yield address


def block(address: str, prefix: str, timeout: float = 30.0) -> dict[str, Any]:
    """The block `storage` of conf."""
    options = {"endpoint": address, "region": "us-east-1"}
    return {"url": f"s3://{BUCKET}/{prefix}", "options": options, "timeout": timeout}


def storage_at(address: str, prefix: str, timeout: float = 30.0, **user: str) -> ObjectStorage:
    wanted = StorageOptions.model_validate(block(address, prefix, timeout))
    return ObjectStorage(wanted, user or WRITER, "data")


def kept_in(outputs: Path, storage: Any, run_id: str) -> KeptOutputs:
    """The outputs of a run that has begun in that folder."""
    (outputs / ".runs").mkdir(parents=True, exist_ok=True)
    kept = KeptOutputs(storage, outputs)
    kept._run_id = run_id
    return kept


def clone(project: Project, path: Path, storage: dict[str, Any], user: dict[str, str]) -> Project:
    """Clone a project without its outputs, and let what it writes be kept in a storage."""
    path.mkdir()
    cloned = Project.copied_to(path)
    shutil.copytree(project.path / "conf/local", path / "conf/local", dirs_exist_ok=True)
    shutil.copy(project.raw, cloned.raw)
    conf = path / "conf/local/parameters.yml"
    conf.write_text(json.dumps({**yaml.safe_load(conf.read_text()), "storage": storage}))
    credentials = path / "conf/local/credentials.yml"
    known = yaml.safe_load(credentials.read_text()) if credentials.exists() else {}
    credentials.write_text(json.dumps({**known, "storage": user}))
    return cloned


def champion_there(project: Project, path: Path) -> Artifact:
    """Give who serves by the log, as a fresh clone of a project with a storage finds it."""
    shutil.rmtree(path, ignore_errors=True)
    conf = yaml.safe_load((project.path / "conf/local/parameters.yml").read_text())["storage"]
    fresh = clone(project, path, conf, WRITER)
    storage = ObjectStorage(StorageOptions.model_validate(conf), WRITER, "data")
    with KedroSession.create(fresh.path) as session:
        catalog: Any = session.load_context().catalog
        blocks = {"promotion": PromotionOptions(), "rollback": RollbackOptions()}
        kept_in(fresh.path / "data", storage, "").pull(catalog, Pipeline([]), blocks)
        found: Artifact = catalog.load("champion")
    log = log_of(fresh)
    assert (found.run_id, found.sha256) == (log[-1]["serves_now"], log[-1]["sha256"])
    return found


def served_there(storage: ObjectStorage, folder: Path) -> str:
    """Name the run that serves by the log in a storage, and check that its network is there."""
    shutil.rmtree(folder / "looked", ignore_errors=True)
    kept_in(folder / "looked", storage, "").pull_log()
    last = read_log(folder / "looked" / LOG)[-1]
    content = storage.get(f"{CANDIDATES}/{last.serves_now}/candidate.keras")
    assert content is not None
    assert sha256(content) == last.sha256
    return str(last.serves_now)


@contextlib.contextmanager
def at_each_call(look: Callable[[str], None]) -> Iterator[None]:
    """Call `look` before and after each call of the storage, which come one after the other."""
    is_looking = False

    def tell(call: str) -> None:
        nonlocal is_looking
        is_looking = True
        look(call)
        is_looking = False

    def watched(name: str) -> Any:
        original = getattr(ObjectStorage, name)

        def call(storage: ObjectStorage, key: str, *arguments: Any, **options: Any) -> Any:
            if is_looking:
                return original(storage, key, *arguments, **options)
            tell(f"{name} {key.partition('/')[0]}")
            result = original(storage, key, *arguments, **options)
            tell(f"{name} {key.partition('/')[0]}")
            return result

        return call

    with pytest.MonkeyPatch.context() as patched:
        for name in ("get", "put", "create", "keys"):
            patched.setattr(ObjectStorage, name, watched(name))
        yield


# What fails ----------------------------------------------------------------------------------


@dataclass
class Faults:
    """Which request fails how, in front of a storage that does not.

    `fault` gets method and path of each request, and gives None where the request is passed on,
    else one of: a status to answer with; `lost`, passed on and never answered; a status after
    `done `, passed on and answered so; `torn`, answered in part; `slow`, answered too late.
    """

    fault: Callable[[str, str], str | None] = lambda method, path: None
    seen: list[str] = field(default_factory=list)


@contextlib.contextmanager
def failing(address: str, faults: Faults, late: float = 3.0) -> Iterator[str]:
    """Serve what is at an address, with faults."""
    host = urlsplit(address).netloc

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            faults.seen.append(f"{self.command} {self.path}")
            fault = faults.fault(self.command, self.path.partition("?")[0]) or ""
            self.close_connection = bool(fault)
            if fault == "slow":
                time.sleep(late)
            if fault.isdigit():
                return self.say(int(fault), b"<Error><Code>Injected</Code></Error>")
            behind = http.client.HTTPConnection(host, timeout=60)
            behind.request(self.command, self.path, content, dict(self.headers))
            with behind.getresponse() as answered:
                found = answered.read()
            if fault.startswith("done "):
                return self.say(int(fault[5:]), b"<Error><Code>Injected</Code></Error>")
            if fault == "torn":
                headers, half = dict(answered.getheaders()), found[: len(found) // 2]
                return self.say(answered.status, half, headers, len(found))
            if fault != "lost":
                self.say(answered.status, found, dict(answered.getheaders()))
            return None

        def say(
            self, status: int, content: bytes, headers: Any = None, length: int | None = None
        ) -> None:
            with contextlib.suppress(OSError):  # the other side may have gone
                self.send_response_only(status)
                for name, value in (headers or {}).items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                empty = self.command == "HEAD" or status == 204
                self.send_header("Content-Length", str(length or (0 if empty else len(content))))
                self.end_headers()
                self.wfile.write(b"" if empty else content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

    with serving(Handler) as proxied:
        yield proxied
