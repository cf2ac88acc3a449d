"""Rows to score as they are checked, batch by batch."""

from collections.abc import Iterator

from tabular_lstm.rows.scoring_validation import CheckedBatch, CheckedRows


def batches_of(rows: CheckedRows) -> Iterator[CheckedBatch]:
    """Read and check all batches."""
    return map(rows.check.of, rows.read())
