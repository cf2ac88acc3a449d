"""Refuse a ZIP archive that takes more in memory than on disk, before any of it is read."""

import zipfile
from collections.abc import Collection


def refuse_what_unpacks(archive: zipfile.ZipFile, members: Collection[str], size: int) -> None:
    """Refuse an archive with other members, or whose members are more than the file.

    Args:
        archive: As opened; its directory is read, no member is.
        members: The names that are expected, each once.
        size: Of the file, in bytes.

    Raises:
        ValueError: Names the member, or the names that are there, and the sizes.
    """
    if sorted(archive.namelist()) != sorted(members):
        raise ValueError(
            f"expected {', '.join(sorted(members))} in it, got {sorted(archive.namelist())}"
        )
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(
                f"{member.filename} is compressed, from {member.file_size} bytes to "
                f"{member.compress_size}, where nothing is compressed"
            )
    refuse_more(sum(member.file_size for member in archive.infolist()), "its members take", size)


def refuse_more(needed: int, what: str, size: int) -> None:
    """Refuse what needs more bytes than the whole file has.

    Raises:
        ValueError: Names both numbers.
    """
    if needed > size:
        raise ValueError(f"{what} {needed} bytes, and the whole file has {size}")
