"""Rows to score as they are checked, batch by batch."""

from collections.abc import Iterator

from tabular_lstm.rows.scoring_validation import CheckedBatch, CheckedRows


def batches_of(rows: CheckedRows) -> Iterator[CheckedBatch]:
    """Read, check and count all batches, as a scoring does that makes a part of each."""
    return rows.counted(map(rows.check.of, rows.read()), lambda batch: [batch])
