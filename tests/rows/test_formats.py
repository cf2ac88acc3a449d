"""A file that is no CSV is called what it is, with what to do."""

import bz2
import gzip
import io
import lzma
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from tabular_lstm.errors import DataError
from tests.helpers.cells import read_cells

TEXT = b"a,y\n1,0\n2,1\n"
ROWS = pd.read_csv(io.BytesIO(TEXT))


def zipped(*names: str, mimetype: bytes = b"") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, TEXT)
    return content.getvalue()


def arrow() -> bytes:
    content = io.BytesIO()
    feather.write_feather(ROWS, content)
    return content.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "rows.db") as connection:
        ROWS.to_sql("rows", connection)
    return (folder / "rows.db").read_bytes()


KINDS = {
    "gzip": (gzip.compress(TEXT), "compressed with gzip", "Unpack"),
    "bzip2": (bz2.compress(TEXT), "compressed with bzip2", "Unpack"),
    "xz": (lzma.compress(TEXT), "compressed with xz", "Unpack"),
    "zstd": (pa.compress(TEXT, "zstd", asbytes=True), "compressed with zstd", "Unpack"),
    "zip": (zipped("rows.csv"), "a zip archive", "Unpack"),
    "empty zip": (zipped(), "a zip archive", "Unpack"),
    "damaged zip": (zipped("rows.csv")[:20], "a zip archive", "Unpack"),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "(.xlsx)", "Export"),
    "ods": (
        zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"),
        "(.ods)",
        "Export",
    ),
    "xls": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "(.xls)", "Export"),
    "Parquet": (ROWS.to_parquet(), "Parquet", "Export"),
    "Arrow": (arrow(), "an Arrow file", "Export"),
    "HTML": (b"\n <!DOCTYPE html>\n<html>Log in, please</html>", "an HTML page", "Download"),
    "HTML in capitals": (b"<HTML><BODY>404, no such file", "an HTML page", "Download"),
    "XML": (b'\xef\xbb\xbf<?xml version="1.0"?><rows/>', "XML", "Export"),
    "JSON": (ROWS.to_json().encode(), "JSON", "Export"),
    "JSON of records": (ROWS.to_json(orient="records", indent=1).encode(), "JSON", "Export"),
    "JSON Lines": (ROWS.to_json(orient="records", lines=True).encode(), "JSON", "Export"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF", "Export"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "a pointer of Git LFS",
        "git lfs pull",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_another_format_is_called_what_it_is(name: str) -> None:
    content, kind, advice = KINDS[name]
    with pytest.raises(DataError) as error:
        read_cells(content, "rows.csv", {})
    message = str(error.value)
    assert message.startswith("rows.csv: the file is ")
    assert all(fact in message for fact in (kind, "expected a CSV", advice))


def test_a_database_is_called_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a SQLite database; expected a CSV"):
        read_cells(database(tmp_path), "rows.csv", {})


@pytest.mark.parametrize(
    "header",
    [
        "PAR1,PAR",
        "PKs,y",
        "BZh,y",
        "[a],[y]",
        "{a},y",
        '"{""a"": 1}",y',
        "<html_tag>,y",
        "<a>,y",
        "%PDF,y",
        "version,y",
        "1,0",
        "[" * 3000 + ",y",
    ],
)
def test_a_csv_that_begins_a_little_like_one_is_read(header: str) -> None:
    frame = read_cells(f"{header}\n1,0\nPAR1,PAR1".encode(), "rows.csv", {})
    assert frame.to_numpy().tolist() == [["1", "0"], ["PAR1", "PAR1"]]
