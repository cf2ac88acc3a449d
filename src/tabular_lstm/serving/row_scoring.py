"""Score rows: from batches to a part, a file of predictions, in whatever process."""

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
from tabular_lstm.network.score import are_many, reasons, score
from tabular_lstm.rows.scoring_validation import Check, CheckedBatch
from tabular_lstm.rows.sequences import count_unknown
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import ScoredBy

REASON, EFFECT = "reason_", "effect_"
BINS = 50


@dataclass(frozen=True)
class ScoredBatch:
    """What is counted of a batch that is scored.

    Attributes:
        checked: The batch; what became the predictions is left out.
        total: Sum of the probabilities.
        histograms: int64 (2, 50), rows called negative and rows called positive by probability.
        unknown: Rows by column, where the champion was not trained with the category.
    """

    checked: CheckedBatch
    total: float
    histograms: np.ndarray
    unknown: dict[str, int]


@dataclass(frozen=True)
class ScoredPart:
    """A file of predictions: its bytes, Parquet with a row group for each of the batches."""

    content: bytes
    rows: int
    batches: tuple[ScoredBatch, ...]


@dataclass(frozen=True)
class ScoringTask:
    """How a run scores batches, naming so many features as reasons for each row."""

    check: Check
    champion: Artifact
    run_id: str
    scored_at: datetime
    reasons: int

    @cached_property
    def scored_by(self) -> ScoredBy:
        """Name the champion."""
        return ScoredBy.of(self.champion)

    def part(self, batches: Iterable[CheckedBatch]) -> ScoredPart:
        """Score batches, one at least, to a part; a `DataError` where one has no probability."""
        file, scored = io.BytesIO(), []
        with contextlib.ExitStack() as until:
            writer: parquet.ParquetWriter | None = None
            for batch in batches:
                counted, rows = self._score(batch)
                if writer is None:
                    schema = rows.schema
                    once = [one.name for one in schema if pa.types.is_dictionary(one.type)]
                    once.append("positive_class")
                    writer = until.enter_context(
                        parquet.ParquetWriter(file, schema, use_dictionary=once)
                    )
                writer.write_batch(rows)
                scored.append(counted)
        total = sum(int(batch.histograms.sum()) for batch in scored)
        return ScoredPart(file.getvalue(), total, tuple(scored))

    def _score(self, batch: CheckedBatch) -> tuple[ScoredBatch, pa.RecordBatch]:
        count, scorer = len(batch.rows), self.champion.scorer
        # By the rows of the whole stream, so that equal rows have the same bits in whatever batch.
        many = are_many(scorer, batch.expected)
        probabilities = score(scorer, batch.sequences, many) if count else np.empty(0)
        self._refuse_none(batch, probabilities)
        positive = probabilities >= scorer.calibration.threshold
        copied = dict(batch.copied)
        key = {name: copied.pop(name) for name in (self.check.key,) if name is not None}
        columns: dict[str, pa.Array] = {
            **({} if batch.file is None else {"file": same(batch.file, count)}),
            "row": pa.array(batch.rows),
            **key,
            "probability": pa.array(probabilities),
            "positive_class": one_of(self._classes, np.ones(count, np.int32)),
            "decision": one_of(self._classes, positive.astype(np.int32)),
            **copied,
            **self._reasons(batch.sequences, probabilities, many),
            "champion": same(self.scored_by.run_id, count),
            "champion_sha256": same(self.scored_by.sha256, count),
            "run_id": same(self.run_id, count),
            "scored_at": pa.repeat(pa.scalar(self.scored_at, pa.timestamp("ms", "UTC")), count),
        }
        by_class = (probabilities[~positive], probabilities[positive])
        scored = ScoredBatch(
            replace(batch, rows=batch.rows[:0], sequences=batch.sequences[:0], copied={}),
            float(probabilities.sum()),
            np.stack([np.histogram(of_class, BINS, (0, 1))[0] for of_class in by_class]),
            count_unknown(batch.sequences, self.check.schema),
        )
        return scored, pa.RecordBatch.from_pydict(columns)

    def _refuse_none(self, batch: CheckedBatch, probabilities: np.ndarray) -> None:
        none = np.isnan(probabilities)
        if none.any():
            rows = row_list(batch.rows[none].tolist())
            where = f"{rows} of {batch.file}" if batch.file else rows
            raise self.champion.no_probability(where, "Restore another one: --pipelines rollback")

    @cached_property
    def _classes(self) -> pa.Array:
        """The label's negative and positive value."""
        schema = self.check.schema
        classes = [schema.negative_class, schema.positive_class]
        mixed = any(isinstance(value, str) for value in classes)
        return pa.array([str(value) for value in classes] if mixed else classes)

    def _reasons(
        self, sequences: np.ndarray, probabilities: np.ndarray, many: bool
    ) -> dict[str, pa.Array]:
        if not self.reasons:
            return {}
        found = reasons(self.champion.scorer, sequences, probabilities, self.reasons, many)
        names = pa.array(self.check.schema.columns)
        columns = {}
        for place in range(found.features.shape[1]):
            none = found.features[:, place] < 0
            which = pa.array(found.features[:, place].astype(np.int32), mask=none)
            columns[f"{REASON}{place + 1}"] = pa.DictionaryArray.from_arrays(which, names)
            columns[f"{EFFECT}{place + 1}"] = pa.array(found.effects[:, place], mask=none)
        return columns


def one_of(values: pa.Array, places: np.ndarray) -> pa.Array:
    """Give the value at each place: text as a dictionary, anything else as it is."""
    column = pa.DictionaryArray.from_arrays(places, values)
    return column if pa.types.is_string(values.type) else column.dictionary_decode()


def same(text: str, count: int) -> pa.DictionaryArray:
    """Repeat a text, which is kept once."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([text]))
