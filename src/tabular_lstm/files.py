"""Files that are written whole or not at all, and known by their SHA-256."""

import contextlib
import errno
import hashlib
import os
from pathlib import Path


def sha256(content: bytes) -> str:
    """Hash a file's content, as `sha256sum` does."""
    return hashlib.sha256(content).hexdigest()


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another: whoever opens the path finds the old or the new one.

    What is written first, beside it, has one fixed name, so that a run that was killed leaves at
    most one such file and the next one takes it over. There may be one writer at a time.

    Raises:
        OSError: No space, no permission; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _settle_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line by a single write, or nothing.

    A line counts once its line feed is on disk. What a power failure cut off is not one yet, and
    goes before the next is written.

    Raises:
        OSError: No space, no permission; the file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = f"{line}\n".encode()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = len(whole_lines(path.read_bytes()))
        os.ftruncate(file, size)
        try:
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file)
            _settle_folder(path.parent)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def whole_lines(content: bytes) -> bytes:
    r"""Leave off a last line that has no line feed.

    Examples:
        >>> whole_lines(b"one\ntw")
        b'one\n'
    """
    return content[: content.rfind(b"\n") + 1]


def _settle_folder(folder: Path) -> None:
    """Bring a folder's entries to disk: a rename is otherwise forgotten in a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
