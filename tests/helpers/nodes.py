"""The nodes from raw rows to sides, as most tests call them: of rows that are no histories."""

import pandas as pd

from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import EvaluationOptions, ValidationOptions
from tabular_lstm.pipelines.data_processing import nodes
from tabular_lstm.rows.data_summary import DataSummary, Source
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.validation import Rows

NO_ROWS = pd.DataFrame()
EVALUATION = EvaluationOptions()


def validate_rows(raw: Table, columns: ColumnsOptions) -> tuple[pd.DataFrame, pd.DataFrame, Source]:
    """Give valid rows, quarantined rows and source."""
    rows, quarantined = nodes.validate_rows(raw, columns)
    return rows.valid, quarantined, rows.source


def rows_from(valid: pd.DataFrame, source: Source) -> Rows:
    """Valid rows alone."""
    return Rows(valid, NO_ROWS, NO_ROWS, source)


def accept_rows(rows: pd.DataFrame, source: Source, validation: ValidationOptions) -> pd.DataFrame:
    """Let the rows through, or refuse them."""
    return nodes.accept_rows(rows_from(rows, source), validation).valid


def split_rows(
    rows: pd.DataFrame,
    source: Source,
    columns: ColumnsOptions,
    split: SplitOptions,
    evaluation: EvaluationOptions = EVALUATION,
) -> tuple[pd.DataFrame, pd.DataFrame, DataSummary]:
    """Give train rows, test rows and data summary."""
    train, test, _, summary = nodes.split_rows(rows_from(rows, source), columns, split, evaluation)
    return train, test, summary
