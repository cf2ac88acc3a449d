"""The nodes from raw rows to sides, as most tests call them: of rows that are no histories."""

import pandas as pd

from tabular_lstm.parameters import Columns, Split
from tabular_lstm.pipelines.data_processing import nodes
from tabular_lstm.rows.data_summary import DataSummary, Source
from tabular_lstm.rows.raw_rows import RawRows

NO_ROWS = pd.DataFrame()


def validate_rows(raw: RawRows, columns: Columns) -> tuple[pd.DataFrame, pd.DataFrame, Source]:
    """Give valid rows, quarantined rows and source."""
    valid, _, quarantined, source = nodes.validate_rows(raw, columns)
    return valid, quarantined, source


def split_rows(
    rows: pd.DataFrame, source: Source, columns: Columns, split: Split
) -> tuple[pd.DataFrame, pd.DataFrame, DataSummary]:
    """Give train rows, test rows and data summary."""
    return nodes.split_rows(rows, NO_ROWS, source, columns, split)
