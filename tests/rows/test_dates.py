"""A date is one date in whatever form it comes, a few numbers to the network, and may be a time."""

import datetime
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.dates import (
    DECIMALS,
    TimeReader,
    date_of,
    date_parts,
    moment_of,
    newest,
    read_dates,
    said,
    time_texts,
)
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import Table
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import slots_of, to_sequences
from tabular_lstm.rows.train_test_split import in_test
from tabular_lstm.rows.validation import read_rows
from tabular_lstm.task import Task

ROLES: dict[str, Any] = {"label": "y", "positive_class": 1, "negative_class": 0}
COLUMNS = ColumnsOptions.model_validate(
    ROLES | {"dates": ["visit"], "missing": {"visit": ["1900-01-01", "?", "0"]}}
)
GERMAN = "%d.%m.%Y"
# Of years that Parquet's nanoseconds have too.
TIMES = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))


def frame(visits: Any) -> pd.DataFrame:
    return pd.DataFrame({"size": np.arange(len(visits), dtype=float), "visit": visits})


def learn(visits: Any, columns: ColumnsOptions = COLUMNS) -> Schema:
    return fit_schema(
        frame(visits),
        columns,
        reshaping=ReshapingOptions(),
        label="y",
        task=Task.of_classes((0, 1)),
    )


SCHEMA = learn(["2026-11-05", "2026-11-06"])


def slots(rows: pd.DataFrame, schema: Schema = SCHEMA) -> np.ndarray:
    """The slots of the date alone, (rows, 5)."""
    sequences = to_sequences(rows, schema).reshape(len(rows), -1)
    return sequences[:, schema.slots["visit"]]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (" 2026-11-05 ", "2026-11-05 00:00:00"),
        ("2026-11-05T13", "2026-11-05 13:00:00"),
        ("2026-11-05 13:30", "2026-11-05 13:30:00"),
        ("2026-11-05T13:30:15.123456789", "2026-11-05 13:30:15.123456"),
        ("2026-11-05T13:30Z", "2026-11-05 13:30:00"),
        ("2026-11-05T00:30:00+0200", "2026-11-04 22:30:00"),
        ("9999-12-31", "9999-12-31 00:00:00"),
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
        ("%Y%m%d", "20261105", "2026-11-05"),
        ("%Y-%m-%dT%H:%M%z", "2026-11-05T01:00+0200", "2026-11-04T23:00"),
    ],
)
def test_a_text_is_read_by_the_format_that_conf_gives(form: str, text: str, date: str) -> None:
    dates, problems = read_dates(pd.Series([text, "2026-11-05x", ""]), [], form)
    assert problems == {1: f"'2026-11-05x' is not a date as {form}"}
    np.testing.assert_array_equal(dates[[0, 2]], np.array([date, "NaT"], "M8[us]"))


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


MIXED = [None, GERMAN, "%Y%m%d"]


def test_of_several_formats_the_first_that_fits_reads_a_cell_in_every_reader() -> None:
    """A feature, a time, an order of histories; in a CSV, in Parquet and as text of a frame."""
    cells = ["2026-11-05", "5.11.2026", "20261105", "2026-11-05T13:30Z", "05/11/2026", ""]
    known = ["2026-11-05"] * 3 + ["2026-11-05T13:30"]
    fault = "'05/11/2026' is not a date as ISO 8601 or %d.%m.%Y or %Y%m%d"
    dates, problems = read_dates(pd.Series(cells), [], MIXED)
    assert problems == {4: fault}
    np.testing.assert_array_equal(dates[:4], np.array(known, "M8[us]"))
    times, problems = read_times(cells, form=MIXED)
    assert problems == {4: fault, 5: "no time"}
    np.testing.assert_array_equal(times[:4], np.array(known, "M8[us]"))
    # A number of a Parquet file, and a date of its own type, beside text.
    values = pd.Series(
        [20261105, 20261105.0, datetime.date(2026, 11, 5), "5.11.2026"], dtype=object
    )
    dates, problems = read_dates(values, [], MIXED)
    assert (problems, len({*dates.tolist()})) == ({}, 1)
    columns = ColumnsOptions.model_validate(ROLES | {"dates": {"visit": MIXED}})
    schema = Schema.model_validate_json(learn(cells[:4], columns).model_dump_json())
    assert schema.dates == {"visit": MIXED}
    content = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pandas(frame(cells[:4])), content)
    for raw in (
        rows_to_score(frame(cells[:4]).to_csv(index=False).encode(), "a.csv"),
        rows_to_score(content.getvalue().to_pybytes(), "a.parquet"),
    ):
        (batch,) = raw.batches()
        sequences, problems = slots_of(batch.cells, schema)
        assert not problems
        np.testing.assert_array_equal(sequences, to_sequences(read(cells[:4], columns)[0], schema))
    # A row is on one side in each format.
    days = pd.date_range("2026-01-01", periods=60)
    turns = [days.strftime(form)[n::3] for n, form in enumerate(("%Y-%m-%d", GERMAN, "%Y%m%d"))]
    mixed = [text for three in zip(*turns, strict=True) for text in three]
    np.testing.assert_array_equal(sides(mixed, columns), sides(days.strftime("%Y-%m-%d").tolist()))


def test_numbers_that_mean_not_measured_are_no_wrong_dates() -> None:
    # Of a column of whole numbers, of which one is missing, as pandas reads it.
    dates, problems = read_dates(pd.Series([20261130.0, 0.0, np.nan]), [0], "%Y%m%d")
    assert dates.tolist() == [datetime.datetime(2026, 11, 30), None, None]
    assert not problems


def test_a_date_of_the_far_future_is_refused_by_its_column() -> None:
    seconds = pd.Series(np.array([2**62], "datetime64[s]"), name="visit")
    with pytest.raises(DataError, match="Column 'visit': a date is beyond the year"):
        read_dates(seconds)


def test_a_date_is_days_season_and_weekday() -> None:
    dates = ["1970-01-01", "1969-12-31T18:00", "2026-01-01", "2026-07-02T12:00", "NaT"]
    seen = date_parts(np.array(dates, "M8[us]"))
    np.testing.assert_allclose(seen[:, 0], [0, -0.25, 20454, 20636.5, np.nan])
    assert seen[0, 1:3].tolist() == [0, 1]
    np.testing.assert_allclose(seen[3, 1:3], [0, -1], atol=0.02)  # the middle of the year
    assert np.isnan(seen[4]).all()
    np.testing.assert_array_equal(seen[0, 3:], seen[2, 3:])  # both are Thursdays
    assert date_parts(np.array(["2026-11-02"], "M8[us]"))[0, 3:].tolist() == [0, 1]  # a Monday
    # Another processor would see the same numbers, though a sine has other last bits on each.
    days = 2 * np.pi * np.array([*np.arange(366) / 365.25, *np.arange(7) / 7])
    left = np.abs(np.r_[np.sin(days), np.cos(days)] * 10**DECIMALS % 1 - 0.5)
    assert left.min() > 1e-6
    for unit, origins in (("D", []), ("s", ["visit (days)"])):  # float32 cannot tell seconds apart
        visits = np.datetime64("2026-11-05") + np.arange(300).astype(f"timedelta64[{unit}]")
        schema = learn(visits)
        assert [*schema.origin] == origins
        assert len(np.unique(slots(frame(visits), schema)[:, 0])) == 300


def in_forms(visits: list[datetime.datetime | None]) -> list[pd.Series]:
    """Columns of the same times, as frames may hold them."""
    times = pd.Series(pd.array(visits, dtype="datetime64[us]"))
    texts = times.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").astype("str")
    zoned = times.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    mixed = pd.Series([*texts[::2], *times[1::2]], [*texts.index[::2], *texts.index[1::2]])
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
        mixed.sort_index().astype(object),
    ]


@settings(max_examples=30)
@given(st.lists(st.none() | TIMES, min_size=1, max_size=8))
def test_a_date_is_the_same_in_each_form(visits: list[datetime.datetime | None]) -> None:
    first, *others = in_forms(visits)
    expected = slots(frame(first))
    assert np.isnan(expected).all(axis=1).tolist() == [visit is None for visit in visits]
    for other in others:
        np.testing.assert_array_equal(slots(frame(other)), expected, str(other.dtype))


def rows_to_score(content: bytes, name: str) -> Table:
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{name}", content)
    return Table(RawFiles.at(memory, f"/{name}"))


KINDS = [pa.date32(), pa.date64(), pa.timestamp("us"), pa.timestamp("ns"), pa.string()]


@pytest.mark.parametrize("kind", [*KINDS, pa.timestamp("s", "Europe/Rome")], ids=str)
def test_a_date_of_a_csv_and_of_parquet_gives_the_same_sequence(kind: pa.DataType) -> None:
    rng = np.random.default_rng(0)
    days = np.datetime64("1700-01-01") + rng.integers(0, 182_000, 300)
    visits = [None if place % 9 == 0 else day for place, day in enumerate(days.tolist())]
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
    sequences, problems = slots_of(of_parquet.cells, SCHEMA)
    assert not problems
    np.testing.assert_array_equal(sequences, slots_of(of_csv.cells, SCHEMA)[0])


def read(visits: list[str], columns: ColumnsOptions = COLUMNS) -> tuple[pd.DataFrame, pd.DataFrame]:
    raw = frame(visits).astype("str").assign(y="1")
    read = read_rows([raw], columns, "rows.csv")
    rows, quarantined = read.valid, read.quarantined
    return rows, quarantined


def test_a_cell_that_is_no_date_sets_its_row_aside() -> None:
    rows, quarantined = read(["2026-11-05", "2026-11-31", "", "?", "1900-01-01", "0"])
    assert quarantined["reason"].tolist() == ["visit: '2026-11-31' is not a date"]
    # A code that is a date stays, for the schema keeps it.
    known = ["2026-11-05", "NaT", "NaT", "1900-01-01", "NaT"]
    np.testing.assert_array_equal(rows["visit"], np.array(known, "M8[us]"))
    missing = np.isnan(slots(rows)).all(axis=1)
    assert missing.tolist() == [False, True, True, True, True]
    # Codes are the date that they are in the format or as ISO 8601.
    for code in ("1900-01-01", "01.01.1900", "1.1.1900"):
        blocks = {"dates": {"visit": GERMAN}, "missing": {"visit": [code, "never"]}}
        schema = learn([None], ColumnsOptions.model_validate(ROLES | blocks))
        cells = ["01.01.1900", pd.Timestamp("1900-01-01"), "never", " 2.1.1900"]
        seen = np.isnan(slots(frame(pd.Series(cells, dtype=object)), schema)).any(axis=1)
        assert seen.tolist() == [True, True, True, False]


def sides(visits: list[str], columns: ColumnsOptions = COLUMNS) -> np.ndarray:
    rows, quarantined = read(visits, columns)
    assert quarantined.empty
    return in_test(rows, columns, SplitOptions(test_fraction=0.5))


def test_a_row_stays_on_its_side_however_its_date_is_written() -> None:
    days = pd.date_range("2026-01-01", periods=60)
    expected = sides(days.strftime("%Y-%m-%d").tolist())
    assert 0 < expected.sum() < 60
    for form in ("%Y-%m-%dT00:00", "%Y-%m-%d 00:00:00.000", "%Y-%m-%dT00:00Z"):
        np.testing.assert_array_equal(sides(days.strftime(form).tolist()), expected)
    german = ColumnsOptions.model_validate(ROLES | {"dates": {"visit": GERMAN}})
    np.testing.assert_array_equal(sides(days.strftime(GERMAN).tolist(), german), expected)
    missing = [sides([text] * 60) for text in ("", "NA", "?", "0", "1900-01-01")]
    assert all((side == missing[0]).all() for side in missing)
    assert (missing[0] != expected).any()


# Times

MOMENTS = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
NUMBERS = st.floats(-1e15, 1e15) | st.integers(-(10**9), 10**9).map(float)
TIMED = ColumnsOptions.model_validate(ROLES | {"time": "at"})


def read_times(cells: Any, *arguments: Any, **options: Any) -> tuple[pd.Series, Problems]:
    series = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype="str")
    times, problems = TimeReader(*arguments, **options).read(series)
    return pd.Series(times), problems


@pytest.mark.parametrize(
    "ways",
    [
        ["2026-03-01", " 2026-03-01T00:00 ", "2026-03-01 00:00:00", "2026-03-01T00:00:00.000"],
        ["2026-03-01T00:00Z", "2026-03-01T02:00+02:00", "2026-02-28 19:00:00-0500"],
    ],
    ids=["without an offset", "with one"],
)
def test_ways_to_write_one_date_are_one_time(ways: list[str]) -> None:
    """A date is its midnight, and without an offset in UTC."""
    times, problems = read_times(ways)
    assert (times.dtype, problems) == ("datetime64[us]", {})
    assert times.unique().tolist() == [pd.Timestamp("2026-03-01")]
    assert time_texts(times).nunique() == 1


def test_a_time_that_a_table_holds_is_itself_whatever_format_text_would_have() -> None:
    cells = pd.Series([61.234, 7.0, 5.5])
    for values in (cells, cells.astype(object)):
        times, problems = read_times(values, NumberFormat(decimal=",", thousands="."))
        assert (times.tolist(), problems) == (cells.tolist(), {})
    dates = pd.Series(pd.to_datetime(["2026-03-01", "2026-03-02"]))
    zoned = dates.dt.tz_localize("UTC").astype("datetime64[ns, Europe/Berlin]")
    for values in (dates.dt.date, dates.astype("datetime64[us]"), zoned):
        times, problems = read_times(values, form=GERMAN)
        assert (times.tolist(), problems) == (dates.tolist(), {})
    # A whole number is a date of the format beside a missing one.
    times, problems = read_times(pd.Series([20261130.0, np.nan]), form="%Y%m%d")
    assert times[0] == np.datetime64("2026-11-30")
    assert problems == {1: "no time"}


def test_times_of_a_declared_format_are_read_by_it_alone() -> None:
    cells = ["01.03.2026 07:30", "2.3.2026 08:00", "2026-03-01", "7", "31.02.2026 00:00", ""]
    raw = pd.DataFrame(
        {"at": cells, "a": "1", "y": "1"}, pd.RangeIndex(1, 7, name="row"), dtype="str"
    )
    form = "%d.%m.%Y %H:%M"
    read = read_rows([raw], TIMED.model_copy(update={"dates": {"at": form}}), "a.csv")
    valid, aside = read.valid, read.quarantined
    expected = [pd.Timestamp("2026-03-01 07:30"), pd.Timestamp("2026-03-02 08:00")]
    assert valid["at"].tolist() == expected
    no_dates = ("2026-03-01", "7", "31.02.2026 00:00")
    reasons = [*(f"at: '{cell}' is not a date as {form}" for cell in no_dates), "at: no time"]
    assert aside["reason"].tolist() == reasons
    # Null is ISO 8601, in which numbers are times too.
    plain = TIMED.model_copy(update={"dates": {"at": None}})
    assert len(read_rows([raw], plain, "a.csv").quarantined) == 5


def test_cells_without_a_time_say_why() -> None:
    cells = ["2026-03-01", "", "NULL", "1 March", "2026-02-30", "7", "1e999", "2026-03-02"]
    neither = "is neither an ISO date nor a number"
    assert read_times(cells)[1] == {
        1: "no time",
        2: "no time",
        3: f"'1 March' {neither}",
        4: f"'2026-02-30' {neither}",
        5: "'7' is not like most of the column, dates",
        6: f"'1e999' {neither}",
    }
    problems = {2: "'2026-03-01' is not like most of the column, numbers"}
    assert read_times(["7", "8", "2026-03-01"])[1] == problems


@given(st.lists(MOMENTS, min_size=1) | st.lists(NUMBERS, min_size=1))
@example([0.0, -0.0])
def test_what_is_said_of_a_time_is_read_as_that_time(values: list[Any]) -> None:
    times = pd.Series(values)
    if times.dtype.kind == "M":
        times = times.astype("datetime64[us]")
    for time, value in zip(times, times.to_numpy(), strict=True):
        assert moment_of(said(time)) == value
    assert (time_texts(times).nunique(), len(time_texts(times))) == (times.nunique(), len(times))
    # Whatever the others are.
    assert time_texts(times[:1]).tolist() == time_texts(times)[:1].tolist()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_the_newest_share_is_as_near_as_rows_of_one_time_allow(
    days: list[int], share: float
) -> None:
    times = pd.Series(days, dtype="float64")
    boundary = newest(times, share)
    if times.nunique() == 1:
        assert boundary is None
        return
    off = {day: abs((times >= day).sum() - share * len(times)) for day in days if day > min(days)}
    assert off[boundary] == min(off.values())
    assert newest(times.sample(frac=1, random_state=0), share) == boundary


def test_a_boundary_among_dates_is_a_date_that_conf_can_name() -> None:
    days = pd.Series(pd.date_range("2026-01-01", periods=10, unit="us"))
    hours = pd.Series(pd.date_range("2026-01-01T00:30", periods=10, freq="h", unit="us"))
    for times, boundary in ((days, "2026-01-09"), (hours, "2026-01-01T08:30:00")):
        assert newest(times, 0.2) == boundary
        is_newer = times.to_numpy() >= moment_of(boundary)
        assert is_newer.tolist() == [False] * 8 + [True] * 2


def test_a_mixture_of_times_with_and_without_an_offset_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cells = {"at": ["2026-03-01", "2026-03-01 01:00", "2026-03-01T02:00+02:00"], "f": "1", "y": "1"}
    pieces = [pd.DataFrame(cells, dtype="str")] * 2
    read_rows([piece[piece["at"].str.len() < 20] for piece in pieces], TIMED, "a.csv")
    assert caplog.messages == []
    read_rows(pieces, TIMED, "a.csv")
    assert caplog.messages == ["a.csv: 4 times without an offset are read as UTC, among 2 with one"]
