"""Of classes and numbers, too, leaks and rows that belong together are found, and honest not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.parameters import CLASSES, NUMBER, Columns, Task
from tabular_lstm.rows.data_warnings import facts_of, possible_leaks
from tabular_lstm.rows.dependent_rows import DependentRows, find_dependent_rows
from tabular_lstm.rows.label_measures import measure_of

ROWS = 600
ROLES: dict[str, dict[str, Any]] = {
    CLASSES: {"classes": ["bus", "car", "van"]},
    NUMBER: {"task": "number"},
}


def columns_of(task: str, **roles: Any) -> Columns:
    return Columns(label="y", **ROLES[task], **roles)


def rows_of(task: str) -> pd.DataFrame:
    """Rows of which one number tells much of the label, but not all."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=ROWS)
    noisy = size + rng.normal(0, 0.3, ROWS)
    labels = np.digitize(noisy, (-0.5, 0.5)) if task == CLASSES else np.exp(noisy)
    return pd.DataFrame({"size": size, "noise": rng.normal(size=ROWS), "y": labels})


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_a_feature_that_gives_the_label_away_is_a_possible_leak(task: str) -> None:
    rows, rng = rows_of(task), np.random.default_rng(1)
    assert possible_leaks(rows, columns_of(task)) == {}
    labels = rows["y"].to_numpy()
    order = rng.permutation(3)[labels] if task == CLASSES else np.abs(np.log(labels) - 3)
    codes = np.char.add(
        "c", np.digitize(labels, np.quantile(labels, np.linspace(0, 1, 60)[1:-1])).astype(str)
    )
    missing = np.where(rng.random(ROWS) < 0.001, np.nan, labels * 3 - 7)
    leaks = {"after": order + 0.0, "times": missing, "code": codes}
    rows = rows.assign(**leaks, id=[f"P{number}" for number in range(ROWS)])
    found = possible_leaks(rows, columns_of(task, categorical=["code", "id"]))
    assert found.keys() == leaks.keys()
    assert all(measured <= 1 for measured in found.values())


def test_a_feature_that_tells_one_of_three_classes_is_no_leak() -> None:
    rows = rows_of(CLASSES)
    rows["petal"] = np.where(rows["y"] == 0, 0.0, np.random.default_rng(2).uniform(1, 2, ROWS))
    assert possible_leaks(rows, columns_of(CLASSES)) == {}
    # Nor does a class of few rows count.
    rare = rows.assign(y=np.where(np.arange(ROWS) < 9, 2, rows["y"].clip(upper=1)))
    assert possible_leaks(rare, columns_of(CLASSES)).keys() == {"petal"}


def test_a_number_that_the_label_is_no_monotone_function_of_is_a_possible_leak() -> None:
    rng = np.random.default_rng(3)
    record = rng.permutation(5_000).astype(float)
    rows = pd.DataFrame({"record": record, "y": np.sin(record / 900)})
    assert possible_leaks(rows, columns_of(NUMBER)).keys() == {"record"}
    noisy = rows.assign(y=rows["y"] + rng.normal(0, 0.1, len(rows)))
    assert possible_leaks(noisy, columns_of(NUMBER)) == {}, "R² is below 0.998"
    outlier = rows.assign(y=np.where(record == 7, 1e9, rows["y"]))
    assert possible_leaks(outlier, columns_of(NUMBER)).keys() == {"record"}


def incidents(task: str, together: bool = True) -> pd.DataFrame:
    """Rows of which five at a time have one time; and one label, or each its own."""
    rng, groups = np.random.default_rng(4), 150
    of = np.arange(groups * 5) % groups
    drawn = rng.integers(0, 3, groups) if task == CLASSES else rng.lognormal(3, 1, groups)
    own = rng.permutation(np.tile(drawn, 5))
    noise = rng.random(len(of)) < 0.05
    labels = np.where(noise, own, drawn[of]) if together else own
    times = rng.integers(0, 10**8, groups)[of].astype(float)
    age = rng.normal(35, 10, len(of)).round()
    return pd.DataFrame({"age": age, "time": times, "y": labels})


def found_in(rows: pd.DataFrame, task: str) -> DependentRows | None:
    return find_dependent_rows(rows, columns_of(task))


@pytest.mark.parametrize("task", [CLASSES, NUMBER])
def test_rows_of_one_time_and_one_label_are_found(task: str) -> None:
    found = found_in(incidents(task), task)
    assert found is not None
    assert (found.kind, found.columns, found.groups) == ("column", ["time"], 150)
    assert found.alike == pytest.approx(0.9, abs=0.07)
    assert found.spread > found.together + 0.2
    name, same = ("R²", "nearly the same") if task == NUMBER else ("ROC AUC", "the same")
    assert f"mostly have {same} label. A quick model's {name} is 0." in facts_of(found)
    assert ("measure" in found.model_dump()) == (task == NUMBER), "older decisions keep their hash"
    assert DependentRows.model_validate_json(found.model_dump_json()) == found
    assert found_in(incidents(task, together=False), task) is None


def test_a_town_that_tells_half_of_a_price_is_no_group() -> None:
    rng = np.random.default_rng(5)
    town = rng.integers(0, 60, ROWS)
    price = rng.normal(size=60)[town] + rng.normal(size=ROWS)
    rows = pd.DataFrame({"rooms": rng.integers(1, 8, ROWS), "town": town + 0.0, "y": price})
    assert found_in(rows, NUMBER) is None


def test_rows_of_one_label_are_measured_as_nothing() -> None:
    for task in (CLASSES, NUMBER):
        columns = columns_of(task)
        rows = incidents(task).assign(y=1 if task == CLASSES else 1.0)
        assert find_dependent_rows(rows, columns) is None
        assert possible_leaks(rows, columns) == {}


def test_two_of_several_classes_are_measured_as_two_classes_are() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, ROWS)
    values = labels + rng.normal(size=ROWS)
    two = measure_of(labels, Task.of_classes((0, 1)))
    three = measure_of(labels, Task.of_classes((0, 1, 2)))
    assert three.of_number(values) == pytest.approx(two.of_number(values), abs=0.02)
