"""Predictions: a stream of scored rows, each with the model that scored it."""

import contextlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.network.progress import RowsDone
from tabular_lstm.network.reasons import reasons
from tabular_lstm.network.score import are_many, score
from tabular_lstm.rows.checking import CheckedBlock, CheckedRows
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest, ScoredBy
from tabular_lstm.serving.run_id import began
from tabular_lstm.serving.tally import Tally

# The columns that a prediction has; no column that is copied may have such a name.
ROW = ("file", "row")
DECIDED = ("probability", "decision")
SOURCE = ("champion", "champion_sha256", "run_id", "scored_at")
REASON, EFFECT = "reason_", "effect_"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Predictions:
    """A scoring that is done while its batches are taken.

    Attributes:
        checked: The rows.
        champion: Who scores them.
        run_id: Of this run.
        reasons: How many features to name for each row.
        conditions: What else the predictions rest on.
        tally: Counts what passes.
    """

    checked: CheckedRows
    champion: Artifact
    run_id: str
    reasons: int
    conditions: Conditions
    tally: Tally

    @cached_property
    def scored_by(self) -> ScoredBy:
        """Name the champion."""
        return ScoredBy.of(self.champion)

    @cached_property
    def scored_at(self) -> datetime:
        """Give the time when the run began, which its id is."""
        return began(self.run_id)

    def batches(self) -> Generator[pa.RecordBatch]:
        """Score the rows, once: a batch for each block, the next block read meanwhile.

        Raises:
            DataError: See `CheckedRows.blocks`.
        """
        with contextlib.ExitStack() as until:
            blocks = ahead(self.checked.blocks())
            until.callback(blocks.close)
            progress: RowsDone | None = None
            for block in blocks:
                if progress is None:
                    progress = until.enter_context(RowsDone("Scored", block.expected))
                yield self._scored(block)
                progress.add(block.count)

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
            scored_at=self.scored_at.isoformat().replace("+00:00", "Z"),
            champion=self.scored_by,
            rows=rows.total(),
            scored_rows=self.tally.scored_rows,
            quarantined_rows=self.checked.quarantine.rows,
            inputs=tuple(inputs),
            parts=tuple(parts),
            parameters=self.conditions.parameters,
            code_sha256=self.conditions.code_sha256,
        )

    def _scored(self, block: CheckedBlock) -> pa.RecordBatch:
        count, scorer = len(block.rows), self.champion.scorer
        # By the rows of the whole stream, so that equal rows have the same bits in whatever block.
        many = are_many(scorer, block.expected)
        probabilities = score(scorer, block.sequences, many) if count else np.empty(0)
        self._refuse_none(block, probabilities)
        positive = probabilities >= scorer.threshold
        self.tally.add(block, probabilities, positive)
        copied = dict(block.copied)
        key = {name: copied.pop(name) for name in (self.checked.key,) if name is not None}
        columns: dict[str, pa.Array] = {
            **({} if block.file is None else {"file": same(block.file, count)}),
            "row": pa.array(block.rows),
            **key,
            "probability": pa.array(probabilities),
            "decision": one_of(self._classes, positive.astype(np.int32)),
            **copied,
            **self._reasons(block.sequences, probabilities, many),
            "champion": same(self.scored_by.run_id, count),
            "champion_sha256": same(self.scored_by.sha256, count),
            "run_id": same(self.run_id, count),
            "scored_at": pa.repeat(pa.scalar(self.scored_at, pa.timestamp("ms", "UTC")), count),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _refuse_none(self, block: CheckedBlock, probabilities: np.ndarray) -> None:
        none = np.isnan(probabilities)
        if none.any():
            rows = row_list(block.rows[none].tolist())
            where = f"{rows} of {block.file}" if block.file else rows
            raise self.champion.no_probability(where, "Restore another one: --pipelines rollback")

    @cached_property
    def _classes(self) -> pa.Array:
        """The label's negative and positive value."""
        schema = self.checked.schema
        classes = [schema.negative_class, schema.positive_class]
        mixed = any(isinstance(value, str) for value in classes)
        return pa.array([str(value) for value in classes] if mixed else classes)

    def _reasons(
        self, sequences: np.ndarray, probabilities: np.ndarray, many: bool
    ) -> dict[str, pa.Array]:
        if not self.reasons:
            return {}
        found = reasons(self.champion.scorer, sequences, probabilities, self.reasons, many)
        names = pa.array(self.checked.schema.columns)
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
