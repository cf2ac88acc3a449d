"""A file is replaced, and a line appended, whole or not at all."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabular_lstm.files import append_line, new_file, read_regular, replace
from tests.helpers.disks import files_of_at_most


def test_replace_leaves_the_new_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder/champion.keras"
    for content in (b"one", b"another"):
        replace(path, content)
        assert path.read_bytes() == content
    path.with_name(".champion.keras.new").write_bytes(b"what a killed run left")
    replace(path, b"third")
    assert path.read_bytes() == b"third"
    assert os.listdir(path.parent) == ["champion.keras"]


def test_without_space_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "champion.keras").write_bytes(b"old")
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        replace(tmp_path / "champion.keras", bytes(2000))
    assert (tmp_path / "champion.keras").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["champion.keras"]


@pytest.mark.parametrize("left", [0, 5])
def test_without_space_no_part_of_a_line_stays(tmp_path: Path, left: int) -> None:
    log = tmp_path / "log"
    append_line(log, b"first")
    with files_of_at_most(log.stat().st_size + left), pytest.raises(OSError):  # noqa: PT011
        append_line(log, b"second")
    assert log.read_bytes() == b"first\n"


@pytest.mark.parametrize(
    ("before", "keep", "after"),
    [
        (b"first\n{sec", 6, b"first\nsecond\n"),
        (b"{fir", 0, b"second\n"),
        (b"first", None, b"first\nsecond\n"),
        (b"first\n", None, b"first\nsecond\n"),
    ],
)
def test_what_is_not_to_stay_goes_and_a_line_gets_its_line_feed(
    tmp_path: Path, before: bytes, keep: int | None, after: bytes
) -> None:
    log = tmp_path / "log"
    log.write_bytes(before)
    append_line(log, b"second", keep)
    assert log.read_bytes() == after


@pytest.fixture
def _closed_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_closed_umask")
@pytest.mark.parametrize("above", [0o755, 0o750, 0o700])
def test_who_can_read_a_folder_can_read_what_is_new_in_it_whatever_the_umask(
    tmp_path: Path, above: int
) -> None:
    tmp_path.chmod(above)
    for write in (replace, append_line):
        path = tmp_path / write.__name__ / "run" / "file"
        write(path, b"new")
        assert [mode(folder) for folder in path.parents[:2]] == [above] * 2
        assert mode(path) == above & 0o666
    path.chmod(0o604)
    append_line(path, b"second")
    assert mode(path) == 0o604


def test_a_new_file_takes_the_place_of_none(tmp_path: Path) -> None:
    with new_file(tmp_path / "part") as file:
        file.write(b"rows")
    with pytest.raises(FileExistsError), new_file(tmp_path / "part"):
        pytest.fail("it was opened")
    assert (tmp_path / "part").read_bytes() == b"rows"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match="expected a regular file"):
        read_regular(tmp_path / "log")
