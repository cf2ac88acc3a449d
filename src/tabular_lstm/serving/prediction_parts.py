"""The plan of a scoring, and the parts that it gives: from this process or from workers."""

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.files import writing
from tabular_lstm.progress import Progress, progress_bar
from tabular_lstm.rows.raw_rows import Batch
from tabular_lstm.rows.scoring_validation import CheckedRows
from tabular_lstm.serving.answers import EFFECT, REASON, Answers
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest
from tabular_lstm.serving.row_scoring import RowScorer, ScoredPart, ScoringCounts

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


class AlarmError(DataError):
    """Rows differ from the champion's training rows, and conf says to stop in this case.

    The error names all that moved, because such a scoring does not save its drift.
    """

    def __init__(self, moved: Sequence[str]) -> None:
        clearest, *other_sentences = moved
        super().__init__(f"ALARM: {clearest}", *other_sentences, STOPPED)


def scored_parts(
    scorer: RowScorer, batches: Iterable[Batch], workers: Workers | None
) -> Generator[ScoredPart]:
    """Score batches of rows; workers give the same parts in the same order as this process.

    Without workers this process scores, while a thread checks the next part.

    Raises:
        DataError: From reading or scoring a batch.
    """
    parts = joined_batches(batches)
    if workers is not None:
        with contextlib.closing(workers(score_part, scorer, parts)) as results:
            yield from in_order(results)
        return
    checked = ([scorer.check.of(batch) for batch in part] for part in parts)
    with contextlib.closing(ahead(checked)) as checked_parts:
        yield from map(scorer.part, checked_parts)


def joined_batches(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Join batches into parts, across small files too."""
    part: list[Batch] = []
    rows = size = 0
    for batch in batches:
        part.append(batch)
        rows, size = rows + batch.count, size + batch.table.nbytes
        if rows >= ROWS_OF_A_PART or size >= BYTES_OF_A_PART:
            yield part
            part, rows, size = [], 0, 0
    if part:
        yield part


def score_part(scorer: RowScorer, part: list[Batch]) -> ScoredPart:
    """Score a part on a worker, in one thread."""
    return scorer.part(map(scorer.check.of, part))


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
class ScoringPlan:
    """A scoring that is not done yet; saving it does it, see `datasets.predictions`.

    Attributes:
        rows: The rows to score.
        scorer: How they are checked and scored.
        conditions: What else the predictions depend on, for the manifest.
        workers: The workers that score. Default: None, this process scores.
    """

    rows: CheckedRows
    scorer: RowScorer
    conditions: Conditions
    workers: Workers | None = None

    def parts(self, folder: Path) -> Generator[ScoredPart]:
        """Score the rows, and yield the parts in the order of the rows.

        For histories, it is the order of `whole_customers`, which stores rows in the folder.

        Raises:
            DataError: See `scored_parts`; or there is no space for the stored rows.
        """
        scored = scored_parts(self.scorer, self.rows.read(folder), self.workers)
        progress: Progress | None = None
        with writing(folder), contextlib.ExitStack() as stack:
            # Closed here, because threads cannot work any more when the process ends.
            for part in stack.enter_context(contextlib.closing(scored)):
                progress = progress or stack.enter_context(
                    progress_bar("Scored", part.expected, " rows")
                )
                yield part
                progress.update(part.counts.rows.total())

    def refuse(self, counts: ScoringCounts) -> None:
        """Refuse to finish a scoring whose rows are not what conf expects.

        Raises:
            AlarmError: The rows differ from the champion's reference, and conf says to stop then.
            DataError: Too many rows are in quarantine.
        """
        self.rows.refuse_many_quarantined(counts.quarantined, counts.rows.total(), counts.kinds)
        is_refused = self.scorer.monitoring.on_drift == "stop"
        if is_refused and (moved := self.scorer.compare(counts).sentences):
            raise AlarmError(moved)

    def manifest(self, counts: ScoringCounts, parts: list[FileOfRows]) -> Manifest:
        """Make the manifest, once all parts are written to these files.

        Raises:
            ValueError: Rows were lost or doubled.
        """
        source, scorer = self.rows.source, self.scorer
        hashes = source.hashes(scorer.check.key).items()
        return Manifest(
            run_id=scorer.run_id,
            scored_at=scorer.scored_at.isoformat().replace("+00:00", "Z"),
            champion=scorer.scored_by,
            **scorer.answers.manifest_fields(),
            **scorer.totals(counts),
            inputs=tuple(
                FileOfRows(file=file, rows=counts.rows[name], sha256=sha256)
                for name, (file, sha256) in zip(source.files.names, hashes, strict=True)
            ),
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
