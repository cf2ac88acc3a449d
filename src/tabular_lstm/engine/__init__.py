"""Where work runs: in this process, one part after the other, or on the workers of a Dask cluster.

The parts of a work do not depend on each other. The functions that a worker calls are in this
module, because it imports fast.
"""

import platform
from collections.abc import Callable, Generator, Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from tabular_lstm.code_version import code_sha256
from tabular_lstm.errors import DataError
from tabular_lstm.parameters.runs import EngineOptions

Shared = TypeVar("Shared")
Part = TypeVar("Part")
Done = TypeVar("Done")


class Workers(Protocol):
    """Runs the parts of a work."""

    def __call__(
        self, function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
    ) -> Generator[tuple[int, Done]]:
        """Call the function with each part.

        Args:
            function: A function of a module, without side effects, because a part may run twice.
            shared: What all parts need: arrays, bytes, parameters, but no Keras object.
            parts: The parts; each is taken shortly before it is needed.

        Yields:
            The part's place, from 0, and the function's result, in the order in which parts end. A
            caller that stops early must close the generator.
        """


class Engine:
    """The engine of a run; a cluster, if conf asks for one, starts when it is first used."""

    def __init__(self, options: EngineOptions) -> None:
        """Keep what conf asks for; raise a DataError if that is Dask and the extra is missing."""
        if options.kind == "dask" and find_spec("distributed") is None:
            raise DataError(
                "engine.kind is dask, but the package distributed is not installed. Install the "
                "extra: pip install 'tabular-lstm[cluster]'; or set engine.kind: local."
            )
        self._options = options
        self._cluster: Any = None

    @property
    def workers(self) -> Workers | None:
        """Return the cluster's workers; None if this process does the work."""
        if self._options.kind == "local":
            return None
        if self._cluster is None:
            # The import takes a second, and needs the extra `cluster`.
            from tabular_lstm.engine.cluster import Cluster  # noqa: PLC0415

            self._cluster = Cluster(self._options)
        workers: Workers = self._cluster.work
        return workers

    def close(self) -> None:
        """Stop the workers that this run started; a cluster that existed before keeps running."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


def one_by_one(
    function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
) -> Generator[tuple[int, Done]]:
    """Do one part after the other in this process: see `Workers`."""
    for place, part in enumerate(parts):
        yield place, function(shared, part)


def itself(shared: Shared) -> Shared:
    """Return the argument: a task that Dask can repeat on another worker."""
    return shared


def done_alike(
    code: str, function: Callable[[Shared, Part], Done], shared: Shared, part: Part
) -> Done:
    """Do a part on a worker, if the hash of its code is `code`, the driver's: see `code_sha256`.

    Raises:
        DataError: The worker has other code.
    """
    if _own_code() != code:
        raise DataError(
            f"A worker on {platform.node()} has another version of tabular_lstm or of a package it "
            "computes with, such as NumPy or TensorFlow. Expected the driver's versions: install "
            "them, and restart the worker."
        )
    return function(shared, part)


# Hashed once, because this process runs the files that it was started with.
_own_code = cache(code_sha256)
