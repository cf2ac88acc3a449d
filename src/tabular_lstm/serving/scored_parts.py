"""From blocks of rows to parts, the files of predictions: in this process or on workers."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.rows.blocks import Block, Since, WronglyCutError, again_where_wrongly_cut
from tabular_lstm.rows.checking import CheckedBlock
from tabular_lstm.serving.scored import ScoredPart, ScoringTask

# A part ends with the block with which it has so many rows that were read, or bytes of them.
ROWS_OF_A_PART = 2**18
BYTES_OF_A_PART = 2**25

Item = TypeVar("Item")
Part = tuple[Block, ...]


def scored_parts(
    scoring: ScoringTask, blocks: Callable[[Since], Iterator[Block]], workers: Workers | None
) -> Generator[ScoredPart]:
    """Score blocks of rows; the parts are the same wherever that is done.

    Args:
        scoring: How.
        blocks: Gives those that are wanted, in the order of the rows.
        workers: Who scores. None is this process, in which a thread reads and checks the blocks of
            the next part meanwhile.

    Yields:
        The parts, in the order of the rows.

    Raises:
        DataError: What blocks, or the scoring of one, end with.
    """

    def parts(since: Since) -> Iterator[ScoredPart]:
        wanted = in_parts(blocks(since))
        return _here(scoring, wanted) if workers is None else _there(scoring, wanted, workers)

    return again_where_wrongly_cut(parts)


def in_parts(blocks: Iterable[Block]) -> Iterator[Part]:
    """Put blocks together, those of small files too.

    Raises:
        DataError: What the blocks end with, once those above it are given: one of them may prove
            to be wrongly cut, and hold a fault that comes first.
    """
    part: list[Block] = []
    rows = size = 0
    fault: DataError | None = None
    try:
        for block in blocks:
            part.append(block)
            rows, size = rows + block.count, size + block.size
            if rows >= ROWS_OF_A_PART or size >= BYTES_OF_A_PART:
                yield tuple(part)
                part, rows, size = [], 0, 0
    except DataError as error:
        fault = error
    if part:
        yield tuple(part)
    if fault is not None:
        raise fault


def score_part(scoring: ScoringTask, part: Part) -> ScoredPart | WronglyCutError:
    """Score a part on a worker, in one thread.

    Returns:
        It, or what is wrong with it: an error would reach the driver before the parts above it do.

    Raises:
        DataError: See `ScoringTask.part` and `Check.of`.
    """
    try:
        return scoring.part(map(scoring.check.of, part))
    except WronglyCutError as wrong:
        return WronglyCutError(wrong.place, part[0].place)


def _here(scoring: ScoringTask, parts: Iterator[Part]) -> Iterator[ScoredPart]:
    def checked(part: Part) -> list[CheckedBlock]:
        try:
            return [scoring.check.of(block) for block in part]
        except WronglyCutError as wrong:
            raise WronglyCutError(wrong.place, part[0].place) from wrong

    with contextlib.closing(ahead(checked(part) for part in parts)) as of_parts:
        yield from map(scoring.part, of_parts)


def _there(scoring: ScoringTask, parts: Iterator[Part], workers: Workers) -> Generator[ScoredPart]:
    faults: list[DataError] = []

    def until_fault() -> Iterator[Part]:
        try:
            yield from parts
        except DataError as error:  # raised once the parts above it have passed
            faults.append(error)

    with contextlib.closing(workers(score_part, scoring, until_fault())) as done:
        for part in in_order(done):
            if isinstance(part, WronglyCutError):
                raise part
            yield part
    if faults:
        raise faults[0]


def ahead(items: Generator[Item]) -> Generator[Item]:
    """Take one item after the other; while one is at work, a thread makes the next one."""
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        try:
            coming = thread.submit(next, items, end)
            while (item := coming.result()) is not end:
                coming = thread.submit(next, items, end)
                yield item
        finally:
            # In the thread, after the item that is being made.
            thread.submit(items.close).result()


def in_order(done: Iterator[tuple[int, Item]]) -> Iterator[Item]:
    """Give what was done in whatever order in the order of the parts; what is early waits."""
    early: dict[int, Item] = {}
    turn = 0
    for place, item in done:
        early[place] = item
        while turn in early:
            yield early.pop(turn)
            turn += 1
