"""Tell what a file is that is no CSV, where its bytes leave no doubt, and say what to do."""

import io
import json
import re
import zipfile

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


def refuse_other_formats(content: bytes, file: str) -> None:
    """Stop at a file that is no CSV.

    Raises:
        DataError: It is of a format that is told by its bytes.
    """
    kind, advice = _kind(content)
    if kind:
        raise DataError(f"{file}: the file is {kind}; expected a CSV, which is text. {advice}")


def _kind(content: bytes) -> tuple[str, str]:
    for beginning, kind in BEGINNINGS.items():
        if re.match(beginning, content):
            return kind
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(content)
    if content.startswith(b"PAR1") and content.endswith(b"PAR1") and b"\x00" in content:
        return "Parquet", EXPORT
    if re.match(rb"(?:\xef\xbb\xbf)?\s*[{\[]", content) and _is_json(content):
        return "JSON", EXPORT
    return "", ""


def _kind_of_zip(content: bytes) -> tuple[str, str]:
    if b"opendocument.spreadsheet" in content[:200]:
        return "an OpenDocument spreadsheet (.ods)", EXPORT
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook (.xlsx)", EXPORT
    return "a zip archive", UNPACK


def _is_json(content: bytes) -> bool:
    """Tell whether the whole is JSON, or its first line an object, as in JSON Lines."""
    for text in (content.split(b"\n", 1)[0], content):
        try:
            found = json.loads(text.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) or text is content:
            return True
    return False
