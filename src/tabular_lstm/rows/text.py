r"""The text of a file, decoded piece by piece: a line ends in "\n" whatever ends it in the file."""

import codecs
import io
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from tabular_lstm.errors import DataError
from tabular_lstm.files import PIECE, Digest

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Characters of a line or a cell, so that a file without line ends does not fill the memory.
LONGEST = 2**26


class Text:
    """Text that is taken once, from its start: a line at a time, or all the rest in pieces.

    Attributes:
        lines_taken: Lines that were taken and not put back.
    """

    def __init__(
        self, content: BinaryIO, file: str, encoding: str = "utf-8", digest: Digest | None = None
    ) -> None:
        """Take text from the place at which the file is open.

        Args:
            content: The file, open for its bytes.
            file: Its name, for messages.
            encoding: As Python names it.
            digest: Becomes that of the bytes, as they are read. Default: none.
        """
        self._file = file
        self._pieces = _decoded(content, file, encoding, digest)
        self._held, self._place = "", 0
        self.lines_taken = 0

    def line(self) -> str:
        """Take the next line with its end, "" after the last.

        Raises:
            DataError: It is longer than any line of rows, or see `rest`.
        """
        parts: list[str] = []
        while not (end := self._held.find("\n", self._place) + 1):
            parts.append(self._held[self._place :])
            self._held, self._place = next(self._pieces, ""), 0
            if not self._held:
                self.lines_taken += any(parts)
                return "".join(parts)
            if sum(map(len, parts)) > LONGEST:
                raise too_long(self._file)
        parts.append(self._held[self._place : end])
        self._place = end
        self.lines_taken += 1
        return "".join(parts)

    def put_back(self, text: str) -> None:
        """Put back the lines that were taken last."""
        self._held, self._place = text + self._held[self._place :], 0
        self.lines_taken -= len(text.removesuffix("\n").split("\n")) if text else 0

    def rest(self) -> Iterator[str]:
        """Take all the rest, in pieces of any length.

        Raises:
            DataError: It is not in the encoding, or the system does not read it.
        """
        held, self._held, self._place = self._held[self._place :], "", 0
        yield held
        yield from self._pieces


def too_long(where: str) -> DataError:
    """Say that a line or a cell has no end."""
    return DataError(
        f"{where}: a line or a cell has more than {LONGEST} characters; expected a CSV, with a row "
        "in each line. Shorten it, or close the quote that opens it."
    )


def _decoded(content: BinaryIO, file: str, encoding: str, digest: Digest | None) -> Iterator[str]:
    """Read and decode piece by piece; no piece is empty."""
    decoder = _decoder(file, encoding)
    lines = 0  # of the pieces before
    for part in chain(read_pieces(content, file, digest), [None]):
        piece = part or b""
        try:
            text = decoder.decode(piece, part is None)
            if not text.isascii():
                text.encode()  # which refuses half a pair of surrogates
        except UnicodeDecodeError as error:
            before = len(error.object) - len(piece)  # bytes left over from the piece before
            line = 1 + lines + error.object[max(before, 0) : error.start].count(b"\n")
            raise _not_in(encoding, file, line, error) from error
        except UnicodeEncodeError as error:
            line = 1 + lines + error.object[: error.start].count("\n")
            raise DataError(
                f"{file}, line {line}: {encoding} gives half a character, "
                f"{ascii(error.object[error.start])[1:-1]}. Save the file as UTF-8."
            ) from error
        except ValueError as error:
            raise _no_encoding(file, encoding) from error
        lines += piece.count(b"\n")
        if text:
            yield text


def read_pieces(content: BinaryIO, file: str, digest: Digest | None) -> Iterator[bytes]:
    """Read piece by piece; the mark of UTF-8 at the start is left out.

    Raises:
        DataError: The system does not read it.
    """

    def read(size: int) -> bytes:
        try:
            piece = content.read(size)
        except OSError as error:
            raise DataError(f"{file}: {error.strerror or error}") from error
        if digest is not None:
            digest.update(piece)
        return piece

    if digest is not None:
        digest.restart()
    yield read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    while piece := read(PIECE):
        yield piece


def _decoder(file: str, encoding: str) -> Any:
    """Make a decoder that also translates line ends."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # which refuses codecs of no text
        decoder = codecs.getincrementaldecoder(encoding)()
    except (LookupError, ValueError) as error:
        raise _no_encoding(file, encoding) from error
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _no_encoding(file: str, encoding: str) -> DataError:
    return DataError(
        f"{file}: the catalog says encoding: {encoding!r}, by which Python reads no text of this "
        "file; expected a name such as utf-8 or latin-1."
    )


def _not_in(encoding: str, file: str, line: int, error: UnicodeDecodeError) -> DataError:
    start = error.object[: error.start + 4] if line == 1 else b""
    # The mark of UTF-32 begins with that of UTF-16.
    known = next((name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)
    return DataError(
        f"{file}, line {line}: byte 0x{error.object[error.start]:02x} is not {encoding}. Save the "
        "file as UTF-8, or name its encoding in the catalog: "
        f"load_args: {{encoding: {known or 'latin-1'}}}."
    )
