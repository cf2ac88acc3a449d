"""Rows of one customer over time: where a history is proposed, where it is asked, where neither."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabular_lstm.parameters import Columns
from tabular_lstm.profiling.found_rows import with_found_rows
from tabular_lstm.profiling.proposal import Proposal, parameters_text, propose
from tabular_lstm.runs.new_environment import profile_files
from tests.helpers.project import ROOT

CUSTOMERS = 40


def proposed(rows: pd.DataFrame) -> Proposal:
    """What is proposed for rows, with the label `sick`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.to_csv(file, index=False)
        _, table, first_rows = profile_files(file, "rows.csv")
    return with_found_rows(table, propose(table, "sick"), first_rows)


def history(proposal: Proposal) -> dict[str, Any] | None:
    """The block that is written, as a run reads it."""
    columns = yaml.safe_load(parameters_text(proposal))["columns"]
    assert Columns.model_validate(columns) == proposal.columns()
    return columns.get("history")


def asked(proposal: Proposal) -> list[str]:
    return [doubt for doubt in proposal.unsure if doubt.startswith("history: ")]


def visits(
    of: str = "unit", order: str = "seen", dates: bool = True, rows: int = 8
) -> pd.DataFrame:
    """Rows of customers one after the other, in order, at times that are hardly ever the same.

    Each has its own first day, some two rows, others more.
    """
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, rows, CUSTOMERS, endpoint=True)
    customer = np.repeat(np.arange(CUSTOMERS), sizes)
    day = np.concatenate(
        [rng.integers(0, 400) + np.cumsum(rng.integers(1, 60, size)) for size in sizes]
    )
    seen = pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D")
    return pd.DataFrame(
        {
            of: [f"c{number}" for number in customer],
            order: seen.strftime("%d.%m.%Y") if dates else day,
            "size": rng.normal(50, 9, len(day)).round(2),
            "sick": rng.integers(0, 2, len(day)),
        }
    )


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        # In blocks, whatever the customer is called.
        (visits(), "seen"),
        (visits(order="visit_day", dates=False), "visit_day"),
        # The newest first.
        (visits()[::-1], "seen"),
        # In the order of time, or in none, where it is called as a person.
        (visits("patient", "day", dates=False).sort_values("day"), "day"),
        (
            visits("client_id", "week", dates=False)
            .assign(week=lambda of: of.groupby("client_id").cumcount())
            .sample(frac=1, random_state=0),
            "week",
        ),
    ],
)
def test_a_history_is_proposed(rows: pd.DataFrame, order: str) -> None:
    proposal = proposed(rows)
    written = history(proposal)
    assert written == {"of": rows.columns[0], "order": order, "steps": 20}
    assert proposal.columns().group == rows.columns[0]
    assert [*proposal.named("number")] == ["size"]
    assert proposal.columns().dates == ({} if order != "seen" else {"seen": "%d.%m.%Y"})
    (said,) = asked(proposal)
    assert f"the earlier rows of its {rows.columns[0]}. If" in said


def test_customers_rows_and_times_between_them_are_counted() -> None:
    rows = visits()
    proposal = proposed(rows)
    sizes = rows.groupby("unit").size()
    assert proposal.choices["unit"].why == (f"40 values, of 2 to 8 rows, median {sizes.median():g}")
    gaps = pd.to_datetime(rows["seen"], format="%d.%m.%Y").groupby(rows["unit"]).diff().dt.days
    assert proposal.choices["seen"].why == (
        f"the next row is {gaps.min():g} to {gaps.max():g} days later, median {gaps.median():g}"
    )


def test_steps_are_as_many_as_nine_of_ten_have() -> None:
    written = history(proposed(visits(rows=60)))
    assert written is not None
    assert 45 < written["steps"] < 60
    most = visits(rows=400)
    assert (history(proposed(most)) or {})["steps"] == 200


def crossed(customer: str, order: str) -> pd.DataFrame:
    """Each of 20 values at each of 15 times, in the order of time."""
    rng = np.random.default_rng(1)
    time, of = np.divmod(np.arange(300), 20)
    return pd.DataFrame(
        {
            customer: of + 101,
            order: 2000 + time,
            "size": rng.normal(50, 9, 300).round(2),
            "sick": rng.integers(0, 2, 300),
        }
    )


def brothers_and_sisters() -> pd.DataFrame:
    """Three of each family, the youngest first."""
    rng = np.random.default_rng(1)
    ages = [sorted(rng.choice(20, 3, replace=False)) for _ in range(250)]
    return pd.DataFrame(
        {
            "family": np.arange(750) // 3,
            "age": np.concatenate(ages),
            "size": rng.normal(50, 9, 750).round(2),
            "sick": rng.integers(0, 2, 750),
        }
    )


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        # Of a panel in the order of time, unless it is called as a person, places may be years.
        (crossed("seed", "year"), "history: {of: seed, order: year}"),
        # A number that each file gives anew.
        (crossed("id", "year"), "history: {of: id, order: year}"),
        (brothers_and_sisters(), "history: {of: family, order: age}"),
    ],
)
def test_what_may_be_chance_is_asked(rows: pd.DataFrame, line: str) -> None:
    proposal = proposed(rows)
    assert history(proposal) is None
    (said,) = asked(proposal)
    assert line in said


RNG = np.random.default_rng(2)
ROWS = pd.DataFrame(
    {
        "patient": [f"P{number:03}" for number in range(400)],
        "ward": RNG.choice([f"w{number}" for number in range(30)], 400),
        "household": np.arange(400) // 3,
        "born": (
            pd.Timestamp("1950-01-01") + pd.to_timedelta(RNG.permutation(20_000)[:400], "D")
        ).strftime("%Y-%m-%d"),
        "seen": pd.date_range("2025-01-01", periods=400).strftime("%Y-%m-%d"),
        "age": RNG.integers(20, 90, 400),
        "size": RNG.normal(50, 9, 400).round(2),
        "sick": RNG.integers(0, 2, 400),
    }
)


@pytest.mark.parametrize(
    "left_out",
    [
        # A patient has one row; a ward and a day of its own are chance where rows are by day.
        ["household", "born"],
        # Persons of a household have birthdays of their own.
        ["seen"],
        ["seen", "patient"],
    ],
)
def test_where_rows_repeat_by_chance_there_is_neither(left_out: list[str]) -> None:
    proposal = proposed(ROWS.drop(columns=left_out))
    assert (history(proposal), asked(proposal)) == (None, [])


def test_two_rows_of_one_time_are_no_history() -> None:
    """As of an order's lines."""
    rows = visits("customer")
    assert history(proposed(pd.concat([rows, rows.assign(size=1.5)]))) is None


def test_what_customers_share_speaks_for_the_group() -> None:
    """Their rows belong together further than one customer's."""
    rng = np.random.default_rng(3)
    rows = pd.concat([visits().assign(copy=number) for number in range(10)], ignore_index=True)
    rows["unit"] += rows["copy"].astype(str)
    town = rows["unit"].factorize()[0] // 8
    rows["sick"] = (rng.random(60) < 0.5)[town] ^ (rng.random(len(rows)) < 0.05)
    proposal = proposed(rows.assign(town=town, sick=rows["sick"].astype(int)).drop(columns="copy"))
    assert [*proposal.named("group")] == ["town"]
    assert history(proposal) is None
    assert "history: {of: unit, order: seen}" in asked(proposal)[0]


@pytest.mark.parametrize("name", ["concrete", "diabetes", "italy_power_demand", "vehicles"])
def test_the_other_shipped_tables_have_no_histories(name: str) -> None:
    _, table, first_rows = profile_files(ROOT / f"data/01_raw/{name}.csv", name)
    proposal = with_found_rows(table, propose(table), first_rows)
    assert (history(proposal), asked(proposal)) == (None, [])
