"""The CSV replaced again and again while it is read: the fingerprint is that of the rows used."""

import contextlib
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.errors import DataError
from tests.helpers.project import Project

# Places in which the two versions of a file differ, all of one byte.
PLACES = 10
READS = 50
RUNS = 3

Replace = Callable[[Path, bytes], None]


def by_another_file(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def in_place(path: Path, content: bytes) -> None:
    """Byte by byte where it differs, so slowly that most reads find it half done."""
    old = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for place in differences(old, content):
            os.pwrite(file.fileno(), content[place : place + 1], place)
            time.sleep(0.0003)


def differences(one: bytes, other: bytes) -> list[int]:
    assert len(one) == len(other)
    return [place for place in range(len(one)) if one[place] != other[place]]


def versions(content: bytes) -> tuple[bytes, bytes]:
    """Give a CSV, and the same with other labels and ages in PLACES rows from first to last."""
    lines = content.splitlines()
    for number, place in enumerate(range(1, len(lines), len(lines) // PLACES + 1)):
        line = bytearray(lines[place])
        line[-1 if number % 2 else -3] ^= 1  # 0 for 1, 1 for 0; 20 for 21
        lines[place] = bytes(line)
    other = b"\n".join(lines) + b"\n"
    assert len(differences(content, other)) == PLACES
    return content, other


def mixtures(one: bytes, other: bytes) -> Iterator[bytes]:
    """All that may be read while one is written over the other: the two first."""
    yield from (one, other)
    places = differences(one, other)
    for chosen in itertools.product((False, True), repeat=len(places)):
        mixed = bytearray(one)
        for place, taken in zip(places, chosen, strict=True):
            if taken:
                mixed[place] = other[place]
        yield bytes(mixed)


@contextlib.contextmanager
def replacing(replace: Replace, path: Path, contents: tuple[bytes, bytes]) -> Iterator[None]:
    """Replace a file by its other version many times a second, until told to stop."""
    stop = threading.Event()

    def run() -> None:
        for turn in itertools.count():
            replace(path, contents[turn % 2])
            if stop.wait(0.0005):
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def text_cells(content: bytes) -> list[tuple[str, ...]]:
    """Read a CSV without the project."""
    return [tuple(line.split(",")) for line in content.decode().splitlines()[1:]]


@pytest.mark.parametrize("replace", [by_another_file, in_place])
def test_what_is_read_has_the_fingerprint_of_its_own_bytes(
    quick: Project, replace: Replace
) -> None:
    both = versions(quick.raw.read_bytes())
    contents = {fingerprint(mixed): mixed for mixed in mixtures(*both)}
    dataset = RawRowsDataset(filepath=str(quick.raw))
    found: set[str] = set()
    refused = 0
    with replacing(replace, quick.raw, both):
        for _ in range(READS):
            rows = dataset.load()
            try:
                frame, sha256 = rows.whole(), rows.sha256()
            except DataError as error:
                assert "the file changed while it was read" in str(error)  # noqa: PT017
                refused += 1
                continue
            assert list(frame.itertuples(index=False, name=None)) == text_cells(contents[sha256])
            found.add(sha256)
    # It was replaced between reads; in place it hardly ever stays as it is for long enough.
    assert refused > READS / 2 if replace is in_place else (len(found), refused) == (2, 0)
