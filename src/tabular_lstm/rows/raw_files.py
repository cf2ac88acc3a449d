"""The files of rows at a path: their names, their SHA-256, and whether they stay the same."""

import contextlib
import hashlib
import io
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tabular_lstm.errors import LISTED, DataError

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
