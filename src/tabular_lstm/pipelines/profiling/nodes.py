"""Look at all cells of the raw rows."""

import pyarrow as pa

from tabular_lstm.profiling.distinct import cells_of
from tabular_lstm.profiling.profile import Profile, profile_of
from tabular_lstm.rows.cells import as_texts
from tabular_lstm.rows.raw_rows import RawRows


def profile_rows(raw_rows: RawRows) -> Profile:
    """Say of each column what it holds, see `tabular_lstm.profiling.profile`.

    Args:
        raw_rows: Text cells in file order, from `RawCSVDataset`.
    """
    rows = raw_rows.whole()
    cells = {
        str(name): cells_of(pa.chunked_array([as_texts(column)])) for name, column in rows.items()
    }
    return profile_of(cells, len(rows), raw_rows.file, raw_rows.number_format)
