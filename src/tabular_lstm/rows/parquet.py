"""Parse a Parquet file into batches of rows, or raise an error that says what is wrong."""

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.files import PIECE, Digest

# Rows of a batch.
ROWS = 2**14


def stream_parquet(
    content: BinaryIO, file: str, digest: Digest | None = None, rows: int = ROWS
) -> Iterator[pa.RecordBatch]:
    """Give the rows in batches, with memory for a few of them whatever the file's size.

    Args:
        content: The file, open for its bytes.
        file: Its name, for messages.
        digest: Becomes that of all bytes of the file, after the last row. Default: none.
        rows: Of a batch, at most.

    Raises:
        DataError: The file is damaged or no Parquet, or has a column name twice.
    """
    opened = _open(content, file)
    try:
        for batch in opened.iter_batches(batch_size=rows):
            yield _plain(batch)
        if digest is not None:
            digest.restart()
            content.seek(0)
            digest.take(content)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def columns_of_parquet(content: BinaryIO, file: str) -> list[str]:
    """Name the columns.

    Raises:
        DataError: See `stream_parquet`.
    """
    return list(_open(content, file).schema_arrow.names)


def rows_of_parquet(content: BinaryIO, file: str) -> int:
    """Count the rows, by what the file says of itself.

    Raises:
        DataError: See `stream_parquet`.
    """
    return int(_open(content, file).metadata.num_rows)


def _open(content: BinaryIO, file: str) -> parquet.ParquetFile:
    try:
        # It would otherwise read the whole file at once, or a column of a whole row group.
        opened = parquet.ParquetFile(content, pre_buffer=False, buffer_size=PIECE)
        names = Counter(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error
    if twice := [name for name, count in names.items() if count > 1]:
        raise DataError(
            f"{file}: column name '{twice[0]}' stands {names[twice[0]]} times in the file; each "
            "column needs a name of its own."
        )
    return opened


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give values in place of places in a dictionary, which may be another one in each batch."""
    for place, field in enumerate(batch.schema):
        if pa.types.is_dictionary(field.type):
            values = batch.column(place).dictionary_decode()
            batch = batch.set_column(place, field.name, values)
    return batch


def _damaged(file: str, error: Exception) -> DataError:
    words = str(error).strip().split("\n")[0]
    return DataError(
        f"{file}: the file is damaged, or it is no Parquet file, as its name says it is: {words} "
        "Write it again, or name a CSV *.csv."
    )
