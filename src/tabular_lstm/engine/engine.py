"""The engine that a run is given: it has workers where the parameters say so."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from tabular_lstm import parameters
from tabular_lstm.errors import DataError
from tabular_lstm.parts import Workers


class Engine:
    """Where a run's work runs; its cluster, if it has one, starts when it is first used."""

    def __init__(self, wanted: parameters.Engine) -> None:
        """Begin.

        Raises:
            DataError: Dask is wanted, and the extra is not installed.
        """
        if wanted.kind == "dask" and find_spec("distributed") is None:
            raise DataError(
                "engine.kind is dask, and the package distributed is not installed. Install the "
                "extra: pip install 'tabular-lstm[cluster]'; or set engine.kind: local."
            )
        self._wanted = wanted
        self._cluster: Any = None

    @property
    def workers(self) -> Workers | None:
        """Give who does work elsewhere; None where this process does it."""
        if self._wanted.kind == "local":
            return None
        if self._cluster is None:
            # It takes a second to import, and is there in the extra `cluster` alone.
            from tabular_lstm.engine.cluster import Cluster  # noqa: PLC0415

            self._cluster = Cluster(self._wanted)
        workers: Workers = self._cluster.work
        return workers

    def prepare(self, function: Callable[[], object], count: int) -> None:
        """Let workers prepare for parts that come later, while this process goes on.

        Does nothing where there are no workers. What is raised there, the parts will say.

        Args:
            function: What each is to call, such as an import that takes seconds.
            count: For how many parts.
        """
        if self.workers is not None:
            self._cluster.prepare(function, count)

    def close(self) -> None:
        """End the workers that were started, and leave those that were there."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None
