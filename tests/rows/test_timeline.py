"""Nothing of a later row, and no label before it is known, is in a history: by the nodes.

Tables are random: customers of one row and of many, times that are the same or a moment apart, rows
that are equal, rows without a label or a weight, and rows that go to quarantine.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions, delay_of
from tests.helpers.histories import (
    DAY,
    TO_SETS,
    bits,
    conf_of,
    history_of,
    raw_of,
    run,
    written,
)

TWO: dict[str, Any] = {"positive_class": "1", "negative_class": "0"}
FORM = "%d.%m.%Y %H:%M:%S.%f"
THREE = {"classes": ["0", "1", "2"]}
# Of each way: whether the order is dates, the block, the task, the split.
WAYS: dict[str, tuple[bool, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "dates": (True, {"steps": 5, "known_after": "12 hours"}, TWO | {"dates": {"at": FORM}}, {}),
    "numbers": (False, {"steps": 20, "known_after": 1.5}, {"task": "number"}, {}),
    "by time": (True, {"steps": 20, "known_after": "1 day"}, THREE, {"from": "2026-01-07"}),
    "no label": (False, {"steps": 3}, TWO, {"from": 6}),
}
CUSTOMERS, STEADY, TIMES = 12, 40, 24
# A moment: the least that a date can tell, and of numbers what float64 has without rounding.
MOMENT = {True: 1, False: 2.0**-20}
UNIT = {True: DAY, False: 1.0}
AMOUNTS, KINDS = np.array(["0", "-0.0", "1", ""], object), np.array(["red", "blue", ""], object)

properties = settings(
    deadline=None, max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
drawn = given(way=st.sampled_from([*WAYS]), seed=st.integers(0, 2**32 - 1))


class Way:
    """How the rows of a table are read, and what a label is."""

    def __init__(self, name: str) -> None:
        self.dates, history, task, split = WAYS[name]
        by_time = {"time": "at"} if split else {}
        columns = {"label": "y", "weight": "w", "categorical": ["kind"], **task, **by_time}
        columns["history"] = {"of": "who", "order": "at", **history}
        self.columns = ColumnsOptions.model_validate(columns)
        kind = {"kind": "time"} if split else {"test_fraction": 0.5}
        self.conf = conf_of(self.columns, SplitOptions.model_validate({**kind, **split}))
        self.labels = np.array(["0", "1"] if "positive_class" in task else ["0", "1", "2"], object)
        assert self.columns.history is not None
        known_after = self.columns.history.known_after
        self.known_after = (
            np.inf if known_after is None else delay_of(known_after) * UNIT[self.dates]
        )
        self.steps = self.columns.history.steps

    def run(self, table: pd.DataFrame, **given: Any) -> dict[str, Any]:
        """Go from the table to train set and test set, by the schema of the first one."""
        return run(TO_SETS, {**self.conf, **self.raw(table), **given})

    def raw(self, table: pd.DataFrame) -> dict[str, Any]:
        """Write the cells."""
        form = self.columns.dates.get("at")
        return raw_of(table.assign(at=written(table["at"], self.dates, form)))


@cache
def learned(name: str) -> tuple[Way, dict[str, Any]]:
    """Learn the schema of a table."""
    way = Way(name)
    made = way.run(table_of(way, np.random.default_rng(0)))
    return way, {"schema": made["schema"]}


def table_of(way: Way, rng: np.random.Generator, most: int = 0) -> pd.DataFrame:
    """Draw a table, with one customer of `most` rows; `at` is a number, all else are cells.

    Each class is on each side by customers of whom labels and times stay.
    """
    sizes = np.where(rng.random(CUSTOMERS) < 0.4, 1, rng.integers(2, 30, CUSTOMERS))
    sizes = np.append(sizes, most) if most else sizes
    who = np.repeat([f"c{n}" for n in range(len(sizes))], sizes)
    moments = MOMENT[way.dates] * rng.integers(-1, 2, len(who)) * (rng.random(len(who)) < 0.6)
    times = rng.integers(1, TIMES * (1 + most // 50), len(who)) / 2
    steady = np.arange(2 * STEADY)
    table = pd.DataFrame(
        {
            "who": [*who, *(f"s{n // 2}" for n in steady)],
            "at": [*(times * UNIT[way.dates] + moments), *(steady % 2 * 10.0 * UNIT[way.dates])],
            "w": [*rng.choice(["0", "1", "2.5"], len(who)), *(["1"] * len(steady))],
            "y": [*cell(way, rng, len(who)), *way.labels[steady // 2 % len(way.labels)]],
        }
    )
    count = len(table)
    table = table.assign(a=rng.choice(AMOUNTS, count), kind=rng.choice(KINDS, count))
    equal = rng.random(count) < 0.1
    return pd.concat([table, table[equal & table["who"].str.startswith("c")]], ignore_index=True)


def cell(way: Way, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw labels, some of them missing."""
    return np.where(rng.random(count) < 0.3, "", rng.choice(way.labels, count))


def relations(table: pd.DataFrame, place: int, way: Way) -> dict[str, np.ndarray]:
    """Say, by the definition, what each row of the table is to an example."""
    own = table.loc[place]
    same = (table["who"] == own["who"]).to_numpy()
    at = table["at"].to_numpy()
    earlier = same & (at < own["at"])
    # Surely among the last ones: even if all rows of its own time were later.
    since = np.array([np.sum(earlier & (at >= moment)) for moment in at])
    return {
        "earlier": earlier,
        "near": earlier & (since < way.steps),
        "known": earlier & (at + way.known_after <= own["at"]),
        "free": ~earlier & (np.arange(len(table)) != place),
    }


def changed(
    table: pd.DataFrame, place: int, way: Way, rng: np.random.Generator
) -> tuple[pd.DataFrame, int]:
    """Change all that an example must not know, and give its row in the new table."""
    own, of = table.loc[place], relations(table, place, way)
    later = of["free"] & (table["who"] == own["who"]).to_numpy()
    steady = table["who"].str.startswith("s").to_numpy()
    table, count = table.copy(), len(table)
    free, unknown = of["free"], of["earlier"] & ~of["known"]
    # The features of each other row are changed, and some cannot be read.
    values = rng.integers(100, 200, count).astype(str)
    table.loc[free, "a"] = np.where(rng.random(count) < 0.1, "bad", values)[free]
    table.loc[free & steady, "a"] = values[free & steady]
    table.loc[free, "kind"] = rng.choice([*KINDS, "new"], count)[free]
    after = own["at"] + MOMENT[way.dates] * rng.choice([0, 1, 2.0**12, 2.0**24], count)
    table.loc[later, "at"] = after[later]
    others = free & ~later & ~steady
    table.loc[others, "at"] = rng.permutation(table.loc[others, "at"])
    # Labels and weights: of earlier rows too, where the label is not known.
    open_ = (free | unknown) & ~steady
    table.loc[open_, "y"] = cell(way, rng, count)[open_]
    table.loc[open_, "w"] = rng.choice(["0", "3"], count)[open_]
    table.loc[place, "y"] = rng.choice(way.labels[way.labels != own["y"]])
    # Some rows are gone, others are new, and all are in another order.
    gone = free & ~steady & (rng.random(count) < 0.2)
    new = table[later & (rng.random(count) < 0.3)].assign(a="7")
    table = pd.concat([table[~gone], new]).sample(frac=1, random_state=rng)
    return table.reset_index(drop=True), int(np.flatnonzero(table.index == place)[0])


def examples_of(made: dict[str, Any]) -> np.ndarray:
    """Give the places of the examples in the table, but for those of steady customers."""
    rows = pd.concat([made["train_rows"], made["test_rows"]])
    return rows.index[rows["who"].str.startswith("c")].to_numpy() - 1


def assert_blind(way: Way, made: dict[str, Any], table: pd.DataFrame, seed: int) -> None:
    """See that an example's history is the same bits, whatever is changed that it must not know."""
    rng = np.random.default_rng([seed, 1])
    before = way.run(table, **made)
    place = int(rng.choice(examples_of(before)))
    other, row = changed(table, place, way, rng)
    after = way.run(other, **made)
    assert bits(history_of(after, row + 1)) == bits(history_of(before, place + 1))


def assert_sees(way: Way, made: dict[str, Any], table: pd.DataFrame, seed: int) -> None:
    """See that a feature of an earlier row, and a label that is known, are in the history."""
    rng = np.random.default_rng([seed, 2])
    before = way.run(table, **made)
    for known in {False, way.known_after < np.inf}:
        for place in map(int, rng.permutation(examples_of(before))):
            of = relations(table, place, way)
            may = np.flatnonzero(of["near"] & (of["known"] if known else True))
            if known:
                may = may[table["y"].to_numpy()[may] != ""]
            if not len(may):
                continue
            other, at = table.copy(), rng.choice(may)
            name, values = ("y", way.labels) if known else ("a", np.array(["8", "9"]))
            other.loc[at, name] = rng.choice(values[values != table.loc[at, name]])
            found = bits(history_of(way.run(other, **made), place + 1))
            assert found != bits(history_of(before, place + 1)), (place, at)
            break
        else:
            assume(False)  # a table of customers of few rows


@pytest.mark.long
@drawn
@properties
def test_what_is_known_and_nothing_else_is_in_a_history(way: str, seed: int) -> None:
    of, made = learned(way)
    table = table_of(of, np.random.default_rng(seed))
    assert_blind(of, made, table, seed)
    assert_sees(of, made, table, seed)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_customer_of_ten_thousand_rows_is_as_the_others(way: str) -> None:
    of, made = learned(way)
    for seed in range(3, 9):
        table = table_of(of, np.random.default_rng(seed), 10_000 if seed == 3 else 0)
        assert_blind(of, made, table, seed)
    assert_sees(of, made, table_of(of, np.random.default_rng(3), 10_000), 3)
