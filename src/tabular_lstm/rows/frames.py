"""What the columns of a frame are, where no conf says it: by their types."""

import logging

import pandas as pd

from tabular_lstm.rows.cells import is_categorical
from tabular_lstm.rows.dates import is_dates
from tabular_lstm.rows.looks import counts_of, look

logger = logging.getLogger(__name__)


def kinds_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Name the columns that are dates and those that are categories; the others are numbers.

    Says so where categories look like numbers or dates.
    """
    dates = [name for name in rows.columns if is_dates(rows[name])]
    others = [name for name in rows.columns if name not in dates]
    categorical = [name for name in others if is_categorical(rows[name])]
    for name in categorical:
        _warn_of_numbers(rows[name])
        _warn_of_dates(rows[name])
    return dates, categorical


def _warn_of_numbers(column: pd.Series) -> None:
    """Say so where a few words make categories of a column of numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return
    numbers = pd.to_numeric(column.astype(object), errors="coerce").notna()
    words = column[~numbers & column.notna()]
    if numbers.mean() > 0.5 and len(words):
        logger.warning(
            "Column '%s' is taken for categories because of values such as %r, though %d of %d are "
            "numbers. If it is numeric, make NaN of the others; if not, give it dtype category.",
            column.name,
            words.iloc[0],
            numbers.sum(),
            len(column),
        )


def _warn_of_dates(column: pd.Series) -> None:
    """Say so where a column of text looks like dates."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return
    counts = counts_of(column)
    if look(counts).kind == "dates":
        logger.warning(
            "Column '%s' is taken for categories, though it looks like dates, such as %r. If it is "
            "of dates, pandas.to_datetime makes them; if not, give it dtype category.",
            column.name,
            next(iter(counts)),
        )
