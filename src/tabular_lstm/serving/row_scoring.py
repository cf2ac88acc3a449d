"""Score rows: from batches to a part, a file of predictions and counts, in any process."""

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from pydantic import TypeAdapter

from tabular_lstm.errors import row_list
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Seen, Watch
from tabular_lstm.network.score import are_many, score
from tabular_lstm.parameters.columns import delay_of
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.raw_rows import same
from tabular_lstm.rows.scoring_validation import CheckedBatch, RowCheck
from tabular_lstm.rows.sequences import count_unknown
from tabular_lstm.rows.validation import Kinds
from tabular_lstm.serving.answers import (
    Answers,
    PredictionCounts,
    answers_of,
    have_none,
    reason_columns,
)
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import ScoredBy
from tabular_lstm.serving.promotion_log import began
from tabular_lstm.serving.scoring_summary import ScoringSummary

COUNTS = b"tabular_lstm.counts"  # in the metadata of a part
STEPS = 1000  # of a delay of labels, in which times are counted


@dataclass(frozen=True)
class ScoringCounts:
    """What was counted of the rows of a scoring, or of some of them; the counts add up.

    Attributes:
        rows: Rows that were read, by file; "" is a single file.
        quarantined: How many of them are in quarantine.
        kinds: What is wrong with these.
        predicted: Counts of the predictions.
        unknown: By column, the number of rows whose category was not in the training.
        seen: Counts to compare with the champion's reference; None if there is no reference.
        times: With a delay of labels, how many predictions are of rows with each time, in
            thousandths of the delay, rounded down.
    """

    rows: Counter[str]
    quarantined: int
    kinds: Kinds
    predicted: PredictionCounts
    unknown: Counter[str]
    seen: Seen | None
    times: Counter[float] = field(default_factory=Counter)

    @staticmethod
    def of_part(path: Path) -> "ScoringCounts":
        """Read the counts of a part from its file, see `ScoredPart`."""
        return AS_JSON.validate_json(parquet.read_metadata(path).metadata[COUNTS])

    @property
    def late(self) -> int:
        """Count the predictions of rows that are older than the newest one by over the delay."""
        newest = max(self.times, default=0)
        return sum(rows for time, rows in self.times.items() if newest - time > STEPS + 1)

    def __add__(self, other: "ScoringCounts") -> "ScoringCounts":
        return ScoringCounts(
            rows=self.rows + other.rows,
            quarantined=self.quarantined + other.quarantined,
            kinds=self.kinds + other.kinds,
            predicted=self.predicted + other.predicted,
            unknown=self.unknown + other.unknown,
            seen=self.seen + other.seen if self.seen and other.seen else None,
            times=self.times + other.times,
        )


AS_JSON = TypeAdapter(ScoringCounts)


@dataclass(frozen=True)
class ScoredPart:
    """A file of predictions, and what else became of its rows.

    Attributes:
        content: The file's bytes, Parquet with a row group for each batch. Its metadata have the
            counts.
        counts: Counts of the rows, those in quarantine too.
        aside: The rows in quarantine, see `set_aside`: a frame for each batch.
        expected: About how many rows all parts have together.
    """

    content: bytes
    counts: ScoringCounts
    aside: tuple[pd.DataFrame, ...]
    expected: int


@dataclass(frozen=True)
class RowScorer:
    """How a run scores rows; a worker needs nothing else.

    Attributes:
        check: The rules by which rows are checked.
        champion: The model that scores.
        run_id: The run that scores.
        reasons: How many features are named as reasons for each row.
        monitoring: When rows count as drifted, and what happens then.
        watch: Counts the rows for the comparison with the champion's reference. Default: None,
            there is no reference.
    """

    check: RowCheck
    champion: Artifact
    run_id: str
    reasons: int
    monitoring: MonitoringOptions
    watch: Watch | None = None

    @property
    def scored_at(self) -> datetime:
        """Return when the run began."""
        return began(self.run_id)

    @cached_property
    def scored_by(self) -> ScoredBy:
        """Return the champion, for a manifest."""
        return ScoredBy(run_id=str(self.champion.run_id), sha256=self.champion.sha256)

    @cached_property
    def answers(self) -> Answers:
        """Return the `Answers` of the champion."""
        return answers_of(self.champion.scorer)

    def part(self, batches: Iterable[CheckedBatch]) -> ScoredPart:
        """Score at least one batch into a part; a row without a prediction raises a `DataError`."""
        each_count, tables, aside, expected = zip(*map(self._score, batches), strict=True)
        counts, schema, file = reduce(add, each_count), tables[0].schema, io.BytesIO()
        coded = [f.name for f in schema if pa.types.is_dictionary(f.type)] + ["positive_class"]
        with parquet.ParquetWriter(file, schema, use_dictionary=coded) as writer:
            for rows in tables:
                writer.write_batch(rows)
            writer.add_key_value_metadata({COUNTS: AS_JSON.dump_json(counts)})
        return ScoredPart(file.getvalue(), counts, aside, expected[0])

    def _score(
        self, batch: CheckedBatch
    ) -> tuple[ScoringCounts, pa.RecordBatch, pd.DataFrame, int]:
        """Score a batch: its counts, the rows of the file, those set aside, and `expected`."""
        count, scorer = batch.origin.num_rows, self.champion.scorer
        # Decided for the whole stream, so that equal rows have the same bits in any batch.
        many_rows = are_many(scorer, batch.expected)
        predictions = score(scorer, batch.sequences, many_rows) if count else self.answers.nothing
        self._refuse_unpredicted_rows(batch, predictions)
        columns: dict[str, pa.Array] = {
            **{n: batch.origin[n].combine_chunks() for n in batch.origin.column_names},
            **{name: batch.copied[name] for name in self.check.names},  # before the predictions
            **self.answers.arrow(predictions),
            **batch.copied,
            **reason_columns(scorer, batch.sequences, predictions, self.reasons, many_rows),
            "champion": same(self.scored_by.run_id, count),
            "champion_sha256": same(self.scored_by.sha256, count),
            "run_id": same(self.run_id, count),
            "scored_at": pa.repeat(pa.scalar(self.scored_at, pa.timestamp("ms", "UTC")), count),
        }
        rows, times = batch.sequences, np.empty(0)
        if isinstance(rows, Histories):
            if delay := delay_of((self.check.history and self.check.history.known_after) or 0):
                times = np.floor(STEPS / delay * rows.time[rows.own])
            rows = rows.rows()  # all of the batch
        counts = ScoringCounts(
            rows=batch.rows,
            quarantined=len(batch.aside),
            kinds=batch.kinds,
            predicted=self.answers.count(predictions),
            unknown=Counter(count_unknown(rows, self.check.schema)),
            seen=self.watch.count(batch.sequences, predictions) if self.watch else None,
            times=Counter(times.tolist()),
        )
        return counts, pa.RecordBatch.from_pydict(columns), batch.aside, batch.expected

    def _refuse_unpredicted_rows(self, batch: CheckedBatch, predictions: np.ndarray) -> None:
        if (is_unpredicted := have_none(predictions)).any():
            row_names = [
                ":".join(map(str, row.values()))
                for row in batch.origin.filter(is_unpredicted).to_pylist()
            ]
            raise self.champion.no_prediction(
                row_list(row_names), "Restore another champion: --pipelines rollback"
            )

    def compare(self, counts: ScoringCounts) -> Drift:
        """Compare all rows of a scoring with the champion's reference."""
        if self.watch is None or counts.seen is None:
            return Drift(
                run_id=self.run_id,
                champion=self.scored_by.run_id,
                not_compared="the champion has no reference that can be read",
            )
        return compare(
            self.watch,
            counts.seen,
            self.run_id,
            self.scored_by.run_id,
            self.monitoring,
            counts.quarantined,
        )

    def totals(self, counts: ScoringCounts) -> dict[str, int]:
        """Return how many rows of a scoring were read, are scored, history and in quarantine."""
        rows, scored, quarantined = counts.rows.total(), counts.predicted.rows, counts.quarantined
        totals = {"rows": rows, "scored_rows": scored, "quarantined_rows": quarantined}
        history = {"history_rows": rows - scored - quarantined} if self.check.schema.history else {}
        return totals | history

    def summarize(self, counts: ScoringCounts) -> ScoringSummary:
        """Return a scoring in numbers."""
        return ScoringSummary(
            run_id=self.run_id,
            champion=self.scored_by,
            **self.totals(counts),
            **self.answers.summary_fields(counts.predicted),
            quarantined_by_reason=counts.kinds.counts(),
            unknown_categories={name: rows for name, rows in counts.unknown.items() if rows},
        )
