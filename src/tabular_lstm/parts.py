"""Work in parts that know nothing of each other, done here one by one or by an engine's workers."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shared = TypeVar("Shared")
Part = TypeVar("Part")
Done = TypeVar("Done")


class Workers(Protocol):
    """Who does the parts."""

    def __call__(
        self, function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
    ) -> Iterator[tuple[int, Done]]:
        """Call the function with each part.

        Args:
            function: Of a module, without effects, since a part may be done twice.
            shared: What all parts need: arrays, bytes, parameters, no Keras object.
            parts: Taken as they are needed, a few ahead.

        Yields:
            The part's place, from 0, and what the function gives, as they are done.
        """


def one_by_one(
    function: Callable[[Shared, Part], Done], shared: Shared, parts: Iterable[Part]
) -> Iterator[tuple[int, Done]]:
    """Do one part after the other in this process: see `Workers`."""
    for place, part in enumerate(parts):
        yield place, function(shared, part)
