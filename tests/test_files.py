"""A file is replaced whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from tabular_lstm.files import new_file, replace
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


def test_a_new_file_takes_the_place_of_none(tmp_path: Path) -> None:
    with new_file(tmp_path / "part") as file:
        file.write(b"rows")
    with pytest.raises(FileExistsError), new_file(tmp_path / "part"):
        pytest.fail("it was opened")
    assert (tmp_path / "part").read_bytes() == b"rows"


def test_a_link_and_permissions_stay_and_a_folder_need_not_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").write_bytes(b"old")
    (tmp_path / "shared").chmod(0o640)
    (tmp_path / "log").symlink_to("shared")
    flush = os.fsync

    def flush_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_files)
    replace(tmp_path / "log", b"new")
    assert (tmp_path / "log").readlink() == Path("shared")
    assert (tmp_path / "shared").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o640
