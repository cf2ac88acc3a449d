"""Predictions: a stream of parts, the files of scored rows, from this process or from workers."""

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.progress import Progress, progress_bar
from tabular_lstm.rows.raw_rows import Batch
from tabular_lstm.rows.scoring_validation import CheckedRows
from tabular_lstm.serving.answers import EFFECT, REASON, Answers
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest
from tabular_lstm.serving.row_scoring import ScoredPart, ScoringTask
from tabular_lstm.serving.scoring_summary import Tally

# A part ends after the batch that brings it to this many read rows, or to this many bytes.
ROWS_OF_A_PART = 2**18
BYTES_OF_A_PART = 2**26

# Columns of every prediction; a copied column may not have one of these names.
ROW = ("file", "row")
SOURCE = ("champion", "champion_sha256", "run_id", "scored_at")

STOPPED = (
    "There are no predictions, because conf sets monitoring.on_drift: stop. Look at the rows. If "
    "they are correct, --params monitoring.on_drift=warn scores them, and a retraining learns from "
    "rows like these."
)

Item = TypeVar("Item")
Part = tuple[Batch, ...]


class AlarmError(DataError):
    """Rows differ from the champion's training rows, and conf says to stop in this case.

    The error names all that moved, because such a scoring does not save its drift.
    """

    def __init__(self, moved: Sequence[str]) -> None:
        clearest, *other_sentences = moved
        super().__init__(f"ALARM: {clearest}", *other_sentences, STOPPED)


def scored_parts(
    scoring: ScoringTask, batches: Iterable[Batch], workers: Workers | None
) -> Generator[ScoredPart]:
    """Score batches of rows; workers give the same parts in the same order as this process.

    Without workers this process scores, while a thread checks the next part.

    Raises:
        DataError: From reading or scoring a batch.
    """
    parts = in_parts(batches)
    if workers is not None:
        with contextlib.closing(workers(score_part, scoring, parts)) as results:
            yield from in_order(results)
        return
    checked = ([scoring.check.of(batch) for batch in part] for part in parts)
    with contextlib.closing(ahead(checked)) as checked_parts:
        yield from map(scoring.part, checked_parts)


def in_parts(batches: Iterable[Batch]) -> Iterator[Part]:
    """Join batches into parts, across small files too."""
    part: list[Batch] = []
    rows = size = 0
    for batch in batches:
        part.append(batch)
        rows, size = rows + batch.count, size + batch.table.nbytes
        if rows >= ROWS_OF_A_PART or size >= BYTES_OF_A_PART:
            yield tuple(part)
            part, rows, size = [], 0, 0
    if part:
        yield tuple(part)


def score_part(scoring: ScoringTask, part: Part) -> ScoredPart:
    """Score a part on a worker, in one thread."""
    return scoring.part(map(scoring.check.of, part))


def ahead(items: Generator[Item]) -> Generator[Item]:
    """Yield one item after the other; while one is used, a thread makes the next one."""
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        try:
            future = thread.submit(next, items, end)
            while (item := future.result()) is not end:
                future = thread.submit(next, items, end)
                yield item
        finally:
            # Close it in the thread, after the item that the thread is making.
            thread.submit(items.close).result()


def in_order(results: Iterator[tuple[int, Item]]) -> Iterator[Item]:
    """Yield items in the order of the parts; items that are done early wait."""
    early_items: dict[int, Item] = {}
    next_place = 0
    for place, item in results:
        early_items[place] = item
        while next_place in early_items:
            yield early_items.pop(next_place)
            next_place += 1


@dataclass(frozen=True)
class Predictions:
    """A scoring that runs while its parts are read, and counts its rows; see `scored_parts`."""

    checked: CheckedRows
    scoring: ScoringTask
    conditions: Conditions
    tally: Tally
    workers: Workers | None = None

    @property
    def run_id(self) -> str:
        """Id of the run that scores."""
        return self.scoring.run_id

    def parts(self, folder: Path | None = None) -> Generator[ScoredPart]:
        """Score the rows, once, and yield the parts in the order of the rows.

        For histories, it is the order of `whole_customers`, which stores rows in the folder.

        Raises:
            DataError: See `scored_parts` and `CheckedRows.counted`.
        """
        with contextlib.ExitStack() as stack:
            # Closed here, because threads cannot work any more when the process ends.
            batches = self.checked.read(folder)
            scored = stack.enter_context(
                contextlib.closing(scored_parts(self.scoring, batches, self.workers))
            )
            parts = stack.enter_context(
                contextlib.closing(
                    self.checked.counted(
                        scored, lambda part: [scored_batch.checked for scored_batch in part.batches]
                    )
                )
            )
            progress: Progress | None = None
            for part in parts:
                if progress is None:
                    expected = part.batches[0].checked.expected
                    progress = stack.enter_context(progress_bar("Scored", expected, " rows"))
                for batch in part.batches:
                    self.tally.add(batch)
                yield part
                progress.update(sum(batch.checked.count for batch in part.batches))

    def manifest(self, parts: list[FileOfRows]) -> Manifest:
        """Make the manifest, once all parts are written to these files.

        Raises:
            AlarmError: The rows differ from the champion's reference, and conf says to stop then.
            ValueError: Rows were lost or doubled.
        """
        monitoring = self.tally.monitoring
        if monitoring.on_drift == "stop" and (moved := self.tally.drift.sentences):
            raise AlarmError(moved)
        source, rows = self.checked.source, self.tally.rows_by_file
        inputs = [
            FileOfRows(file=file, rows=rows[name], sha256=sha256)
            for name, (file, sha256) in zip(
                source.files.names, source.hashes(self.scoring.check.key).items(), strict=True
            )
        ]
        return Manifest(
            run_id=self.run_id,
            scored_at=self.scoring.scored_at.isoformat().replace("+00:00", "Z"),
            champion=self.scoring.scored_by,
            **self.scoring.answers.manifest_fields(),
            rows=rows.total(),
            scored_rows=self.tally.scored_rows,
            **self.tally.history,
            quarantined_rows=self.checked.quarantine.rows,
            inputs=tuple(inputs),
            parts=tuple(parts),
            parameters=self.conditions.parameters,
            code_sha256=self.conditions.code_sha256,
        )


def refuse_names(copied: dict[str, str], rows: str, answers: Answers) -> None:
    """Refuse to copy a column with the name of a column of predictions.

    Raises:
        DataError: Names the column, why it is copied, and what to do.
    """
    reserved_names = {*ROW, *answers.names, *SOURCE}
    for name, why in copied.items():
        if name in reserved_names or name.startswith((REASON, EFFECT)):
            raise DataError(
                f"{rows}: column '{name}' would be copied to the predictions, which have a column "
                f"of that name. {why}. Rename it in the rows, or leave it out with load_args: "
                "{usecols: [...]} of rows_to_score in the catalog."
            )
