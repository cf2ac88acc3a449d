"""Tell what a file is that is no CSV, where its bytes leave no doubt, and say what to do."""

import io
import json
import re
import zipfile
from typing import BinaryIO

from tabular_lstm.errors import DataError

UNPACK = "Unpack it, and name the CSV that was in it."
EXPORT = "Export its rows as a CSV, and name that."
# What each kind begins with, and no CSV does.
BEGINNINGS = {
    rb"\x1f\x8b\x08": ("compressed with gzip", UNPACK),
    rb"BZh[1-9]1AY&SY": ("compressed with bzip2", UNPACK),
    rb"\x28\xb5\x2f\xfd": ("compressed with zstd", UNPACK),
    rb"\xfd7zXZ\x00": ("compressed with xz", UNPACK),
    rb"7z\xbc\xaf\x27\x1c": ("a 7z archive", UNPACK),
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook (.xls)", EXPORT),
    rb"ARROW1\x00\x00": ("an Arrow file", EXPORT),
    rb"\x89HDF\r\n\x1a\n": ("an HDF5 file", EXPORT),
    rb"SQLite format 3\x00": ("a SQLite database", EXPORT),
    rb"%PDF-[0-9]": ("a PDF", EXPORT),
    rb"version https://git-lfs\.github\.com/spec/": (
        "a pointer of Git LFS in place of the file",
        "Fetch the file itself, with git lfs pull.",
    ),
    rb"(?:\xef\xbb\xbf)?\s*<(?i:!doctype\s+html|html[\s>])": (
        "an HTML page, as a server gives that asks for a login or knows no such file",
        "Download the CSV itself.",
    ),
    rb"(?:\xef\xbb\xbf)?\s*<\?xml\s": ("XML", EXPORT),
}


# Bytes by which a format is told.
HEAD = 2**24


def refuse_other_formats(content: BinaryIO, file: str) -> None:
    """Stop at a file that is no CSV.

    Args:
        content: The file, open for its bytes.
        file: Its name, for the message.

    Raises:
        DataError: It is of a format that is told by its bytes.
    """
    kind, advice = _kind(content)
    if kind:
        raise DataError(f"{file}: the file is {kind}; expected a CSV, which is text. {advice}")


def _kind(content: BinaryIO) -> tuple[str, str]:
    content.seek(0)
    start = content.read(2**12)
    for beginning, kind in BEGINNINGS.items():
        if re.match(beginning, start):
            return kind
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(content, start)
    if start.startswith(b"PAR1") and b"\x00" in start:
        content.seek(-4, io.SEEK_END)
        if content.read(4) == b"PAR1":
            return "Parquet", f"{EXPORT} A scoring reads Parquet where the name ends in .parquet."
    if re.match(rb"(?:\xef\xbb\xbf)?\s*[{\[]", start):
        content.seek(0)
        if _is_json(content.read(HEAD)):
            return "JSON", EXPORT
    return "", ""


def _kind_of_zip(content: BinaryIO, start: bytes) -> tuple[str, str]:
    if b"opendocument.spreadsheet" in start[:200]:
        return "an OpenDocument spreadsheet (.ods)", EXPORT
    try:
        names = zipfile.ZipFile(content).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook (.xlsx)", EXPORT
    return "a zip archive", UNPACK


def _is_json(start: bytes) -> bool:
    """Tell whether the whole is JSON, or its first line an object, as in JSON Lines.

    Of a file longer than `HEAD`, whether it is JSON up to there.
    """
    for text in (start.split(b"\n", 1)[0], start):
        try:
            found = json.loads(text.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            if len(start) == HEAD and error.pos > HEAD // 2:
                return True
            continue
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) or text is start:
            return True
    return False
