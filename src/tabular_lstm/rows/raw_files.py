"""The files of rows at a path: names, SHA-256, whether they change; pieces of a Parquet file."""

import contextlib
import hashlib
import io
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from tabular_lstm.errors import LISTED, DataError
from tabular_lstm.rows.cells import written

logger = logging.getLogger(__name__)

# Inode, size, and time of the last change in nanoseconds; or what another storage gives.
State = tuple[int, int, int] | str
# Nanoseconds in which two changes may have the same time.
TICK = 20_000_000
CATALOG = "The catalog entry with this filepath says what is read."


@dataclass(frozen=True)
class RawFiles:
    """The file at a path, or the files directly in the directory there.

    A file of a directory counts if its name ends in one of the endings, in upper or lower case, and
    is not hidden.

    Attributes:
        fs: The storage, of fsspec.
        path: Path in the storage.
        names: Names of the files in the directory, sorted by their bytes as by `LC_ALL=C ls`; only
            "" for a single file.
        other_entries: The other entries of the directory, as `ls -ap` writes them.
        endings: Endings in lower case, each with its format, such as {".csv": "CSV"}.
    """

    fs: Any
    path: str
    names: tuple[str, ...]
    other_entries: tuple[str, ...]
    endings: dict[str, str]
    # The hash of each file in each state; and, by name, the state in which a file was hashed.
    _hashes: dict[tuple[str, State], str] = field(default_factory=dict, repr=False)
    _states: dict[str, State] = field(default_factory=dict, repr=False)

    @classmethod
    def at(
        cls,
        fs: Any,
        path: str,
        endings: dict[str, str],
        hint: str = CATALOG,
        hashes: dict[tuple[str, State], str] | None = None,
    ) -> "RawFiles":
        """List the files.

        Args:
            fs: The storage, of fsspec.
            path: Path in the storage.
            endings: See `RawFiles`.
            hint: The place in conf that says what is read, for messages.
            hashes: Known hashes by file and state; new ones are added.

        Raises:
            DataError: The path does not exist or is not a regular file; or the directory has no
                file to read, files of two formats, or a file whose name is not UTF-8.
        """
        # A storage that is not the disk may have cached an old listing.
        fs.invalidate_cache(path)
        kind = _kind(fs, path)
        if kind == "nothing":
            raise DataError(f"{path}: no such file or directory. {hint}")
        hashes = {} if hashes is None else hashes
        if kind != "directory":
            _refuse_other_kinds(path, kind)
            return cls(fs, path, ("",), (), endings, hashes)
        names, other_entries = _list_directory(fs, path, endings)
        if not names:
            raise DataError(
                f"{path}: the directory holds no {' and no '.join(endings.values())}; expected at "
                f"least one file named {_patterns(endings)} directly in it, got "
                f"{', '.join(other_entries[:LISTED]) or 'no file'}. {hint}"
            )
        if len({end for end in endings for name in names if name.lower().endswith(end)}) > 1:
            raise DataError(
                f"{path}: the directory holds CSV and Parquet, perhaps the same rows twice; "
                "expected one of them. Move the others elsewhere."
            )
        names.sort(key=os.fsencode)
        return cls(fs, path, tuple(names), tuple(sorted(other_entries)), endings, hashes)

    def warn_of_others(self) -> None:
        """Warn of entries that are not read; hidden ones are not named."""
        if skipped_names := [name for name in self.other_entries if not name.startswith(".")]:
            logger.warning(
                "%s: passed over %s; only files named %s directly in it are read",
                self.path,
                ", ".join(skipped_names),
                _patterns(self.endings),
            )

    def file(self, name: str) -> str:
        """Give the path of a file."""
        return f"{self.path}/{name}" if name else self.path

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(int(self._ask_storage(self.fs.info, name)["size"]) for name in self.names)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a file; raise a `DataError` if the system cannot open or read it."""
        with self._ask_storage(lambda file: self.fs.open(file, "rb"), name) as content:
            try:
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
            state = self._settled(name, content)
            key = (self.file(name), self._states.setdefault(name, state))
            self._refuse_changed(name, state)
            if key not in self._hashes:
                self._hashes[key] = hashlib.file_digest(content, "sha256").hexdigest()
                content.seek(0)
            yield content
            self._refuse_changed(name, self._state(name, content))

    def sha256_of(self, name: str) -> str:
        """Give the SHA-256 of a file; it is hashed only once. Raise as `open_hashed` does."""
        if name not in self._states:
            with self.open_hashed(name):
                pass
        return self._hashes[self.file(name), self._states[name]]

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of each file by its name."""
        file_name = self.path.rpartition("/")[2]
        return {name or file_name: self.sha256_of(name) for name in self.names}

    def sha256(self) -> str:
        """Give the SHA-256 of the file; for a directory, hash the output of `sha256sum`.

        A directory's hash is the output of `cd directory && sha256sum *.[cC][sS][vV] | sha256sum`
        in C locale, if no name has a backslash or a line end.
        """
        if self.names == ("",):
            return self.sha256_of("")
        lines = "".join(f"{self.sha256_of(name)}  {name}\n" for name in self.names)
        return hashlib.sha256(lines.encode()).hexdigest()

    def _settled(self, name: str, content: io.BufferedReader) -> State:
        """Give the state of a file; wait until any later change would give another state."""
        state = self._state(name, content)
        if not isinstance(state, str) and abs(time.time_ns() - state[-1]) < TICK:
            time.sleep(TICK / 1e9)
            if self._state(name, content) != state:
                raise self._change_error(name)
        return state

    def _state(self, name: str, content: io.BufferedReader) -> State:
        """Give the state of an open file: inode, size and time; in object storage its ETag."""
        try:
            status = os.fstat(content.fileno())
        except (AttributeError, OSError):
            self.fs.invalidate_cache(self.file(name))
            return str(self._ask_storage(self.fs.ukey, name))
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _refuse_changed(self, name: str, state: State) -> None:
        if state != self._states[name]:
            raise self._change_error(name)

    def _change_error(self, name: str) -> DataError:
        return DataError(
            f"{self.file(name)}: the file changed while it was read; expected the bytes that it "
            "had at first. Run again when it stays as it is."
        )

    def _ask_storage(self, ask: Callable[[str], Any], name: str) -> Any:
        """Ask the storage about a file; raise a `DataError` if it gives no answer."""
        try:
            return ask(self.file(name))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.file(name)}: no such file, though it was there a moment ago; or it is a "
                "link to nothing. Remove the link, or run again when no file is being moved."
            ) from error
        except OSError as error:
            raise DataError(f"{self.file(name)}: {error.strerror or error}") from error


def _kind(fs: Any, path: str) -> str:
    """Tell what kind of file a path is, without opening it: a FIFO would wait for a writer."""
    try:
        return str(fs.info(path)["type"])
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _list_directory(fs: Any, path: str, endings: dict[str, str]) -> tuple[list[str], list[str]]:
    """Name the directory's files to read; and all other entries, as `ls -ap` writes them."""
    names, other_entries = [], []
    try:
        entries = fs.ls(path, detail=True)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    for entry in entries:
        name = entry["name"].rstrip("/").rpartition("/")[2]
        has_rows = name.lower().endswith(tuple(endings)) and not name.startswith(".")
        # A link counts as the file or directory that it points to.
        kind = _kind(fs, f"{path}/{name}") if has_rows else entry["type"]
        if has_rows and kind != "directory":
            _refuse_other_kinds(f"{path}/{name}", kind)
            names.append(name)
        else:
            other_entries.append(f"{_readable(name)}{'/' if kind == 'directory' else ''}")
    return names, other_entries


def _patterns(endings: Iterable[str]) -> str:
    return " or ".join(f"*{ending}" for ending in endings)


def _refuse_other_kinds(path: str, kind: str) -> None:
    """Raise an error if a path is not a regular file, or if its name is not UTF-8."""
    if kind not in {"file", "nothing"}:
        raise DataError(
            f"{path}: it is a FIFO, a socket or a device; expected a regular file, which can be "
            "read twice. Write its content to a file, and name that."
        )
    if _readable(path) != path:
        raise DataError(
            f"{_readable(path)}: the file's name is not UTF-8, and rows are named by it. Rename it."
        )


def _readable(name: str) -> str:
    """Write a name with escapes for the bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


# Parquet ------------------------------------------------------------------------------------------

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
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values = plain_array(column)
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{file}: column '{name}', rows {first} to {first + len(batch) - 1}: a value "
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
