"""How a file is read that nobody has described: tried on files of each kind."""

import io
from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.profiling.layout import Layout, layout_of, with_number_format
from tests.helpers.cells import read_cells
from tests.helpers.profiles import cells

ROWS = [
    [str(x), f"{x / 7:.3f}", ["red", "blue", "dark green"][x % 3], str(x % 2)] for x in range(30)
]
HEADER = ["age", "dose", "color", "sick"]


def text(sep: str = ",", header: list[str] | None = HEADER, rows: list[list[str]] = ROWS) -> str:
    return "".join(f"{sep.join(row)}\n" for row in ([header] if header else []) + rows)


def layout(content: str | bytes) -> Layout:
    content = content.encode() if isinstance(content, str) else content
    return layout_of(io.BytesIO(content), "rows.csv")


COMMAS = [[cell.replace(".", ",") for cell in row] for row in ROWS]
TABLES: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "as expected": (text(), {}),
    "semicolons": (text(";"), {"sep": ";"}),
    "semicolons and decimal commas": (text(";", rows=COMMAS), {"sep": ";"}),
    "tabs": (text("\t"), {"sep": "\t"}),
    "blanks": (text(" ", rows=[[c.replace(" ", "_") for c in row] for row in ROWS]), {"sep": " "}),
    "commas in quotes": (text(rows=[[*row[:2], '"red, or blue"', row[3]] for row in ROWS]), {}),
    "a mark of UTF-8": (b"\xef\xbb\xbf" + text().encode(), {}),
    "no header": (text(header=None), {"header": None}),
    "no header, a code first": (
        text(header=None, rows=[["?", *ROWS[0][1:]], *ROWS]),
        {"header": None},
    ),
    "numbers as names": (text(header=["0", "1", "2", "3"]), {}),
    "a header above words": ("a,b\nx,u\ny,v\nx,v\ny,u\n", {}),
    "lines above": (f"Report\nof 2026, all wards\n\n{text()}", {"skiprows": 3}),
    "a count above": (f"30,4\n{text(header=None)}", {"skiprows": 1, "header": None}),
    "UTF-16": (text().encode("utf-16"), {"encoding": "utf-16"}),
    "Windows": (
        text(rows=[*ROWS, ["1", "1", "“rot”", "0"]]).encode("cp1252"),
        {"encoding": "cp1252"},
    ),
    "ARFF": (
        "% by hand\n@relation r\n@attribute a {1,2}\n@attribute b real\n@data\n"
        + text(header=None, rows=[row[:3] for row in ROWS]),
        {"skiprows": 5, "header": None},
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_load_arguments_are_those_that_read_the_table(name: str) -> None:
    content, load_args = TABLES[name]
    found = layout(content)
    assert found.load_args == load_args
    content = content.encode() if isinstance(content, str) else content
    frame = read_cells(content, "rows.csv", found.load_args)
    assert len(frame) >= 3
    assert frame.shape[1] >= 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("a\n1\n2\n", "one column only"),
        ("1   2  3\n10  20 0\n100 2  1\n", "one column only"),
        (
            text(rows=[[f"r{x}", *row] for x, row in enumerate(ROWS)]),
            "Write a name for each column",
        ),
        (b"\x1f\x8b\x08" + bytes(9), "the file is a workbook, an archive, compressed"),
    ],
)
def test_what_is_no_table_is_refused(content: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"rows.csv: .*{said}"):
        layout(content)


@pytest.mark.parametrize(
    ("columns", "delimiter", "load_args"),
    [
        ([["1,5", "2", "7,25"]], ";", {"decimal": ","}),
        ([["1,234", "2", "1,234,567"]], ";", {"thousands": ","}),
        ([["1,234", "2", "87"]], ",", {"thousands": ","}),
        ([["1.234,5", "2", "87"], ["1.234", "2.000"]], ";", {"decimal": ",", "thousands": "."}),
        ([["1 234,5", "2", "87"]], ";", {"decimal": ",", "thousands": " "}),
        ([["1\u202f234,5", "2", "87"]], ";", {"decimal": ",", "thousands": " "}),
        ([["1'234.5", "2", "87"]], ";", {"thousands": "'"}),
        # A few numbers have marks that the others do not need.
        ([[*(f"${n}.50" for n in range(60)), "$1,264.32"]], ",", {"thousands": ","}),
        ([[*(f"{n}.5" for n in range(60)), "$1,264.32"]], ",", {"thousands": ","}),
        # One column of codes does not change how the others are read.
        ([["1,5", "2,6"], ["1.5", "2"], ["2.5", "7"]], ",", {}),
        ([["05.11.2026", "06.11.2026"], ["a, b", "c"]], ";", {}),
    ],
)
def test_the_number_format_is_that_which_reads_the_most_columns(
    columns: list[list[str]], delimiter: str, load_args: dict[str, str]
) -> None:
    found = with_numbers(columns, delimiter)
    assert found.load_args == {"sep": delimiter} | load_args


def with_numbers(columns: list[list[str]], delimiter: str) -> Layout:
    plain = Layout(load_args={"sep": delimiter}, unsure=[])
    return with_number_format(plain, [cells(values * 10) for values in columns])


POINTS = "decimal: '.' and no mark of thousands"
ENGLISH = "decimal: '.' and thousands: ','"
GERMAN = "decimal: ',' and thousands: '.'"


@pytest.mark.parametrize(
    ("columns", "taken", "other"),
    [
        # Commas, or points, before three digits.
        ([["53.185", "2.500", "870"], ["4,096", "1,125"]], ENGLISH, GERMAN),
        ([["1,234", "2,500", "87"]], ENGLISH, "decimal: ',' and no mark of thousands"),
        ([["1,234", "2,5", "87"]], "", ""),
        ([["18 611", "7"], ["1,3", "2"], ["2.033", "870"]], GERMAN, "thousands: ' '"),
        ([["870", "1.155", "1.299", "800"]], POINTS, GERMAN),
        ([["870", "1.155"], ["1", "2"]], POINTS, GERMAN),
        ([["870", "1.155"], ["1.5", "2"]], "", ""),  # a fraction elsewhere in the file
        ([["870", "1.155", "2.5"]], "", ""),
        ([["870", "1.155", "1155"]], POINTS, GERMAN),
        ([["0.870", "1.155"]], "", ""),
        ([["870", "1155"]], "", ""),
        ([["1,5", "2"], ["1.5", "2"]], POINTS, "decimal: ','"),  # each is no number in the other
        ([["1 234", "2"]], "", ""),  # there is no fraction
        ([["1,5", "2"], ["2,5", "7"]], "", ""),
    ],
)
def test_formats_that_read_as_many_columns_as_other_numbers_are_unsure(
    columns: list[list[str]], taken: str, other: str
) -> None:
    unsure = with_numbers(columns, ";").unsure
    if not taken:
        assert unsure == []
        return
    (asked,) = unsure
    first, _, second = asked.partition(" reads most columns, and so does ")
    assert (taken in first, other in second) == (True, True), asked
    assert asked.endswith("; the first was taken, is it right?")
