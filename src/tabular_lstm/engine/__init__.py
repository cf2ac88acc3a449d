"""Where work runs: here, one part after the other, or on the workers of a Dask cluster.

The parts of a work know nothing of each other. What a worker calls is here, where nothing else
comes with it.
"""

import platform
from collections.abc import Callable, Generator, Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from tabular_lstm import parameters
from tabular_lstm.code_version import code_sha256
from tabular_lstm.errors import DataError

Shared = TypeVar("Shared")
Part = TypeVar("Part")
Done = TypeVar("Done")


class Workers(Protocol):
    """Who does the parts."""

    def __call__(
        self, function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
    ) -> Generator[tuple[int, Done]]:
        """Call the function with each part.

        Args:
            function: Of a module, without effects, since a part may be done twice.
            shared: What all parts need: arrays, bytes, parameters, no Keras object.
            parts: Taken as they are needed, a few ahead.

        Yields:
            The part's place, from 0, and what the function gives, as they are done. Whoever takes
            no more closes it.
        """


class Engine:
    """Where a run's work runs; its cluster, if it has one, starts when it is first used."""

    def __init__(self, wanted: parameters.Engine) -> None:
        """Begin; a DataError where Dask is wanted, and the extra is not installed."""
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

    def close(self) -> None:
        """End the workers that were started, and leave those that were there."""
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
    """Give what is given: on a worker, a task by which it can be made again."""
    return shared


def done_alike(
    code: str, function: Callable[[Shared, Part], Done], shared: Shared, part: Part
) -> Done:
    """Do a part on a worker, whose code is the driver's: `code`, see `code_sha256`.

    Raises:
        DataError: This worker has another one.
    """
    if _own_code() != code:
        raise DataError(
            f"A worker on {platform.node()} has another version of tabular_lstm or of what it "
            "computes with, such as NumPy or TensorFlow. Expected the driver's: install them "
            "alike, and start the worker anew."
        )
    return function(shared, part)


# Of the files that this process was started with, however they change.
_own_code = cache(code_sha256)
