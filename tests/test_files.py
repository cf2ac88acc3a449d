"""A file is replaced, and a line appended, whole or not at all."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tabular_lstm.files import append_line, replace, sha256, whole_lines


def test_sha256_is_what_sha256sum_prints(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\0rows\n")
    printed = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True)
    assert printed.stdout.split()[0] == sha256(path.read_bytes())


def test_replace_leaves_the_new_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder/champion.keras"
    for content in (b"one", b"another"):
        replace(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["champion.keras"]


def test_who_has_the_old_file_open_keeps_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "champion.keras"
    replace(path, b"old and long")
    with path.open("rb") as opened:
        assert opened.read(3) == b"old"
        replace(path, b"new")
        assert opened.read() == b" and long"


def test_replace_takes_over_what_a_killed_run_left_beside(tmp_path: Path) -> None:
    (tmp_path / ".champion.keras.new").write_bytes(b"half of it, and longer than the next")
    replace(tmp_path / "champion.keras", b"whole")
    assert (tmp_path / "champion.keras").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["champion.keras"]


def limited(code: str, size: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process that may write files of so many bytes."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"from pathlib import Path\nfrom tabular_lstm.files import *\n{code}",
        ],
        cwd=cwd,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_space_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "champion.keras").write_bytes(b"old")
    finished = limited("replace(Path('champion.keras'), bytes(2000))", 1000, tmp_path)
    assert finished.returncode == 1
    assert "OSError: [Errno 27]" in finished.stderr
    assert (tmp_path / "champion.keras").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["champion.keras"]


@pytest.mark.parametrize("left", [0, 1, 5])
def test_without_space_no_part_of_a_line_stays(tmp_path: Path, left: int) -> None:
    log = tmp_path / "log"
    append_line(log, "first")
    finished = limited("append_line(Path('log'), 'second')", log.stat().st_size + left, tmp_path)
    assert finished.returncode == 1
    assert "OSError" in finished.stderr
    assert log.read_bytes() == b"first\n"


def test_append_only_adds(tmp_path: Path) -> None:
    log = tmp_path / "new folder/log"
    append_line(log, "first")
    place = log.stat().st_ino
    append_line(log, "zweite, länger")
    assert log.read_text() == "first\nzweite, länger\n"
    assert log.stat().st_ino == place


def test_a_line_that_a_power_failure_cut_off_goes_before_the_next(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\n{sec")
    assert whole_lines(log.read_bytes()) == b"first\n"
    append_line(log, "second")
    assert log.read_bytes() == b"first\nsecond\n"


def test_a_file_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(IsADirectoryError):
        append_line(tmp_path / "log", "first")
