"""Write files wholly or not at all, and identify them by their SHA-256."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tabular_lstm.errors import DataError

FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def sha256(content: bytes) -> str:
    """Hash a file's content, as `sha256sum` does."""
    return hashlib.sha256(content).hexdigest()


def not_written(error: OSError, path: Path | str) -> DataError:
    """Make the error that a file could not be written: which file, why, and what to do.

    Args:
        error: The error of the system.
        path: The file, or a folder above it, in case the error names no file.
    """
    remedy = "Free some space there" if error.errno in FULL else "Fix this"
    why = error.strerror or error
    return DataError(f"{error.filename or path}: {why}. {remedy}, and run the command again.")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system into a clear one.

    Raises:
        DataError: See `not_written`.
    """
    try:
        yield
    except OSError as error:
        raise not_written(error, path) from error


def replace(path: Path, content: bytes) -> None:
    """Replace a file: readers of the path find the old or the new content, never a mixture.

    The new file is first written beside the old one, under a fixed name, so that a killed run
    leaves at most one such file. It has the old file's permissions. If the path is a symbolic link,
    its target is replaced. Only one writer at a time is allowed.

    Raises:
        OSError: There is no space or no permission; the old file is unchanged.
    """
    path = path.resolve()
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with new_file(new) as file:
            file.write(content)
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        if error.errno in FULL or error.filename2:  # name the file itself, not the temporary one
            error.filename = str(path)
        raise
    settle_folder(path.parent)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Create a file, and flush it to disk at the end.

    Raises:
        FileExistsError: The path exists already.
        OSError: There is no space or no permission; what was written stays.
    """
    try:
        with path.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def settle_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename survives a power failure.

    Some mounted file systems cannot. The rename holds nevertheless, so this is no error.
    """
    with opened(folder) as descriptor, contextlib.suppress(OSError):
        os.fsync(descriptor)


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a file or a folder, and return its descriptor."""
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
