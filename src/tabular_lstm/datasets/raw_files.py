"""The files at a path of the catalog: a lone file, or those of a folder with the right endings."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from tabular_lstm.errors import LISTED, DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawFiles:
    """The file at a path, or the files directly in the directory there.

    A file of a directory counts if its name ends in one of the endings, in whatever case, and it is
    not hidden.

    Attributes:
        fs: The storage, of fsspec.
        path: In the storage.
        endings: In lower case, each with the name of the format, such as {".csv": "CSV"}.
        hint: Where to say what is read, for messages.
    """

    fs: Any
    path: str
    endings: dict[str, str]
    hint: str = "The catalog entry with this filepath says what is read."

    def names(self) -> tuple[list[str], list[str]]:
        """Name the files to read, here "" for a lone one, and what else is in the directory.

        Names are ordered by their bytes, as `LC_ALL=C ls` has them.

        Raises:
            DataError: There is no such file, it is no regular file, or a directory holds none to
                read, or one whose name is not UTF-8.
        """
        # Other storage than the disk may remember what was here yesterday.
        self.fs.invalidate_cache(self.path)
        kind = self._kind(self.path)
        if kind == "nothing":
            raise DataError(f"{self.path}: no such file or directory. {self.hint}")
        if kind != "directory":
            _refuse_other_kinds(self.path, kind)
            return [""], []
        names, others = self._listed()
        if not names:
            formats = " and no ".join(self.endings.values())
            found = ", ".join(others[:LISTED]) or "no file"
            raise DataError(
                f"{self.path}: the directory holds no {formats}; expected at least one file named "
                f"{self._patterns()} directly in it, got {found}. {self.hint}"
            )
        return sorted(names, key=os.fsencode), others

    def warn_of_others(self, others: Sequence[str]) -> None:
        """Name what is passed over."""
        hidden = [name for name in others if name.startswith(".")]
        seen = [name for name in others if not name.startswith(".")]
        for level, names in ((logging.WARNING, seen), (logging.INFO, hidden)):
            if names:
                logger.log(
                    level,
                    "%s: passed over %s; only files named %s directly in it are read, and no "
                    "hidden ones",
                    self.path,
                    ", ".join(names),
                    self._patterns(),
                )

    def file(self, name: str) -> str:
        """Give the path of a file that `names` gave."""
        return f"{self.path}/{name}" if name else self.path

    def open(self, name: str) -> BinaryIO:
        """Open a file that `names` gave, to read its bytes.

        Raises:
            DataError: See `read`.
        """
        opened: BinaryIO = self.read(lambda path: self.fs.open(path, "rb"), name)
        return opened

    def read(self, read: Callable[[str], Any], name: str) -> Any:
        """Give what this function of its path reads of a file that `names` gave.

        Raises:
            DataError: It is gone, or the system does not open it.
        """
        try:
            return read(self.file(name))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.file(name)}: no such file, though it was there a moment ago, or a link to "
                "nothing; expected the files to stay while they are read. Take the link away, or "
                "run again when the files stay."
            ) from error
        except OSError as error:
            raise DataError(f"{self.file(name)}: {error.strerror or error}") from error

    def _patterns(self) -> str:
        return " or ".join(f"*{ending}" for ending in self.endings)

    def _kind(self, path: str) -> str:
        """Tell what a path leads to, without opening it: a FIFO would wait for a writer."""
        try:
            return str(self.fs.info(path)["type"])
        except FileNotFoundError:
            return "nothing"
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from error

    def _listed(self) -> tuple[list[str], list[str]]:
        """Name the directory's files to read, and in the words of `ls -ap` all else."""
        names, others = [], []
        try:
            entries = self.fs.ls(self.path, detail=True)
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error
        for entry in entries:
            name = entry["name"].rstrip("/").rpartition("/")[2]
            counts = name.lower().endswith(tuple(self.endings)) and not name.startswith(".")
            # Of a link, what it leads to.
            kind = self._kind(self.file(name)) if counts else entry["type"]
            if counts and kind != "directory":
                _refuse_other_kinds(self.file(name), kind)
                names.append(name)
            else:
                others.append(f"{_readable(name)}{'/' if kind == 'directory' else ''}")
        return names, sorted(others)


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
