"""The catalog reads one CSV or a directory of them, with the fingerprint of its bytes."""

import hashlib
import logging
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tabular_lstm.datasets import RawCSVDataset
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.errors import raises_data_error

# As the catalog uses it


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b,y\n1,"x, y",0\n2,,1\n3,z,1\n')
    return path


def test_the_rows_name_their_file_and_the_hash_of_its_bytes(csv: Path) -> None:
    rows = RawCSVDataset(filepath=str(csv)).load()
    assert len(rows.whole()) == 3
    assert (rows.file, rows.marks, rows.names) == (str(csv), NumberFormat(), ())
    assert rows.sha256() == hashlib.sha256(csv.read_bytes()).hexdigest()


def sha256_of(dataset: RawCSVDataset) -> str:
    """Read all rows, and give the hash of what was read."""
    rows = dataset.load()
    rows.whole()
    sha256: str = rows.sha256()
    return sha256


def test_a_byte_order_mark_counts_in_the_hash(csv: Path) -> None:
    csv.write_bytes(b"\xef\xbb\xbf" + csv.read_bytes())
    assert (
        sha256_of(RawCSVDataset(filepath=str(csv))) == hashlib.sha256(csv.read_bytes()).hexdigest()
    )


@pytest.mark.parametrize("size", [10, 2**20, 3 * 2**20 + 7])
def test_the_hash_is_given_without_parsing_too(csv: Path, size: int) -> None:
    csv.write_bytes(b"a,y\n" + b"\n" * size + b"1,0\n")
    dataset = RawCSVDataset(filepath=str(csv))
    assert dataset.sha256() == sha256_of(dataset)
    csv.write_bytes(b"no CSV")
    assert dataset.sha256() == hashlib.sha256(b"no CSV").hexdigest()


def test_the_hash_is_given_from_other_storage_than_the_disk() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/hashed.csv", b"a,y\n1,0\n")
    memory.pipe_file("/hashed/1.csv", b"a,y\n1,0\n")
    for path in ("hashed.csv", "hashed"):
        dataset = RawCSVDataset(filepath=f"memory:///{path}")
        assert dataset.sha256() == sha256_of(dataset)


def test_a_file_with_another_header_than_when_it_was_read_before_has_changed(csv: Path) -> None:
    rows = RawCSVDataset(filepath=str(csv)).load()
    rows.whole()
    csv.write_bytes(csv.read_bytes().replace(b"b", b"c", 1))
    with raises_data_error(match="csv: the file changed while it was read"):
        next(rows.parts())


def test_a_file_replaced_while_it_is_read_is_known_by_what_was_parsed(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = RawCSVDataset(filepath=str(csv))
    before, opened = csv.read_bytes(), dataset._fs.open

    def replaced(path: str, mode: str) -> Any:
        content = opened(path, mode)
        csv.unlink()
        csv.write_bytes(b"a,b,y\n4,5,1\n")
        return content

    rows = dataset.load()
    monkeypatch.setattr(dataset._fs, "open", replaced)
    assert len(rows.whole()) == 3
    assert rows.sha256() == hashlib.sha256(before).hexdigest() != dataset.sha256()
    with raises_data_error(match="the file changed while it was read"):
        rows.whole()


def test_rows_are_numbered_from_1_below_the_header(csv: Path) -> None:
    index = RawCSVDataset(filepath=str(csv)).load().whole().index
    assert (index.name, index.tolist()) == ("row", [1, 2, 3])


def test_load_args_reach_the_parser(csv: Path) -> None:
    csv.write_bytes("1;ü\n".encode("latin-1"))
    load_args = {"sep": ";", "header": None, "names": ["a", "y"], "encoding": "latin-1"}
    frame = RawCSVDataset(filepath=str(csv), load_args=load_args).load().whole()
    assert frame.to_dict("records") == [{"a": "1", "y": "ü"}]


def test_kedro_viz_previews_the_first_rows_as_they_are(csv: Path) -> None:
    dataset = RawCSVDataset(filepath=str(csv))
    preview = dataset.preview(nrows=2)
    assert preview["columns"] == ["a", "b", "y"]
    assert preview["data"] == [["1", "x, y", "0"], ["2", "", "1"]]
    assert len(dataset.load().whole()) == 3


def test_it_reads_from_other_storage_than_the_disk() -> None:
    fsspec.filesystem("memory").pipe_file("/rows.csv", b"a,y\n1,0\n")
    frame = RawCSVDataset(filepath="memory:///rows.csv").load().whole()
    assert frame.to_dict("records") == [{"a": "1", "y": "0"}]


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "absent.csv"
    dataset = RawCSVDataset(filepath=str(file))
    for read in (dataset.load, dataset.sha256):
        with raises_data_error(match="no such file or directory") as error:
            read()
        assert str(file) in str(error.value)


def test_a_refusal_names_the_path(csv: Path) -> None:
    csv.write_text("")
    with raises_data_error() as error:
        RawCSVDataset(filepath=str(csv)).load().whole()
    assert str(csv) in str(error.value)


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
        RawCSVDataset(filepath=str(folder), load_args=load_args).load().whole()
    return str(error.value)


def hash_refusal(folder: Path) -> str:
    """Hash a directory that can't be used and give the message."""
    with raises_data_error() as error:
        RawCSVDataset(filepath=str(folder)).sha256()
    return str(error.value)


def test_the_files_of_a_directory_are_read_in_name_order_by_column_name(days: Path) -> None:
    frame = RawCSVDataset(filepath=str(days)).load().whole()
    assert frame.columns.tolist() == ["a", "b", "y"]
    assert frame.to_numpy().tolist() == [
        ["1", "x, y", "0"],
        ["2", "", "1"],
        ["3", "z", "0"],
        ["4", "", "1"],
    ]


def test_names_are_ordered_by_their_bytes(days: Path) -> None:
    for name in ("b.csv", "B.csv", "ä.csv", "10.csv", "9.csv"):
        (days / name).write_text("a,b,y\n1,2,0\n")
    names = RawCSVDataset(filepath=str(days)).load().names
    listed = subprocess.run(
        "ls *.csv",
        shell=True,
        cwd=days,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert list(names) == listed.stdout.split()
    assert list(names) == ["10.csv", *sorted(DAYS), "9.csv", "B.csv", "b.csv", "ä.csv"]


def test_a_row_of_a_directory_is_named_by_its_file_and_its_number_there(days: Path) -> None:
    (days / "2026-11-02.csv").write_text("\ny,a,b\n\n0,3,z\n1,4,z\n")
    index = RawCSVDataset(filepath=str(days)).load().whole().index
    assert index.name == "row"
    assert index.tolist() == [
        "2026-11-01.csv:1",
        "2026-11-01.csv:2",
        "2026-11-02.csv:1",
        "2026-11-02.csv:2",
        "2026-11-10.csv:1",
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
    dataset = RawCSVDataset(filepath=str(days))
    rows = dataset.load()
    assert rows.names == ("2026-11-01.CSV", *sorted(DAYS)[1:count])
    assert sha256_of(dataset) == printed.stdout.split()[0]
    assert dataset.sha256() == printed.stdout.split()[0]


@pytest.mark.parametrize("ending", ["CSV", "Csv", "csV"])
def test_a_file_is_read_in_whatever_case_its_ending_is(days: Path, ending: str) -> None:
    other = days / f"2026-11-03.{ending}"
    other.write_text("a,b,y\n9,9,1\n")
    dataset = RawCSVDataset(filepath=str(days))
    rows = dataset.load()
    assert rows.whole().loc[f"2026-11-03.{ending}:1"].tolist() == ["9", "9", "1"]
    assert rows.sha256() == dataset.sha256()
    other.write_text("a,b,y\n9,9,0\n")
    assert rows.sha256() != dataset.sha256()


def test_what_is_passed_over_is_named_once(days: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    dataset = RawCSVDataset(filepath=str(days))
    before = dataset.load().whole()
    assert not caplog.records
    passed_over = ["2026-11-03.csv.gz", "2026-11-03.csv.part", "notes.txt", "rows.tsv"]
    for name in (".2026-11-03.csv", *passed_over):
        (days / name).write_text("x,y\n1,2\n")
    (days / "caf\udce9.txt").write_text("not UTF-8")
    for folder in ("more.csv", "old"):
        (days / folder).mkdir()
        (days / folder / "2026-11-03.csv").write_text("a,b,y\n1,2,0\n")
    dataset.sha256()
    for _ in range(2):
        assert dataset.load().whole().equals(before)
    names = [*passed_over[:2], r"caf\xe9.txt", "more.csv/", "notes.txt", "old/", "rows.tsv"]
    said = "only files named *.csv directly in it are read, and no hidden ones"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"{days}: passed over {', '.join(names)}; {said}"),
        ("INFO", f"{days}: passed over .2026-11-03.csv; {said}"),
    ] * 2


def test_each_file_is_read_once(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, opened = RawCSVDataset(filepath=str(days)), []
    open_file = dataset._fs.open

    def count(path: str, mode: str) -> Any:
        opened.append(Path(path).name)
        return open_file(path, mode)

    monkeypatch.setattr(dataset._fs, "open", count)
    dataset.load().whole()
    assert opened == sorted(DAYS)


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
    rows = RawCSVDataset(filepath=str(days), load_args=load_args).load()
    assert rows.whole().to_dict("records") == [{"a": "1,5", "y": "ü"}] * 3
    assert rows.marks == NumberFormat(decimal=",")


def test_a_column_that_one_file_has_more_is_left_out_as_its_refusal_says(days: Path) -> None:
    names = (days / "2026-11-01.csv").read_text().splitlines()[0].split(",")
    header = ",".join([*names, "remark"])
    (days / "2026-11-02.csv").write_text(f"{header}\n{','.join(['1'] * len(names))},new\n")
    assert "load_args: {usecols: [...]}" in directory_refusal(days)
    frame = RawCSVDataset(filepath=str(days), load_args={"usecols": names}).load().whole()
    assert frame.columns.tolist() == names


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        ("a,B,y", ("lacks 'b' and has in addition 'B';",)),
        ("a,b,y,z", ("it has in addition 'z';",)),
        ("a,b,y,z,w", ("it has in addition 'z', 'w';",)),
        ("a,y", ("it lacks 'b';",)),
        ("n,m", ("lacks 'a', 'b', 'y' and has in addition 'n', 'm';",)),
    ],
)
def test_a_file_of_other_columns_is_refused(
    days: Path, header: str, facts: tuple[str, ...]
) -> None:
    (days / "2026-11-02.csv").write_text(f"{header}\n{re.sub('[a-zA-Z]', '1', header)}\n")
    message = directory_refusal(days)
    assert message.startswith(f"{days}/2026-11-02.csv: against 2026-11-01.csv")
    assert all(fact in message for fact in ("expected the same columns", *facts))


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("", "the file is empty"),
        ("a,b,y\n", "a header and no rows"),
        ("a,b,y\n1,2,0\n1,2\n", "row 2: expected 3 cells"),
        ("a;b;y\n1;2;0\n", 'sep: ";"'),
    ],
)
def test_a_bad_file_of_a_directory_is_named(days: Path, content: str, fact: str) -> None:
    (days / "2026-11-02.csv").write_text(content)
    message = directory_refusal(days)
    assert message.startswith(f"{days}/2026-11-02.csv: ")
    assert fact in message


def test_arguments_that_would_not_count_are_refused_for_a_directory_too(days: Path) -> None:
    assert "expected one of sep" in directory_refusal(days, dtype=float)


@pytest.mark.parametrize(
    ("others", "fact"),
    [((), "got no file."), (("notes.txt", "11-01.tsv"), "got 11-01.tsv, notes.txt.")],
)
def test_a_directory_without_a_csv_is_refused(
    tmp_path: Path, others: tuple[str, ...], fact: str
) -> None:
    for name in others:
        (tmp_path / name).write_text("a,y\n1,0\n")
    message = directory_refusal(tmp_path)
    assert message.startswith(f"{tmp_path}: the directory holds no CSV; expected at least one")
    assert hash_refusal(tmp_path) == message
    assert fact in message


def test_a_file_that_is_gone_before_it_is_read_is_named(days: Path) -> None:
    """A link to nothing is listed, and isn't there to be read."""
    (days / "2026-11-03.csv").symlink_to(days / "gone")
    message = directory_refusal(days)
    assert message.startswith(f"{days}/2026-11-03.csv: no such file, though it was there a moment")
    assert hash_refusal(days) == message


def special(path: Path, kind: str) -> None:
    """Put a file of another kind at the path."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    else:
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device"])
def test_what_is_no_regular_file_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A FIFO would wait for a writer, and /dev/zero never ends."""
    monkeypatch.chdir(tmp_path)
    folder = Path("days")
    folder.mkdir()
    special(Path("special.csv"), kind)
    special(folder / "special.csv", kind)
    for path, named in (("special.csv", "special.csv"), ("days", "days/special.csv")):
        for message in (directory_refusal(Path(path)), hash_refusal(Path(path))):
            assert f"{named}: it is a FIFO, a socket or a device; expected a regular" in message


def test_what_is_no_regular_file_is_passed_over_where_it_is_no_csv(days: Path) -> None:
    os.mkfifo(days / "pipe")
    assert len(RawCSVDataset(filepath=str(days)).load().whole()) == 4


def test_a_link_to_a_file_is_read_and_one_to_a_folder_passed_over(days: Path) -> None:
    (days / "2026-11-03.csv").symlink_to(days / "2026-11-02.csv")
    (days / "folder.csv").symlink_to(days)
    assert len(RawCSVDataset(filepath=str(days)).load().whole()) == 5


def test_a_csv_whose_name_is_not_utf_8_is_refused_by_an_escaped_name(days: Path) -> None:
    (days / "caf\udce9.csv").write_text("a,b,y\n1,2,0\n")
    message = directory_refusal(days)
    assert message.startswith(rf"{days}/caf\xe9.csv: the file's name is not UTF-8")
    assert message.endswith("Rename it.")
    assert hash_refusal(days) == message


@pytest.mark.parametrize("folder", [False, True], ids=["a file", "in a folder"])
def test_what_the_system_does_not_open_is_said_in_its_words(days: Path, folder: bool) -> None:
    (days / "one.csv").symlink_to(days / "other.csv")
    (days / "other.csv").symlink_to(days / "one.csv")
    path = days if folder else days / "one.csv"
    message = directory_refusal(path)
    assert message == f"{days}/one.csv: Too many levels of symbolic links"
    assert hash_refusal(path) == message


def test_a_directory_is_read_from_other_storage_than_the_disk() -> None:
    memory = fsspec.filesystem("memory")
    for name, text in DAYS.items():
        memory.pipe_file(f"/daily/{name}", text.encode())
    frame = RawCSVDataset(filepath="memory:///daily/").load().whole()
    assert frame["a"].tolist() == ["1", "2", "3", "4"]
    assert frame.index[2] == "2026-11-02.csv:1"


def test_kedro_viz_previews_the_first_rows_of_a_directory(days: Path) -> None:
    preview = RawCSVDataset(filepath=str(days)).preview(nrows=3)
    assert preview["columns"] == ["a", "b", "y"]
    assert preview["data"] == [["1", "x, y", "0"], ["2", "", "1"], ["3", "z", "0"]]
    assert preview["index"] == ["2026-11-01.csv:1", "2026-11-01.csv:2", "2026-11-02.csv:1"]
