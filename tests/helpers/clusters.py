"""Real Dask schedulers and workers on loopback, each a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client

from tabular_lstm.engine import Engine
from tabular_lstm.parameters.runs import EngineOptions
from tests.helpers.processes import wait_until
from tests.helpers.project import ROOT
from tests.helpers.servers import LOOPBACK, free_port

# Dask's pages, which are on all addresses otherwise, whatever --host is.
PAGES = ("--dashboard-address", f"{LOOPBACK}:0")
# Workers that have no such package, and one of other code.
WITHOUT = """
import sys
sys.modules["tabular_lstm"] = None
from distributed.cli.dask_worker import main
main()
"""
OTHER = """
import tabular_lstm.code_version
tabular_lstm.code_version.PACKAGES += ("click",)
from distributed.cli.dask_worker import main
main()
"""


@dataclass
class RealCluster:
    """A scheduler and its workers; each worker is one process of one thread."""

    folder: Path
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with the test."""
        log = self.folder / f"{len(self.processes)}.txt"
        env = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            # So that a worker finds the functions of the tests.
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **variables,
        }
        with open(log, "wb") as said:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env=env,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self, *program: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker, without a nanny that would start another one in its place."""
        program = program or ("-m", "distributed.cli.dask_worker")
        count = len(self.workers())
        options = ("--nthreads", "1", "--no-nanny", "--host", LOOPBACK, *PAGES)
        process = self.start(*program, self.address, *options, **variables)
        wait_until(lambda: len(self.workers()) == count + 1)
        return process

    def workers(self) -> list[str]:
        """The addresses of the workers that the scheduler knows."""
        with Client(self.address, timeout=10) as client:
            return [*client.nthreads()]

    def engine(self) -> Engine:
        """An engine that works here, and is closed with the cluster."""
        self.engines.append(Engine(EngineOptions(kind="dask", address=self.address)))
        return self.engines[-1]


@contextlib.contextmanager
def real_cluster(folder: Path, workers: int = 2, protocol: str = "tcp") -> Iterator[RealCluster]:
    """Start a scheduler and so many workers, and end them."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    cluster = RealCluster(folder, f"{protocol}://{LOOPBACK}:{port}")
    try:
        options = ("--host", LOOPBACK, "--port", str(port), "--protocol", protocol)
        options += ("--no-show", *PAGES)
        cluster.start("-m", "distributed.cli.dask_scheduler", *options)
        wait_until(lambda: _answers(cluster.address))
        for _ in range(workers):
            cluster.worker()
        yield cluster
    finally:
        for engine in cluster.engines:
            engine.close()
        for process in reversed(cluster.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with Client(address, timeout=2):
            return True
    except OSError:
        return False
