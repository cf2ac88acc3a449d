"""Rows that belong together are found by what they share, and independent rows are left alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import Columns
from tabular_lstm.rows.dependent_rows import DependentRows, find_dependent_rows

DAY = np.datetime64("2024-01-01", "s")


def columns_of(rows: pd.DataFrame, **roles: Any) -> Columns:
    named = [role for role in roles.values() if isinstance(role, str)]
    features = rows.drop(columns=["label", *named, *roles.get("ignore", [])])
    dates = [name for name in features if features[name].dtype.kind == "M"]
    words = [n for n in features if not pd.api.types.is_numeric_dtype(features[n])]
    return Columns.model_validate(
        {
            "label": "label",
            "positive_class": 1,
            "negative_class": 0,
            "dates": dates,
            "categorical": [name for name in words if name not in dates],
            **roles,
        }
    )


def found_in(
    rows: pd.DataFrame, independent: tuple[str, ...] = (), **roles: Any
) -> DependentRows | None:
    return find_dependent_rows(rows, columns_of(rows, **roles), independent)


def shuffled(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


def incidents(count: int, noise: float = 0.1, seed: int = 0) -> pd.DataFrame:
    """Rows of a table of police actions: several of an incident, which share its time and label."""
    rng = np.random.default_rng(seed)
    groups = max(count // 5, 1)
    of = np.arange(count) % groups
    label = (rng.random(groups) < 0.5)[of] ^ (rng.random(count) < noise)
    rows = pd.DataFrame(
        {
            "age": rng.normal(35 + 4 * label, 10).round(),
            "force": rng.choice(["hand", "spray", "other"], count),
            "time": DAY + rng.integers(0, 10**8, groups)[of].astype("timedelta64[s]"),
            "label": label.astype(int),
        }
    )
    return shuffled(rng, rows)


def independent_rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows that share values, of which a city, an age and a day tell something of each label."""
    rng = np.random.default_rng(seed)
    city, age, day = (
        rng.integers(0, 150, count),
        rng.integers(18, 90, count),
        rng.integers(0, 700, count),
    )
    logit = 0.7 * rng.normal(size=150)[city] + (age - 54) / 12 + np.sin(day / 58)
    return pd.DataFrame(
        {
            "age": age.astype(float),
            "city": np.char.add("city ", city.astype(str)),
            "day": DAY + day.astype("timedelta64[D]").astype("timedelta64[s]"),
            "time": DAY + rng.integers(0, count // 4, count).astype("timedelta64[s]") * 4999,
            "place": rng.choice([*"ABCDEFGHIJKL"], count),
            "income": rng.lognormal(8, 1, count).round(2),
            "label": (rng.random(count) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )


@pytest.mark.parametrize("count", [500, 3_000, 20_000])
def test_rows_of_one_time_and_one_label_are_found_and_what_that_does(count: int) -> None:
    rows = incidents(count)
    found = found_in(rows)
    assert found is not None
    assert (found.kind, found.columns) == ("column", ["time"])
    assert abs(found.groups - count // 5) <= count // 500
    assert found.rows == pytest.approx(count, rel=0.01)
    assert found.alike == pytest.approx(0.64, abs=0.1)  # (1 - 2 * 0.1)^2
    assert found.spread > found.together + 0.1
    assert 0.4 < found.together < 0.68  # of 100 incidents it has a standard error of 0.06
    low, high = found.fall
    assert 0.05 < low < found.spread - found.together < high
    assert found == found_in(rows)


@pytest.mark.parametrize("kind", ["name", "number", "ignored"])
def test_any_kind_of_column_may_tell_it_and_one_that_is_no_feature(kind: str) -> None:
    rows = incidents(1_000)
    numbers = pd.factorize(rows.pop("time"))[0]
    case = np.random.default_rng(1).permutation(10**4)[numbers]
    rows["case"] = case * 0.37 if kind == "number" else np.char.add("c", case.astype(str))
    found = found_in(rows, ignore=["case"]) if kind == "ignored" else found_in(rows)
    assert found is not None
    assert found.columns == ["case"]


def test_an_effect_of_weekdays_makes_no_days_dependent() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 120, 600)
    likely = np.where(days % 7 >= 5, 0.82, 0.18)
    rows = {"day": DAY + days.astype("timedelta64[D]"), "age": rng.normal(size=600)}
    label = (rng.random(600) < likely).astype(int)
    assert found_in(pd.DataFrame({**rows, "label": label})) is None


@pytest.mark.parametrize("count", [500, 3_000, 20_000])
def test_of_independent_rows_nothing_is_said(count: int) -> None:
    for seed in range(3):
        assert found_in(independent_rows(count, seed)) is None


def test_a_label_that_jumps_with_a_number_makes_no_rows_dependent() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.integers(18, 90, 3_000).astype(float), "x": rng.random(3_000)})
    assert found_in(rows.assign(label=(rows["age"] > 50).astype(int))) is None


def test_equal_rows_are_on_one_side_and_nothing_is_said() -> None:
    rows = incidents(600).drop_duplicates("time")
    assert found_in(pd.concat([rows] * 4, ignore_index=True)) is None


def test_nothing_is_looked_for_where_conf_says_how_it_is() -> None:
    rows = incidents(1_000)
    assert found_in(rows) is not None
    assert found_in(rows, independent=("time",)) is None
    assert found_in(rows, group="time") is None
    assert found_in(rows, time="time") is None


def test_a_declared_column_does_not_hide_what_rows_share_beyond_it() -> None:
    rows = incidents(1_000)
    incident = pd.factorize(rows["time"])[0]
    rows["city"] = np.char.add("city ", (incident % 40).astype(str))
    rows["north"] = rows["time"].astype("int64") / 1e9  # as the time does
    assert found_in(rows, independent=("city",)) is not None
    assert found_in(rows, independent=("time",)) is None


def visits(nested: bool = True) -> pd.DataFrame:
    """Four rows of each visit, four visits of each patient, whose label most visits have."""
    rng = np.random.default_rng(1)
    of_visit, count = np.repeat(np.arange(600), 4), 150
    patient = np.arange(600) // 4
    label = ((rng.random(count) < 0.5)[patient] if nested else rng.random(600) < 0.5).copy()
    label ^= rng.random(600) < 0.12
    rows = pd.DataFrame(
        {
            "visit": np.char.add("V", rng.permutation(9_000)[:600].astype(str))[of_visit],
            "patient": np.char.add("P", rng.permutation(9_000)[:count].astype(str))[patient][
                of_visit
            ],
            "weight": rng.normal(70, 9, count).round(1)[patient][of_visit],
            "age": rng.integers(18, 90, count).astype(float)[patient][of_visit],
            "pulse": (rng.normal(70, 9, 2_400) + 3 * label[of_visit]).round(1),
            "label": label[of_visit].astype(int),
        }
    )
    return shuffled(rng, rows)


def test_groups_that_belong_together_are_found_beside_a_declared_group() -> None:
    rows = visits()
    found = found_in(rows, group="visit")
    assert found is not None
    assert (found.columns, found.groups, found.rows) == (["patient"], 150, 2_400)
    assert found.spread > found.together + 0.1
    without = rows.drop(columns=["weight", "age"])
    assert found_in(without, ("patient",), group="visit") is None
    assert found_in(rows, group="patient") is None
    # Of histories the groups are the customers, whatever these share.
    columns = columns_of(rows, group="visit").model_dump()
    history = {"history": {"of": "visit", "order": "age"}}
    assert find_dependent_rows(rows, Columns.model_validate({**columns, **history})) is None


def test_groups_that_are_independent_are_left_alone() -> None:
    assert found_in(visits(nested=False)) is not None
    assert found_in(visits(nested=False), group="visit") is None
    for count in (500, 3_000):
        rows = independent_rows(count)
        of = np.arange(count).repeat(3)
        assert (
            found_in(rows.iloc[of].assign(who=np.char.add("w", of.astype(str))), group="who")
            is None
        )


def test_a_group_of_one_row_each_hides_nothing() -> None:
    rows = incidents(1_000)
    found = found_in(rows.assign(row=[f"R{x}" for x in range(len(rows))]), group="row")
    assert found is not None
    assert found.columns == ["time"]


@pytest.mark.parametrize("count", [200, 600])
def test_a_number_of_the_incident_is_found_where_labels_come_in_runs(count: int) -> None:
    """Though neighbours agree, as where a number has a smooth effect."""
    rng = np.random.default_rng(2)
    label = np.cumsum(rng.random(count) > 0.85) % 2 == 1
    of = np.repeat(np.arange(count), 6)
    rows = pd.DataFrame(
        {
            "incident_no": (1_000.0 + np.cumsum(rng.integers(1, 9, count)))[of],
            "force": rng.normal(size=len(of)) + 0.4 * label[of],
            "label": (label[of] ^ (rng.random(len(of)) < 0.05)).astype(int),
        }
    )
    found = found_in(shuffled(rng, rows))
    assert found is not None
    assert found.columns == ["incident_no"]
    assert found.fall[0] >= 0.05


def test_a_number_of_which_the_label_is_a_smooth_effect_makes_no_rows_dependent() -> None:
    rng = np.random.default_rng(0)
    for strength in (1, 3, 10):
        rows = independent_rows(3_000).assign(glucose=rng.normal(120, 30, 3_000).round())
        logit = strength * ((rows["glucose"] - 120) / 30 + np.sin(rows["age"] / 15))
        label = (rng.random(3_000) < 1 / (1 + np.exp(-logit))).astype(int)
        assert found_in(rows.assign(label=label)) is None


@pytest.mark.parametrize("labels", [[0, 0], [], [0, 1]])
def test_rows_of_which_nothing_can_be_said(labels: list[int]) -> None:
    rows = pd.DataFrame({"x": np.zeros(len(labels)), "label": np.array(labels, int)})
    assert found_in(rows) is None


def test_what_the_first_release_found_is_read_and_written_as_it_was() -> None:
    """By several columns, and near-duplicates: a decision holds it, and keeps its hash."""
    written = (
        '{"kind":"near-duplicates","columns":["height","count"],"but_for":["report"],"groups":120,'
        '"rows":600,"alike":0.6,"spread":0.9,"together":0.6,"fall":[0.2,0.4]}'
    )
    found = DependentRows.model_validate_json(written)
    assert found.model_dump_json() == written
    assert found.named == "'height' and 'count'"


def test_a_value_of_0_is_a_value() -> None:
    rows = incidents(900)
    rows["time"] = pd.factorize(rows["time"])[0]
    from_0, from_1 = found_in(rows), found_in(rows.assign(time=rows["time"] + 1))
    assert from_0 is not None
    assert from_1 is not None
    assert (from_0.groups, from_0.rows) == (from_1.groups, from_1.rows) == (180, 900)
