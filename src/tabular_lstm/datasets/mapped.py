"""Large values of a run, on disk: arrays and frames that the system reads in where they are used.

Their files have no name: none is left when the run ends, however it ends.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from kedro.io import MemoryDataset

from tabular_lstm.errors import DataError
from tabular_lstm.files import make_folder
from tabular_lstm.rows.numbers import as_texts

# Bytes from which a value is large.
LARGE = 2**28
# Bytes that are written at a time.
PIECE = 2**24
# Of the text in rows that were read.
TEXT = pd.StringDtype(na_value=np.nan)


class MappedDataset(MemoryDataset):
    """A value in memory as it is, without copies, or on disk if it is large.

    Of a frame or an array that is on disk nothing can be changed.
    """

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Hold a value.

        Args:
            path: The folder in which a large one is.
            metadata: Of Kedro-Viz.
        """
        super().__init__(copy_mode="assign", metadata=metadata)
        self._folder = Path(path)

    def save(self, data: Any) -> None:
        """Hold the value.

        Raises:
            DataError: It cannot be written.
        """
        super().save(mapped(data, self._folder))


def mapped(value: Any, folder: Path) -> Any:
    """Give a value that is the same; of a large one numbers, dates and text are on disk.

    Args:
        value: It is left as it is.
        folder: Of the file, on a disk; it need not be there yet.

    Raises:
        DataError: It cannot be written.
    """
    if isinstance(value, np.ndarray):
        return _array(value, folder) if value.nbytes >= LARGE and _is_plain(value) else value
    if not isinstance(value, pd.DataFrame) or int(value.memory_usage().sum()) < LARGE:
        return value
    index = value.index
    if index.nlevels > 1 or not value.columns.is_unique:
        return value
    if not isinstance(index, pd.RangeIndex):
        index = pd.Index(_column(index.to_series(), folder), name=index.name, copy=False)
    columns = {name: _column(column, folder) for name, column in value.items()}
    return pd.DataFrame(columns, index=index, copy=False)


def _column(column: pd.Series, folder: Path) -> Any:
    if column.dtype == TEXT:
        return _texts(column, folder)
    # Of another dtype than NumPy's the values would not be the same.
    if not isinstance(column.dtype, np.dtype) or not _is_plain(values := column.to_numpy()):
        return column.array
    return np.asarray(_array(values, folder))


def _is_plain(array: np.ndarray) -> bool:
    """Tell whether the array's bytes are its values: there are some, and no Python objects."""
    return array.nbytes > 0 and not array.dtype.hasobject


def _array(array: np.ndarray, folder: Path) -> np.ndarray:
    at_once = max(1, PIECE // max(1, array.nbytes // len(array)))

    def write(file: BinaryIO) -> None:
        for start in range(0, len(array), at_once):
            file.write(np.ascontiguousarray(array[start : start + at_once]).tobytes())

    return _written(folder, write, array.dtype, array.shape)


def _texts(column: pd.Series, folder: Path) -> Any:
    batch = pa.record_batch({"texts": as_texts(column)})

    def write(file: BinaryIO) -> None:
        with pa.ipc.new_stream(pa.PythonFile(file, "w"), batch.schema) as stream:
            stream.write_batch(batch)

    content = pa.py_buffer(_written(folder, write, np.dtype(np.uint8)))
    texts = pa.ipc.open_stream(pa.BufferReader(content)).read_all()["texts"]
    return texts.to_pandas().array


def _written(
    folder: Path,
    write: Callable[[BinaryIO], None],
    dtype: np.dtype,
    shape: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Map what is written to a file without a name; with writes, of which a full disk is told."""
    with _blamed(folder):
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            write(file)
            file.flush()
            return np.memmap(file, dtype, "r", shape=shape)


@contextlib.contextmanager
def _blamed(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: {error.strerror or error}; expected space for large values of this run."
        ) from error
