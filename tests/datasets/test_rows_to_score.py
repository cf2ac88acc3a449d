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
from tests.helpers.raw_rows import whole

DAYS = {
    "2026-11-02.csv": "y,a,b\n0,3,z\n",
    "2026-11-10.csv": "a,b,y\n4,,1\n",
    "2026-11-01.csv": 'a,b,y\n1,"x, y",0\n2,,1\n',
}
ROWS = pd.DataFrame({"a": [1, 2, 3], "b": ["x, y", "", "z"]})


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b,y\n1,"x, y",0\n2,,1\n3,z,1\n')
    return path


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """A directory of dated files, not written in the order of their names."""
    folder = tmp_path / "daily"
    folder.mkdir()
    for name, text in DAYS.items():
        (folder / name).write_text(text)
    return folder


def refusals(path: Path) -> list[str]:
    """Read and hash what can't be used, and give both messages."""
    messages = []
    for use in (lambda rows: whole(rows.load()), lambda rows: rows.load().sha256()):
        with raises_data_error() as error:
            use(RawRowsDataset(filepath=str(path)))
        messages.append(str(error.value))
    return messages


def test_rows_are_read_and_hashed_from_other_storage_than_the_disk() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("hashed.csv", "hashed/ä.csv", "hashed/B.csv", "hashed/b.csv"):
        memory.pipe_file(f"/{name}", b"a,y\n1,0\n")
    for path, index in (("hashed.csv", [1]), ("hashed/", ["B.csv:1", "b.csv:1", "ä.csv:1"])):
        dataset = RawRowsDataset(filepath=f"memory:///{path}")
        assert len(dataset.load().sha256()) == 64
        assert whole(dataset.load()).index.tolist() == index


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
    before = dataset.load().sha256()
    rows = dataset.load()
    assert len(whole(rows)) == 3
    assert rows.sha256() == before == rows.hashes(None)["rows.csv"]
    assert len(hashed) == 1
    csv.write_bytes(b"a,b,y\n4,5,1\n")
    assert dataset.load().sha256() == hashlib.sha256(csv.read_bytes()).hexdigest() != before
    assert len(whole(dataset.load())) == 1
    assert len(hashed) == 2


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_files_of_a_directory_are_read_in_name_order_by_column_name(
    days: Path, on_disk: bool
) -> None:
    memory = fsspec.filesystem("memory")
    for name, text in DAYS.items():
        memory.pipe_file(f"/daily/{name}", text.encode())
    dataset = RawRowsDataset(filepath=str(days) if on_disk else "memory:///daily/")
    frame = whole(dataset.load())
    assert frame.columns.tolist() == ["a", "b", "y"]
    expected = [["1", "x, y", "0"], ["2", "", "1"], ["3", "z", "0"], ["4", "", "1"]]
    assert frame.to_numpy().tolist() == expected
    assert frame.index[2] == "2026-11-02.csv:1"
    assert dataset.load().sha256() == RawRowsDataset(filepath=str(days)).load().sha256()
    if on_disk:  # names are ordered by their bytes, and a link to a file is read
        for name in ("b.csv", "B.csv", "ä.csv", "10.csv", "9.csv"):
            (days / name).symlink_to(days / "2026-11-02.csv")
        names = dataset.load().names
        assert list(names) == ["10.csv", *sorted(DAYS), "9.csv", "B.csv", "b.csv", "ä.csv"]
        assert len(whole(dataset.load())) == 9


@pytest.mark.parametrize("count", [1, 3])
def test_the_fingerprint_of_a_directory_is_what_sha256sum_prints(days: Path, count: int) -> None:
    (days / "2026-11-01.csv").write_bytes(b"\xef\xbb\xbfa,b,y\r\n1,2,0\r\n")
    (days / "2026-11-01.csv").rename(days / "2026-11-01.CSV")
    (days / ".hidden.csv").write_text("not,read\n1,2\n")
    (days / "notes.txt").write_text("not read")
    for name in sorted(DAYS)[count:]:
        (days / name).unlink()
    command = "LC_ALL=C; sha256sum *.[cC][sS][vV] | sha256sum"
    printed = subprocess.check_output(command, shell=True, cwd=days, text=True).split()[0]
    dataset = RawRowsDataset(filepath=str(days))
    rows = dataset.load()
    assert rows.names == ("2026-11-01.CSV", *sorted(DAYS)[1:count])
    assert rows.sha256() == printed


def test_what_is_passed_over_is_named_once(days: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = RawRowsDataset(filepath=str(days))
    before = whole(dataset.load())
    passed_over = ["2026-11-03.csv.gz", "2026-11-03.csv.part", "notes.txt", "rows.tsv"]
    for name in (".2026-11-03.csv", *passed_over):
        (days / name).write_text("x,y\n1,2\n")
    for folder in ("more.csv", "old"):
        (days / folder).mkdir()
        (days / folder / "2026-11-03.csv").write_text("a,b,y\n1,2,0\n")
    (days / "z.csv").symlink_to(days)
    assert whole(dataset.load()).equals(before)
    names = [*passed_over[:2], "more.csv", "notes.txt", "old", "rows.tsv", "z.csv"]
    reason = "only files named *.csv or *.parquet directly in it are read"
    assert caplog.messages == [f"{days}: skipped {', '.join(names)}; {reason}"]


def test_load_args_count_for_each_file(days: Path) -> None:
    for name in DAYS:
        (days / name).write_bytes("Patients\n1,5;ü\n".encode("latin-1"))
    load_args = {
        **{"sep": ";", "decimal": ",", "skiprows": 1, "header": None},
        **{"names": ["a", "y"], "encoding": "latin-1"},
    }
    rows = RawRowsDataset(filepath=str(days), load_args=load_args).load()
    assert whole(rows).to_dict("records") == [{"a": "1,5", "y": "ü"}] * 3
    assert rows.number_format == NumberFormat(decimal=",")


def test_what_is_no_regular_file_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FIFO would wait for a writer."""
    monkeypatch.chdir(tmp_path)
    Path("days").mkdir()
    for path, named, said in (
        ("special.csv", "special.csv", "it cannot be read: [Errno 20] Not a directory: "),
        ("days", "days/special.csv", "expected files named *.csv directly in this directory"),
    ):
        os.mkfifo(named)
        for message in refusals(Path(path)):
            assert message.startswith(f"{path}: ")
            assert said in message


def test_a_directory_with_a_name_that_is_not_utf_8_is_refused(days: Path) -> None:
    (days / "caf\udce9.csv").write_text("a,b,y\n1,2,0\n")
    for message in refusals(days):
        assert f"{days}: no such file or directory, or it cannot be read: 'utf-8' codec" in message


def test_parquet_files_are_read_in_the_order_of_their_names_and_not_beside_csv(
    tmp_path: Path,
) -> None:
    for name in ("2.parquet", "1.parquet"):
        ROWS.to_parquet(tmp_path / name)
    rows = RawRowsDataset(str(tmp_path)).load()
    assert [batch.file for batch in rows.batches()] == ["1.parquet", "2.parquet"]
    ROWS.to_csv(tmp_path / "1.csv", index=False)
    with raises_data_error(match="and not both; got 1.csv, 1.parquet"):
        RawRowsDataset(str(tmp_path)).load()


@pytest.mark.parametrize("path", ["https://me:h0rse@host/rows.csv", "s4://host/a.csv?sig=h0rse"])
def test_a_secret_of_a_url_is_not_shown(path: str) -> None:
    with raises_data_error(match="://host/") as error:
        RawRowsDataset(filepath=path)
    assert "h0rse" not in str(error.value)


def test_files_are_read_only_and_one_that_is_gone_since_is_refused_by_name(csv: Path) -> None:
    dataset = RawRowsDataset(str(csv))
    assert dataset.exists()
    with raises_data_error(match="is read-only here"):
        dataset.save(ROWS)
    rows = dataset.load()
    csv.unlink()
    for read in (rows.sha256, lambda: rows.columns, lambda: list(rows.batches())):
        with pytest.raises(DataError, match=r"rows\.csv: No such file or directory"):
            read()
