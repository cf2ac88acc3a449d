"""The data that the repository ships are those it says they are."""

import csv
import hashlib
from collections import Counter
from datetime import date, timedelta

import pytest

from tests.helpers.project import ROOT

RAW = ROOT / "data/01_raw"
SHA256 = {
    "diabetes.csv": "f4c6936f67e9a45bad544a19ce099edfd35348fd41737d2f5b42bc887e19f4db",
    "rows_to_score.csv": "fefe33f1bf4b9642556789ca0e0641bcb648963986c4ea97431654f849237821",
    "italy_power_demand.csv": "29f86f9c2742e0597c29df24c4704abf98ddec0b08f34552077a95b99bd62993",
    "vehicles.csv": "bff8d840d6817f179d007de3d2afedfba2ddd5f3b2ae92179051ed0fed9ee791",
    "storms.csv": "04857705e4d53f714f221e80dd68b54679f708898ac5a5b2425c5727c0616215",
    "storms_to_score.csv": "8dc404f0cbb711f994f4348b3650ce6176aed94c0bf4319b477670d19f4dbb33",
    "concrete.csv": "ad408ac62be1864b74b2174b1b2b4d3e5e2202bbeca52572047705ac3cbed77c",
}


def read(name: str) -> tuple[list[str], list[list[str]]]:
    """Give the header and the rows."""
    with (RAW / name).open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


@pytest.mark.parametrize("name", SHA256)
def test_the_bytes_are_pinned(name: str) -> None:
    assert hashlib.sha256((RAW / name).read_bytes()).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", SHA256)
def test_the_readme_states_the_hash(name: str) -> None:
    assert SHA256[name] in (ROOT / "data/README.md").read_text()


def test_diabetes_has_768_rows_in_the_original_order() -> None:
    header, rows = read("diabetes.csv")
    assert header == [
        "pregnancies",
        "glucose",
        "blood_pressure",
        "skin_thickness",
        "insulin",
        "bmi",
        "pedigree",
        "age",
        "diabetes",
    ]
    assert len(rows) == 768
    assert {len(row) for row in rows} == {9}
    assert list(map(float, rows[0])) == [6, 148, 72, 35, 0, 33.6, 0.627, 50, 1]


def test_diabetes_has_268_positives() -> None:
    _, rows = read("diabetes.csv")
    assert Counter(row[-1] for row in rows) == {"1": 268, "0": 500}


def test_the_rows_to_score_are_the_last_of_diabetes_without_the_label() -> None:
    header, rows = read("rows_to_score.csv")
    columns, all_rows = read("diabetes.csv")
    assert header == ["patient", *columns[:-1]]
    numbered = [[f"P{number}", *row[:-1]] for number, row in enumerate(all_rows, 1)]
    assert rows == numbered[-20:]


def test_italy_power_demand_is_a_day_of_24_hours_a_row() -> None:
    header, rows = read("italy_power_demand.csv")
    assert header == [*(f"hour_{hour:02}" for hour in range(24)), "half_year"]
    assert len(rows) == 1096
    assert {len(row) for row in rows} == {25}
    assert {row[-1] for row in rows} == {"1", "2"}


def test_vehicles_are_four_classes_of_some_200_rows() -> None:
    header, rows = read("vehicles.csv")
    assert len(header) == 19
    assert {len(row) for row in rows} == {19}
    assert Counter(row[-1] for row in rows) == {"bus": 218, "saab": 217, "opel": 212, "van": 199}


def test_concrete_has_a_number_for_each_of_1030_rows() -> None:
    header, rows = read("concrete.csv")
    assert header[-2:] == ["age", "strength"]
    assert len(rows) == 1030
    strengths = [float(row[-1]) for row in rows]
    assert (min(strengths), max(strengths)) == (2.33, 82.6)


def test_storms_tell_of_each_row_but_the_last_of_a_storm_the_wind_a_day_later() -> None:
    header, rows = read("storms.csv")
    assert header == [
        "storm",
        "date",
        "latitude",
        "longitude",
        "status",
        "wind",
        "pressure",
        "wind_in_24_hours",
    ]
    assert len(rows) == 2107
    assert sum(row[-1] == "" for row in rows) == len({row[0] for row in rows}) == 290
    winds = {(row[0], date.fromisoformat(row[1])): row[5] for row in rows}
    assert [row[-1] for row in rows] == [
        winds.get((storm, day + timedelta(days=1)), "") for storm, day in winds
    ]


def test_the_storms_to_score_are_of_the_next_season() -> None:
    header, rows = read("storms_to_score.csv")
    assert header == read("storms.csv")[0][:-1]
    assert sorted(Counter(row[0] for row in rows).values()) == [3, *[4] * 11]
    assert {row[1][:4] for row in rows} == {"2015"}
    assert max(row[1] for row in read("storms.csv")[1]) < "2015"
