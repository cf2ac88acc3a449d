"""Files of a folder of conf that are written all or none, whatever stops it at whatever instant."""

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tabular_lstm.errors import DataError
from tabular_lstm.files import exchange, new_folder, replace, settle_folder
from tabular_lstm.runs.lock import lock_file

# Where a system or a file system has no exchange of folders.
NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP}


@contextlib.contextmanager
def written(folder: Path, contents: Mapping[str, str], blocks: Collection[str]) -> Iterator[None]:
    """Write files of a folder, and take all back where what follows fails.

    A folder that holds them, and whatever the folder holds already, is made beside it and takes its
    place by one rename. So there are all the old files or all the new ones, and what a killed
    process leaves beside is taken away by the next one. Links are not followed.

    Args:
        folder: In conf; it need not be there yet.
        contents: Of the files, by name.
        blocks: Names, without their endings, of files that may not be there yet. Default: any may.

    Raises:
        DataError: One of those is there, or the folder cannot be exchanged.
        OSError: No space, no permission; all is as it was.
    """
    beside = folder.with_name(f".{folder.name}.new")
    with _alone_in(folder.parent):
        _remove(beside)
        try:
            there = _copied(folder, beside)
            for name, text in contents.items():
                replace(beside / name, text.encode())
            _put_in_place(beside, folder)
            try:
                # What came between is in the folder that was there, and stays where it was.
                refuse_files(blocks, beside, folder)
                if _names(beside) != there and there is not None:
                    raise DataError(f"{folder}: its files changed meanwhile; run it again.")
                settle_folder(folder.parent)
                yield
            except BaseException:
                _take_back(beside, folder)
                raise
        finally:
            _remove(beside)


def refuse_files(blocks: Collection[str], folder: Path, called: Path) -> None:
    """Stop at a file of one of these names, with whatever ending.

    Raises:
        DataError: Names it.
    """
    for path in sorted(folder.glob("*")):
        if path.stem in blocks:  # .yaml and .json count too
            raise DataError(
                f"{called / path.name}: the environment '{called.name}' is there already, and "
                "nothing was written. Give another name with --env, or --force to overwrite its "
                "catalog.yml and parameters.yml."
            )


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for others who write here."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # not every shared disk knows locks on folders
            lock_file(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _copied(folder: Path, beside: Path) -> set[str] | None:
    """Make the folder beside, with what the other one holds; name that, None where it is not."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "expected a folder, got a link", str(folder))
    if not folder.exists():
        new_folder(beside)
        return None
    shutil.copytree(folder, beside, symlinks=True, copy_function=_same_file)
    return _names(folder)


def _same_file(one: str, other: str) -> None:
    try:
        os.link(one, other)  # who has it open goes on with the same file
    except OSError:
        shutil.copy2(one, other)


def _names(folder: Path) -> set[str]:
    return {*os.listdir(folder)} if folder.is_dir() else set()


def _put_in_place(beside: Path, folder: Path) -> None:
    try:
        if folder.is_dir():
            exchange(beside, folder)
        else:
            beside.rename(folder)
    except OSError as error:
        if error.errno not in NO_EXCHANGE:
            raise
        raise DataError(
            f"{folder}: it is there, and this file system does not put another folder in its place "
            "at once; nothing is written. Move it away, or use another environment."
        ) from error


def _take_back(beside: Path, folder: Path) -> None:
    if beside.is_dir():
        exchange(beside, folder)
    else:
        folder.rename(beside)


def _remove(path: Path) -> None:
    """Take away what is there; a link goes, and what it leads to stays."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
