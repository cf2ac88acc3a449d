"""Rows that belong together where nobody has described a table: what is proposed and said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.profiling.found_rows import search_group, with_found_group, with_group
from tabular_lstm.profiling.proposal import Proposal, propose
from tabular_lstm.rows.dependent_rows import DependentRows
from tests.helpers.profiles import profile

COUNT = 60
TABLE: dict[str, list[Any]] = {
    "patient": [f"P{x // 2}" for x in range(COUNT)],
    "seen": [f"{1 + x // 3:02}.11.2026" for x in range(COUNT)],
    "size": [x // 3 + 0.5 for x in range(COUNT)],
    "ward": ["north", "south", "west"] * 20,
    "age": [20 + x % 45 for x in range(COUNT)],
}
SICK: dict[str, list[Any]] = {"sick": [0, 0, 1] * 20}


def found(column: str) -> DependentRows:
    """What the search finds, by this column."""
    numbers: dict[str, Any] = {"spread": 0.93, "together": 0.69, "fall": (0.18, 0.29)}
    return DependentRows(columns=[column], groups=20, rows=60, alike=1, **numbers)


def proposed(of: DependentRows) -> Proposal:
    table = profile({**TABLE, **SICK})
    return with_group(table, propose(table, "sick"), of)


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("size", "take the line away, and add split: {independent: [size]}"),
        ("ward", "name the column under categorical instead, and add split: {independent: [ward]}"),
        (
            "seen",
            "name the column under dates instead, with the format %d.%m.%Y, and add split: "
            "{independent: [seen]}",
        ),
    ],
)
def test_the_column_is_the_group_and_the_first_doubt_says_the_way_back(
    name: str, back: str
) -> None:
    proposal = proposed(found(name))
    assert [*proposal.named("group")] == [name]
    assert proposal.columns().group == name
    # What was a group for its name alone is what its cells say.
    assert proposal.choices["patient"].role == "ignore"
    first = next(iter(proposal.unsure))
    assert first.startswith(f"group: rows with the same '{name}' (20 values, 60 rows) mostly have ")
    assert "ROC AUC is 0.93 with such rows on both sides and 0.69 with them together" in first
    assert first.endswith(f"If they are independent, {back}")
    assert not any(name in names for names in proposal.unsure.values())


def test_what_no_column_can_keep_together_is_said_first_and_changes_no_role() -> None:
    # Of one feature alone, nothing would be left to learn from.
    table = profile({"age": TABLE["age"]} | SICK)
    proposal = with_group(table, propose(table, "sick"), found("age"))
    assert proposal.choices == propose(table, "sick").choices
    first = next(iter(proposal.unsure))
    assert first.startswith("rows with the same 'age'")
    assert first.endswith(
        "Name the column: columns.group: age. Or, if the rows are independent: "
        "split.independent: [age]"
    )


def test_a_column_without_a_name_is_passed_over() -> None:
    table = profile({"Unnamed: 0": [x // 2 for x in range(COUNT)], **TABLE, **SICK})
    rows = pd.DataFrame({"Unnamed: 0": [x // 2 for x in range(COUNT)], **TABLE, **SICK}).astype(str)
    assert search_group(table, propose(table, "sick"), rows) is None


def searched(cells: dict[str, Any]) -> Proposal:
    """What is proposed for a table whose label is `sick`."""
    table = profile(cells)
    return with_found_group(table, propose(table, "sick"), pd.DataFrame(cells).astype(str))


def visits(outer: str) -> dict[str, Any]:
    """Four rows of each of 400 visits, whose labels agree, and so do those of the outer column."""
    rng = np.random.default_rng(0)
    visit, of = np.repeat(np.arange(400), 4), np.repeat(np.arange(100), 16)
    # What a visit's rows do not share cannot be the group in its place.
    outside = 2 * of + (rng.integers(0, 2, 1_600) if outer == "station" else 0)
    sick = (rng.random(100) < 0.5)[of] ^ (rng.random(400) < 0.2)[visit]
    order = rng.permutation(1_600)
    return {
        "visit_no": [f"V{7 * x % 4001}" for x in visit[order]],
        outer: [f"P{13 * x % 4001}" for x in outside[order]],
        "pulse": (rng.normal(70, 9, 1_600) + 4 * sick).round(2)[order],
        "sick": sick.astype(int)[order],
    }


@pytest.mark.parametrize("outer", ["patient", "origin"])
def test_of_groups_within_each_other_the_outer_one_is_proposed(outer: str) -> None:
    """Whether it was the group for its name, or not."""
    proposal = searched(visits(outer))
    assert [*proposal.named("group")] == [outer]
    assert proposal.choices["visit_no"].role == "ignore"
    assert proposal.choices["visit_no"].why == f"rows of one value have one {outer}"
    (said,) = [doubt for doubt in proposal.unsure if doubt.startswith("group: ")]
    assert said.startswith(f"group: rows with the same '{outer}' (100 values, 1,600 rows) mostly")
    assert "name visit_no under group" in said
    assert not any("visit_no" in names for names in proposal.unsure.values())


def test_what_groups_share_and_no_column_can_keep_together_is_said() -> None:
    proposal = searched(visits("station"))
    assert [*proposal.named("group")] == ["visit_no"]
    first, second, *_ = proposal.unsure
    assert first.startswith("rows with the same 'station' (200 values")
    assert second.startswith("group: rows with the same 'visit_no' (400 values, 1,600 rows)")
