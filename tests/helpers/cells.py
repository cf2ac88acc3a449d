"""The text cells of a CSV, all at once."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa

from tabular_lstm.rows.csv_files import stream_cells


def read_cells(content: bytes, file: str, load_args: dict[str, Any]) -> pd.DataFrame:
    """Parse a whole CSV into a frame of text, see `stream_cells`."""
    batches = stream_cells(io.BytesIO(content), file, load_args)
    frame: pd.DataFrame = pa.Table.from_batches(batches).to_pandas()
    return frame
