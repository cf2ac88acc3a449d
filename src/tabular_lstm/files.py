"""Files that are written whole or not at all, and known by their SHA-256."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tabular_lstm.errors import DataError

FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def sha256(content: bytes) -> str:
    """Hash a file's content, as `sha256sum` does."""
    return hashlib.sha256(content).hexdigest()


def not_written(error: OSError, path: Path | str) -> DataError:
    """Say which file the system did not let be written, why, and what to do.

    Args:
        error: The system's.
        path: The file, or a folder above it, where the error names none.
    """
    todo = "Free some space there" if error.errno in FULL else "Mend that"
    why = error.strerror or error
    return DataError(f"{error.filename or path}: {why}. {todo}, and run it again.")


def read_regular(path: Path) -> bytes:
    """Read a file whole; a FIFO would wait for a writer for ever.

    Raises:
        OSError: There is none, it is no regular file, or this user may not read it.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "expected a regular file, got something else", str(path))
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another: whoever opens the path finds the old or the new one.

    The new file is written beside the old one first, under one fixed name, so that a killed run
    leaves at most one such file. There may be one writer at a time.

    Raises:
        OSError: No space, no permission; the old file is as it was.
    """
    replace_all({path: content})


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Put files in the place of others, see `replace`: none before all new ones are on disk.

    Raises:
        OSError: See `replace`, or a folder stands in a file's place: the old files are as they
            were.
    """
    for path in contents:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    beside = {path.with_name(f".{path.name}.new"): path for path in contents}
    try:
        for new, path in beside.items():
            make_folder(path.parent)
            new.unlink(missing_ok=True)
            with new_file(new) as file:
                file.write(contents[path])
        for new, path in beside.items():
            new.replace(path)
    except OSError as error:
        for new in beside:
            with contextlib.suppress(OSError):
                new.unlink()
        if error.errno in FULL:  # the file's fault is not the name beside it
            error.filename = str(beside.get(Path(error.filename), error.filename))
        error.filename = error.filename2 or error.filename
        raise
    for folder in {path.parent for path in contents}:
        settle_folder(folder)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is not there yet, and bring it to disk at the end.

    Raises:
        FileExistsError: There is something of that name.
        OSError: No space, no permission; what was written stays.
    """
    try:
        with path.open("xb") as file:
            _share(path)
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def append_line(path: Path, line: bytes, keep: int | None = None) -> None:
    """Append one line by a single write, or nothing. A last line without a line feed gets one.

    Args:
        path: The file; it need not be there yet.
        line: The line without its line feed.
        keep: Number of bytes of the file that stay. Default: all.

    Raises:
        OSError: No space, no permission; what was to stay is as it was.
    """
    make_folder(path.parent)
    new = not path.exists()
    with path.open("ab+", buffering=0) as file:
        if new:
            _share(path)
        size = file.seek(0, os.SEEK_END) if keep is None else keep
        file.seek(max(size - 1, 0))
        whole = not size or file.read(1) == b"\n"
        content = (b"" if whole else b"\n") + line + b"\n"
        file.truncate(size)
        try:
            if os.write(file.fileno(), content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
            settle_folder(path.parent)
        except OSError as error:
            file.truncate(size)
            error.filename = str(path)
            raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it: whoever may read and enter one may do so below it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir()
        _share(folder)
    except FileExistsError:
        if not folder.is_dir():  # else somebody made it meanwhile
            raise


def _share(path: Path) -> None:
    """Let whoever may read the folder above read this too: a scheduler's umask may forbid it."""
    readable = 0o555 if path.is_dir() else 0o444
    with contextlib.suppress(OSError):  # some file systems know no modes
        path.chmod(path.stat().st_mode | path.parent.stat().st_mode & readable)


def settle_folder(folder: Path) -> None:
    """Bring a folder's entries to disk: a rename is otherwise forgotten in a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
