"""The text of a CSV becomes text cells, or is refused with the facts."""

import csv
import gzip
import io
import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tabular_lstm.errors import DataError
from tabular_lstm.rows import csv_files
from tabular_lstm.rows.csv_files import number_format_of
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.cells import read_cells


def read(text: str | bytes, **load_args: Any) -> list[list[str]]:
    """Parse a CSV and give its header and rows."""
    content = text if isinstance(text, bytes) else text.encode()
    frame = read_cells(content, "rows.csv", load_args)
    return [list(frame.columns), *frame.to_numpy().tolist()]


def refusal(text: str | bytes, **load_args: Any) -> str:
    """Parse a CSV that can't be used and give the message."""
    with pytest.raises(DataError) as error:
        read(text, **load_args)
    return str(error.value)


# What is kept


@pytest.mark.parametrize("cell", ["007", "1.50", "NA", "nan", "", " ", "1e5", "True", "2020-01-02"])
def test_a_cell_stays_the_text_it_is(cell: str) -> None:
    assert read(f"a,b,y\n{cell},1,0\n") == [["a", "b", "y"], [cell, "1", "0"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_character_or_a_line_end_may_lie_where_a_piece_ends(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 48)
    monkeypatch.setattr(csv_files, "OF_COLUMN", 1)
    for blanks in range(20):
        rows = [[" " * blanks, "x\ny"], ["\n", "é"]] * 9
        text = "a,ü\r\n\r" + f'{" " * blanks},"x\ry"\r\r\n\n"\r\n",é\r' * 9
        assert read(text.encode(encoding), encoding=encoding) == [["a", "ü"], *rows]


def test_blank_lines_are_no_rows() -> None:
    assert read("\na,y\n\n1,0\n   \n2,1\n\n") == [["a", "y"], ["1", "0"], ["2", "1"]]
    for row in ("\t", " \t ", "\t\t\t"):
        assert "row 2: expected 3 cells" in refusal(f"a\tb\ty\n1\t2\t0\n{row}\n1\t2\t1\n", sep="\t")
    assert read("a\tb\ty\n\t\t\n1\t2\t0\n", sep="\t")[1] == ["", "", ""]


def test_a_byte_order_mark_is_no_text_at_the_start_of_the_file_and_text_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arrow passes over one at the start of what it parses."""
    mark = "\ufeff"
    assert read(f"{mark}a,y\n1,0\n") == [["a", "y"], ["1", "0"]]
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 16)
    monkeypatch.setattr(csv_files, "OF_COLUMN", 1)
    rows = [[f"{mark}{place}", mark] for place in range(20)]
    text = "".join(f"{one},{other}\n" for one, other in rows)
    assert read(f"a,y\n{text}")[1:] == rows
    assert read(f"{mark}{text}", header=None, names=["a", "y"])[1:] == rows


# What load_args change


@pytest.mark.parametrize("argument", ["sep", "delimiter"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_read_when_declared(argument: str, delimiter: str) -> None:
    text = "a,y\n1,0\n".replace(",", delimiter)
    assert read(text, **{argument: delimiter}) == [["a", "y"], ["1", "0"]]


def test_spaces_around_names_do_not_count() -> None:
    assert read("a, y \n1, 0\n")[0] == ["a", "y"]
    assert "column name 'a' occurs 2 times" in refusal("a, a,y\n1,2,0\n")


def test_a_column_without_a_name_is_named_by_its_place() -> None:
    assert read(",b,y\n1,2,0\n")[0] == ["Unnamed: 0", "b", "y"]


@pytest.mark.parametrize("old", ["old,older", '"old\nunit",older', 'old,"older\n\n, of all"'])
def test_names_replace_the_header_though_it_has_several_lines(old: str) -> None:
    assert read(f"{old}\n1,0\n", header=0, names=["a", "y"]) == [["a", "y"], ["1", "0"]]


def test_skipped_lines_are_not_read() -> None:
    assert read("Patients of 1988\n\na,y\n1,0\n", skiprows=2) == [["a", "y"], ["1", "0"]]


@pytest.mark.parametrize("columns", [["a", "y"], [0, 2]], ids=["by name", "by place"])
def test_some_columns_may_be_left_out(columns: list[str] | list[int]) -> None:
    assert read("a,b,y\n1,2,0\n3,4,1\n", usecols=columns) == [["a", "y"], ["1", "0"], ["3", "1"]]


# Load arguments


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("dtype", float),
        ("skiprows", [1]),
        ("sep", "::"),
        ("sep", "§"),
        ("header", [0, 1]),
        ("usecols", [2]),
        ("usecols", []),
        ("usecols", [True, 0]),
        ("names", []),
        ("nrows", "all"),
        ("skiprows", -1),
        ("skiprows", 10**30),
        ("sep", "\n"),
        ("header", -1),
        ("quotechar", ""),
        ("sep", "\0"),
        ("quotechar", "e"),
    ],
)
def test_an_argument_that_would_not_count_is_refused(argument: str, value: Any) -> None:
    message = refusal("a,y\n01,NA\n", **{argument: value})
    assert " the catalog" in message
    assert argument in message


@pytest.mark.parametrize("argument", ["decimal", "thousands"])
@pytest.mark.parametrize("mark", ["", "5", "e", "-", "\n", ", ", "§", 0])
def test_a_mark_of_numbers_is_one_that_no_number_holds_otherwise(argument: str, mark: Any) -> None:
    message = refusal("a,y\n1,0\n", **{argument: mark})
    said = "one ASCII mark" if isinstance(mark, str) else "Input should be a valid string"
    assert f"load_args: {argument} = {mark!r}: " in message
    assert said in message


@pytest.mark.parametrize("marks", [{"thousands": "."}, {"decimal": ",", "thousands": ","}])
def test_one_mark_cannot_mean_two_things(marks: dict[str, str]) -> None:
    message = refusal("a;y\n1;0\n", sep=";", **marks)
    assert "expected a different mark from decimal's" in message
    assert "name both" in message


@pytest.mark.parametrize("dialect", [{"sep": "'", "quotechar": "'"}, {"quotechar": ","}])
def test_one_character_cannot_stand_between_cells_and_around_them(dialect: dict[str, str]) -> None:
    assert "expected a character other than the one between cells" in refusal(
        "a,y\n1,0\n", **dialect
    )


def test_of_two_names_of_the_character_between_cells_neither_is_passed_over() -> None:
    assert "load_args: 'delimiter' is unknown" in refusal("a,y\n1,0\n", sep=",", delimiter=";")
    assert read("a;y\n1;0\n", delimiter=";") == [["a", "y"], ["1", "0"]]


def test_the_number_format_is_the_one_that_is_declared() -> None:
    assert number_format_of({"thousands": None, "sep": ";"}) == NumberFormat()
    given = {"decimal": ",", "thousands": "."}
    assert number_format_of(given) == NumberFormat(decimal=",", thousands=".")


# What is refused


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    message = refusal(content)
    assert "rows.csv" in message
    assert "empty" in message
    assert "expected a header and rows" in message


@pytest.mark.parametrize("text", ["a,b,y", "a,b,y\n", "a,b,y\n\n"])
def test_a_header_without_rows_is_refused(text: str) -> None:
    assert "a header and no rows" in refusal(f"{text}\n1,2,0\n", nrows=0)
    message = refusal(text)
    assert "rows.csv" in message
    assert "a header and no rows" in message


@pytest.mark.parametrize("given", [{}, {"sep": ";"}])
@pytest.mark.parametrize("delimiter", ["\t", "|"])
def test_a_wrong_delimiter_is_refused(delimiter: str, given: dict[str, Any]) -> None:
    message = refusal("a,b,y\n1,2,0\n3,4,1\n".replace(",", delimiter), **given)
    assert f"the header is not a list of names with {given.get('sep', ',')!r} between" in message
    assert "kedro profile rows.csv finds both" in message


@pytest.mark.parametrize(
    ("content", "encoding", "facts"),
    [
        ("a,y\n1,0\nmüde,1\n".encode("latin-1"), "utf-8", ("'utf-8', near", "m�de,1")),
        ("a,y\n1,0\n".encode("utf-16"), "utf-8", ("'utf-8', near",)),
        ("a,y\nmüde,1\n".encode(), "ascii", ("'ascii', near", "de,1")),
    ],
    ids=["latin-1", "utf-16", "declared ascii"],
)
def test_another_encoding_is_refused(content: bytes, encoding: str, facts: tuple[str, ...]) -> None:
    message = refusal(content, encoding=encoding)
    assert all(fact in message for fact in ("rows.csv", *facts, "load_args: {encoding:"))


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ("1,2,0\n1,2,3,0\n1,2,1\n", ("row 2:", "expected 3 cells", "got 4.")),
        ("1,2,0\n1,2\n1,2,1\n", ("row 2:", "expected 3 cells", "got 2.")),
        ("1,2,0\n\n1,2\n\n1\n", ("row 2:", "expected 3 cells", "got 2.")),
        ('"1\n1",2,0\n1,2\n', ("row 2:", "expected 3 cells", "got 2.")),
    ],
    ids=["long", "short", "blank lines", "line break in a cell"],
)
def test_ragged_rows_are_refused(rows: str, facts: tuple[str, ...]) -> None:
    message = refusal(f"a,b,y\n{rows}")
    assert all(fact in message for fact in ("rows.csv", *facts))


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_longer_than_a_piece_is_refused(quote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "ARROW_PIECE", 2**15)
    rows = "1,0\n" * 10_000
    message = refusal(f"a,y\n{rows}{quote}{'x' * 2**17}{quote},1\n2,0\n")
    assert int(re.findall(r"row (\d+) or one below it", message)[0]) <= 10_001
    assert f"got a row that is longer than {2**15} bytes, or a quote that is never" in message
    rows = f'{"x" * 2**14},"{"y" * 2**13}"\n'
    assert read(f"a,y\n{rows * 9}")[1:] == [["x" * 2**14, "y" * 2**13]] * 9


@pytest.mark.parametrize("end", ["", "\n", ",1", "\nend,end"])
def test_a_quote_that_never_closes_does_not_swallow_rows(end: str) -> None:
    message = refusal(f'a,y\n1,0\n2,"1\n3,0{end}')
    assert message.startswith("rows.csv: row 2: expected 2 cells, one for each column, got a quote")


@pytest.mark.parametrize("header", ['"a,y', 'a,"y', 'a,"b,y'])
def test_a_quote_that_never_closes_in_the_header_is_refused(header: str) -> None:
    assert "or a quote in the header is never closed" in refusal(f"{header}\n1,0\n2,1\n")


@pytest.mark.parametrize("encoding", ["latin-1x", "undefined", "utf-8\0", "hex", "utf-7"])
def test_an_encoding_that_gives_no_text_is_refused(encoding: str) -> None:
    message = refusal(b"a,y\n+2AA-,0\n", encoding=encoding)
    assert f"the text is not {encoding!r}" in message


def test_an_empty_cell_in_quotes_is_no_blank_line() -> None:
    assert "row 2: expected 2 cells" in refusal('a,y\n1,0\n""\n2,1\n')
    assert read('a,y\n1,0\n"",""\n') == [["a", "y"], ["1", "0"], ["", ""]]


@pytest.mark.parametrize(
    ("header", "facts"),
    [
        ("age,bmi,age,y", ("'age'", "2 times")),
        (",Unnamed: 0,a,y", ("'Unnamed: 0'", "2 times")),
    ],
)
def test_a_column_name_that_stands_twice_is_refused(header: str, facts: tuple[str, ...]) -> None:
    message = refusal(f"{header}\n1,2,3,0\n")
    assert all(fact in message for fact in ("rows.csv", *facts))


def test_columns_without_header_and_names_are_called_by_their_places() -> None:
    frame = read_cells(b"1,2,0\n3,4,1\n", "rows.csv", {"header": None})
    assert frame.to_dict("list") == {"f1": ["1", "3"], "f2": ["2", "4"], "f3": ["0", "1"]}


def zipped() -> bytes:
    content = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_csv(content, compression={"method": "zip"})
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a,y\n1,0\n", mtime=0),
        zipped(),
        bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99),
        pd.DataFrame({"a": [1]}).to_parquet(),
    ],
    ids=["gzip", "zip", "xls", "Parquet"],
)
def test_a_file_of_another_format_is_called_what_it_is(content: bytes) -> None:
    message = refusal(content)
    assert message.startswith("rows.csv: the file is a workbook, an archive, compressed or Parquet")
    assert "expected a CSV" in message


# Against another reader

PIECES = st.sampled_from(['"', '""', ",", ",", "\n", "\r\n", "\r", "a", "1", " ", "é"])


@given(st.lists(PIECES, max_size=20).map("".join))
@settings(deadline=None, max_examples=300)
def test_cells_are_those_of_pythons_csv(text: str) -> None:
    # A quote that is never closed swallows the row that is appended.
    reader = csv.reader(io.StringIO(f"a,y\n{text}\nlast,row\n", newline=""))
    header, *lines = [[re.sub("\r\n?", "\n", cell) for cell in row] for row in reader if row]
    rows = [row for row in lines if len(row) > 1 or not row[0].isspace()]
    # White space that a quote makes a cell of is refused, and Python's csv does not tell.
    assume(len(rows) == len(lines) or '"' not in text)
    closed = rows and rows.pop() == ["last", "row"]
    if rows and closed and all(len(row) == 2 for row in rows):
        assert read(f"a,y\n{text}") == [header, *rows]
    else:
        assert "rows.csv" in refusal(f"a,y\n{text}")


def outcome(content: bytes) -> object:
    """Give the cells, or the message."""
    try:
        return read_cells(content, "rows.csv", {}).to_numpy().tolist()
    except DataError as error:
        return re.sub(r"row \d+ or one below", "", str(error))


@given(st.lists(PIECES, max_size=20).map("".join))
@settings(deadline=None, max_examples=200)
def test_cells_are_the_same_whatever_the_pieces(text: str) -> None:
    content = f"a,y\n{text}\n1,2".encode()
    expected = outcome(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "ARROW_PIECE", 64)
        patch.setattr(csv_files, "OF_COLUMN", 1)
        assert outcome(content) == expected
