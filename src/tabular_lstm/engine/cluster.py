"""Work on the workers of a Dask cluster: one that is there, or processes of this machine.

What is sent is pickled; the workers need this package and its dependencies.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster
from distributed.client import FutureCancelledError

from tabular_lstm.code import code_sha256
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Engine
from tabular_lstm.parts import Done, Part, Shared

logger = logging.getLogger(__name__)
# Its log tells of each connection that comes and goes.
for name in ("distributed", "distributed.client"):
    logging.getLogger(name).setLevel(logging.CRITICAL)

SECONDS_TO_CONNECT = 10
SECONDS_WITHOUT_WORKERS = 30
# Parts that a thread of a worker has, the one that it does included.
AT_WORK = 2
# And that may be done while an earlier one is not: whoever needs them in order keeps them.
FAR = 8
# Of a worker that is started here, which is one thread of work.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}
LOCAL = "engine.kind: local needs none"


class Cluster:
    """A connection to a cluster, and the cluster itself where this run started it."""

    def __init__(self, wanted: Engine) -> None:
        """Connect, or start so many worker processes of one thread each on this machine.

        Raises:
            DataError: Nobody answers at the address, or there is no worker.
        """
        self._until = contextlib.ExitStack()
        self._where = wanted.address or f"{wanted.workers} processes of this machine"
        try:
            self._client = self._connected(wanted)
            # Not by `with`: what it sets there is of the thread that begins, and another may end.
            self._until.callback(self._client.close)
            self._refuse_none(wanted)
            self._refuse_other_code()
        except BaseException:
            self.close()
            raise
        logger.info("Work goes to Dask: %s", self._where)

    def _connected(self, wanted: Engine) -> Any:
        if wanted.address is None:
            with dask.config.set({"distributed.nanny.pre-spawn-environ": ONE_THREAD | QUIET}):
                cluster = LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=wanted.workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                )
            self._until.callback(cluster.close)
            return Client(cluster)  # type: ignore[no-untyped-call]
        try:
            return Client(  # type: ignore[no-untyped-call]
                wanted.address, timeout=SECONDS_TO_CONNECT
            )
        except (OSError, ValueError) as error:
            raise DataError(
                f"engine.address: expected a Dask scheduler at {wanted.address}, and none answers: "
                f"{error}. Start one, dask scheduler, or name where it is; {LOCAL}."
            ) from error

    def _refuse_none(self, wanted: Engine) -> None:
        self._threads = sum(self._client.nthreads().values())
        self._far = FAR * self._threads
        if not self._threads:
            raise DataError(
                f"engine.address: the Dask scheduler at {wanted.address} has no worker. Start "
                f"some, dask worker {wanted.address} --nthreads 1; {LOCAL}."
            )

    def _refuse_other_code(self) -> None:
        """Stop at a worker that would compute by other code, or has none."""
        specs = self._client.run(find_spec, "tabular_lstm", on_error="return")
        if lacking := [
            worker for worker, spec in specs.items() if not isinstance(spec, ModuleSpec)
        ]:
            raise DataError(
                f"{self._where}: worker {lacking[0]} has no package tabular_lstm. Start it in an "
                f"environment that has it as here: pip install of the same wheel or clone; {LOCAL}."
            )
        own, found = code_sha256(), self._client.run(code_sha256, on_error="return")
        if others := [worker for worker, code in found.items() if code != own]:
            raise DataError(
                f"{self._where}: worker {others[0]} has another version of tabular_lstm or of what "
                "it computes with, such as NumPy or TensorFlow. Expected the same as here, so that "
                f"results are the same: install them alike; {LOCAL}."
            )

    def work(
        self, function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
    ) -> Iterator[tuple[int, Done]]:
        """Let the workers do the parts: see `tabular_lstm.parts.Workers`.

        Raises:
            DataError: The scheduler or all workers are gone, or a part ended three workers.
        """
        client, numbered, sent = self._client, enumerate(parts), 0
        # Made by a task, not scattered: so it is made again where all who had it are gone.
        everywhere = client.submit(_given, shared, pure=False)
        at_work: dict[Any, int] = {}
        done: SimpleQueue[Any] = SimpleQueue()

        def send() -> None:
            nonlocal sent
            first = min(at_work.values(), default=sent)
            room = min(AT_WORK * self._threads - len(at_work), first + self._far - sent)
            for place, part in islice(numbered, max(0, room)):
                future = client.submit(function, everywhere, part, pure=False)
                at_work[future], sent = place, place + 1
                future.add_done_callback(done.put)

        try:
            send()
            while at_work:
                future = self._next(done)
                yield at_work.pop(future), self._result(future)
                send()
        finally:
            client.cancel([everywhere, *at_work])

    def _next(self, done: SimpleQueue[Any]) -> Any:
        """Wait for a part that is done, as long as there is anybody to do it."""
        last_seen = time.monotonic()
        while True:
            with contextlib.suppress(Empty):
                return done.get(timeout=1)
            if self._client.nthreads():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > SECONDS_WITHOUT_WORKERS:
                raise DataError(
                    f"{self._where}: all workers are gone, and in {SECONDS_WITHOUT_WORKERS} s none "
                    f"came back. See their log, mend what ended them, and run again; {LOCAL}."
                )

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except KilledWorker as error:
            raise DataError(
                f"{self._where}: a part of the work ended each worker that took it on, as too "
                f"little memory does. See the workers' log; {LOCAL}."
            ) from error
        except (FutureCancelledError, OSError) as error:
            raise DataError(
                f"{self._where}: the scheduler is gone. See its log, and run again; {LOCAL}."
            ) from error

    def close(self) -> None:
        """End what was started here."""
        self._until.close()


def _given(shared: Shared) -> Shared:
    return shared
