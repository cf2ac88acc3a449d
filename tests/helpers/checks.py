"""Rows to score as they are checked, block by block."""

from collections.abc import Iterator

from tabular_lstm.rows.checking import CheckedBlock, CheckedRows


def blocks_of(rows: CheckedRows) -> Iterator[CheckedBlock]:
    """Read, check and count all blocks, as a scoring does that makes a part of each."""
    return rows.counted(map(rows.check.of, rows.read()), lambda block: [block])
