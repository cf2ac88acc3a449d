"""Work on the workers of a Dask cluster: an existing cluster, or processes of this machine.

Everything is sent pickled; the workers need this package and its dependencies.
"""

import contextlib
import logging
import signal
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster
from distributed.client import FutureCancelledError

from tabular_lstm.code_version import code_sha256
from tabular_lstm.deadline import within
from tabular_lstm.engine import Done, Part, Shared, done_alike, itself
from tabular_lstm.errors import DataError
from tabular_lstm.parameters.runs import EngineOptions

logger = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 10
SECONDS_WITHOUT_WORKERS = 30
# Dask's states of the tasks that a worker runs, and of the tasks that wait.
IN_HAND = {"executing", "long-running"}
BEFORE_IT = {"ready", "waiting", "constrained", "fetch", "flight"}
# Parts that each thread of a worker has, including the running part.
AT_WORK = 2
# For each thread, this many parts may end before an earlier part; the caller keeps their results.
FAR = 8
# For a worker that is started here, with one thread.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
QUIET = {
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}
# Dask's default, 50 ticks a second, takes 5 % of a processor, only to detect a slow event loop.
SELDOM = {"distributed.admin.tick.interval": "1s"}


class Cluster:
    """A connection to a cluster, and the cluster itself if this run started it."""

    def __init__(self, options: EngineOptions) -> None:
        """Connect, or start workers; raise a DataError if no scheduler or no worker answers."""
        # Lost connections are for the log of the cluster, and not for the log of a run.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", message="Sending large graph", module="distributed")
        self._address = options.address or f"{options.workers} processes on this machine"
        with contextlib.ExitStack() as stack:
            scheduler = options.address or stack.enter_context(self._started(options))
            self._client = self._connected(scheduler)
            # Not by `with`, because another thread may close the client.
            stack.callback(self._client.close)
            self._threads = sum(self._client.nthreads().values())
            if not self._threads:
                raise self._error("the Dask scheduler has no worker. Start some: dask worker")
            self._stack = stack.pop_all()
        logger.info("Work goes to Dask: %s", self._address)

    def _connected(self, scheduler: Any) -> Any:
        try:
            return within(
                2 * SECONDS_TO_CONNECT,
                lambda: Client(scheduler, timeout=SECONDS_TO_CONNECT),  # type: ignore[no-untyped-call]
            )
        except (OSError, ValueError, TypeError) as error:
            why = str(error) or "it did not answer in time"
            raise self._error(f"expected a Dask scheduler, but none answers: {why}") from error

    def _started(self, options: EngineOptions) -> Any:
        environ = {"distributed.nanny.pre-spawn-environ": ONE_THREAD | QUIET} | SELDOM
        try:
            with _deaf_to_interrupts(), dask.config.set(environ):
                return LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=options.workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                )
        except (OSError, RuntimeError) as error:
            raise self._error(f"they could not be started: {error}") from error

    def _error(self, fault: str) -> DataError:
        return DataError(f"engine, {self._address}: {fault}. engine.kind: local needs no cluster.")

    def work(
        self, function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
    ) -> Generator[tuple[int, Done]]:
        """Let the workers do the parts: see `tabular_lstm.engine.Workers`.

        Raises:
            DataError: The scheduler or all workers are gone, or a part killed three workers.
        """
        client, code = self._client, code_sha256()
        numbered, sent = enumerate(parts), 0
        # Made by a task and not scattered: Dask can make it again if its workers are gone.
        everywhere = client.submit(itself, shared, pure=False)
        at_work: dict[Any, int] = {}
        done_futures: SimpleQueue[Any] = SimpleQueue()

        def send() -> None:
            nonlocal sent
            first = min(at_work.values(), default=sent)
            room = min(AT_WORK * self._threads - len(at_work), first + FAR * self._threads - sent)
            for place, part in islice(numbered, max(0, room)):
                future = client.submit(done_alike, code, function, everywhere, part, pure=False)
                at_work[future], sent = place, place + 1
                future.add_done_callback(done_futures.put)

        try:
            send()
            while at_work:
                future = self._next(done_futures)
                yield at_work.pop(future), self._result(future)
                send()
        finally:
            client.cancel([everywhere, *at_work])

    def _next(self, done_futures: SimpleQueue[Any]) -> Any:
        """Wait for the next part that is done, as long as a worker works."""
        last_seen = time.monotonic()
        while True:
            with contextlib.suppress(Empty):
                return done_futures.get(timeout=1)
            if self._somebody_works():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > SECONDS_WITHOUT_WORKERS:
                raise self._nobody()

    def _nobody(self) -> DataError:
        return self._error(
            f"for {SECONDS_WITHOUT_WORKERS} s no worker has done anything: all are gone, or paused "
            "for lack of memory, or do not have this package. See the workers' log"
        )

    def _somebody_works(self) -> bool:
        """Return whether any worker runs a part, or is not paused and has a part that waits.

        A worker without tasks does not count: the rest may wait for a paused worker's result.
        """
        for worker in self._client.scheduler_info(n_workers=-1)["workers"].values():
            tasks = worker.get("metrics", {}).get("task_counts", {})
            counted = IN_HAND | BEFORE_IT if worker["status"] == "running" else IN_HAND
            if any(tasks.get(state, 0) > 0 for state in counted):
                return True
        return False

    def _result(self, future: Any) -> Any:
        """Fetch the result of a part; if its worker is gone, another worker does the part again."""
        try:
            while True:
                try:
                    return future.result(timeout=SECONDS_WITHOUT_WORKERS)
                except TimeoutError:
                    if future.status == "error":  # the part itself raised it
                        raise
                    if not self._somebody_works():
                        raise self._nobody() from None
        except KilledWorker as error:
            raise self._error(
                "a part of the work killed each worker that ran it. Perhaps memory is too small, "
                "or a package is missing. See the workers' log"
            ) from error
        except (FutureCancelledError, OSError, MemoryError) as error:
            if future.status == "error":  # the part itself raised it
                raise self._error(f"on a worker: {type(error).__name__}: {error}") from error
            raise self._error("the scheduler is gone. See its log") from error

    def close(self) -> None:
        """Close the connection, and the cluster if this run started it."""
        self._stack.close()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Block SIGINT for processes and threads that start meanwhile; they inherit the block.

    A terminal sends SIGINT to all processes of a command, but only the driver should end them.
    """
    # Otherwise the tracker starts with the first process, and unblocks SIGINT.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
