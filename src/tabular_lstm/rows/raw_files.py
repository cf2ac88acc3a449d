"""The files of rows at a path: which there are, their SHA-256, and whether they stay the same."""

import contextlib
import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tabular_lstm.errors import LISTED, DataError

logger = logging.getLogger(__name__)

CATALOG = "The catalog entry with this filepath says what is read."


@dataclass(frozen=True)
class RawFiles:
    """The file at a path, or the files directly in the directory there.

    A file of a directory counts if its name ends in one of the endings, in whatever case, and it is
    not hidden.

    Attributes:
        fs: The storage, of fsspec.
        path: In the storage.
        names: Of the files in the directory, ordered by their bytes as `LC_ALL=C ls` has them; ""
            alone of a lone file.
        others: What else is in the directory, in the words of `ls -ap`.
        endings: In lower case, each with its format, such as {".csv": "CSV"}.
    """

    fs: Any
    path: str
    names: tuple[str, ...]
    others: tuple[str, ...]
    endings: dict[str, str]
    # By file and state, and by name the state that is the one to read.
    _hashes: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _states: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def at(
        cls,
        fs: Any,
        path: str,
        endings: dict[str, str],
        hint: str = CATALOG,
        hashes: dict[tuple[str, str], str] | None = None,
    ) -> "RawFiles":
        """List the files.

        Args:
            fs: The storage, of fsspec.
            path: In the storage.
            endings: See `RawFiles`.
            hint: Where to say what is read, for messages.
            hashes: Those that are known by file and state; each that is made is put there.

        Raises:
            DataError: There is no such file, it is no regular file, or a directory holds none to
                read, or one whose name is not UTF-8.
        """
        # Other storage than the disk may remember what was here yesterday.
        fs.invalidate_cache(path)
        kind = _kind(fs, path)
        if kind == "nothing":
            raise DataError(f"{path}: no such file or directory. {hint}")
        hashes = {} if hashes is None else hashes
        if kind != "directory":
            _refuse_other_kinds(path, kind)
            return cls(fs, path, ("",), (), endings, hashes)
        names, others = _listed(fs, path, endings)
        if not names:
            raise DataError(
                f"{path}: the directory holds no {' and no '.join(endings.values())}; expected at "
                f"least one file named {_patterns(endings)} directly in it, got "
                f"{', '.join(others[:LISTED]) or 'no file'}. {hint}"
            )
        names.sort(key=os.fsencode)
        return cls(fs, path, tuple(names), tuple(sorted(others)), endings, hashes)

    def warn_of_others(self) -> None:
        """Name what is passed over."""
        for level, hidden in ((logging.WARNING, False), (logging.INFO, True)):
            if passed := [name for name in self.others if name.startswith(".") == hidden]:
                logger.log(
                    level,
                    "%s: passed over %s; only files named %s directly in it are read, and no "
                    "hidden ones",
                    self.path,
                    ", ".join(passed),
                    _patterns(self.endings),
                )

    def file(self, name: str) -> str:
        """Give the path of a file."""
        return f"{self.path}/{name}" if name else self.path

    @property
    def size(self) -> int:
        """Count the bytes of all files."""
        return sum(int(self._asked(self.fs.info, name)["size"]) for name in self.names)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a file, to read its bytes.

        Raises:
            DataError: It is gone, or the system does not open or read it.
        """
        with self._asked(lambda file: self.fs.open(file, "rb"), name) as content:
            try:
                yield content
            except OSError as error:
                raise DataError(f"{self.file(name)}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def open_hashed(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a file that stays as it was when it was hashed.

        Raises:
            DataError: See `open`; or it changed until it was opened, or until it was read.
        """
        self.sha256_of(name)
        self._refuse_changed(name)
        with self.open(name) as content:
            yield content
        self._refuse_changed(name)

    def sha256_of(self, name: str) -> str:
        """Give the SHA-256 of a file, of which the bytes are read once for it.

        Raises:
            DataError: See `open`; or it changes meanwhile.
        """
        state = self._states.setdefault(name, self._state(name))
        key = (self.file(name), state)
        if key not in self._hashes:
            with self.open(name) as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            self._refuse_changed(name)
            self._hashes[key] = digest
        return self._hashes[key]

    def hashes(self) -> dict[str, str]:
        """Give the SHA-256 of each file by its name."""
        own = self.path.rpartition("/")[2]
        return {name or own: self.sha256_of(name) for name in self.names}

    def sha256(self) -> str:
        """Give the SHA-256 of the file, or of a directory that of what `sha256sum` prints.

        That is `cd directory && sha256sum *.[cC][sS][vV] | sha256sum` in C locale, of names without
        backslash and line end.
        """
        if self.names == ("",):
            return self.sha256_of("")
        lines = "".join(f"{self.sha256_of(name)}  {name}\n" for name in self.names)
        return hashlib.sha256(lines.encode()).hexdigest()

    def _state(self, name: str) -> str:
        """Tell the state of a file: on a disk by size, times and inode, in a store by its ETag."""
        self.fs.invalidate_cache(self.file(name))
        return str(self._asked(self.fs.ukey, name))

    def _asked(self, ask: Callable[[str], Any], name: str) -> Any:
        """Give what the storage tells of a file.

        Raises:
            DataError: It is gone, or the system does not answer.
        """
        try:
            return ask(self.file(name))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.file(name)}: no such file, though it was there a moment ago, or a link to "
                "nothing; expected the files to stay while they are read. Take the link away, or "
                "run again when the files stay."
            ) from error
        except OSError as error:
            raise DataError(f"{self.file(name)}: {error.strerror or error}") from error

    def _refuse_changed(self, name: str) -> None:
        if self._state(name) != self._states[name]:
            raise DataError(
                f"{self.file(name)}: the file changed while it was read; expected the bytes that "
                "it had at first. Run again when it stays as it is."
            )


def _kind(fs: Any, path: str) -> str:
    """Tell what a path leads to, without opening it: a FIFO would wait for a writer."""
    try:
        return str(fs.info(path)["type"])
    except FileNotFoundError:
        return "nothing"
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _listed(fs: Any, path: str, endings: dict[str, str]) -> tuple[list[str], list[str]]:
    """Name the directory's files to read, and in the words of `ls -ap` all else."""
    names, others = [], []
    try:
        entries = fs.ls(path, detail=True)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    for entry in entries:
        name = entry["name"].rstrip("/").rpartition("/")[2]
        counts = name.lower().endswith(tuple(endings)) and not name.startswith(".")
        # Of a link, what it leads to.
        kind = _kind(fs, f"{path}/{name}") if counts else entry["type"]
        if counts and kind != "directory":
            _refuse_other_kinds(f"{path}/{name}", kind)
            names.append(name)
        else:
            others.append(f"{_readable(name)}{'/' if kind == 'directory' else ''}")
    return names, others


def _patterns(endings: Iterable[str]) -> str:
    return " or ".join(f"*{ending}" for ending in endings)


def _refuse_other_kinds(path: str, kind: str) -> None:
    """Stop at what is no regular file, and at a name that is not UTF-8."""
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
