"""Predictions: a stream of scored rows, each with the model that scored it."""

import contextlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

import pyarrow as pa

from tabular_lstm.errors import DataError
from tabular_lstm.network.progress import RowsDone
from tabular_lstm.parts import Workers
from tabular_lstm.rows.checking import CheckedRows
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest
from tabular_lstm.serving.scored import EFFECT, REASON, Scored, ScoringTask, check_and_score
from tabular_lstm.serving.tally import Tally

# The columns that a prediction has; no column that is copied may have such a name.
ROW = ("file", "row")
DECIDED = ("probability", "decision")
SOURCE = ("champion", "champion_sha256", "run_id", "scored_at")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Predictions:
    """A scoring that is done while its batches are taken.

    Attributes:
        checked: The rows.
        scoring: How they are scored.
        conditions: What else the predictions rest on.
        tally: Counts what passes.
        workers: Who checks and score, if there are any. Default: this process, which
            checks the next block meanwhile.
    """

    checked: CheckedRows
    scoring: ScoringTask
    conditions: Conditions
    tally: Tally
    workers: Workers | None = None

    @property
    def run_id(self) -> str:
        """Give the id of the run that scores."""
        return self.scoring.run_id

    def batches(self) -> Generator[pa.RecordBatch]:
        """Score the rows, once: a batch for each block, in the order of the rows.

        Raises:
            DataError: See `CheckedRows.read` and `counted`.
        """
        with contextlib.ExitStack() as until:
            blocks = self._scored()
            until.callback(blocks.close)
            progress: RowsDone | None = None
            for block in blocks:
                if progress is None:
                    expected = block.checked.expected
                    progress = until.enter_context(RowsDone("Scored", expected))
                self.tally.add(block)
                yield block.batch
                progress.add(block.checked.count)

    def _scored(self) -> Generator[Scored]:
        if self.workers is None:
            with contextlib.closing(ahead(self.checked.blocks())) as blocks:
                yield from map(self.scoring.score, blocks)
        else:
            results = in_order(self.workers(check_and_score, self.scoring, self.checked.read()))
            yield from self.checked.counted(results, attrgetter("checked"))

    def manifest(self, parts: list[FileOfRows]) -> Manifest:
        """Say what was scored, once all batches are taken and written to these files.

        Raises:
            ValueError: Rows were lost or doubled.
        """
        source, rows = self.checked.source, self.tally.rows_by_file
        files = zip(source.names, source.hashes().items(), strict=True)
        inputs = [
            FileOfRows(file=file, rows=rows[name], sha256=sha256) for name, (file, sha256) in files
        ]
        return Manifest(
            run_id=self.run_id,
            scored_at=self.scoring.scored_at.isoformat().replace("+00:00", "Z"),
            champion=self.scoring.scored_by,
            rows=rows.total(),
            scored_rows=self.tally.scored_rows,
            quarantined_rows=self.checked.quarantine.rows,
            inputs=tuple(inputs),
            parts=tuple(parts),
            parameters=self.conditions.parameters,
            code_sha256=self.conditions.code_sha256,
        )


def ahead(items: Iterator[Item]) -> Generator[Item]:
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
            thread.submit(items.close).result()  # type: ignore[attr-defined]


def in_order(done: Iterator[tuple[int, Item]]) -> Generator[Item]:
    """Give what was done in whatever order in the order of the parts; what is early waits."""
    early: dict[int, Item] = {}
    turn = 0
    for place, item in done:
        early[place] = item
        while turn in early:
            yield early.pop(turn)
            turn += 1


def refuse_names(copied: dict[str, str], rows: str) -> None:
    """Stop where a column that is copied has the name of one that a prediction has.

    Args:
        copied: For each column that is copied, why.
        rows: The path of the rows, for the message.

    Raises:
        DataError: Names it, and says what to do.
    """
    own = {*ROW, *DECIDED, *SOURCE}
    for name, why in copied.items():
        if name in own or name.startswith((REASON, EFFECT)):
            raise DataError(
                f"{rows}: column '{name}' would be copied to the predictions, which have a column "
                f"of that name. {why}. Rename it in the rows, or leave it out with load_args: "
                "{usecols: [...]} of rows_to_score in the catalog."
            )
