"""Score rows: from batches to a part, a file of predictions, in any process."""

import contextlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import row_list
from tabular_lstm.monitoring.reference import Seen, Watch
from tabular_lstm.network.score import are_many, score
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.raw_rows import same
from tabular_lstm.rows.scoring_validation import Check, CheckedBatch
from tabular_lstm.rows.sequences import count_unknown
from tabular_lstm.serving.answers import (
    Answers,
    PredictionCounts,
    answers_of,
    have_none,
    reason_columns,
)
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import ScoredBy


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
    counts: PredictionCounts
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
