"""The raw CSV comes in as text cells with its fingerprint, or is refused with the facts."""

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tabular_lstm.datasets import RawCSVDataset
from tabular_lstm.datasets.raw_csv import read_cells
from tests.helpers.errors import raises_data_error


def read(text: str | bytes, **load_args: Any) -> list[list[str]]:
    """Parse a CSV and give its header and rows."""
    content = text if isinstance(text, bytes) else text.encode()
    frame = read_cells(content, "rows.csv", load_args)
    return [list(frame.columns), *frame.to_numpy().tolist()]


def refusal(text: str | bytes, **load_args: Any) -> str:
    """Parse a CSV that can't be used and give the message."""
    with raises_data_error() as error:
        read(text, **load_args)
    return str(error.value)


# What is kept


@pytest.mark.parametrize("cell", ["007", "1.50", "NA", "nan", "", " ", "1e5", "True", "2020-01-02"])
def test_a_cell_stays_the_text_it_is(cell: str) -> None:
    assert read(f"a,b,y\n{cell},1,0\n") == [["a", "b", "y"], [cell, "1", "0"]]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('"x, y",2', ["x, y", "2"]),
        ('"first\nsecond",2', ["first\nsecond", "2"]),
        ('"he said ""no""",2', ['he said "no"', "2"]),
        ('5" pipe,2', ['5" pipe', "2"]),
    ],
    ids=["delimiter", "line break", "quotes", "a lone quote inside"],
)
def test_quotes_hold_a_cell_together(text: str, cells: list[str]) -> None:
    assert read(f"a,y\n{text}\n3,4\n") == [["a", "y"], cells, ["3", "4"]]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_line_ends_do_not_matter(line_end: str) -> None:
    expected = [["a", "y"], ["1", "0"], ["2", "1"]]
    assert read(line_end.join(["a,y", "1,0", "2,1"])) == expected


def test_blank_lines_are_no_rows() -> None:
    assert read("\na,y\n\n1,0\n   \n2,1\n\n") == [["a", "y"], ["1", "0"], ["2", "1"]]


def test_a_byte_order_mark_is_not_part_of_the_first_name() -> None:
    assert read(b"\xef\xbb\xbfa,y\n1,0\n")[0] == ["a", "y"]


# What load_args change


def test_another_encoding_is_read_when_declared() -> None:
    assert read("Größe,y\nmüde,0\n".encode("latin-1"), encoding="latin-1") == [
        ["Größe", "y"],
        ["müde", "0"],
    ]


@pytest.mark.parametrize("argument", ["sep", "delimiter"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_read_when_declared(argument: str, delimiter: str) -> None:
    text = "a,y\n1,0\n".replace(",", delimiter)
    assert read(text, **{argument: delimiter}) == [["a", "y"], ["1", "0"]]


def test_another_quote_is_read_when_declared() -> None:
    assert read("a,y\n'1,5',0\n", quotechar="'") == [["a", "y"], ["1,5", "0"]]


def test_names_stand_in_for_a_header_that_the_file_lacks() -> None:
    assert read("1,0\n2,1\n", header=None, names=["a", "y"]) == [
        ["a", "y"],
        ["1", "0"],
        ["2", "1"],
    ]


def test_spaces_around_names_do_not_count() -> None:
    assert read("a, y \n1, 0\n")[0] == ["a", "y"]
    assert "column name 'a' stands 2 times" in refusal("a, a,y\n1,2,0\n")


def test_names_may_be_numbers() -> None:
    assert read("1,0\n2,1\n", header=None, names=[0, 1])[0] == ["0", "1"]


def test_names_replace_the_header() -> None:
    assert read("old,older\n1,0\n", header=0, names=["a", "y"]) == [["a", "y"], ["1", "0"]]


def test_skipped_lines_are_not_read() -> None:
    assert read("Patients of 1988\n\na,y\n1,0\n", skiprows=2) == [["a", "y"], ["1", "0"]]


def test_the_header_may_stand_below_other_lines() -> None:
    assert read("Patients of 1988\na,y\n1,0\n", header=1) == [["a", "y"], ["1", "0"]]


@pytest.mark.parametrize("columns", [["a", "y"], [0, 2]], ids=["by name", "by place"])
def test_some_columns_may_be_left_out(columns: list[str] | list[int]) -> None:
    assert read("a,b,y\n1,2,0\n3,4,1\n", usecols=columns) == [["a", "y"], ["1", "0"], ["3", "1"]]


def test_a_declared_decimal_comma_becomes_a_point_in_numbers_alone() -> None:
    text = 'a;b;y\n1,5;"x,1";0\n -2,25e3;,5;1\n'
    assert read(text, sep=";", decimal=",")[1:] == [["1.5", "x,1", "0"], [" -2.25e3", ".5", "1"]]


@pytest.mark.parametrize(
    ("argument", "value"),
    [("dtype", float), ("na_values", ["01"]), ("thousands", "."), ("skiprows", [1]), ("sep", "::")],
)
def test_an_argument_that_would_not_count_is_refused(argument: str, value: Any) -> None:
    message = refusal("a,y\n01,NA\n", **{argument: value})
    assert all(fact in message for fact in ("rows.csv", f"{argument}: ", "expected"))


# What is refused


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    message = refusal(content)
    assert "rows.csv" in message
    assert "empty" in message
    assert "expected a header and rows" in message


@pytest.mark.parametrize("text", ["a,b,y", "a,b,y\n", "a,b,y\n\n"])
def test_a_header_without_rows_is_refused(text: str) -> None:
    message = refusal(text)
    assert "rows.csv" in message
    assert "a header and no rows" in message


@pytest.mark.parametrize(
    ("delimiter", "hint"), [(";", 'sep: ";"'), ("\t", r'sep: "\t"'), ("|", 'sep: "|"')]
)
def test_a_wrong_delimiter_is_named_with_the_right_one(delimiter: str, hint: str) -> None:
    message = refusal("a,b,y\n1,2,0\n3,4,1\n".replace(",", delimiter))
    assert "rows.csv" in message
    assert "one column only with the delimiter ','" in message
    assert hint in message


def test_a_wrong_delimiter_is_named_when_the_numbers_have_decimal_commas() -> None:
    assert 'sep: ";"' in refusal("a;b;y\n1,5;2;0\n3,5;4;1\n")


def test_a_wrong_delimiter_in_load_args_is_named() -> None:
    message = refusal("a,b,y\n1,2,0\n", sep=";")
    assert "one column only with the delimiter ';'" in message
    assert 'sep: ","' in message


def test_a_single_column_is_refused() -> None:
    assert "Expected a label and at least one feature" in refusal("y\n1\n0\n")


@pytest.mark.parametrize(
    ("content", "encoding", "facts"),
    [
        ("a,y\n1,0\nmüde,1\n".encode("latin-1"), "utf-8", ("line 3", "0xfc", "utf-8")),
        ("a,y\n1,0\n".encode("utf-16"), "utf-8", ("line 1", "0xff", "utf-8")),
        ("a,y\nmüde,1\n".encode(), "ascii", ("line 2", "0xc3", "ascii")),
    ],
    ids=["latin-1", "utf-16", "declared ascii"],
)
def test_another_encoding_is_refused(content: bytes, encoding: str, facts: tuple[str, ...]) -> None:
    message = refusal(content, encoding=encoding)
    assert all(fact in message for fact in ("rows.csv", *facts, "load_args: {encoding:"))


def test_an_unknown_encoding_is_refused() -> None:
    assert "latin-1x" in refusal("a,y\n1,0\n", encoding="latin-1x")


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ("1,2,0\n1,2,3,0\n1,2,1\n", ("row 2:", "expected 3 cells", "got 4 in row 2")),
        ("1,2,0\n1,2\n1,2,1\n", ("row 2:", "expected 3 cells", "got 2 in row 2")),
        ("1,2,3,0\n1,2,0\n1,2,1\n", ("row 1:", "expected 3 cells", "got 4 in row 1")),
        ("1,2,3,0\n1,2,3,1\n", ("rows 1, 2:", "expected 3 cells", "got 4 in row 1")),
        ("1,2,0\n\n1,2\n\n1\n", ("rows 2, 3:", "expected 3 cells", "got 2 in row 2")),
        ('"1\n1",2,0\n1,2\n', ("row 2:", "expected 3 cells", "got 2 in row 2")),
        ("1,2\n" * 13, ("rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more:", "got 2 in row 1")),
    ],
    ids=["long", "short", "first long", "all long", "blank lines", "line break in a cell", "many"],
)
def test_ragged_rows_are_refused(rows: str, facts: tuple[str, ...]) -> None:
    message = refusal(f"a,b,y\n{rows}")
    assert all(fact in message for fact in ("rows.csv", *facts))


def test_ragged_rows_are_counted_from_the_first_line_without_a_header() -> None:
    message = refusal("1,0\n2\n", header=None, names=["a", "y"])
    assert "row 2: expected 2 cells" in message


@pytest.mark.parametrize("names", [["a", "y"], ["a", "b", "c", "y"]], ids=["few", "many"])
def test_another_number_of_names_than_of_cells_is_refused(names: list[str]) -> None:
    message = refusal("1,2,0\n3,4,1\n", header=None, names=names)
    assert f"rows 1, 2: expected {len(names)} cells" in message
    assert "got 3 in row 1" in message


@pytest.mark.parametrize(
    "rows",
    ["1,2,3,0\n1,2,3,1\n", "1,2,0\n1,2,3,1\n", "1,2,0\n1,2\n"],
    ids=["all long", "long", "short"],
)
def test_ragged_rows_are_refused_below_skipped_lines(rows: str) -> None:
    message = refusal(f"Patients of 1988\na,b,y\n{rows}", skiprows=1)
    assert "rows.csv" in message
    assert re.search("expected 3 (cells|fields)", message.lower())


def test_a_quote_that_never_closes_is_refused() -> None:
    message = refusal('a,y\n1,0\n"2,1\n3,0\n')
    assert "rows.csv: row 2: expected 2 cells" in message


def test_a_quote_that_never_closes_is_refused_in_a_long_file() -> None:
    assert "rows.csv" in refusal('a,y\n1,0\n"2,1\n' + "3,0\n" * 40_000)


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        ("age,bmi,age,y", ("'age'", "2 times", "columns 1, 3")),
        ("age,age,age,y", ("'age'", "3 times", "columns 1, 2, 3")),
        ("bmi,age,y,y", ("'y'", "2 times", "columns 3, 4")),
    ],
)
def test_a_column_name_that_stands_twice_is_refused(header: str, facts: tuple[str, ...]) -> None:
    message = refusal(f"{header}\n1,2,3,0\n")
    assert all(fact in message for fact in ("rows.csv", *facts))


def test_a_name_given_twice_is_refused() -> None:
    assert "rows.csv" in refusal("1,0\n", header=None, names=["a", "a"])


def test_a_file_without_header_needs_names() -> None:
    message = refusal("1,2,0\n3,4,1\n", header=None)
    assert all(
        fact in message for fact in ("rows.csv", "header: null", "names: [...]", "3 columns")
    )


# As the catalog uses it


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b,y\n1,"x, y",0\n2,,1\n3,z,1\n')
    return path


def test_the_frame_names_its_file_and_the_hash_of_its_bytes(csv: Path) -> None:
    attrs = RawCSVDataset(filepath=str(csv)).load().attrs
    assert attrs == {"file": str(csv), "sha256": hashlib.sha256(csv.read_bytes()).hexdigest()}


def test_a_byte_order_mark_counts_in_the_hash(csv: Path) -> None:
    csv.write_bytes(b"\xef\xbb\xbf" + csv.read_bytes())
    loaded = RawCSVDataset(filepath=str(csv)).load()
    assert loaded.attrs["sha256"] == hashlib.sha256(csv.read_bytes()).hexdigest()


def test_rows_are_numbered_from_1_below_the_header(csv: Path) -> None:
    index = RawCSVDataset(filepath=str(csv)).load().index
    assert (index.name, index.tolist()) == ("row", [1, 2, 3])


def test_load_args_reach_the_parser(csv: Path) -> None:
    csv.write_bytes("1;ü\n".encode("latin-1"))
    load_args = {"sep": ";", "header": None, "names": ["a", "y"], "encoding": "latin-1"}
    frame = RawCSVDataset(filepath=str(csv), load_args=load_args).load()
    assert frame.to_dict("records") == [{"a": "1", "y": "ü"}]


def test_kedro_viz_previews_the_first_rows_as_they_are(csv: Path) -> None:
    dataset = RawCSVDataset(filepath=str(csv))
    preview = dataset.preview(nrows=2)
    assert preview["columns"] == ["a", "b", "y"]
    assert preview["data"] == [["1", "x, y", "0"], ["2", "", "1"]]
    assert len(dataset.load()) == 3


def test_it_reads_from_other_storage_than_the_disk() -> None:
    fsspec.filesystem("memory").pipe_file("/rows.csv", b"a,y\n1,0\n")
    frame = RawCSVDataset(filepath="memory:///rows.csv").load()
    assert frame.to_dict("records") == [{"a": "1", "y": "0"}]


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "absent.csv"
    with raises_data_error(match="no such file or directory") as error:
        RawCSVDataset(filepath=str(file)).load()
    assert str(file) in str(error.value)


def test_a_refusal_names_the_path(csv: Path) -> None:
    csv.write_text("")
    with raises_data_error() as error:
        RawCSVDataset(filepath=str(csv)).load()
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
        RawCSVDataset(filepath=str(folder), load_args=load_args).load()
    return str(error.value)


def test_the_files_of_a_directory_are_read_in_name_order_by_column_name(days: Path) -> None:
    frame = RawCSVDataset(filepath=str(days)).load()
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
    names = RawCSVDataset(filepath=str(days)).load().attrs["files"]
    listed = subprocess.run(
        "ls *.csv",
        shell=True,
        cwd=days,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert names == listed.stdout.split()
    assert names == ["10.csv", *sorted(DAYS), "9.csv", "B.csv", "b.csv", "ä.csv"]


def test_a_row_of_a_directory_is_named_by_its_file_and_its_number_there(days: Path) -> None:
    (days / "2026-11-02.csv").write_text("\ny,a,b\n\n0,3,z\n1,4,z\n")
    index = RawCSVDataset(filepath=str(days)).load().index
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
    (days / ".hidden.csv").write_text("not,read\n1,2\n")
    (days / "notes.txt").write_text("not read")
    for name in sorted(DAYS)[count:]:
        (days / name).unlink()
    printed = subprocess.run(
        "sha256sum *.csv | sha256sum",
        shell=True,
        cwd=days,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert RawCSVDataset(filepath=str(days)).load().attrs == {
        "file": str(days),
        "sha256": printed.stdout.split()[0],
        "files": sorted(DAYS)[:count],
    }


def test_hidden_files_other_files_and_directories_are_passed_over(days: Path) -> None:
    before = RawCSVDataset(filepath=str(days)).load()
    for name in (".2026-11-03.csv", "2026-11-03.csv.part", "notes.txt"):
        (days / name).write_text("x,y\n1,2\n")
    (days / "more.csv").mkdir()
    (days / "more.csv/2026-11-03.csv").write_text("a,b,y\n1,2,0\n")
    assert RawCSVDataset(filepath=str(days)).load().equals(before)


def test_each_file_is_read_once(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, opened = RawCSVDataset(filepath=str(days)), []
    cat_file = dataset._fs.cat_file

    def count(path: str) -> bytes:
        content: bytes = cat_file(path)
        opened.append(Path(path).name)
        return content

    monkeypatch.setattr(dataset._fs, "cat_file", count)
    dataset.load()
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
    frame = RawCSVDataset(filepath=str(days), load_args=load_args).load()
    assert frame.to_dict("records") == [{"a": "1.5", "y": "ü"}] * 3


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
    [((), "got no file."), (("notes.txt", "11-01.CSV"), "got 11-01.CSV, notes.txt.")],
)
def test_a_directory_without_a_csv_is_refused(
    tmp_path: Path, others: tuple[str, ...], fact: str
) -> None:
    for name in others:
        (tmp_path / name).write_text("a,y\n1,0\n")
    message = directory_refusal(tmp_path)
    assert message.startswith(f"{tmp_path}: the directory holds no CSV; expected at least one")
    assert fact in message


def test_a_file_that_is_gone_before_it_is_read_is_named(days: Path) -> None:
    """A link to nothing is listed, and isn't there to be read."""
    (days / "2026-11-03.csv").symlink_to(days / "gone")
    message = directory_refusal(days)
    assert message.startswith(f"{days}/2026-11-03.csv: no such file, though {days} listed it")


def test_a_directory_is_read_from_other_storage_than_the_disk() -> None:
    memory = fsspec.filesystem("memory")
    for name, text in DAYS.items():
        memory.pipe_file(f"/daily/{name}", text.encode())
    frame = RawCSVDataset(filepath="memory:///daily/").load()
    assert frame["a"].tolist() == ["1", "2", "3", "4"]
    assert frame.index[2] == "2026-11-02.csv:1"


def test_kedro_viz_previews_the_first_rows_of_a_directory(days: Path) -> None:
    preview = RawCSVDataset(filepath=str(days)).preview(nrows=3)
    assert preview["columns"] == ["a", "b", "y"]
    assert preview["data"] == [["1", "x, y", "0"], ["2", "", "1"], ["3", "z", "0"]]
    assert preview["index"] == ["2026-11-01.csv:1", "2026-11-01.csv:2", "2026-11-02.csv:1"]
