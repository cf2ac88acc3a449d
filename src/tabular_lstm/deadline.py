"""A deadline for a call that has none, or one that starts again with each byte."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


def within(seconds: float, function: Callable[[], Answer]) -> Answer:
    """Call a function in a thread, and return or raise what it does.

    A thread that is late does not keep the process from ending.

    Raises:
        TimeoutError: It takes longer than `seconds`.
    """
    answer = Future[Answer]()

    def call() -> None:
        try:
            answer.set_result(function())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return answer.result(seconds)
