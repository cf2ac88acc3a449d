"""Look at all cells of the raw rows."""

import pandas as pd
import pyarrow as pa

from tabular_lstm.profiling.distinct import cells_of
from tabular_lstm.profiling.profile import Profile, profile_of
from tabular_lstm.rows.numbers import as_texts
from tabular_lstm.rows.schema import POINT


def profile_rows(raw_rows: pd.DataFrame) -> Profile:
    """Say of each column what it holds, see `tabular_lstm.profiling.profile`.

    Args:
        raw_rows: Text cells in file order, from `RawCSVDataset`.
    """
    cells = {
        str(name): cells_of(pa.chunked_array([as_texts(column)]))
        for name, column in raw_rows.items()
    }
    file, marks = raw_rows.attrs.get("file", "raw_rows"), raw_rows.attrs.get("marks", POINT)
    return profile_of(cells, len(raw_rows), file, marks)
