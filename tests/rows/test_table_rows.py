"""Rows of a table that a catalog entry loads: their hash, of whatever types."""

from datetime import date

import pandas as pd
import pyarrow as pa

from tabular_lstm.rows.table_rows import TableRows


def test_dates_of_a_table_are_hashed_as_what_they_are() -> None:
    days = [date(2026, 3, 1), date(2026, 3, 2), None]
    of_days = TableRows.of(pd.DataFrame({"at": days}), "rows").sha256()
    midnights = pa.table({"at": pa.array(days, pa.date32()).cast(pa.timestamp("us"))})
    assert TableRows.of(midnights, "rows").sha256() == of_days
    assert TableRows.of(midnights.slice(0, 2), "rows").sha256() != of_days
    other = pd.DataFrame({"at": [date(2026, 3, 1), date(2026, 3, 3), None]})
    assert TableRows.of(other, "rows").sha256() != of_days
