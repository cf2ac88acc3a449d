"""Text is decoded piece by piece, as it is in one."""

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tabular_lstm.rows.text import Text

from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows import csv_text, slow_csv
from tabular_lstm.rows import text as module
from tests.helpers.cells import read_cells

SIZES = [1, 2, 3, 7]
ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "gb18030", "utf-7"]


@pytest.fixture(params=SIZES)
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read so many bytes at a time."""
    monkeypatch.setattr(module, "PIECE", request.param)
    return int(request.param)


def refusal(content: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(DataError) as error:
        list(Text(io.BytesIO(content), "rows.csv", encoding).rest())
    return str(error.value)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.usefixtures("tiny")
def test_a_character_or_a_line_end_may_lie_where_a_piece_ends(encoding: str) -> None:
    text = "a,ü\r\n\r1\r\r\n\n2,é\r"
    content = io.BytesIO(text.encode(encoding))
    whole = "".join(Text(content, "rows.csv", encoding).rest())
    assert whole == "a,ü\n\n1\n\n\n2,é\n"


@pytest.mark.usefixtures("tiny")
def test_lines_are_taken_one_by_one_and_may_be_put_back() -> None:
    digest = Digest()
    content = "\ufeffä,b\r\n1\n\n2".encode()
    text = Text(io.BytesIO(content), "rows.csv", digest=digest)
    assert [text.line(), text.line()] == ["ä,b\n", "1\n"]
    text.put_back("1\n")
    assert "".join(text.rest()) == "1\n\n2"
    assert [text.line(), *text.rest()] == ["", ""]
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("tiny")
def test_what_is_not_in_the_encoding_is_named_by_its_line() -> None:
    assert "line 4: byte 0xe4 is not utf-8" in refusal(b"a\n\n\xc3\xa4\n \xe4 \n\n")
    assert "line 2: byte 0xc3 is not utf-8" in refusal(b"a\n\xc3")
    assert "line 1: byte 0xff is not utf-8" in refusal("a\n".encode("utf-16"))
    halves = "a\nb \ud800\n".encode("utf-16-le", "surrogatepass")
    assert "is not utf-16-le" in refusal(halves, "utf-16-le")
    assert "line 3: utf-7 gives half a character" in refusal(b"a\n\n+2AA- \n", "utf-7")


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 10)
    monkeypatch.setattr(module, "LONGEST", 100)
    with pytest.raises(DataError, match=r"rows\.csv: a line or a cell has more than 100 char"):
        read_cells(b"x" * 200, "rows.csv", {})


def test_a_quote_that_never_closes_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, size in {"PIECE": 10, "BLOCK": 100, "OF_COLUMN": 1}.items():
        monkeypatch.setattr(csv_text, name, size)
    monkeypatch.setattr(slow_csv, "LONGEST", 500)
    rows = "1,2\n" * 7 + '3,"4\n' + "5,6\n" * 1000
    with pytest.raises(DataError, match=r"rows\.csv: row 8: a line or a cell has more than"):
        read_cells(f"a,b\n{rows}".encode(), "rows.csv", {})


PIECES = st.sampled_from(['"', '""', ",", ",", "\n", "\r\n", "\r", "a", "1", " ", "é"])


def outcome(content: bytes) -> object:
    """Give the cells, or the message."""
    try:
        return read_cells(content, "rows.csv", {}).to_numpy().tolist()
    except DataError as error:
        return str(error)


@given(st.lists(PIECES, max_size=20).map("".join), st.sampled_from(SIZES))
@settings(deadline=None, max_examples=300)
def test_cells_are_the_same_whatever_the_pieces(text: str, size: int) -> None:
    content = f"a,y\n{text}\n1,2".encode()
    expected = outcome(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", size)
        patch.setattr(csv_text, "PIECE", 2 * size)
        patch.setattr(csv_text, "OF_COLUMN", 1)
        assert outcome(content) == expected


@pytest.mark.parametrize("place", [0, 500, 1999])
def test_a_long_row_loses_nothing_of_what_is_read_ahead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: int
) -> None:
    monkeypatch.setattr(module, "PIECE", 64)
    monkeypatch.setattr(csv_text, "PIECE", 64)
    monkeypatch.setattr(csv_text, "OF_COLUMN", 1)
    rows = [[str(row), "x"] for row in range(2000)]
    rows[place] = ["long", "line\n" * 100]
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + "".join(f'{one},"{other}"\n' for one, other in rows))
    for _ in range(20):
        digest = Digest()
        with path.open("rb") as content:
            batches = list(csv_text.stream_cells(content, "rows.csv", {}, digest))
        read = [[*row.values()] for batch in batches for row in batch.to_pylist()]
        assert read == rows
        assert digest.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()
