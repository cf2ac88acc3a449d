"""A date is one date in whatever form it comes, and a few numbers to the network."""

import datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns, Reshaping, Split
from tabular_lstm.rows.dates import DECIMALS, date_of, parts, read_dates
from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import RawRows
from tabular_lstm.rows.row_check import Check, CheckedRows
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import lay_out, to_sequences
from tabular_lstm.rows.sides import in_test
from tabular_lstm.rows.validation import read_rows
from tabular_lstm.rows.warnings import possible_leaks
from tests.helpers.checks import batches_of

ROLES: dict[str, Any] = {"label": "y", "positive_class": 1, "negative_class": 0}
COLUMNS = Columns.model_validate(
    ROLES | {"dates": ["visit"], "missing": {"visit": ["1900-01-01", "?", "0"]}}
)
GERMAN = "%d.%m.%Y"
# Of years that Parquet's nanoseconds have too.
TIMES = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
VISITS = st.lists(st.none() | TIMES, min_size=1, max_size=8)


def frame(visits: Any) -> pd.DataFrame:
    return pd.DataFrame({"size": np.arange(len(visits), dtype=float), "visit": visits})


def learn(visits: Any, columns: Columns = COLUMNS) -> Schema:
    return learn_schema(
        frame(visits),
        categorical=[],
        missing=columns.missing,
        dates=columns.dates,
        reshaping=Reshaping(),
        label="y",
        classes=(0, 1),
    )


SCHEMA = learn(["2026-11-05", "2026-11-06"])


def slots(rows: pd.DataFrame, schema: Schema = SCHEMA) -> np.ndarray:
    """The slots of the date alone, (rows, 5)."""
    sequences = to_sequences(rows, schema).reshape(len(rows), -1)
    return sequences[:, schema.slots["visit"]]


# A cell


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-05", "2026-11-05 00:00:00"),
        (" 2026-11-05 ", "2026-11-05 00:00:00"),
        ("2026-11-05T13", "2026-11-05 13:00:00"),
        ("2026-11-05 13:30", "2026-11-05 13:30:00"),
        ("2026-11-05T13:30:15", "2026-11-05 13:30:15"),
        ("2026-11-05T13:30:15.123456789", "2026-11-05 13:30:15.123456"),
        ("2026-11-05T13:30Z", "2026-11-05 13:30:00"),
        ("2026-11-05T13:30+02", "2026-11-05 11:30:00"),
        ("2026-11-05T00:30:00+0200", "2026-11-04 22:30:00"),
        ("2026-11-05 13:30-02:30", "2026-11-05 16:00:00"),
        ("9999-12-31", "9999-12-31 00:00:00"),
        ("0001-01-01", "0001-01-01 00:00:00"),
        ("", "None"),
        (" NA ", "None"),
    ],
)
def test_a_text_is_read_as_iso_8601(text: str, time: str) -> None:
    assert str(date_of(text)) == time


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-29", "2026-13-01", "2026-11-5", "26-11-05", "20261105", "2026-W45-4"),
        *("2026-11-05T24:00", "2026-11-05T13:60", "2026-11-05T13:30:60", "2026-11-05T1:30"),
        *("2026-11-05T13:30+2", "2026-11-05 +02:00", "2026-11-05x", "x2026-11-05", "0000-01-01"),
        *("05.11.2026", "11/05/2026", "today", "7", "2026", "0001-01-01T00:00+02:00"),
        "\uff12026-11-05",  # a wide digit
    ],
)
def test_what_might_be_another_date_is_none(text: str) -> None:
    _, problems = read_dates(pd.Series(["2026-11-05", text, "?"]), ["?"])
    assert problems == {1: f"'{text}' is not a date"}


@pytest.mark.parametrize(
    ("form", "text", "date"),
    [
        (GERMAN, "05.11.2026", "2026-11-05"),
        (GERMAN, "5.11.2026", "2026-11-05"),
        ("%m/%d/%y", "11/05/26", "2026-11-05"),
        ("%Y%m%d", "20261105", "2026-11-05"),
        ("%Y-%m-%dT%H:%M%z", "2026-11-05T01:00+0200", "2026-11-04T23:00"),
    ],
)
def test_a_text_is_read_by_the_format_that_conf_gives(form: str, text: str, date: str) -> None:
    dates, problems = read_dates(pd.Series([text, "2026-11-05x", ""]), [], form)
    assert problems == {1: f"'2026-11-05x' is not a date as {form}"}
    np.testing.assert_array_equal(dates[[0, 2]], np.array([date, "NaT"], "M8[us]"))


def test_a_whole_number_is_read_by_a_format_as_its_text() -> None:
    for cells in (pd.Series([20261105]), pd.Series([20261105.0, None])):
        dates, problems = read_dates(cells, [], "%Y%m%d")
        assert not problems
        assert dates[0] == np.datetime64("2026-11-05")
    assert read_dates(pd.Series([20261105]))[1] == {0: "20261105 is not a date"}


@pytest.mark.parametrize("cell", [7, 1.5, True, ["2026-11-05"], datetime.timedelta(1)], ids=repr)
def test_what_is_neither_text_nor_a_date_is_refused(cell: Any) -> None:
    _, problems = read_dates(pd.Series([cell, "2026-11-05"], dtype=object))
    assert problems.keys() == {0}
    assert problems[0].endswith(" is not a date")


# What the network sees of it


def test_a_date_is_days_season_and_weekday() -> None:
    dates = ["1970-01-01", "1969-12-31T18:00", "2026-01-01", "2026-07-02T12:00", "NaT"]
    seen = parts(np.array(dates, "M8[us]"))
    np.testing.assert_allclose(seen[:, 0], [0, -0.25, 20454, 20636.5, np.nan])
    assert seen[0, 1:3].tolist() == [0, 1]
    np.testing.assert_allclose(seen[3, 1:3], [0, -1], atol=0.02)  # the middle of the year
    assert np.isnan(seen[4]).all()
    np.testing.assert_array_equal(seen[0, 3:], seen[2, 3:])  # both are Thursdays
    assert parts(np.array(["2026-11-02"], "M8[us]"))[0, 3:].tolist() == [0, 1]  # a Monday


def test_the_year_and_the_week_are_circles() -> None:
    week = parts(np.arange("2026-11-02", "2026-11-09", dtype="M8[D]").astype("M8[us]"))[:, 3:]
    around = np.linalg.norm(week - np.roll(week, 1, axis=0), axis=1)
    np.testing.assert_allclose(around, around[0], atol=1e-5)
    year = parts(np.arange("2025-01-01", "2026-01-01", dtype="M8[D]").astype("M8[us]"))[:, 1:3]
    around = np.linalg.norm(year - np.roll(year, 1, axis=0), axis=1)
    assert around.max() < 0.03


def test_another_processor_would_see_the_same_numbers() -> None:
    """Fingerprints are of these bits, and a sine has other last bits on each processor."""
    days = [*np.arange(366) / 365.25, *np.arange(7) / 7]
    scaled = np.r_[np.sin(2 * np.pi * np.array(days)), np.cos(2 * np.pi * np.array(days))]
    left = np.abs(scaled * 10**DECIMALS % 1 - 0.5)
    assert left.min() > 1e-6


def test_the_cycles_keep_their_scale_whatever_part_of_the_year_is_known() -> None:
    schema = learn(["2026-11-05", "2026-11-06", "2026-11-06"])
    assert schema.mean[1:] == [pytest.approx(20762 + 2 / 3), 0, 0, 0, 0]
    assert schema.variance[1:] == [pytest.approx(2 / 9), 0.5, 0.5, 0.5, 0.5]
    assert learn([None, "?"]).mean == [0.5, 0, 0, 0, 0, 0]


def test_the_schema_names_the_column_and_what_it_becomes() -> None:
    assert SCHEMA.features == [
        "size",
        "visit (days)",
        "visit (day of year, sine)",
        "visit (day of year, cosine)",
        "visit (weekday, sine)",
        "visit (weekday, cosine)",
    ]
    assert SCHEMA.columns == ["size", "visit"]
    assert SCHEMA.slots == {"size": [0], "visit": [1, 2, 3, 4, 5]}
    assert (SCHEMA.steps, SCHEMA.features_per_step) == (3, 2)


def test_a_column_with_the_name_of_a_part_is_refused() -> None:
    rows = frame(["2026-11-05"]).rename(columns={"size": "visit (days)"})
    with pytest.raises(DataError, match=r"Column 'visit \(days\)' has the name"):
        learn_schema(
            rows,
            categorical=[],
            missing={},
            dates={"visit": None},
            reshaping=Reshaping(),
            label="y",
            classes=(0, 1),
        )


def test_a_schema_without_dates_is_read_as_before() -> None:
    kept = SCHEMA.model_dump(exclude={"dates"})
    assert Schema.model_validate(kept).columns == SCHEMA.features


# The same date in every form


def in_forms(visits: list[datetime.datetime | None]) -> list[pd.Series]:
    """Columns of the same times, as frames may hold them."""
    times = pd.Series(pd.array(visits, dtype="datetime64[us]"))
    texts = times.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").astype("str")
    zoned = times.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    return [
        texts,
        texts.astype("category"),
        texts.str.replace("T", " ") + "Z",
        texts.astype("string[pyarrow]"),
        times,
        zoned,
        times.astype(object),
        zoned.astype(object),
        times.astype(pd.ArrowDtype(pa.timestamp("us"))),
        zoned.astype(pd.ArrowDtype(pa.timestamp("us", "Asia/Kolkata"))),
        pd.Series([*texts[::2], *times[1::2]], index=[*texts.index[::2], *texts.index[1::2]])
        .sort_index()
        .astype(object),
    ]


@given(VISITS)
def test_a_date_is_the_same_in_each_form(visits: list[datetime.datetime | None]) -> None:
    first, *others = in_forms(visits)
    expected = slots(frame(first))
    assert np.isnan(expected).all(axis=1).tolist() == [visit is None for visit in visits]
    for other in others:
        np.testing.assert_array_equal(slots(frame(other)), expected, str(other.dtype))


def rows_to_score(content: bytes, name: str) -> RawRows:
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{name}", content)
    return RawRows(RawFiles.at(memory, f"/{name}", {}))


@pytest.mark.parametrize(
    "kind",
    [
        pa.date32(),
        pa.date64(),
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.timestamp("s", "Europe/Rome"),
        pa.string(),
    ],
    ids=str,
)
@given(st.lists(st.none() | TIMES.map(datetime.datetime.date), min_size=1, max_size=50))
def test_a_date_of_a_csv_and_of_parquet_gives_the_same_sequence(
    kind: pa.DataType, visits: list[datetime.date | None]
) -> None:
    texts = ["" if visit is None else visit.isoformat() for visit in visits]
    csv = frame(texts).to_csv(index=False).encode()
    if pa.types.is_string(kind):
        column = pa.array([text or None for text in texts], kind)
    else:
        column = pa.array(visits, pa.date32()).cast(pa.timestamp("s")).cast(kind)
    sizes = pa.array(np.arange(len(visits), dtype=float))
    content = pa.BufferOutputStream()
    parquet.write_table(pa.table({"size": sizes, "visit": column}), content)
    (of_csv,) = rows_to_score(csv, "a.csv").batches()
    (of_parquet,) = rows_to_score(content.getvalue().to_pybytes(), "a.parquet").batches()
    found, problems = lay_out(of_parquet.cells, SCHEMA)
    assert not problems
    np.testing.assert_array_equal(found, lay_out(of_csv.cells, SCHEMA)[0])


@pytest.mark.parametrize("count", [3, 300])
def test_what_no_text_of_a_date_is_goes_to_quarantine_in_scoring(
    tmp_path: Path, count: int
) -> None:
    visits = ["05.11.2026", "", "?", *["2026-11-05"] * count]
    frame(visits).to_csv(tmp_path / "rows.csv", index=False)
    source = rows_to_score((tmp_path / "rows.csv").read_bytes(), "rows.csv")
    stream = CheckedRows(source, Check(SCHEMA, None, {}), 0.5)
    (batch,) = batches_of(stream)
    assert batch.rows.tolist() == [*range(2, count + 4)]
    assert stream.quarantine.kinds.listed() == "\n  row 1: visit: '05.11.2026' is not a date"


def test_bytes_of_a_date_are_text() -> None:
    """Older programs write text to Parquet as bytes."""
    content = pa.BufferOutputStream()
    table = pa.table({"size": [1.0, 2.0], "visit": [b"2026-11-05", b"2026-11-06"]})
    parquet.write_table(table, content)
    source = rows_to_score(content.getvalue().to_pybytes(), "rows.parquet")
    (batch,) = batches_of(CheckedRows(source, Check(SCHEMA, None, {}), 0))
    expected = slots(frame(["2026-11-05", "2026-11-06"]))
    np.testing.assert_array_equal(batch.sequences.reshape(2, -1)[:, 1:], expected)


# In training


def read(visits: list[str], columns: Columns = COLUMNS) -> tuple[pd.DataFrame, pd.DataFrame]:
    raw = frame(visits).astype("str").assign(y="1")
    rows, quarantined, _ = read_rows(lambda: [raw], columns, "rows.csv")
    return rows, quarantined


def test_a_cell_that_is_no_date_sets_its_row_aside() -> None:
    rows, quarantined = read(["2026-11-05", "2026-11-31", "", "?", "1900-01-01", "0"])
    assert quarantined["reason"].tolist() == ["visit: '2026-11-31' is not a date"]
    # A code that is a date stays, for the schema keeps it.
    known = ["2026-11-05", "NaT", "NaT", "1900-01-01", "NaT"]
    np.testing.assert_array_equal(rows["visit"], np.array(known, "M8[us]"))
    missing = np.isnan(slots(rows)).all(axis=1)
    assert missing.tolist() == [False, True, True, True, True]


def test_rows_that_training_keeps_are_read_back_the_same(tmp_path: Path) -> None:
    rows, _ = read(["2026-11-05T13:30:00.25", "", "1900-01-01", "0001-01-01"])
    rows.to_parquet(tmp_path / "rows.parquet")
    back = pd.read_parquet(tmp_path / "rows.parquet")
    np.testing.assert_array_equal(slots(back), slots(rows))


def test_codes_are_the_date_that_they_are_in_the_format_or_as_iso_8601() -> None:
    for code in ("1900-01-01", "01.01.1900", "1.1.1900"):
        schema = learn(
            [None],
            Columns.model_validate(
                ROLES | {"dates": {"visit": GERMAN}, "missing": {"visit": [code, "never"]}}
            ),
        )
        cells = ["01.01.1900", pd.Timestamp("1900-01-01"), "never", " 2.1.1900"]
        seen = np.isnan(slots(frame(pd.Series(cells, dtype=object)), schema)).any(axis=1)
        assert seen.tolist() == [True, True, True, False]


def sides(visits: list[str], columns: Columns = COLUMNS) -> np.ndarray:
    rows, quarantined = read(visits, columns)
    assert quarantined.empty
    return in_test(rows, columns, Split(test_fraction=0.5))


def test_a_row_stays_on_its_side_however_its_date_is_written() -> None:
    days = pd.date_range("2026-01-01", periods=60)
    expected = sides(days.strftime("%Y-%m-%d").tolist())
    assert 0 < expected.sum() < 60
    for form in ("%Y-%m-%dT00:00", "%Y-%m-%d 00:00:00.000", "%Y-%m-%dT00:00Z"):
        np.testing.assert_array_equal(sides(days.strftime(form).tolist()), expected)
    german = Columns.model_validate(ROLES | {"dates": {"visit": GERMAN}})
    np.testing.assert_array_equal(sides(days.strftime(GERMAN).tolist(), german), expected)
    missing = [sides([text] * 60) for text in ("", "NA", "?", "0", "1900-01-01")]
    assert all((side == missing[0]).all() for side in missing)
    assert (missing[0] != expected).any()


def test_a_date_that_tells_the_label_is_named_as_a_leak() -> None:
    rows, _ = read(pd.date_range("2026-01-01", periods=40).strftime("%Y-%m-%d").tolist())
    rows["y"] = (np.arange(40) >= 20).astype(int)
    rows["size"] = 1.0
    assert possible_leaks(rows, COLUMNS) == {"visit": 1.0}


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_dates_of_arrow_may_be_missing(kind: pa.DataType) -> None:
    column = pd.Series(["2026-11-05", None]).astype(pd.ArrowDtype(pa.string()))
    column = column.astype("datetime64[us]").astype(pd.ArrowDtype(kind))
    times, problems = read_dates(column, [], None)
    assert np.isnat(times).tolist() == [False, True]
    assert not problems


@pytest.mark.parametrize("form", ["%d%m%Y", "%y%m%d", "%Y%m%d"])
def test_a_date_without_marks_is_the_same_as_text_as_number_and_without_its_first_zero(
    form: str,
) -> None:
    days = pd.Series(pd.date_range("2005-01-01", "2025-12-31", freq="11D"))
    texts = days.dt.strftime(form)
    for cells in (texts, texts.astype("int64"), texts.astype("int64").astype(str)):
        times, problems = read_dates(cells, [], form)
        assert not problems
        np.testing.assert_array_equal(times, days)
    _, problems = read_dates(pd.Series(["2025-1-1", "1 12025"]), [], form)
    assert [*problems] == [0, 1]
