r"""Cut the text of a CSV after whole rows, without parsing it: each piece is parsed by itself.

Which line ends stand in quotes is guessed: those after an odd number of quotes. Whoever parses a
piece finds out whether that was right. If the piece begins where a row does and has just so many
rows, of which the last one has ended, then the next piece begins where a row does. So pieces are
right up to the first one that is not.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow

from tabular_lstm.files import Digest
from tabular_lstm.rows.csv_text import BLOCK, END, chosen_of, given_of, open_rows
from tabular_lstm.rows.load_args import dialect_of
from tabular_lstm.rows.text import read_pieces

# Encodings in which each byte below 128 is the character of ASCII wherever it stands.
LIKE_ASCII = {"ascii", "utf-8", "cp1252", "iso8859-1", "iso8859-15"}
LINE_FEED, RETURN = b"\n"[0], b"\r"[0]
# Bytes from which a piece has fewer rows.
BYTES = 2**26


class NotCutError(Exception):
    """The text cannot be cut from here on: it is to be parsed as a whole."""


@dataclass(frozen=True)
class CutText:
    """Some rows of a CSV as the bytes of its file.

    Attributes:
        content: Of these rows.
        rows: How many there are, if the guess was right.
        names: Of the columns.
        chosen: Those of them that are wanted.
        dialect: The character between cells and the one around them.
        encoding: As Python names it, one of `LIKE_ASCII`.
    """

    content: bytes
    rows: int
    names: tuple[str, ...]
    chosen: tuple[str, ...]
    dialect: dict[str, str]
    encoding: str

    def parsed(self) -> pa.Table | None:
        """Give the cells as `csv_text.stream_cells` does; None where the guess was wrong.

        None too where it would raise an error.
        """
        last = dict.fromkeys(self.names, END)
        end = f"\n{self.dialect['delimiter'].join(last.values())}\n".encode()
        try:
            table = arrow.read_csv(
                pa.BufferReader(text := self._utf8() + end),
                arrow.ReadOptions(column_names=self.names, block_size=len(text), use_threads=False),
                arrow.ParseOptions(
                    delimiter=self.dialect["delimiter"],
                    quote_char=self.dialect["quotechar"],
                    newlines_in_values=True,
                ),
                arrow.ConvertOptions(column_types=dict.fromkeys(self.names, pa.large_string())),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        # A quote that is not closed would have swallowed the row that was added.
        if table.num_rows != self.rows + 1 or table[self.rows :].to_pylist() != [last]:
            return None
        return table[: self.rows].select(self.chosen)

    def _utf8(self) -> bytes:
        """Give the text as UTF-8 in which each line ends in a line feed."""
        text = self.content
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return text if self.encoding == "utf-8" else text.decode(self.encoding).encode()


def cut_rows(
    content: BinaryIO, file: str, load_args: dict[str, Any], rows: int, digest: Digest | None = None
) -> Iterator[CutText]:
    """Cut a CSV into pieces of so many rows.

    A piece has fewer rows at the end, or where they have more bytes than `BYTES`. Where it ends
    does not depend on how the file is read.

    Args:
        content: The file, open for its bytes, which are read from the start to the end.
        file: Its name, for messages.
        load_args: See `csv_text.stream_cells`.
        rows: Of a piece.
        digest: Becomes that of all bytes of the file. Default: none.

    Raises:
        DataError: See `csv_text.open_rows`, or the system does not read the file.
        NotCutError: The rest is to be parsed as a whole: its line ends may be others than rows'
            ends, a row is too long, or some of the rows are not wanted.
    """
    text, names = open_rows(content, file, load_args)
    given = given_of(load_args)
    encoding = codecs.lookup(given.get("encoding", "utf-8")).name
    quote = dialect_of(given)["quotechar"].encode()
    if encoding not in LIKE_ASCII or "nrows" in given:
        raise NotCutError
    of_each = CutText(
        content=b"",
        rows=0,
        names=tuple(names),
        chosen=tuple(chosen_of(names, file, given)),
        dialect=dialect_of(given),
        encoding=encoding,
    )
    held: list[bytes] = []
    count = size = 0
    content.seek(0)
    below = _below(read_pieces(content, file, digest), text.lines_taken)
    for whole_rows, ends in _whole_rows(below, quote):
        start = place = 0  # of what is not cut yet: its first byte, and its first row's end
        while True:
            full = int(np.searchsorted(ends, start + BYTES - size))
            last = min(place + rows - count - 1, max(place, full))
            if last >= len(ends):
                break
            cut = b"".join([*held, whole_rows[start : ends[last]]])
            yield replace(of_each, content=cut, rows=count + last + 1 - place)
            start, place, held, count, size = int(ends[last]), last + 1, [], 0, 0
        held.append(whole_rows[start:])
        count, size = count + len(ends) - place, size + len(whole_rows) - start
    if count:
        yield replace(of_each, content=b"".join(held), rows=count)


def _below(pieces: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """Leave off so many lines."""
    above, each = b"", list[bytes]()
    # One line more: the last of them may end where a piece does, and its end have a second half.
    while len(each) <= lines:
        if (piece := next(pieces, None)) is None:
            raise NotCutError
        above += piece
        each = above.splitlines(keepends=True)
    yield b"".join(each[lines:])
    yield from pieces
    yield b"\n"  # which the last line may lack


def _whole_rows(pieces: Iterable[bytes], quote: bytes) -> Iterator[tuple[bytes, np.ndarray]]:
    """Give text that ends where a row does, and where in it each row ends.

    Raises:
        NotCutError: A row is too long.
    """
    held = b""
    for piece in pieces:
        text = held + piece
        ends = _line_ends(text, quote)
        lengths = np.diff(ends, prepend=0)
        end = int(ends[-1]) if len(ends) else 0
        held = text[end:]
        if max(len(held), lengths.max(initial=0)) > BLOCK:
            raise NotCutError
        yield text[:end], ends[~_are_blank(text, ends, lengths)]
    if held:
        raise NotCutError


def _line_ends(text: bytes, quote: bytes) -> np.ndarray:
    """Give the places after the line feeds, but not of those after an odd number of quotes."""
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters == LINE_FEED) + 1
    if quote in text:
        quotes = np.flatnonzero(characters == quote[0])
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return ends


def _are_blank(text: bytes, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Tell which lines are their end alone; other blank lines are taken for rows."""
    short = lengths <= len(b"\r\n")
    if short.any():
        is_return = np.frombuffer(text, np.uint8)[ends - 2] == RETURN  # of the first line any
        short = (lengths == 1) | (short & is_return & (lengths == 2))
    return short
