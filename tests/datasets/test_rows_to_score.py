"""The catalog reads one file or a directory of them, with the hash of its bytes."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.rows import raw_files
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.errors import raises_data_error

# As the catalog uses it


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b,y\n1,"x, y",0\n2,,1\n3,z,1\n')
    return path


def test_rows_are_read_and_hashed_from_other_storage_than_the_disk() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("hashed.csv", "hashed/ä.csv", "hashed/B.csv", "hashed/b.csv"):
        memory.pipe_file(f"/{name}", b"a,y\n1,0\n")
    for path, index in (("hashed.csv", [1]), ("hashed/", ["B.csv:1", "b.csv:1", "ä.csv:1"])):
        dataset = RawRowsDataset(filepath=f"memory:///{path}")
        assert dataset.sha256() == dataset.load().sha256()
        assert dataset.load().whole().index.tolist() == index


def test_a_file_is_hashed_once_as_long_as_it_stays(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the guard that asks whether anything is new, and by the run that reads the rows."""
    hashed: list[str] = []
    digest = raw_files.hashlib.file_digest

    def counted(content: Any, kind: str) -> Any:
        hashed.append(kind)
        return digest(content, kind)

    monkeypatch.setattr(raw_files.hashlib, "file_digest", counted)
    dataset = RawRowsDataset(filepath=str(csv))
    before = dataset.sha256()
    rows = dataset.load()
    assert len(rows.whole()) == 3
    assert rows.sha256() == before == dataset.hashes()["rows.csv"]
    assert len(hashed) == 1
    csv.write_bytes(b"a,b,y\n4,5,1\n")
    assert dataset.sha256() == hashlib.sha256(csv.read_bytes()).hexdigest() != before
    assert len(dataset.load().whole()) == 1
    assert len(hashed) == 2


# A directory of files

DAYS = {
    "2026-11-02.csv": "y,a,b\n0,3,z\n",
    "2026-11-10.csv": "a,b,y\n4,,1\n",
    "2026-11-01.csv": 'a,b,y\n1,"x, y",0\n2,,1\n',
}


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """A directory of dated files, not written in the order of their names."""
    folder = tmp_path / "daily"
    folder.mkdir()
    for name, text in DAYS.items():
        (folder / name).write_text(text)
    return folder


def directory_refusal(folder: Path, **load_args: Any) -> str:
    """Read a directory that can't be used and give the message."""
    with raises_data_error() as error:
        RawRowsDataset(filepath=str(folder), load_args=load_args).load().whole()
    return str(error.value)


def hash_refusal(folder: Path) -> str:
    """Hash a directory that can't be used and give the message."""
    with raises_data_error() as error:
        RawRowsDataset(filepath=str(folder)).sha256()
    return str(error.value)


def test_the_files_of_a_directory_are_read_in_name_order_by_column_name(days: Path) -> None:
    frame = RawRowsDataset(filepath=str(days)).load().whole()
    assert frame.columns.tolist() == ["a", "b", "y"]
    assert frame.to_numpy().tolist() == [
        ["1", "x, y", "0"],
        ["2", "", "1"],
        ["3", "z", "0"],
        ["4", "", "1"],
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_the_fingerprint_of_a_directory_is_what_sha256sum_prints(days: Path, count: int) -> None:
    (days / "2026-11-01.csv").write_bytes(b"\xef\xbb\xbfa,b,y\r\n1,2,0\r\n")
    (days / "2026-11-01.csv").rename(days / "2026-11-01.CSV")
    (days / ".hidden.csv").write_text("not,read\n1,2\n")
    (days / "notes.txt").write_text("not read")
    for name in sorted(DAYS)[count:]:
        (days / name).unlink()
    printed = subprocess.run(
        "sha256sum *.[cC][sS][vV] | sha256sum",
        shell=True,
        cwd=days,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    dataset = RawRowsDataset(filepath=str(days))
    rows = dataset.load()
    assert rows.names == ("2026-11-01.CSV", *sorted(DAYS)[1:count])
    assert rows.sha256() == printed.stdout.split()[0]
    assert dataset.sha256() == printed.stdout.split()[0]


def test_what_is_passed_over_is_named_once(days: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = RawRowsDataset(filepath=str(days))
    before = dataset.load().whole()
    passed_over = ["2026-11-03.csv.gz", "2026-11-03.csv.part", "notes.txt", "rows.tsv"]
    for name in (".2026-11-03.csv", *passed_over):
        (days / name).write_text("x,y\n1,2\n")
    (days / "caf\udce9.txt").write_text("not UTF-8")
    for folder in ("more.csv", "old"):
        (days / folder).mkdir()
        (days / folder / "2026-11-03.csv").write_text("a,b,y\n1,2,0\n")
    assert dataset.load().whole().equals(before)
    names = [*passed_over[:2], r"caf\udce9.txt", "more.csv", "notes.txt", "old", "rows.tsv"]
    said = "only files named *.csv or *.parquet directly in it are read"
    assert caplog.messages == [f"{days}: passed over {', '.join(names)}; {said}"]


def test_load_args_count_for_each_file(days: Path) -> None:
    for name in DAYS:
        (days / name).write_bytes("Patients\n1,5;ü\n".encode("latin-1"))
    load_args = {
        "sep": ";",
        "decimal": ",",
        "skiprows": 1,
        "header": None,
        "names": ["a", "y"],
        "encoding": "latin-1",
    }
    rows = RawRowsDataset(filepath=str(days), load_args=load_args).load()
    assert rows.whole().to_dict("records") == [{"a": "1,5", "y": "ü"}] * 3
    assert rows.number_format == NumberFormat(decimal=",")


def test_what_is_no_regular_file_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO would wait for a writer."""
    monkeypatch.chdir(tmp_path)
    folder = Path("days")
    folder.mkdir()
    os.mkfifo("special.csv")
    os.mkfifo(folder / "special.csv")
    for path, named in (("special.csv", "special.csv"), ("days", "days/special.csv")):
        for message in (directory_refusal(Path(path)), hash_refusal(Path(path))):
            assert f"{named}: it is neither a file nor a directory; expected a file" in message


def test_a_link_to_a_file_is_read_and_one_to_a_folder_passed_over(days: Path) -> None:
    (days / "2026-11-03.csv").symlink_to(days / "2026-11-02.csv")
    (days / "folder.csv").symlink_to(days)
    assert len(RawRowsDataset(filepath=str(days)).load().whole()) == 5


def test_a_csv_whose_name_is_not_utf_8_is_refused_by_an_escaped_name(days: Path) -> None:
    (days / "caf\udce9.csv").write_text("a,b,y\n1,2,0\n")
    message = directory_refusal(days)
    assert message.startswith(rf"{days}/caf\udce9.csv: the file's name is not UTF-8")
    assert message.endswith("Rename it.")
    assert hash_refusal(days) == message


# Rows to score

ROWS = pd.DataFrame({"a": [1, 2, 3], "b": ["x, y", "", "z"]})


def test_a_folder_of_both_is_refused(tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "1.parquet")
    ROWS.to_csv(tmp_path / "1.csv", index=False)
    with raises_data_error(match="and not both; got 1.csv, 1.parquet"):
        RawRowsDataset(str(tmp_path)).load()


@pytest.mark.parametrize("path", ["https://me:h0rse@host/rows.csv", "s4://host/a.csv?sig=h0rse"])
def test_a_secret_of_a_url_is_not_shown(path: str) -> None:
    with raises_data_error(match="://host/") as error:
        RawRowsDataset(filepath=path)
    assert "h0rse" not in str(error.value)


def test_a_file_that_is_gone_since_is_refused_by_name(csv: Path) -> None:
    rows = RawRowsDataset(str(csv)).load()
    csv.unlink()
    for read in (rows.sha256, lambda: rows.columns, lambda: list(rows.batches())):
        with pytest.raises(DataError, match=r"rows\.csv: No such file or directory"):
            read()


def test_they_are_read_only(csv: Path) -> None:
    assert RawRowsDataset(str(csv)).exists()
    with raises_data_error(match="is read only here"):
        RawRowsDataset(str(csv)).save(ROWS)
