"""Work in parts that know nothing of each other, done here one by one or by an engine's workers.

What a worker calls is here, where nothing else comes with it.
"""

import platform
from collections.abc import Callable, Generator, Iterable
from functools import cache
from typing import Protocol, TypeVar

from tabular_lstm.code import code_sha256
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
    """Do a part on a worker that computes as the driver does.

    Args:
        code: The driver's `code_sha256`.
        function: See `Workers`, as are the others.
        shared: What all parts need.
        part: The part.

    Raises:
        DataError: This worker has another one.
    """
    if _own_code() != code:
        raise DataError(
            f"A worker on {platform.node()} has another version of tabular_lstm or of what it "
            "computes with, such as NumPy or TensorFlow. Expected the driver's, so that results "
            "are the same: install them alike, and start the worker anew."
        )
    return function(shared, part)


# Of the files that this process was started with, however they change.
_own_code = cache(code_sha256)
