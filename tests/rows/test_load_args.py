"""A load argument counts, or is refused with what was expected."""

from typing import Any

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.rows.csv_files import number_format_of
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.cells import read_cells


def refusal(text: str, **load_args: Any) -> str:
    """Parse a CSV with arguments that do not do and give the message."""
    with pytest.raises(DataError) as error:
        read_cells(text.encode(), "rows.csv", load_args)
    return str(error.value)


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
    assert all(fact in message for fact in ("rows.csv", f"{argument}: ", "expected"))


@pytest.mark.parametrize("argument", ["decimal", "thousands"])
@pytest.mark.parametrize("mark", ["", "5", "e", "-", "\n", ", ", "§", 0])
def test_a_mark_of_numbers_is_one_that_no_number_holds_otherwise(argument: str, mark: Any) -> None:
    message = refusal("a,y\n1,0\n", **{argument: mark})
    assert f"load_args: {{{argument}: {mark!r}}}; expected one ASCII mark" in message


@pytest.mark.parametrize(
    ("load_args", "message"),
    [
        ({"thousands": "."}, "expected another mark than decimal"),
        ({"decimal": ",", "thousands": ","}, "expected another mark than decimal"),
        ({"decimal": ",", "thousands": ","}, "name both"),
        ({"sep": "'", "quotechar": "'"}, "expected another character than between cells"),
        ({"sep": ",", "quotechar": ","}, "expected another character than between cells"),
        ({"sep": ",", "delimiter": ";"}, "{delimiter: ';'}; expected the same as sep: ','"),
    ],
)
def test_one_mark_cannot_mean_two_things(load_args: dict[str, str], message: str) -> None:
    assert message in refusal("a;y\n1;0\n", **{"sep": ";", **load_args})


def test_the_number_format_is_the_one_that_is_declared() -> None:
    for sep in (";", None):
        cells = read_cells(b"a;y\n1;0\n", "rows.csv", {"sep": sep, "delimiter": ";"})
        assert cells.shape == (1, 2)
    assert number_format_of({"thousands": None, "sep": ";"}) == NumberFormat()
    given = {"decimal": ",", "thousands": "."}
    assert number_format_of(given) == NumberFormat(decimal=",", thousands=".")
