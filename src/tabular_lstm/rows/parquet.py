"""Parse a Parquet file into pieces of rows, or raise an error that says what is wrong."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.rows.cells import written

# Rows of a piece, and bytes that are read at a time.
ROWS = 2**14
PIECE = 2**20


def stream_parquet(
    content: BinaryIO, file: str, without: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Give the rows of a file of any size in pieces, with memory for a few pieces.

    Args:
        content: The file, open for its bytes.
        file: Its name, for messages.
        without: Columns that are not read.

    Raises:
        DataError: The file is damaged or not Parquet, has a column name twice, or text that is not
            UTF-8.
    """
    parquet_file, first = _open(content, file), 1
    try:
        columns = [name for name in parquet_file.schema_arrow.names if name not in without]
        for batch in parquet_file.iter_batches(batch_size=ROWS, columns=columns):
            yield plain_batch(batch, file, first)
            first += batch.num_rows
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(file, error) from error


def types_of_parquet(content: BinaryIO, file: str) -> dict[str, pa.DataType]:
    """Give each column's type, and raise as `stream_parquet` does."""
    return {field.name: plain(field.type) for field in _open(content, file).schema_arrow}


def plain(kind: pa.DataType) -> pa.DataType:
    """Give the plain type: for a dictionary, its values' type; for text and bytes, `string`.

    Impala, Hive and old versions of Spark write text as bytes.
    """
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    is_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.string() if is_text or _are_bytes(kind) else kind


def plain_array(values: pa.Array) -> pa.Array:
    r"""Convert to the plain type; bytes that are not UTF-8 become text with escapes: `gr\xfcn`."""
    kind = plain(values.type)
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        if not _are_bytes(values.type):
            raise
        return text_array(values.to_pylist())


def text_array(cells: list[Any]) -> pa.Array:
    """Write each cell as text; None stays missing."""
    # Beside texts, a float of 2^53 or more keeps its `.0` or exponent: it may have been rounded.
    exact = 2**53 if any(isinstance(cell, str) for cell in cells) else float("inf")
    texts = (
        repr(cell) if isinstance(cell, float) and abs(cell) >= exact else cell for cell in cells
    )
    return pa.array([None if cell is None else written(cell) for cell in texts], pa.string())


def rows_of_parquet(content: BinaryIO, file: str) -> int:
    """Read the number of rows from the metadata; raise as `stream_parquet` does."""
    return int(_open(content, file).metadata.num_rows)


def _open(content: BinaryIO, file: str) -> parquet.ParquetFile:
    try:
        # By default Arrow reads the whole file at once, or a column of a whole row group.
        parquet_file = parquet.ParquetFile(content, pre_buffer=False, buffer_size=PIECE)
        names = Counter(parquet_file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(file, error) from error
    if repeated := [name for name, count in names.items() if count > 1]:
        raise DataError(
            f"{file}: column name '{repeated[0]}' occurs {names[repeated[0]]} times in the file; "
            "each column needs a name of its own."
        )
    return parquet_file


def plain_batch(batch: pa.RecordBatch, file: str, first: int) -> pa.RecordBatch:
    """Replace a dictionary's codes by the values, because each batch may have another dictionary.

    Text is checked, because Arrow accepts any bytes as text until they are read.
    """
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        try:
            values = plain_array(column)
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{file}: column '{field.name}', rows {first} to {first + len(batch) - 1}: a value "
                "is damaged, or it is text that is not UTF-8. Write it anew, or leave the column "
                "out: name it in columns.ignore."
            ) from error
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _are_bytes(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    type_tests = ("is_binary", "is_large_binary", "is_fixed_size_binary", "is_binary_view")
    return any(getattr(pa.types, type_test)(kind) for type_test in type_tests)


def _damaged(file: str, error: Exception) -> DataError:
    first_line = str(error).strip().split("\n")[0]
    return DataError(
        f"{file}: the file is damaged, or it is no Parquet file, as its name says it is: "
        f"{first_line} Write it again, or name a CSV *.csv."
    )
