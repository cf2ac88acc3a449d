"""The text of a CSV is cut after whole rows: the pieces put together parse to the same rows."""

import csv
import hashlib
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tabular_lstm.rows.blocks import again_where_wrongly_cut
from tabular_lstm.rows.cut_text import NotCutError, cut_rows
from tabular_lstm.rows.rows_to_score import RowsToScore

from tabular_lstm.errors import DataError
from tabular_lstm.files import Digest
from tabular_lstm.rows import cut_text, text
from tests.helpers.cells import read_cells

SIZES = [1, 3, 7, 1000]
PIECES = st.sampled_from(
    ['"', '""', '"x\ny"', ",", ",", "\n", "\n", "\r\n", "\r", "a", "1", " ", "é"]
)
SOUND = st.sampled_from(["", "1", "é", " ", "x, y", "two\nlines", 'an "inch"', "of\r\nold", "end"])


def rows_of(content: bytes, **load_args: Any) -> RowsToScore:
    return RowsToScore("rows.csv", [""], lambda _: io.BytesIO(content), load_args)


def cut(content: bytes, rows: int, **load_args: Any) -> list[tuple[int, list[list[str]] | None]]:
    """Give of each piece how many rows it should have, and its cells, None where it is wrong."""
    pieces = cut_rows(io.BytesIO(content), "rows.csv", load_args, rows)
    tables = [(piece.rows, piece.parsed()) for piece in pieces]
    return [
        (count, None if table is None else [[*row.values()] for row in table.to_pylist()])
        for count, table in tables
    ]


def outcome(content: bytes, rows: int, **load_args: Any) -> object:
    """Give the number of each block's first row and its cells, or the message."""
    source = rows_of(content, **load_args)

    def parsed(since: Any) -> Any:
        for block in source.blocks(rows, since=since):
            yield block.first, block.cells.to_numpy().tolist()

    try:
        return list(again_where_wrongly_cut(parsed))
    except DataError as error:
        return str(error)


def expected(content: bytes, rows: int, **load_args: Any) -> object:
    """Likewise, parsed as a whole."""
    try:
        cells = read_cells(content, "rows.csv", load_args).to_numpy().tolist()
    except DataError as error:
        return str(error)
    return [(first + 1, cells[first : first + rows]) for first in range(0, len(cells), rows)]


@given(
    st.lists(PIECES, max_size=30).map("".join),
    st.integers(1, 4),
    st.sampled_from(SIZES),
    st.sampled_from(["utf-8", "latin-1"]),
)
@settings(deadline=None, max_examples=500)
def test_whatever_the_text_is_the_rows_or_the_message_are_those_of_the_whole(
    rest: str, rows: int, size: int, encoding: str
) -> None:
    content = f"a,y\n{rest}\n1,2".encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PIECE", size)
        assert outcome(content, rows, encoding=encoding) == expected(
            content, rows, encoding=encoding
        )


@given(
    st.lists(st.tuples(SOUND, SOUND), min_size=1, max_size=20),
    st.integers(1, 4),
    st.sampled_from(SIZES),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_a_sound_csv_is_cut_right_whatever_stands_in_quotes(
    cells: list[tuple[str, str]], rows: int, size: int, end: str, marked: bool
) -> None:
    """And not only parsed as a whole, which would be right too."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=end)
    writer.writerows([("a", "the\nlabel"), *cells])
    content = written.getvalue().encode("utf-8-sig" if marked else "utf-8")
    reader = csv.reader(io.StringIO(written.getvalue(), newline=""))
    all_rows = [[cell.replace("\r\n", "\n") for cell in row] for row in [*reader][1:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PIECE", size)
        pieces = cut(content, rows)
    assert [row for _, table in pieces for row in table or [None]] == all_rows
    assert [count for count, _ in pieces[:-1]] == [rows] * (len(pieces) - 1)
    assert 0 < pieces[-1][0] <= rows


@pytest.mark.parametrize(
    ("content", "load_args"),
    [
        ("ä,y\n1,ü\n2,é\n".encode("latin-1"), {"encoding": "latin-1"}),
        (b"of 1988\n\nx;1,5;2\n3;4;5\n", {"sep": ";", "skiprows": 1, "header": None}),
        (b"a,b,y\n1,'x\ny',2\n3,4,5\n", {"quotechar": "'", "usecols": ["b", "a"]}),
        (b"a,y\n\n1,2\n\r\n\n3,4\n\n\n", {}),
        (b"a\n1\n\n2", {}),
    ],
    ids=["latin-1", "below other lines", "other quotes", "blank lines", "one column"],
)
def test_what_load_args_say_counts_in_each_piece(content: bytes, load_args: dict[str, Any]) -> None:
    pieces = cut(content, 1, **load_args)
    assert [count for count, _ in pieces] == [1, 1]
    assert [row for _, table in pieces for row in table or [None]] == read_cells(
        content, "rows.csv", load_args
    ).to_numpy().tolist()


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (b"1,2\n3\n5,6\n", [False, True, False]),
        (b"1,2\n \n3,4\n", [False, True, False]),
        (b"1,2\r3,4\n5,6\n", [True, False]),
        (b"1,2\n3,\xff\n5,6\n", [False, True, False]),
        (b'1,2\n3,"4" x\n5" 6,7\n8,9" x\n1,2\n', [False, False, True, False]),
    ],
    ids=["ragged", "blank", "a lone return", "no UTF-8", "quotes of no cell"],
)
def test_a_piece_says_that_it_is_wrong(
    rows: bytes, wrong: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE", 2)  # so that the header is read without the rows
    assert [table is None for _, table in cut(b"a,y\n" + rows, 1)] == wrong


@pytest.mark.parametrize(
    ("content", "load_args"),
    [
        ("a,y\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}),
        (b"a,y\n1,2\n", {"nrows": 1}),
        (b'a,y\n1,"2\n', {}),
        (b"a,y\n1," + b"x" * 2000, {}),
        (b"a,y", {}),
    ],
    ids=["utf-16", "some rows", "never closed", "long row", "no rows"],
)
def test_what_cannot_be_cut_is_left_to_whoever_parses(
    content: bytes, load_args: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut_text, "BLOCK", 1000)
    with pytest.raises(NotCutError):
        cut(content, 5, **load_args)


def test_long_rows_make_shorter_pieces_wherever_the_file_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cut_text, "BYTES", 10)
    content = b"a,y\n" + b"1,2\n" * 4 + b"1,23456789\n" * 2 + b"\n" * 20 + b"1,2\n" * 2
    found = []
    for size in SIZES:
        monkeypatch.setattr(text, "PIECE", size)
        found.append([count for count, _ in cut(content, 4)])
    assert found == [[3, 2, 1, 1, 1]] * len(SIZES)


def test_all_bytes_are_hashed() -> None:
    content, digest = b"\xef\xbb\xbfa,y\n1,2\n\n", Digest()
    list(cut_rows(io.BytesIO(content), "rows.csv", {}, 5, digest))
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()
