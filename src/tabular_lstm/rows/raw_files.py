"""The files of rows at a path: names, SHA-256, whether they change; pieces of a Parquet file."""

import contextlib
import hashlib
import io
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import LISTED, DataError, printable
from tabular_lstm.rows.cells import cell_text

logger = logging.getLogger(__name__)

# Inode, size, and time of the last change in nanoseconds; or what another storage gives.
State = tuple[int, int, int] | str
PARQUET = ".parquet"
CSV = ".csv"


@dataclass(frozen=True)
class RawFiles:
    """The file at a path, or the files directly in the directory there.

    A file of a directory counts if its name ends in `.csv` or `.parquet`, in upper or lower case,
    and is not hidden.

    Attributes:
        fs: The storage, of fsspec.
        path: Path in the storage.
        names: Names of the files in the directory, sorted by their bytes as by `LC_ALL=C ls`; only
            "" for a single file.
        passed_over: Names of the directory's other entries that are not hidden.
        hashed: Each hash by what was hashed: a file in a state, or rows of files.
    """

    fs: Any
    path: str
    names: tuple[str, ...]
    passed_over: tuple[str, ...] = ()
    hashed: dict[tuple[str, State], str] = field(default_factory=dict, repr=False)
    # By name, the state in which a file was hashed.
    _states: dict[str, State] = field(default_factory=dict, repr=False)

    @classmethod
    def at(
        cls, fs: Any, path: str, hashed: dict[tuple[str, State], str] | None = None
    ) -> "RawFiles":
        """List the files.

        Args:
            fs: The storage, of fsspec.
            path: Path in the storage.
            hashed: Known hashes, see `RawFiles`; new ones are added. Default: none.

        Raises:
            DataError: The path does not exist, or the directory has no file to read, files of two
                formats, or a file whose name is not UTF-8.
        """
        # A storage that is not the disk may have cached an old listing.
        fs.invalidate_cache(path)
        hashed = {} if hashed is None else hashed
        try:
            if fs.info(path)["type"] == "file":
                return cls(fs, path, ("",), (), hashed)
            found = {entry.rstrip("/").rpartition("/")[2] for entry in fs.ls(path, detail=False)}
            entries = sorted((n for n in found if not n.startswith(".")), key=str.encode)
            named = [name for name in entries if name.lower().endswith((CSV, PARQUET))]
            # Not opened: a FIFO would wait.
            names = tuple(n for n in named if fs.info(f"{path}/{n}")["type"] == "file")
        except (OSError, UnicodeEncodeError) as error:
            raise DataError(
                f"{path}: no such file or directory, or it cannot be read: "
                f"{error}. Name a CSV or Parquet file, or a folder of them."
            ) from error
        if len({*map(is_parquet, names)}) != 1:
            listed = ", ".join(entries[:LISTED]) or "no file"
            raise DataError(
                f"{path}: expected files named *{CSV} directly in this directory, or files named "
                f"*{PARQUET}, and not both; got {listed}."
            )
        passed_over = tuple(name for name in entries if name not in names)
        return cls(fs, path, names, passed_over, hashed)

    def warn_of_others(self) -> None:
        """Warn of entries that are not read; hidden ones are not named."""
        if self.passed_over:
            logger.warning(
                "%s: skipped %s; only files named *%s or *%s directly in it are read",
                self.path,
                printable(", ".join(self.passed_over)),
                CSV,
                PARQUET,
            )

    def file(self, name: str) -> str:
        """Return the path of a file."""
        return f"{self.path}/{name}" if name else self.path

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a file; raise a `DataError` if the system cannot open or read it."""
        try:
            with self.fs.open(self.file(name), "rb") as content:
                yield content
        except OSError as error:
            raise DataError(f"{self.file(name)}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def open_hashed(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a file, and check that the bytes that are read are those that were hashed.

        If another file is renamed to this name meanwhile, reading the opened file continues.

        Raises:
            DataError: See `open`; or the file changed since it was hashed, or while it was read.
        """
        with self.open(name) as content:
            state = self._unchanged_state(name, content)
            if (self.file(name), state) not in self.hashed:
                digest = hashlib.file_digest(content, "sha256")
                self.hashed[self.file(name), state] = digest.hexdigest()
                content.seek(0)
            yield content
            self._unchanged_state(name, content)

    def sha256_of(self, name: str) -> str:
        """Return the SHA-256 of a file; it is hashed only once. Raise as `open_hashed` does."""
        if name not in self._states:
            with self.open_hashed(name):
                pass
        return self.hashed[self.file(name), self._states[name]]

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file by its name."""
        file_name = self.path.rpartition("/")[2]
        return {name or file_name: self.sha256_of(name) for name in self.names}

    def sha256(self) -> str:
        """Return the SHA-256 of the file; for a directory, hash the output of `sha256sum`.

        A directory's hash is the output of `cd directory && sha256sum *.[cC][sS][vV] | sha256sum`
        in C locale, if no name has a backslash or a line end.
        """
        if self.names == ("",):
            return self.sha256_of("")
        lines = "".join(f"{self.sha256_of(name)}  {name}\n" for name in self.names)
        return hashlib.sha256(lines.encode()).hexdigest()

    def _unchanged_state(self, name: str, content: io.BufferedReader) -> State:
        """Return the state of an open file: inode, size and time; in object storage its ETag."""
        try:
            status = os.fstat(content.fileno())
            state: State = status.st_ino, status.st_size, status.st_mtime_ns
        except (AttributeError, OSError):
            self.fs.invalidate_cache(self.file(name))
            state = str(self.fs.ukey(self.file(name)))
        if state != self._states.setdefault(name, state):
            raise DataError(
                f"{self.file(name)}: the file changed while it was being read. Run again once it "
                "no longer changes."
            )
        return state


def is_parquet(file: str) -> bool:
    """Return whether a file is Parquet, by its name."""
    return file.lower().endswith(PARQUET)


# Parquet ------------------------------------------------------------------------------------------

# Rows of a piece, and bytes that are read at a time.
ROWS = 2**14
PIECE = 2**20


def stream_parquet(
    content: BinaryIO, file: str, without: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Return the rows of a file of any size in pieces, with memory for a few pieces.

    Args:
        content: The file, open for its bytes.
        file: Its name, for messages.
        without: Columns that are not read.

    Raises:
        DataError: The file is damaged or not Parquet, has a column name twice, or text that is not
            UTF-8.
    """
    with open_parquet(content, file) as parquet_file:
        columns = [name for name in parquet_file.schema_arrow.names if name not in without]
        for batch in parquet_file.iter_batches(batch_size=ROWS, columns=columns):
            yield plain_batch(batch, file)


@contextlib.contextmanager
def open_parquet(content: BinaryIO, file: str) -> Iterator[parquet.ParquetFile]:
    """Open a Parquet file; raise a `DataError` if it is damaged, or has a column name twice."""
    try:
        # By default Arrow reads the whole file at once, or a column of a whole row group.
        parquet_file = parquet.ParquetFile(content, pre_buffer=False, buffer_size=PIECE)
        refuse_repeated_names(parquet_file.schema_arrow.names, file)
        yield parquet_file
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise DataError(
            f"{file}: the file is damaged, or is not a Parquet file although its name says so: "
            f"{first_line} Write it again, or name a CSV *.csv."
        ) from error


def types_of_parquet(content: BinaryIO, file: str) -> dict[str, pa.DataType]:
    """Return each column's plain type, and raise as `open_parquet` does."""
    with open_parquet(content, file) as parquet_file:
        return {field.name: plain(field.type) for field in parquet_file.schema_arrow}


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the plain type: for a dictionary, its values' type; else a number, a time or `string`.

    Impala, Hive and old versions of Spark write text as bytes. Extension types, such as that of
    UUIDs, and several values in a cell, such as a list, become text too.
    """
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    type_tests = (pa.types.is_primitive, pa.types.is_decimal, pa.types.is_null)
    return kind if any(is_type(kind) for is_type in type_tests) else pa.string()


def plain_array(values: pa.Array) -> pa.Array:
    r"""Convert to the plain type; bytes that are not UTF-8 become text with escapes: `gr\xfcn`."""
    if pa.types.is_dictionary(values.type):
        return plain_array(values.dictionary).take(values.indices)
    if isinstance(values.type, pa.BaseExtensionType) or pa.types.is_nested(values.type):
        return text_array(values.to_pylist())
    try:
        return values.cast(plain(values.type))
    except pa.ArrowInvalid:
        return text_array(values.to_pylist())


def text_array(cells: list[Any]) -> pa.Array:
    """Write each cell as text; None stays missing."""
    # Beside texts, a float of 2^53 or more keeps its `.0` or exponent: it may have been rounded.
    exact = 2**53 if any(isinstance(cell, str) for cell in cells) else float("inf")
    texts = (
        repr(cell) if isinstance(cell, float) and abs(cell) >= exact else cell for cell in cells
    )
    return pa.array([None if cell is None else cell_text(cell) for cell in texts], pa.string())


def plain_batch(batch: pa.RecordBatch, file: str) -> pa.RecordBatch:
    """Replace a dictionary's codes by the values, because each batch may have another dictionary.

    Text is checked, because Arrow accepts any bytes as text until they are read.
    """
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values = plain_array(column)
            values.validate(full=True)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise DataError(
                f"{file}: column '{name}': a value is damaged, or it is text that is not UTF-8. "
                "Write it again, or leave the column out: name it in columns.ignore."
            ) from error
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


@contextlib.contextmanager
def one_type(name: str) -> Iterator[None]:
    """Raise a `DataError` if no type holds the values of a column in all files or frames."""
    try:
        yield
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:  # float64 lacks some whole numbers
        raise DataError(
            f"{name}: a column has different types: {error}. Expected one type in all files, or in "
            "all frames of a table: convert the column where the rows are written or read, in SQL "
            "by CAST."
        ) from error


def refuse_repeated_names(names: Collection[str], file: str) -> None:
    """Raise a `DataError` if two columns have one name."""
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"{file}: column name '{repeated[0]}' occurs {list(names).count(repeated[0])} times; "
            "each column needs a name of its own."
        )
