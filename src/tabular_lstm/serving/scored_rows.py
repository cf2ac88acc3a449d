"""Scored rows: from batches to parts, files of predictions, in any process; and their counts."""

import contextlib
import io
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError, counted, row_list
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.performance import Estimate, expect
from tabular_lstm.monitoring.reference import Seen, Watch
from tabular_lstm.network.reasons import reason_names, reasons
from tabular_lstm.network.score import are_many, score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters import TWO_CLASSES, Class, Kind, Monitoring
from tabular_lstm.progress import Progress, progress_bar
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.raw_rows import Batch, same
from tabular_lstm.rows.scoring_validation import Check, CheckedBatch, CheckedRows
from tabular_lstm.rows.sequences import count_unknown
from tabular_lstm.serving.answers import ANSWERS, Answers, Counts, answers_of, have_none
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import AsGiven, Conditions, FileOfRows, Manifest, ScoredBy

# Row scoring --------------------------------------------------------------------------------------

REASON, EFFECT = "reason_", "effect_"


@dataclass(frozen=True)
class ScoredBatch:
    """The counts of a scored batch.

    Attributes:
        checked: The batch, without the data that the file of predictions has.
        counts: Counts of the predictions.
        unknown: By column, the number of rows whose category was not in the training.
        seen: Counts to compare with the champion's reference; None if there is no reference.
    """

    checked: CheckedBatch
    counts: Counts
    unknown: dict[str, int]
    seen: Seen | None = None


@dataclass(frozen=True)
class ScoredPart:
    """A file of predictions: its bytes, Parquet with a row group for each of the batches."""

    content: bytes
    rows: int
    batches: tuple[ScoredBatch, ...]


@dataclass(frozen=True)
class ScoringTask:
    """How a run scores batches, and how many features it names as reasons for each row.

    `watch` counts the rows for the comparison with the champion's reference, if there is one.
    """

    check: Check
    champion: Artifact
    run_id: str
    scored_at: datetime
    reasons: int
    watch: Watch | None = None

    @cached_property
    def scored_by(self) -> ScoredBy:
        """Return the champion, for a manifest."""
        return ScoredBy.of(self.champion)

    @cached_property
    def answers(self) -> Answers:
        """Return the `Answers` of the champion."""
        return answers_of(self.champion.scorer)

    def part(self, batches: Iterable[CheckedBatch]) -> ScoredPart:
        """Score at least one batch into a part; a row without a prediction raises a `DataError`."""
        file, scored = io.BytesIO(), []
        with contextlib.ExitStack() as stack:
            writer: parquet.ParquetWriter | None = None
            for batch in batches:
                counted, rows = self._score(batch)
                if writer is None:
                    schema = rows.schema
                    dictionary_columns = [
                        field.name for field in schema if pa.types.is_dictionary(field.type)
                    ]
                    dictionary_columns.append("positive_class")
                    writer = stack.enter_context(
                        parquet.ParquetWriter(file, schema, use_dictionary=dictionary_columns)
                    )
                writer.write_batch(rows)
                scored.append(counted)
        total = sum(batch.counts.rows for batch in scored)
        return ScoredPart(file.getvalue(), total, tuple(scored))

    def _score(self, batch: CheckedBatch) -> tuple[ScoredBatch, pa.RecordBatch]:
        count, scorer = batch.origin.num_rows, self.champion.scorer
        # Decided for the whole stream, so that equal rows have the same bits in any batch.
        many_rows = are_many(scorer, batch.expected)
        answers = self.answers
        predictions = score(scorer, batch.sequences, many_rows) if count else answers.nothing
        self._refuse_unpredicted_rows(batch, predictions)
        copied = dict(batch.copied)
        names = {name: copied.pop(name) for name in self.check.names}
        columns: dict[str, pa.Array] = {
            **{n: batch.origin[n].combine_chunks() for n in batch.origin.column_names},
            **names,
            **answers.arrow(predictions),
            **copied,
            **reason_columns(scorer, batch.sequences, predictions, self.reasons, many_rows),
            "champion": same(self.scored_by.run_id, count),
            "champion_sha256": same(self.scored_by.sha256, count),
            "run_id": same(self.run_id, count),
            "scored_at": pa.repeat(pa.scalar(self.scored_at, pa.timestamp("ms", "UTC")), count),
        }
        rows = batch.sequences  # with histories all rows of the batch
        rows = rows.rows() if isinstance(rows, Histories) else rows
        no_data = {"origin": batch.origin.schema.empty_table(), "sequences": rows[:0].copy()}
        scored = ScoredBatch(
            replace(batch, **no_data, copied={}),
            answers.count(predictions),
            count_unknown(rows, self.check.schema),
            self.watch.count(batch.sequences, predictions) if self.watch else None,
        )
        return scored, pa.RecordBatch.from_pydict(columns)

    def _refuse_unpredicted_rows(self, batch: CheckedBatch, predictions: np.ndarray) -> None:
        if (is_unpredicted := have_none(predictions)).any():
            row_names = [
                ":".join(map(str, row.values()))
                for row in batch.origin.filter(is_unpredicted).to_pylist()
            ]
            advice = "Restore another one: --pipelines rollback"
            raise self.champion.no_prediction(row_list(row_names), advice)


def reason_columns(
    scorer: Scorer,
    sequences: Sequences,
    predictions: np.ndarray,
    count: int,
    many_rows: bool = False,
) -> dict[str, pa.Array]:
    """Return `count` columns `reason_1`, … and `effect_1`, …; null where there is no reason."""
    if not count:
        return {}
    row_reasons = reasons(scorer, sequences, predictions, count, many_rows)
    names, columns = pa.array(reason_names(scorer.schema)), {}
    for place in range(row_reasons.features.shape[1]):
        no_reason = row_reasons.features[:, place] < 0
        feature_numbers = pa.array(row_reasons.features[:, place].astype(np.int32), mask=no_reason)
        columns[f"{REASON}{place + 1}"] = pa.DictionaryArray.from_arrays(feature_numbers, names)
        columns[f"{EFFECT}{place + 1}"] = pa.array(row_reasons.effects[:, place], mask=no_reason)
    return columns


# Scoring summary ----------------------------------------------------------------------------------


class ScoringSummary(AsGiven):
    """A scoring in numbers; `tabular_lstm.serving.answers` sets the fields of each task.

    Attributes:
        positive_class: With two classes: the label's value whose probability was predicted.
        classes: With more classes: the label's values.
        coverage: For a number: the declared rate of its intervals.
        decisions: Rows by decided class; with two classes, the negative class comes first.
        mean_probability: Mean probability of the positive class; None if no row was scored.
        means: The mean probability of each class, or of `prediction`, `lower` and `upper`; None if
            no row was scored.
        histograms: Rows by decided class, and by probability in 50 bins from 0 to 1. The
            probability is of the positive class (two classes) or of the decided class (more). A
            number: rows by `prediction`.
        histogram_range: Where a number's bins begin and end; the first and the last bin hold all
            rows beyond.
        quarantined_by_reason: Cells by column and kind of problem, the commonest first.
        unknown_categories: By column, the number of rows whose category was not in the training.
    """

    run_id: str
    champion: ScoredBy
    task: Kind = TWO_CLASSES
    positive_class: Class | None = None  # None from earlier versions
    classes: tuple[Class, ...] | None = None
    coverage: float | None = None
    rows: int
    scored_rows: int
    history_rows: int = 0
    quarantined_rows: int
    decisions: dict[str, int] = {}
    decision_threshold: float | None = None
    mean_probability: float | None = None
    means: dict[str, float] | None = None
    histograms: dict[str, list[int]]
    histogram_range: tuple[float, float] = (0.0, 1.0)
    quarantined_by_reason: dict[str, int]
    unknown_categories: dict[str, int]

    def sentence(self) -> str:
        """Say what was scored, and by which champion."""
        history = f"{self.history_rows} are history, " if self.history_rows else ""
        return (
            f"Scored {self.scored_rows} of {counted(self.rows, 'row')} with the champion of run "
            f"{self.champion.run_id}{ANSWERS[self.task].outcome(self)}; "
            f"{history}{self.quarantined_rows} in quarantine."
        )


class Tally:
    """Counts of a scoring's rows, added up while the rows pass.

    Attributes:
        rows_by_file: Rows that were read, by file; "" stands for a single file.
        history: With histories: `history_rows`, see `Manifest`.
        monitoring: When rows count as drifted, and what happens then.
    """

    def __init__(self, checked: CheckedRows, scoring: ScoringTask, monitoring: Monitoring) -> None:
        self.rows_by_file: Counter[str] = Counter()
        # With histories: how many rows are only history.
        self.history = {"history_rows": 0} if scoring.check.schema.history else {}
        self.monitoring = monitoring
        self._checked, self._scoring, self._answers = checked, scoring, scoring.answers
        self._counts = self._answers.count(self._answers.nothing)
        self._unknown: Counter[str] = Counter()
        self._seen: Seen | None = scoring.watch.nothing if scoring.watch else None

    @property
    def scored_rows(self) -> int:
        """Rows that have a prediction."""
        return self._counts.rows

    def add(self, batch: ScoredBatch) -> None:
        """Count a batch."""
        self.rows_by_file += batch.checked.read
        for name in self.history:
            self.history[name] += batch.checked.history
        self._counts += batch.counts
        self._unknown.update(batch.unknown)
        if self._seen is not None and batch.seen is not None:
            self._seen += batch.seen

    @cached_property
    def drift(self) -> Drift:
        """Compare the rows with the champion's reference, once they have passed."""
        scoring, champion = self._scoring, self._scoring.scored_by.run_id
        if scoring.watch is None or self._seen is None:
            why = "the champion has no reference that can be read"
            return Drift(run_id=scoring.run_id, champion=champion, not_compared=why)
        quarantined = self._checked.quarantine.rows
        return compare(
            scoring.watch, self._seen, scoring.run_id, champion, self.monitoring, quarantined
        )

    def expected(self, promised: dict[str, Estimate]) -> dict[str, Estimate]:
        """Return the expected performance on the rows, see `monitoring.performance`."""
        if self._scoring.watch is None or self._seen is None:
            return {}
        reference = self._scoring.watch.reference
        evaluated = reference.estimated, reference.evaluated_rows
        return expect(promised, *evaluated, self._seen.estimate, reference.task)

    def summary(self) -> ScoringSummary:
        """Return the summary; it is complete once all rows have passed."""
        quarantine = self._checked.quarantine
        return ScoringSummary(
            run_id=self._scoring.run_id,
            champion=self._scoring.scored_by,
            rows=self.rows_by_file.total(),
            scored_rows=self.scored_rows,
            quarantined_rows=quarantine.rows,
            **self.history,
            **self._answers.of_summary(self._counts),
            quarantined_by_reason=quarantine.kinds.counts(),
            unknown_categories={name: rows for name, rows in self._unknown.items() if rows},
        )


# Prediction parts ---------------------------------------------------------------------------------

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

    The error names all that moved, because such a scoring does not save its drift. `exit_code` is
    conf's, or 1.
    """

    def __init__(self, moved: Sequence[str], exit_code: int) -> None:
        clearest, *other_sentences = moved
        super().__init__(f"ALARM: {clearest}", *other_sentences, STOPPED)
        self.exit_code = exit_code or 1


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
            raise AlarmError(moved, monitoring.exit_on_alarm)
        source, rows = self.checked.source, self.tally.rows_by_file
        inputs = [
            FileOfRows(file=file, rows=rows[name], sha256=sha256)
            for name, (file, sha256) in zip(
                source.files.names, source.hashes().items(), strict=True
            )
        ]
        return Manifest(
            run_id=self.run_id,
            scored_at=self.scoring.scored_at.isoformat().replace("+00:00", "Z"),
            champion=self.scoring.scored_by,
            **self.scoring.answers.of_manifest(),
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
