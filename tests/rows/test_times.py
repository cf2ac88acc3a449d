"""A time is an ISO date or a number, and a boundary cuts rows by it where it says."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.cells import Problems
from tabular_lstm.rows.dates import TimeReader, as_text, moment_of, newest, said
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.rows.validation import read_rows

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
NUMBERS = st.floats(-1e15, 1e15) | st.integers(-(10**9), 10**9).map(float)


def read_time(
    cells: pd.Series, number_format: NumberFormat | None = None
) -> tuple[pd.Series, Problems]:
    times, problems = TimeReader(number_format or NumberFormat()).read(cells)
    return pd.Series(times), problems


def read(*cells: str, number_format: NumberFormat | None = None) -> pd.Series:
    times, problems = read_time(pd.Series(cells, dtype="str"), number_format)
    assert not problems
    return times


@pytest.mark.parametrize(
    "ways",
    [
        ("2026-03-01", " 2026-03-01T00:00 ", "2026-03-01 00:00:00", "2026-03-01T00:00:00.000"),
        ("2026-03-01T00:00Z", "2026-03-01T02:00+02:00", "2026-02-28 19:00:00-0500"),
    ],
    ids=["without an offset", "with one"],
)
def test_ways_to_write_one_date_are_one_time(ways: tuple[str, ...]) -> None:
    """A date is its midnight, and without an offset in UTC."""
    times = read(*ways)
    assert times.dtype == "datetime64[us]"
    assert times.unique().tolist() == [pd.Timestamp("2026-03-01")]
    assert as_text(times).nunique() == 1


def test_a_time_that_is_a_number_is_read_without_the_format_of_texts() -> None:
    cells = pd.Series([61.234, 7.0, 5.5])
    for values in (cells, cells.astype(object)):
        times, problems = read_time(values, NumberFormat(decimal=",", thousands="."))
        assert times.tolist() == cells.tolist()
        assert not problems


def test_a_time_that_is_a_whole_number_is_a_date_of_the_format_beside_a_missing_one() -> None:
    times, problems = TimeReader(form="%Y%m%d").read(pd.Series([20261130.0, np.nan]))
    assert times[0] == np.datetime64("2026-11-30")
    assert problems == {1: "no time"}


def test_times_of_a_declared_format_are_read_by_it_alone() -> None:
    cells = ["01.03.2026 07:30", "2.3.2026 08:00", "2026-03-01", "7", "31.02.2026 00:00", ""]
    raw = pd.DataFrame(
        {"at": cells, "a": "1", "y": "1"}, pd.RangeIndex(1, 7, name="row"), dtype="str"
    )
    columns = Columns(
        label="y", positive_class=1, negative_class=0, time="at", dates={"at": "%d.%m.%Y %H:%M"}
    )
    read = read_rows([raw], columns, "a.csv")
    assert read.valid["at"].tolist() == [
        pd.Timestamp("2026-03-01 07:30"),
        pd.Timestamp("2026-03-02 08:00"),
    ]
    assert read.quarantined["reason"].tolist() == [
        "at: '2026-03-01' is not a date as %d.%m.%Y %H:%M",
        "at: '7' is not a date as %d.%m.%Y %H:%M",
        "at: '31.02.2026 00:00' is not a date as %d.%m.%Y %H:%M",
        "at: no time",
    ]
    # Null is ISO 8601, in which numbers are times too.
    plain = columns.model_copy(update={"dates": {"at": None}})
    assert len(read_rows([raw], plain, "a.csv").quarantined) == 5


def test_cells_without_a_time_say_why() -> None:
    cells = ["2026-03-01", "", "NULL", "1 March", "2026-02-30", "7", "1e999", "2026-03-02"]
    _, problems = read_time(pd.Series(cells, dtype="str"))
    assert problems == {
        1: "no time",
        2: "no time",
        3: "'1 March' is neither an ISO date nor a number",
        4: "'2026-02-30' is neither an ISO date nor a number",
        5: "'7' is not like most of the column, dates",
        6: "'1e999' is neither an ISO date nor a number",
    }
    _, problems = read_time(pd.Series(["7", "8", "2026-03-01"], dtype="str"))
    assert problems == {2: "'2026-03-01' is not like most of the column, numbers"}


def test_a_mixture_of_times_with_and_without_an_offset_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    columns = Columns(label="y", positive_class=1, negative_class=0, time="at")
    cells = {"at": ["2026-03-01", "2026-03-01 01:00", "2026-03-01T02:00+02:00"], "f": "1", "y": "1"}
    parts = [pd.DataFrame(cells, dtype="str")] * 2
    read_rows([part[part["at"].str.len() < 20] for part in parts], columns, "a.csv")
    assert caplog.messages == []
    read_rows(parts, columns, "a.csv")
    assert caplog.messages == ["a.csv: 4 times without an offset are read as UTC, among 2 with one"]


@given(MOMENTS, st.integers(-720, 720))
def test_a_date_is_the_moment_that_it_names(moment: datetime, offset: int) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset)))
    for written in (moment.isoformat(), there.isoformat()):
        assert read(written).tolist() == [pd.Timestamp(moment)]


@given(st.lists(MOMENTS, min_size=1) | st.lists(NUMBERS, min_size=1))
@example([0.0, -0.0])
def test_what_is_said_of_a_time_is_read_as_that_time(values: list[datetime] | list[float]) -> None:
    times = pd.Series(values)
    if times.dtype.kind == "M":
        times = times.astype("datetime64[us]")
    for time, value in zip(times, times.to_numpy(), strict=True):
        assert moment_of(said(time)) == value
    assert (as_text(times).nunique(), len(as_text(times))) == (times.nunique(), len(times))
    # Whatever the others are.
    assert as_text(times[:1]).tolist() == as_text(times)[:1].tolist()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_the_newest_share_is_as_near_as_rows_of_one_time_allow(
    days: list[int], share: float
) -> None:
    times = pd.Series(days, dtype="float64")
    boundary = newest(times, share)
    if times.nunique() == 1:
        assert boundary is None
        return
    assert boundary in days[:]
    assert times.min() < boundary
    off = {day: abs((times >= day).sum() - share * len(times)) for day in days if day > min(days)}
    assert off[boundary] == min(off.values())
    assert newest(times.sample(frac=1, random_state=0), share) == boundary


def test_a_boundary_among_dates_is_a_date_that_conf_can_name() -> None:
    times = pd.Series(pd.date_range("2026-01-01", periods=10, unit="us"))
    assert newest(times, 0.2) == "2026-01-09"
    hours = pd.Series(pd.date_range("2026-01-01T00:30", periods=10, freq="h", unit="us"))
    assert newest(hours, 0.2) == "2026-01-01T08:30:00"
    assert (hours.to_numpy() >= moment_of("2026-01-01T08:30:00")).sum() == 2
    np.testing.assert_array_equal(
        times.to_numpy() >= moment_of("2026-01-09"), [False] * 8 + [True] * 2
    )


@pytest.mark.parametrize("kind", ["date", "datetime64[us]", "datetime64[ns, Europe/Berlin]"])
def test_a_date_that_a_table_holds_is_itself_whatever_format_text_would_have(kind: str) -> None:
    times = pd.Series(pd.to_datetime(["2026-03-01", "2026-03-02"]))
    if "Berlin" in kind:
        times = times.dt.tz_localize("UTC")
    cells = times.dt.date if kind == "date" else times.astype(kind)
    read, problems = TimeReader(form="%d.%m.%Y").read(cells)
    assert problems == {}
    assert read.tolist() == [datetime(2026, 3, 1), datetime(2026, 3, 2)]
