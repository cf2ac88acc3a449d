"""Rows that belong together are found by what they share, and independent rows are left alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.rows.data_warnings import facts_of
from tabular_lstm.rows.dependent_rows import DependentRows, find_dependent_rows
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.tables import write_strikes

DAY = np.datetime64("2024-01-01", "s")
ROLES: dict[str, dict[str, Any]] = {
    TWO_CLASSES: {"positive_class": 1, "negative_class": 0},
    CLASSES: {"classes": ["bus", "car", "van"]},
    NUMBER: {"task": "number"},
}


def columns_of(rows: pd.DataFrame, task: str = TWO_CLASSES, **roles: Any) -> ColumnsOptions:
    named = [role for role in roles.values() if isinstance(role, str)]
    features = rows.drop(columns=["label", *named, *roles.get("ignore", [])])
    dates = [name for name in features if features[name].dtype.kind == "M"]
    words = [n for n in features if not pd.api.types.is_numeric_dtype(features[n])]
    categorical = [name for name in words if name not in dates]
    kinds = {"dates": dates, "categorical": categorical}
    return ColumnsOptions.model_validate({"label": "label", **ROLES[task], **kinds, **roles})


def found_in(
    rows: pd.DataFrame, independent: tuple[str, ...] = (), **roles: Any
) -> DependentRows | None:
    return find_dependent_rows(rows, columns_of(rows, **roles), independent)


def shuffled(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


def incidents(count: int) -> pd.DataFrame:
    """Rows of a table of police actions: several of an incident, which share its time and label."""
    rng = np.random.default_rng(0)
    groups = max(count // 5, 1)
    of = np.arange(count) % groups
    label = (rng.random(groups) < 0.5)[of] ^ (rng.random(count) < 0.1)
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
    city, age, day = (rng.integers(*ends, count) for ends in ((0, 150), (18, 90), (0, 700)))
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
    if count == 500:
        assert found == found_in(rows)


@pytest.mark.parametrize("kind", ["name", "number", "ignored", "from 0", "with a group of one row"])
def test_any_kind_of_column_may_tell_it_and_one_that_is_no_feature(kind: str) -> None:
    rows = incidents(1_000)
    numbers = pd.factorize(rows.pop("time"))[0]
    case = np.random.default_rng(1).permutation(10**4)[numbers]
    rows["case"] = np.char.add("c", case.astype(str))
    roles: dict[str, Any] = {}
    if kind == "number":
        rows["case"] = case * 0.37
    elif kind == "ignored":
        roles = {"ignore": ["case"]}
    elif kind == "from 0":  # which is a value
        rows["case"] = numbers
    elif kind != "name":
        rows, roles = rows.assign(row=[f"R{x}" for x in range(1_000)]), {"group": "row"}
    found = found_in(rows, **roles)
    assert found is not None
    assert (found.columns, found.groups, found.rows) == (["case"], 200, 1_000)


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_rows_of_one_label_of_another_task_are_found(task: str) -> None:
    """Rows of which five at a time have one time; and one label, or each its own."""
    rng, groups = np.random.default_rng(4), 150
    of = np.arange(groups * 5) % groups
    drawn = rng.integers(0, 3, groups) if task == CLASSES else rng.lognormal(3, 1, groups)
    apart = rng.permutation(np.tile(drawn, 5))
    together = np.where(rng.random(len(of)) < 0.05, apart, drawn[of])
    times = rng.integers(0, 10**8, groups)[of].astype(float)
    rows = pd.DataFrame({"age": rng.normal(35, 10, len(of)).round(), "time": times})
    found = found_in(rows.assign(label=together), task=task)
    assert found is not None
    assert (found.kind, found.columns, found.groups) == ("column", ["time"], 150)
    assert found.alike == pytest.approx(0.9, abs=0.07)
    assert found.spread > found.together + 0.2
    name, same = ("R²", "nearly the same") if task == NUMBER else ("ROC AUC", "the same")
    assert f"mostly have {same} label. A quick model's {name} is 0." in facts_of(found)
    assert ("measure" in found.model_dump()) == (task == NUMBER), "older decisions keep their hash"
    assert DependentRows.model_validate_json(found.model_dump_json()) == found
    assert found_in(rows.assign(label=apart), task=task) is None
    assert found_in(rows.assign(label=drawn[0]), task=task) is None


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
    assert (found.columns, found.is_amount) == (["incident_no"], True)
    assert found.fall[0] >= 0.05


def test_an_amount_of_which_many_rows_have_one_value_is_only_asked_about(tmp_path: Path) -> None:
    strikes = write_strikes(tmp_path / "strikes.csv")
    strikes["label"] = (strikes.pop("landed") == "yes").astype(int)
    strikes["height"] = strikes["height"].astype(float)
    found = found_in(strikes)
    assert found is not None
    assert (found.columns, found.is_amount) == (["height"], True)
    assert found.fall[0] >= 0.1
    assert "is_amount" not in found.model_dump(), "0.1.0 reads it"
    # What shows rows that belong together without a doubt comes first.
    twice = strikes.loc[strikes.index.repeat(3)].reset_index(drop=True)
    twice["speed"] += np.random.default_rng(0).normal(size=len(twice))
    twice["strike"] = [f"s{place // 3}" for place in range(len(twice))]
    found = found_in(twice)
    assert found is not None
    assert (found.columns, found.is_amount) == (["strike"], False)
    assert found_in(incidents(1_000)).is_amount is False  # type: ignore[union-attr]


@pytest.mark.parametrize("unknown", [0.1, 0.25, 0.4])
def test_the_number_of_an_incident_is_no_amount_though_many_are_unknown(unknown: float) -> None:
    rows, rng = incidents(3_000), np.random.default_rng(3)
    case = rng.permutation(10**4)[pd.factorize(rows.pop("time"))[0]] + 1.0
    rows["case"] = np.where(rng.random(3_000) < unknown, 0.0, case)
    found = found_in(rows)
    assert found is not None
    assert (found.columns, found.is_amount) == (["case"], False)


def test_a_number_of_which_only_the_0_tells_something_is_an_amount() -> None:
    rng = np.random.default_rng(3)
    fee = np.where(rng.random(3_000) < 0.5, 0.0, rng.integers(1, 600, 3_000))
    label = (rng.random(3_000) < np.where(fee == 0, 0.95, 0.05)).astype(int)
    found = found_in(pd.DataFrame({"fee": fee, "x": rng.random(3_000), "label": label}))
    assert found is not None
    assert (found.columns, found.is_amount) == (["fee"], True)


def test_nothing_is_looked_for_where_conf_says_how_it_is() -> None:
    rows = incidents(1_000)
    for options in ({"independent": ("time",)}, {"group": "time"}, {"time": "time"}):
        assert found_in(rows, **options) is None
    # A declared column does not hide what rows share beyond it.
    incident = pd.factorize(rows["time"])[0]
    rows["city"] = np.char.add("city ", (incident % 40).astype(str))
    rows["north"] = rows["time"].astype("int64") / 1e9  # as the time does
    assert found_in(rows, ("city",)) is not None
    assert found_in(rows, ("time",)) is None


@pytest.mark.parametrize(("count", "draws"), [(500, 3), (3_000, 3), (20_000, 1)])
def test_of_independent_rows_nothing_is_said(count: int, draws: int) -> None:
    for seed in range(draws):
        assert found_in(independent_rows(count, seed)) is None


def test_an_effect_of_a_number_of_weekdays_or_of_a_town_makes_no_rows_dependent() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 120, 600)
    likely = np.where(days % 7 >= 5, 0.82, 0.18)
    label = (rng.random(600) < likely).astype(int)
    by_day = {"day": DAY + days.astype("timedelta64[D]"), "age": rng.normal(size=600)}
    assert found_in(pd.DataFrame({**by_day, "label": label})) is None
    rows = pd.DataFrame({"age": rng.integers(18, 90, 3_000).astype(float), "x": rng.random(3_000)})
    assert found_in(rows.assign(label=(rows["age"] > 50).astype(int))) is None
    for strength in (1, 3, 10):
        rows = independent_rows(3_000).assign(glucose=rng.normal(120, 30, 3_000).round())
        logit = strength * ((rows["glucose"] - 120) / 30 + np.sin(rows["age"] / 15))
        label = (rng.random(3_000) < 1 / (1 + np.exp(-logit))).astype(int)
        assert found_in(rows.assign(label=label)) is None
    town = rng.integers(0, 60, 600)
    price = rng.normal(size=60)[town] + rng.normal(size=600)
    rows = pd.DataFrame({"rooms": rng.integers(1, 8, 600), "town": town + 0.0, "label": price})
    assert found_in(rows, task=NUMBER) is None


def test_equal_rows_are_on_one_side_and_of_few_rows_nothing_can_be_said() -> None:
    rows = incidents(600).drop_duplicates("time")
    assert found_in(pd.concat([rows] * 4, ignore_index=True)) is None
    for labels in ([0, 0], [], [0, 1]):
        few = pd.DataFrame({"x": np.zeros(len(labels)), "label": np.array(labels, int)})
        assert found_in(few) is None


def visits(nested: bool = True) -> pd.DataFrame:
    """Four rows of each visit, four visits of each patient, whose label most visits have."""
    rng = np.random.default_rng(1)
    visit, patient = np.repeat(np.arange(600), 4), np.repeat(np.arange(150), 16)
    label = np.repeat(rng.random(150) < 0.5, 4) if nested else rng.random(600) < 0.5
    label = (label ^ (rng.random(600) < 0.12))[visit]
    names = rng.permutation(9_000).astype(str)
    rows = pd.DataFrame(
        {
            "visit": np.char.add("V", names[visit]),
            "patient": np.char.add("P", names[patient]),
            "weight": rng.normal(70, 9, 150).round(1)[patient],
            "age": rng.integers(18, 90, 150).astype(float)[patient],
            "pulse": (rng.normal(70, 9, 2_400) + 3 * label).round(1),
            "label": label.astype(int),
        }
    )
    return shuffled(rng, rows)


def test_groups_that_belong_together_are_found_and_independent_ones_left_alone() -> None:
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
    assert find_dependent_rows(rows, ColumnsOptions.model_validate({**columns, **history})) is None
    apart = visits(nested=False)
    assert found_in(apart) is not None
    assert found_in(apart, group="visit") is None
    of = np.arange(500).repeat(3)
    rows = independent_rows(500).iloc[of].assign(who=np.char.add("w", of.astype(str)))
    assert found_in(rows, group="who") is None


def test_what_the_first_release_found_is_read_and_written_as_it_was() -> None:
    """By several columns, and near-duplicates: a decision holds it, and keeps its hash."""
    written = (
        '{"kind":"near-duplicates","columns":["height","count"],"but_for":["report"],"groups":120,'
        '"rows":600,"alike":0.6,"spread":0.9,"together":0.6,"fall":[0.2,0.4]}'
    )
    found = DependentRows.model_validate_json(written)
    assert found.model_dump_json() == written
    assert found.named == "'height' and 'count'"
