"""What a column is taken for: from all its cells, whatever their order and their pieces."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular_lstm.profiling import table_profile
from tabular_lstm.profiling.table_profile import CellCounter, codes_among
from tabular_lstm.rows.number_format import NumberFormat
from tests.helpers.profiles import cells as counted_at_once
from tests.helpers.profiles import column

WORDS = ["note on the first visit", "a second opinion was asked", "he felt well again today"]


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("number", "age", [*range(20, 60), 20, 33]),
        ("number", "spent", [""] * 20 + [1.5, 2, 2.5] * 5),
        # Distinct, and no identifiers.
        ("number", "price", [1000, 25_000, 731, *range(50_000, 50_040, 2)]),
        ("number", "exponent", ["1e3", "2E-2", "+5", ".5"] * 5),
        ("number", "mostly known", [*range(30), "?", "unknown", "N/A"]),
        ("number", "one odd cell", [*(x % 40 for x in range(200)), "about 7"]),
        ("category", "codes", ["007", "012", "300"] * 10),
        ("category", "range", ["10-20", "20-30", ">30"] * 10),
        ("date", "seen", [f"{day}.11.2026" for day in range(1, 25)]),
        ("date", "when", [f"2026-11-0{day}T10:0{day}:00Z" for day in range(1, 9)] * 3),
        ("date", "compact", [20261101 + day for day in range(28)]),
        ("date", "a word", [*(f"2026-11-0{day}" for day in range(1, 9)), "unknown", "unknown"]),
        ("category", "paid", [f"{money} {unit}" for money in range(9) for unit in ("mg", "g")] * 2),
        ("identifier", "name", [f"P{number:04}" for number in range(40)]),
        ("identifier", "customer_id", [number * number for number in range(40)]),
        ("text", "remark", [f"{WORDS[x % 3]} {x}" for x in range(60)]),
        ("constant", "country", ["DE"] * 30),
        ("empty", "said nothing", ["NA", "null", ""] * 10),
    ],
)
def test_a_column_is_taken_for_what_it_is(kind: str, name: str, values: list[Any]) -> None:
    assert column(values, name).kind == kind
    assert column(values[::-1], name).kind == kind


def test_every_cell_is_looked_at() -> None:
    numbers = [number % 977 for number in range(20_000)]
    assert column(numbers).odd == 0
    found = column([*numbers[:-1], "about 7"])
    assert (found.kind, found.odd, found.odd_example) == ("number", 1, "about 7")


@pytest.mark.parametrize(
    ("values", "odd", "kind", "example"),
    [
        ([*range(100, 1119), *["180 kg"] * 11], 11, "number", "180 kg"),
        ([*range(20, 90)] * 14 + ["n.b."] * 15, 15, "number", "n.b."),
        ([*range(900), *(f"about {n}" for n in range(45))], 45, "number", "about 0"),
        (
            [*(f"2024-03-{day % 28 + 1:02}" for day in range(500)), *["13/02"] * 21],
            21,
            "date",
            "13/02",
        ),
        (["soon", *(f"{day % 28 + 1}.11.2026" for day in range(99))], 1, "date", "soon"),
    ],
)
def test_a_column_is_what_nearly_all_of_its_cells_are_and_the_odd_ones_are_counted(
    values: list[Any], odd: int, kind: str, example: str
) -> None:
    found = column(values)
    assert (found.kind, found.odd, found.odd_example) == (kind, odd, example)
    # With more than a twentieth of them, it is a column of words.
    assert column([*values, *[example] * 60]).kind == "category"


@pytest.mark.parametrize(
    ("values", "unit", "unitless", "odd"),
    [
        ([f"${money:,}.50" for money in range(900, 1100)], "$", 0, 0),
        ([f"-$ {money}.50" for money in range(100)], "$", 0, 0),
        ([f"{money}.5\u00a0€" for money in range(10, 99)], "€", 0, 0),
        ([f"CHF {money}.5" for money in range(100)], "CHF", 0, 0),
        ([f"{rate / 10} %" for rate in range(99)] + ["7 bp"] * 5, "%", 0, 5),
        (["1 month", *(f"{count} months" for count in (12, 36, 60) * 20)], "months", 0, 0),
        ([f"{size}kg" for size in range(60)] + [*range(30)] + ["70 lb"], "kg", 30, 1),
    ],
)
def test_numbers_with_a_unit_are_numbers(
    values: list[Any], unit: str, unitless: int, odd: int
) -> None:
    found = column(values, number_format=NumberFormat(thousands=","))
    assert (found.kind, found.unit, found.unitless, found.odd) == ("number", unit, unitless, odd)


def test_codes_and_numbers_with_several_units_are_no_numbers() -> None:
    assert column([f"{n}A" for n in range(30)] * 3).kind == "category"
    assert column(["10 mg", "20 mg", "1 g", "2 g"] * 10).kind == "category"
    assert column(["36 months", "60 months"] * 20).kind == "category"
    for unit in ("AB", "Main", "am"):
        assert column([f"{n} {unit}" for n in range(40)] * 2).kind == "category"
    # 5k is more than 900.
    assert column([*(f"{n}.5k" for n in range(60)), *range(900, 930)]).kind != "number"
    assert column([*range(400, 800), *(f"V{n}" for n in range(9))] * 2).kind != "number"
    assert column([*range(400, 800), "12a", "180 kg"] * 2).kind == "number"
    assert column(["1. Industrial", "2. Information"] * 20).kind == "category"


def test_words_that_differ_by_case_or_blanks_alone_are_found() -> None:
    assert [*column(["North", "south", "north ", "NORTH"] * 10).alike] == [
        "North",
        "north",
        "NORTH",
    ]
    assert [*column(["New York", "Boston", "newyork"] * 10).alike] == ["New York", "newyork"]
    assert [*column(["North", "South"] * 10).alike] == []


def test_numbers_are_read_by_the_number_format_of_the_table_and_codes_are_no_amounts() -> None:
    values, german = ["1.234,5", "7", "0,25"] * 10, NumberFormat(decimal=",", thousands=".")
    found = column(values, number_format=german)
    assert (found.kind, found.lowest, found.highest) == ("number", 0.25, 1234.5)
    assert column(values).kind == "category"
    found = column([*range(20, 60), -999, -999, "?", ""])
    assert found.codes == {-999: 2, "?": 1}
    assert (found.lowest, found.highest, found.cells.missing) == (20, 59, 1)


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["2026-11-05 10:30", "2026-11-17T09:00:00+02:00"], [None]),
        (["5.11.2026", "17.11.2026"], ["%d.%m.%Y"]),
        (["11/17/2026", "11/05/2026"], ["%m/%d/%Y"]),
        (["05/11/2026", "06/11/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["05.11.26 9:05", "17.11.26 10:30"], ["%d.%m.%y %H:%M", "%y.%m.%d %H:%M"]),
        (["13.08.85", "01.02.40"], ["%d.%m.%y"]),
        (["Nov 5, 2026", "Dec 17, 2026"], ["%b %d, %Y"]),
        (["20261105", "20261117"], ["%Y%m%d"]),
        (["2026-13-05", "2026-11-17"], []),
        (["20261305", "20261117"], []),
        (["2026-11-05", "17.11.2026", "6.11.2026"], ["%d.%m.%Y", None]),
        (["2026-11-05", "20261117"], [None, "%Y%m%d"]),
        (["2026-11-05", "05/11/2026", "2026-11-06", "unknown"], [None, "%d/%m/%Y", "%m/%d/%Y"]),
        (["2026-11-05 10:30", "5-Nov-2026", "Nov 6, 2026"], [None, "%d-%b-%Y", "%b %d, %Y"]),
    ],
)
def test_a_date_has_the_formats_that_fit_its_cells_and_those_that_fit_alike(
    values: list[str], formats: list[str | None]
) -> None:
    found = column(values * 15)
    assert (found.kind == "date") is bool(formats)
    assert [*found.formats, *found.rivals[1:]] == formats
    assert sum(found.formats.values()) == (len(values) * 15 - 15 * ("unknown" in values)) * bool(
        formats
    )


def test_dates_that_two_formats_would_read_as_other_days_are_words() -> None:
    values = [f"{month}/{day}/2026" for month in range(1, 13) for day in range(1, 29)]
    turned = [f"{day}/{month}/2026" for month in range(1, 13) for day in range(1, 29)]
    found = column([*values, *turned])
    assert (found.kind, found.rivals) == ("category", ())
    # One cell of the other format is odd, as a word is.
    found = column([*turned, "1/28/2026"])
    assert (found.kind, [*found.formats], found.rivals) == ("date", ["%d/%m/%Y"], [])
    assert (found.odd, found.odd_example) == (1, "1/28/2026")


AGES = [*range(18, 80)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([*AGES, -999, -999], {-999: 2}),
        ([*AGES, -1, -1, -9, -9, 999, 999, 999], {-9: 2, -1: 2, 999: 3}),
        ([*AGES, 999], {}),  # once, it may be a slip
        ([0, 1, 2] * 90 + [8, 8], {}),  # so few
        ([-1, -1, 0, 0, 1, 1, 2], {}),  # a scale
        ([*range(-40, 40), -9, -9], {}),  # a temperature
        ([0] * 5 + AGES, {0: 5}),
        ([0] * 5 + [*range(1, 60)], {}),  # a count
        ([0] * 80 + AGES, {}),  # mostly nothing: an amount
        ([0] * 9 + [0.011 * 1.025**x for x in range(-45, 60)], {}),  # an error of a length
        ([0] * 30 + [18 + x / 4 for x in range(120)], {0: 30}),
        ([0] * 70 + [18 + x / 4 for x in range(120)], {}),  # so many that it is asked
    ],
)
def test_a_code_stands_apart_from_all_amounts(values: list[float], found: dict[float, int]) -> None:
    assert codes_among(*np.unique(np.array(values, float), return_counts=True)) == found


def counted(texts: list[str], together: int) -> CellCounter:
    counter = CellCounter()
    for start in range(0, len(texts), together):
        counter.add(pa.array(texts[start : start + together], pa.large_string()))
    return counter


@pytest.mark.parametrize("merged", [1, 40, 10**6])
@pytest.mark.parametrize("values", [5, 10**6])
def test_pieces_are_counted_as_the_whole_is(
    values: int, merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_profile, "MERGED", merged)
    rng = np.random.default_rng(0)
    words = np.array(["", "NA", "?", " padded ", "null"])
    texts = [*rng.choice(words, 200), *map(str, rng.integers(0, values, 800))]
    rng.shuffle(texts)
    cells, whole = counted(texts, 90).cells(), counted_at_once(texts)
    assert cells.texts.to_pylist() == whole.texts.to_pylist()
    assert cells.counts.tolist() == whole.counts.tolist()
    said = pd.Series(texts).str.strip()
    known = said[~said.isin(["", "NA", "null"])].value_counts()
    assert dict(zip(cells.texts.to_pylist(), cells.counts.tolist(), strict=True)) == dict(known)
    assert cells.missing == whole.missing == 1000 - known.sum()
